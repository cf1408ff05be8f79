# SPDX-License-Identifier: Apache-2.0
# The row rng with minivmm-vhost-user as the device, in a process of its own on the same CPU.
# transports: mmio pci
# needs: backend
[ "$monitor" = minivmm ] || [ "$monitor" = qemu ] || return 0
vhost_user=/tmp/rng.sock rng='' initrd=/io.cpio cmdline="$quiet bench=rng count=4096"
minivmm-vhost-user --device rng --socket-path $vhost_user 2>/dev/null &
backend=$!
while [ ! -S $vhost_user ]; do sleep 0.1; done
vm --counters
failed=$?
kill $backend
[ $failed = 0 ] || return
figure "rng of another process: 256 KiB, $transport" M "$(millions "$(value after)")"
figure "rng of another process: exits to user space for a request, $transport" exits "$(exits_per_request mmio_exit_user 4096)"
