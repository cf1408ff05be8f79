# Where the console can be, and the looks inside.
# group: vhe-small
# host: vhe
# seconds: 10

limit=20
vm --kernel /guests/hello.bin --console file=/tmp/case/console
check "--console file=: status 0" status_is 0
check "the file has the guest's words" grep -q 'hello from a bare-metal guest' /tmp/case/console
check "standard output has not" test ! -s $out

vm_start --kernel /guests/cat.bin --console pty
check "--console pty names its terminal" until_true 10 says /dev/pts/
pts=$(sed -n 's,.*\(/dev/pts/[0-9]*\).*,\1,p' $err)
exec 3<>"$pts"
printf 'a.' >&3
vm_wait
check "what is typed there ends the guest" status_is 0
exec 3>&-

vm --kernel /guests/hello.bin --trace-exits
check "--trace-exits shows a write to the UART" says 'UARTDR'
check "with its address" says 0x009000000
vm --kernel /guests/hello.bin --stats
check "--stats counts the letters" test "$(stats write pl011 UARTDR)" = 30
check "and the exits" test "$(stats exit MMIO)" -ge 60
vm --check
check "--check finds this host able" status_is 0
check "--check tells the interrupt controller" console_has GICv3
seq 1 100000 | head -c 100000 >/tmp/case/typed
minivmm --kernel /guests/hello.bin </tmp/case/typed >$out 2>$err
status=$?
check "input that nobody reads does not stop a guest" status_is 0
