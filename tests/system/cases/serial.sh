# Serial ports: a login on a PCI one through its terminal and its socket, much of everything both ways, and an 8250 as console.
# group: vhe-serial
# host: vhe
# needs: kernel:6.1-cloud dial
# seconds: 90

# A shell on ttyS0, as a getty would start it; the console says what it looks like from inside.
guest_initrd 6.1-cloud '
dmesg | grep -E "ttyS0|serial 0000"
echo "consoles=$(cut -d" " -f1 /proc/consoles | tr "\n" " ")"
seq 1 20000 | head -c 65536 >/tmp/blob
setsid sh -c "exec sh -l </dev/ttyS0 >/dev/ttyS0 2>&1"
dmesg | grep -iE "irq .*nobody cared|overrun|BUG:|WARNING:|call trace" | sed "s/^/bad: /"
grep "^0:" /proc/tty/driver/serial
echo the end
'
port=/tmp/case/port
blob=/tmp/case/blob
seq 20000 -1 1 | head -c 65536 >$blob

# What came out of the port so far has the text.
port_has() {
	grep -qF -- "$1" $port
}

type_line() {
	printf '%s\r' "$1" >&3
}

# Bytes of the port behind a line MARK, as a checksum.
sum_behind() {
	tr -d '\r' <$port | sed "1,/^$1\$/d" | head -c "$2" | md5sum | cut -d' ' -f1
}

vm_start --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --serial pci
check "--serial pci names its terminal" until_true 10 says 'serial on /dev/pts/'
pts=$(sed -n 's,.*serial on \(/dev/pts/[0-9]*\).*,\1,p' $err)
cat "$pts" >$port &
reader=$!
exec 3>"$pts"
check "ttyS0 is a 16550A" until_true 30 console_has 'is a 16550A'
check "a shell prompts there" until_true 30 port_has '# '
type_line 'echo six times seven is $((6 * 7))'
check "it does what is typed" until_true 10 port_has 'six times seven is 42'
# Words cut in two, so that they are found where they are printed and not where they are typed.
type_line 'stty raw -echo; echo be""gin; cat /tmp/blob; echo; echo be""hind'
check "64 KiB come out" until_true 150 port_has behind
check "each byte of them" test "$(sum_behind begin 65536)" = "$(seq 1 20000 | head -c 65536 | md5sum | cut -d' ' -f1)"
printf 'stty crtscts; echo ready; sleep 1; head -c 65536 | md5sum\n' >&3
check "a slow reader is there" until_true 20 port_has ready
cat $blob >&3
check "64 KiB go in, each byte of them" until_true 150 port_has "$(md5sum <$blob | cut -d' ' -f1)"
printf 'awk "/ttyS0/ { print \\"irqs=\\" \\$2 }" /proc/interrupts; exit\n' >&3
vm_wait
exec 3>&-
kill $reader 2>/dev/null
check "the guest powers off" status_is 0
check "the console stayed the PL011" console_line 'consoles=ttyAMA0 '
check "interrupts moved it all, not a driver that polls" test "$(sed -n 's/^irqs=//p' $port)" -gt 1000
check "the driver counted no overrun" console_lacks 'oe:'
check "the kernel has nothing to complain of" console_lacks 'bad: '
check "the guest came to its end" console_line 'the end'

# By a socket: whoever connects has the port, and the next one after it.
sock=/tmp/case/port.sock
limit=200
vm_start --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cmdline "$quiet" --serial pci,unix=$sock
until_true 10 test -S $sock
mkfifo /tmp/case/typed
for who in first second; do
	# Opened for both ways, which does not wait for a reader.
	exec 3<>/tmp/case/typed
	: >$port
	dial $sock </tmp/case/typed >$port 2>/tmp/case/dial.err 3<&- &
	dial=$!
	if [ $who = first ]; then
		check "--serial pci,unix=: a shell prompts there" until_true 60 port_has '# '
	fi
	type_line "echo $who got \$((6 * 7))"
	check "--serial pci,unix=: it does what the $who peer types" until_true 20 port_has "$who got 42"
	[ $who = second ] || kill $dial
	[ $who = second ] || wait $dial 2>/dev/null
done
type_line exit
vm_wait
exec 3>&-
check "--serial pci,unix=: the guest powers off" status_is 0
wait $dial
check "--serial pci,unix=: the socket ends with it" test $? = 0 -a ! -s /tmp/case/dial.err -a ! -e $sock

# The terminal of the user as the port's other end; the console goes elsewhere.
limit=60
run pty expect='# ' raw 'send=echo on $(tty)\r' 'expect=on /dev/ttyS0' 'send=exit\r' -- minivmm --kernel "$(kernel 6.1-cloud)" \
	--initrd $initrd --cmdline "$quiet" --serial pci,stdio --console file=/tmp/case/console
check "--serial pci,stdio is at the terminal" console_line 'pty: status 0'
check "which is restored" console_line 'pty: terminal restored'
check "the console was elsewhere" grep -q 'the end' /tmp/case/console

# An 8250 in the PL011's place, from the first character on.
run pty expect='# ' raw 'send=tty\r' expect=/dev/ttyS0 'send=echo $((6 * 7)) | tee /dev/kmsg\r' expect=42 'send=poweroff\r' \
	-- minivmm --kernel "$(kernel 6.1-cloud)" --console-type 8250 --cmdline "$quiet"
check "a shell on an 8250 as console" console_line 'pty: status 0'
check "the terminal is restored" console_line 'pty: terminal restored'
vm --kernel "$(kernel 6.1-cloud)" --console-type 8250 --exec 'seq 1 20000 | head -c 16384 >/blob; cat /blob; exit 3'
check "--exec over it: the command's status" status_is 3
check "16 KiB of output, each byte" test "$(tr -d '\r' <$out | md5sum)" = "$(seq 1 20000 | head -c 16384 | md5sum)"
vm --kernel "$(kernel 6.1-cloud)" --console-type 8250 --no-rng --exec 'dmesg | grep earlycon' --cmdline earlycon
check "earlycon finds it by the device tree" console_has 'earlycon: ns16550a0 at MMIO 0x0000000009000000'
vm --kernel "$(kernel 6.1-cloud)" --console-type 8250 --cmdline 'earlycon=uart8250,mmio,0x9000000' --exec true
check "and by its address" console_has 'earlycon: uart8250 at MMIO 0x0000000009000000'
vm --kernel "$(kernel 6.1-cloud)" --console-type 8250 --serial pci,file=/tmp/case/file --cmdline "$quiet" \
	--exec 'cat /proc/consoles; echo to the port >/dev/ttyS0'
check "beside a PCI port the console is still the one that speaks" console_has 'ttyS1 '
check "the port's file has what was written to it" grep -q 'to the port' /tmp/case/file
