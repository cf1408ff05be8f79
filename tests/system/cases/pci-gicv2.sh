# A host without GICv3: PCI devices' messages are SPIs there, made by a GICv2M frame.
# group: gicv2
# host: gicv2
# needs: kernel:6.1-cloud
# seconds: 25

head -c 4194304 /dev/urandom >/tmp/case/disk.img
sum=$(sha256sum </tmp/case/disk.img | cut -c 1-64)
for irqfd in on off; do
	vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --transport pci --disk path=/tmp/case/disk.img,queues=2 --kvm irqfd=$irqfd --stats --exec '
		sha256sum </dev/vda | cut -c 1-64
		head -c 65536 /dev/hwrng | wc -c
		grep virtio /proc/interrupts | tr -s " " | cut -d " " -f 5- | sed "s/^/line /"
		dmesg -r | grep -E "^<[0-4]>" | grep -iE "pci|virtio|msi|v2m|irq" | sed "s/^/bad: /"'
	check "irqfd=$irqfd: a GICv2 guest with PCI devices ends well" status_is 0
	check "irqfd=$irqfd: the guest reads what is in the file" console_line "$sum"
	check "irqfd=$irqfd: random bytes" console_line 65536
	# One for configuration changes and one for each queue.
	check "irqfd=$irqfd: five messages" test "$(grep -c '^line MSI .*Edge.*virtio' $out)" = 5
	check "irqfd=$irqfd: the kernel complains of nothing" console_lacks 'bad: '
	check "irqfd=$irqfd: no message by its own system call" test "$(stats call KVM_SIGNAL_MSI)" = 0
	case $irqfd in
	on) check "irqfd=on: no KVM_IRQ_LINE" test "$(stats call KVM_IRQ_LINE)" = 0 ;;
	off) check "irqfd=off: KVM_IRQ_LINE is counted" test "$(stats call KVM_IRQ_LINE)" -ge 500 ;;
	esac
done
vm --kernel "$(kernel 6.1-cloud)" --transport pci --cmdline "pci=nomsi $quiet" --exec 'head -c 4096 /dev/hwrng | wc -c'
check "INTx works here too" console_line 4096
vm --kernel /guests/hello.bin --transport pci --kvm msi=its
check "an ITS that the host does not have is refused" status_is 69
check "one line says so" one_line "no ITS for PCI devices' interrupts on this host (GICv2)"
