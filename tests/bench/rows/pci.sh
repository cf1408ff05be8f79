# SPDX-License-Identifier: Apache-2.0
# What a boot to /init costs more when the rng is on PCI: the guest's look at the bus, an ITS, interrupts by messages; and what one
# PCI device costs a boot that has no device else.
has_transport pci || return
vm --counters || return
mmio=$(at init) mmio_exits=$(counter init mmio_exit_user)
transport=pci
vm --counters || return
figure "boot: a PCI device in place of one on virtio-mmio" M "$(millions "($(at init) - $mmio)")"
figure "boot: exits to user space for it" exits "$(calculate "$(counter init mmio_exit_user) - $mmio_exits")"
given=$rng on_pci=$(at init)
rng='' transport=''
vm || return
rng=$given
figure "boot: a PCI device in place of none" M "$(millions "($on_pci - $(at init))")"
