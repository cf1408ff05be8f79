# Doorbell and interrupt are an ioeventfd and an irqfd, registers are read from a memory slot: no exit to user space for
# QueueNotify, none for InterruptStatus, no KVM_IRQ_LINE, by minivmm's own counts, by KVM's counters and trace points and by the
# system calls made. The same looks find it when one of them is switched off.
# group: vhe-fast
# host: vhe
# needs: kernel:6.1-cloud strace
# seconds: 180

tracing=/sys/kernel/tracing
mount -t tracefs tracefs $tracing 2>/dev/null

# Draws from virtio-rng under KVM's trace point for KVM_IRQ_LINE; options for minivmm.
traced() {
	echo >$tracing/trace
	echo 1 >$tracing/events/kvm/kvm_irq_line/enable
	vm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --stats "$@"
	echo 0 >$tracing/events/kvm/kvm_irq_line/enable
	cat $tracing/trace >/tmp/case/trace
}
events() {
	grep -c -- "$1" /tmp/case/trace
}

echo 20000 >$tracing/buffer_size_kb
guest_initrd 6.1-cloud 'dd if=/dev/hwrng of=/dev/null bs=64 count=200 iflag=fullblock 2>/dev/null; echo the end'

traced
check "a guest draws 200 times from virtio-rng" console_line 'the end'
check "no exit for QueueNotify" test "$(stats write virtio-rng QueueNotify)" = 0
check "nor for any register that is read" test "$(stats read virtio-rng)" = 0
check "while InterruptACK is counted" test "$(stats write virtio-rng InterruptACK)" -ge 150
check "no KVM_IRQ_LINE" test "$(stats call KVM_IRQ_LINE)" = 0
check "KVM saw no KVM_IRQ_LINE" test "$(events kvm_irq_line:)" = 0

traced --kvm ioeventfd=off
check "ioeventfd=off: still works" console_line 'the end'
check "ioeventfd=off: exits for QueueNotify are counted" test "$(stats write virtio-rng QueueNotify)" -ge 150

traced --kvm irqfd=off
check "irqfd=off: still works" console_line 'the end'
check "irqfd=off: KVM_IRQ_LINE is counted" test "$(stats call KVM_IRQ_LINE)" -ge 150
check "irqfd=off: KVM saw the calls" test "$(events kvm_irq_line:)" -ge 150
check "irqfd=off: still no exit for QueueNotify" test "$(stats write virtio-rng QueueNotify)" = 0

traced --mmio-ack lazy
check "mmio-ack lazy: still works" console_line 'the end'
check "mmio-ack lazy: no exit for InterruptACK" test "$(stats write virtio-rng InterruptACK)" = 0
check "mmio-ack lazy: no KVM_IRQ_LINE" test "$(stats call KVM_IRQ_LINE)" = 0

traced --mmio-ack lazy --kvm irqfd=off
check "mmio-ack lazy, irqfd=off: still works" console_line 'the end'
check "mmio-ack lazy, irqfd=off: every InterruptACK is looked at" test "$(stats write virtio-rng InterruptACK)" -ge 150

traced --kvm mmio-mirror=off
check "mmio-mirror=off: still works" console_line 'the end'
check "mmio-mirror=off: exits for InterruptStatus are counted" test "$(stats read virtio-rng InterruptStatus)" -ge 150

# KVM's counters: user-space exits for 200 more requests. One each is the driver's InterruptACK; a doorbell that exits makes it
# two, and so does InterruptStatus without the mirror.
guest_initrd 6.1-cloud '
draw() { dd if=/dev/hwrng of=/dev/null bs=64 count=200 iflag=fullblock 2>/dev/null; }
draw
echo one
sleep 4
draw
echo two
sleep 4'
counter() {
	cat /sys/kernel/debug/kvm/"$pid"-*/"$1"
}
counted() {
	vm_start --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" "$@"
	until_true 60 console_has one
	sleep 1
	user=$(counter mmio_exit_user)
	kernel=$(counter mmio_exit_kernel)
	until_true 60 console_has two
	sleep 1
	user=$(($(counter mmio_exit_user) - user))
	kernel=$(($(counter mmio_exit_kernel) - kernel))
	vm_wait
	check "KVM's counters${*:+, $*}: the guest ended well" status_is 0
}
counted
check "KVM's counters: 1 exit to user space a request" test $user -ge 200 -a $user -lt 300
check "KVM's counters: 1 write that KVM takes itself" test $kernel -ge 200
counted --mmio-ack lazy
check "KVM's counters, mmio-ack lazy: no exit to user space for a request" test $user -lt 50
counted --kvm mmio-mirror=off
check "KVM's counters, mmio-mirror=off: 2 exits to user space a request" test $user -ge 400 -a $user -lt 500
counted --kvm ioeventfd=off
check "KVM's counters, ioeventfd=off: 2 exits to user space a request" test $user -ge 400 -a $user -lt 500

# The calls themselves; numbers as well as names, whatever this strace knows.
calls() {
	grep -c "$1" /tmp/case/strace
}
under_strace() {
	limit=120 run strace -f -e trace=ioctl -e signal=none -o /tmp/case/strace \
		minivmm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" "$@"
	check "strace${*:+, $*}: it works" console_line two
}
irq_line='KVM_IRQ_LINE\|0x4008ae61'
under_strace
check "strace: no KVM_IRQ_LINE" test "$(calls "$irq_line")" = 0
check "strace: an ioeventfd was set up" test "$(calls 'KVM_IOEVENTFD\|0x4040ae79')" -ge 1
check "strace: an irqfd was set up" test "$(calls 'KVM_IRQFD\|0x4020ae76')" -ge 1
under_strace --kvm irqfd=off
check "strace, irqfd=off: KVM_IRQ_LINE calls are seen" test "$(calls "$irq_line")" -ge 150
