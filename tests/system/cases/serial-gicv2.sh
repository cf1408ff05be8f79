# Serial ports on a host with a GICv2: two that share an interrupt, with and without irqfd, and one over a reboot of the guest.
# group: gicv2
# host: gicv2
# needs: kernel:6.1-cloud
# seconds: 40

first=$(seq 1 300 | md5sum)
second=$(seq 301 600 | md5sum)
for irqfd in on off; do
	vm --kernel "$(kernel 6.1-cloud)" --serial pci,file=/tmp/case/first --serial pci,addr=5,file=/tmp/case/second \
		--kvm irqfd=$irqfd --exec 'seq 1 300 >/dev/ttyS0 & seq 301 600 >/dev/ttyS1; wait; cat /proc/tty/driver/serial'
	check "two ports, irqfd=$irqfd: status 0" status_is 0
	check "they share a line" test "$(tr -d '\r' <$out | grep -o 'irq:[1-9][0-9]*' | sort | uniq -c | grep -c ' 2 ')" = 1
	check "what was written to the first came out" test "$(tr -d '\r' </tmp/case/first | md5sum)" = "$first"
	check "and to the second" test "$(tr -d '\r' </tmp/case/second | md5sum)" = "$second"
done

run pty expect='# ' 'send=echo one life >/dev/ttyS0\r' expect='# ' 'send=reboot\r' 'expect=minivmm guest' expect='# ' \
	'send=echo and another >/dev/ttyS0\r' expect='# ' 'send=poweroff\r' \
	-- minivmm --kernel "$(kernel 6.1-cloud)" --serial pci,file=/tmp/case/lives --cmdline "$quiet"
check "a port outlives the guest's reboot" grep -q 'one life' /tmp/case/lives
check "and works in the next life" grep -q 'and another' /tmp/case/lives
check "which ends well" console_line 'pty: status 0'
