# SPDX-License-Identifier: Apache-2.0
# 256 KiB from /dev/hwrng, which asks the device for 64 bytes at a time.
# transports: mmio pci
initrd=/io.cpio cmdline="$quiet bench=rng count=4096"
vm --counters || return
figure "rng: 256 KiB, $transport" M "$(millions "$(value after)")"
figure "rng: exits to user space for a request, $transport" exits "$(exits_per_request mmio_exit_user 4096)"
figure "rng: MMIO exits KVM serves for a request, $transport" exits "$(exits_per_request mmio_exit_kernel 4096)"
figure "rng: exits for a request, $transport" exits "$(exits_per_request exits 4096)"
