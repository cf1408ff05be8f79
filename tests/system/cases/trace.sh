# --trace and --boot-report: a real guest's trace is as viewers want it, and has what --stats counted.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 40

trace=/tmp/case/trace.json
summary=/tmp/case/summary

# The trace is good; what is in it goes to $summary.
trace_good() {
	trace-check $trace >$summary
	trace_status=$?
	cat $summary >>$out
	[ $trace_status = 0 ]
}
# in_trace WORD: the number behind it in the summary.
in_trace() {
	sed -n "s/.*$1 \([0-9]*\).*/\1/p" $summary
}
# slices NAME: exits of that name.
slices() {
	grep -c "\"cat\":\"exit\",\"name\":\"$1\"" $trace
}

head -c 4194304 /dev/urandom >/tmp/case/disk
vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --disk path=/tmp/case/disk --stats --trace $trace --boot-report --exec '
	dd if=/dev/hwrng of=/dev/null bs=64 count=200 iflag=fullblock 2>/dev/null
	dd if=/dev/vda of=/dev/null bs=4096 count=100 iflag=direct 2>/dev/null; echo done'
check "a traced guest ends well" status_is 0
check "its work is done" console_has done
check "the trace is good" trace_good
check "nothing was dropped" test "$(in_trace dropped)" = 0
check "every request is there" test "$(in_trace begun)" -ge 300
check "every request that was used ended" test "$(in_trace used)" = "$(in_trace ended)"
check "no more than what the drivers keep waiting is under way" test "$(in_trace open)" -le 2
check "interrupts are there" grep -q '"name":"interrupt"' $trace
check "both CPUs are there" grep -q '"name":"cpu1"' $trace
check "as many acknowledgements as were counted" \
	test "$(slices 'write virtio-rng InterruptACK')" = "$(stats write virtio-rng InterruptACK)"
check "as many characters as were counted" test "$(slices 'write pl011 UARTDR')" = "$(stats write pl011 UARTDR)"
check "the report has the phases" says 'kernel and initrd into guest RAM'
check "the report has the guest's time" grep -qE '^ +[0-9.]+ +[0-9]+\.[0-9]{3}  guest$' $err
check "the report has the registers" grep -qE '^ +[0-9]+ +[0-9.]+ +[0-9.]+  write pl011 UARTDR$' $err

# Two lives, ended from outside: what was recorded until then is written.
vm_start --kernel /guests/reset.bin --trace $trace
until_true 20 console_has boot
sleep 1
vm_end
check "a traced guest that is ended from outside: 79" status_is 79
check "its trace is good" trace_good
check "every life's phases are there" test "$(grep -c '"name":"devices and device tree"' $trace)" -ge 2

vm --kernel /guests/hello.bin --trace /none/trace.json
check "a trace that cannot be written" one_line "--trace /none/trace.json: No such file or directory"
check "ends before the guest: 73" status_is 73
vm --kernel /guests/hello.bin --trace /dev/full
check "one that finds no room is said after the guest: 73" status_is 73
check "and why" one_line "--trace /dev/full: No space left on device"
check "the guest has run" console_has hello

vm --kernel /guests/hello.bin --boot-report
check "a report without a trace" says 'devices and device tree'
check "with status 0" status_is 0
