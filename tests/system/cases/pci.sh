# Devices on PCI as Linux and lspci see them: all of it assigned, interrupts by MSI-X, nothing complained of; what goes through them
# is right, and no request comes to user space.
# group: vhe-pci
# host: vhe
# needs: kernel:6.1-cloud pcitools
# seconds: 60

a=/tmp/case/a.img
b=/tmp/case/b.img
head -c 4194304 /dev/urandom >$a
head -c 1048576 /dev/urandom >$b
a_sum=$(sha256sum <$a | cut -c 1-64)
b_sum=$(sha256sum <$b | cut -c 1-64)

# The kernel's warnings and worse that are about what is tested here.
complaints="dmesg -r | grep -E '^<[0-4]>' | grep -iE 'pci|virtio|BAR|ITS|MSI|irq' | sed 's/^/bad: /'"

guest_initrd 6.1-cloud "
	lspci -vvv
	echo '== end of lspci'
	for f in /sys/bus/pci/devices/*; do echo \$(basename \$f) \$(cat \$f/vendor \$f/device \$f/class); done
	$complaints
	cat /sys/block/vda/mq/*/cpu_list | wc -l
	sha256sum </dev/vda | cut -c 1-64; sha256sum </dev/vdb | cut -c 1-64
	dd if=/dev/vda of=/dev/vda bs=64k count=16 seek=16 conv=fsync,notrunc 2>/dev/null && echo copied
	head -c 65536 /dev/hwrng | wc -c
	grep -c ITS-MSI /proc/interrupts
	$complaints
"
vm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --cpus 2 --transport pci \
	--disk path=$a,queues=2 --disk path=$b,ro,addr=17
check "a guest with three PCI devices ends well" status_is 0
check "nothing is said about it" test ! -s $err
check "the bridge is QEMU's" console_line '0000:00:00.0 0x1b36 0x0008 0x060000'
check "virtio-rng is in slot 1" console_line '0000:00:01.0 0x1af4 0x1044 0x00ff00'
check "the first disk is in slot 2" console_line '0000:00:02.0 0x1af4 0x1042 0x010000'
check "the second disk is where it was asked for" console_line '0000:00:11.0 0x1af4 0x1042 0x010000'
check "four functions in all" test "$(tr -d '\r' <$out | grep -c '^0000:00:')" = 4
tr -d '\r' <$out | sed '/== end of lspci/,$d' >/tmp/case/lspci
check "lspci: every BAR is assigned, and decoded" test -z "$(grep -iE 'unassigned|<ignored>|\[virtual\]|\[disabled\]' /tmp/case/lspci)"
check "lspci: three BARs of MSI-X tables" test "$(grep -c 'Region 1: Memory at 100.*32-bit, non-prefetchable' /tmp/case/lspci)" = 3
check "lspci: three of virtio's registers, above 4 GiB" test "$(grep -c 'Region 4: Memory at 80000.*64-bit, prefetchable' /tmp/case/lspci)" = 3
check "lspci: MSI-X is on in each" test "$(grep -c 'MSI-X: Enable+ .*Masked-' /tmp/case/lspci)" = 3
check "lspci: virtio's capabilities" test "$(grep -c 'Vendor Specific Information: VirtIO' /tmp/case/lspci)" = 15
check "lspci: each may master the bus" test "$(grep -c 'Control: I/O.* Mem+ BusMaster+' /tmp/case/lspci)" = 3
check "lspci: the driver is virtio-pci" test "$(grep -c 'Kernel driver in use: virtio-pci' /tmp/case/lspci)" = 3
check "the kernel complains of nothing" console_lacks 'bad: '
check "the guest reads what is in the files" console_line "$a_sum"
check "of both disks" console_line "$b_sum"
check "it writes" console_line copied
check "and it is in the file" test "$(head -c 1048576 $a | sha256sum)" = "$(dd if=$a bs=1048576 skip=1 count=1 2>/dev/null | sha256sum)"
check "random bytes" console_line 65536
# Each with one vector for configuration changes and one for each queue.
check "interrupts are messages: 7 vectors" console_line 7

# KVM's own counters for 500 requests each.
guest_initrd 6.1-cloud '
	draw() { dd if=/dev/hwrng of=/dev/null bs=64 count=500 iflag=fullblock 2>/dev/null; }
	load() { dd if=/dev/vda of=/dev/null bs=4k count=500 iflag=direct 2>/dev/null; }
	draw; load
	echo one; sleep 4
	draw
	echo two; sleep 4
	load
	echo three; sleep 4'
counter() {
	cat /sys/kernel/debug/kvm/"$pid"-*/mmio_exit_user
}
vm_start --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --transport pci --disk path=$a --stats
until_true 100 console_has one
sleep 2
before=$(counter)
until_true 60 console_has two
sleep 2
rng=$(($(counter) - before))
before=$(counter)
until_true 60 console_has three
sleep 2
blk=$(($(counter) - before))
vm_wait
echo "# exits to user space for 500 requests: rng $rng, disk $blk"
# A line on the console is some.
check "500 rng requests without an exit to user space" test "$rng" -lt 60
check "500 disk requests without an exit to user space" test "$blk" -lt 60
check "no message by a system call" test "$(stats call KVM_SIGNAL_MSI)" = 0
check "a message is routed once" test "$(stats call KVM_SET_GSI_ROUTING)" -le 8

# The slower ways work too.
vm --kernel "$(kernel 6.1-cloud)" --transport pci --disk path=$b --kvm irqfd=off,ioeventfd=off --stats --exec \
	'sha256sum </dev/vda | cut -c 1-64; head -c 4096 /dev/hwrng | wc -c'
check "irqfd=off,ioeventfd=off: the guest reads what is in the file" console_line "$b_sum"
check "irqfd=off,ioeventfd=off: random bytes" console_line 4096
check "irqfd=off: KVM_SIGNAL_MSI is counted" test "$(stats call KVM_SIGNAL_MSI)" -ge 64
check "ioeventfd=off: doorbells come to user space" test "$(stats write virtio-rng Notify)" -ge 64

# Where KVM has fewer address bits than the windows need, the bus is below RAM.
guest_initrd 6.1-cloud "
	lspci -vvv | grep Region
	grep -E 'ECAM|virtio' /proc/iomem
	sha256sum </dev/vda | cut -c 1-64
	head -c 4096 /dev/hwrng | wc -c
	grep -c ITS-MSI /proc/interrupts
	$complaints
"
vm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --transport pci --disk path=$b --kvm ipa-bits=36
check "36 address bits: the guest ends well" status_is 0
check "36 address bits: the ECAM is the low one" console_has '3f000000-3f0fffff : PCI ECAM'
check "36 address bits: every BAR is below 4 GiB" test "$(grep -c 'Memory at 1[0-9a-f]\{7\} ' $out)" = 4 -a "$(grep -c 'Memory at' $out)" = 4
check "36 address bits: the disk" console_line "$b_sum"
check "36 address bits: random bytes" console_line 4096
check "36 address bits: by messages" console_line 4
check "36 address bits: the kernel complains of nothing" console_lacks 'bad: '
vm --kernel /guests/hello.bin --kvm ipa-bits=32 --memory 4G
check "RAM that does not fit them is refused" status_is 69
check "in words" says 'RAM need 33 address bits'

# Without PCI there is nothing of it, and both buses are had side by side.
vm --kernel "$(kernel 6.1-cloud)" --exec 'ls /sys/bus/pci/devices | wc -l; ls -d /proc/device-tree/pcie* /proc/device-tree/intc*/its* 2>/dev/null; echo none'
check "no PCI device, no PCI bus" console_line 0
check "nor in the device tree" console_lacks pcie@
vm --kernel "$(kernel 6.1-cloud)" --rng bus=mmio --disk path=$b,bus=pci --exec \
	'readlink /sys/class/misc/hw_random/device/../../virtio*; ls /sys/bus/pci/devices; ls -d /sys/devices/platform/*virtio_mmio; sha256sum </dev/vda | cut -c 1-64'
check "a disk on PCI beside virtio-mmio" console_line "$b_sum"
check "the disk is on PCI" console_has 0000:00:01.0
check "virtio-rng is not" console_has a003e00.virtio_mmio
