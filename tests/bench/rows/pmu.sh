# SPDX-License-Identifier: Apache-2.0
# What a PMU costs, in a guest that counts nothing: a boot, a tiny guest, a request of rng and of a disk on PCI. Between minivmm's
# defaults, which give one, and the other rows, in which no guest has one.
[ "$monitor" != firecracker ] || return 0
dd if=/dev/zero of=/tmp/disk bs=1M count=64 2>/dev/null

# measured VALUE: runs the guest as it is set up, without and with a PMU; $without and $with are what VALUE says of them.
measured() {
	pmu=''
	vm --entry || return
	without=$("$@")
	pmu=1
	vm --entry || return
	with=$("$@")
}

# Once for nothing: the first boot of all finds colder caches.
vm || return
measured at init || return
figure "with a PMU: exec to /init" M "$(millions "$with")"
figure "a PMU: more in a boot to /init" M "$(millions "($with - $without)")"
initrd=/io.cpio transport=pci cmdline="$quiet bench=rng count=4096"
measured value after || return
figure "with a PMU: rng, 256 KiB, pci" M "$(millions "$with")"
figure "a PMU: more for a request of rng, pci" instructions "$(calculate "($with - $without) / 4096")"
disk=/tmp/disk cmdline="$quiet bench=blk count=2000 op=write random=1"
measured value after || return
figure "a PMU: more for a 4 KiB write at depth 1, pci" instructions "$(calculate "($with - $without) / 2000")"
kernel=/bench/tiny.bin initrd='' rng='' disk='' transport=''
# Once for nothing: the first boot of all finds colder caches.
vm || return
measured at init || return
figure "with a PMU: tiny guest, exec to its last line" M "$(millions "$with")"
figure "a PMU: more in a tiny guest" M "$(millions "($with - $without)")"
