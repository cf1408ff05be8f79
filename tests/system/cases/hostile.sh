# Devices that lie to a Debian guest on purpose (--hostile): the monitor survives every lie and says which it told, and the guest's
# drivers notice those that Linux looks for. What a lie does to a driver that believes it is the guest's affair: it may hang or crash.
# group: vhe-hostile
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 170

kernel=$(kernel 6.1-cloud)
disk=/tmp/case/disk.img
head -c 1048576 /dev/urandom >$disk

# The guest reads what it can of its devices, none of it for longer than it should take, and tells what its kernel said.
exercise='
	for i in 1 2 3 4; do timeout 3 dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c | sed s/^/read-/; done
	[ ! -b /dev/vda ] || timeout 3 head -c 262144 /dev/vda | wc -c
	dmesg | grep -E "virtio_(rng|blk)|vda"
	echo the end'

# lying_guest OPTIONS...: until the guest powers off, or $patience seconds; then it is ended from outside. Where its own end is asked for
# that is for a machine with much else to do; where it may hang, every hang costs as much.
patience=100
lying_guest() {
	vm_start --kernel "$kernel" --cmdline "loglevel=1" "$@" --exec "$exercise"
	limit=40
	i=0
	while kill -0 $pid 2>/dev/null && [ "$i" -lt $((patience * 10)) ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -0 $pid 2>/dev/null && vm_end || vm_wait
}

# Powered off, ended by us, crashed, without an answer: any end of the guest's is one, and none is the monitor's.
ended_well() {
	case $status in 0 | 79 | 80 | 81) return 0 ;; *) return 1 ;; esac
}

# told KIND: how many lies the table counts.
told() {
	awk -v kind="$1" '$3 == kind && $1 ~ /^[0-9]+$/ { n = $1 } END { print n + 0 }' $err
}

vm --kernel "$kernel" --cmdline "$quiet" --exec 'head -c 64 /dev/hwrng | wc -c'
check "nobody asked for it: no word of it" test ! -s $err
check "and the guest reads" console_line 64

lying_guest --hostile 42,rate=1,only=used-id,log
check "used ids: the monitor ends well" ended_well
check "it says so first, with the seed" test "$(head -n 1 $err | tr -d '\r')" = \
	"minivmm: --hostile 42: this guest's devices lie to it on purpose, about once in 1 times"
check "each lie is a line" test "$(grep -c 'hostile: virtio-rng queue 0 chain .*: used-id: ' $err)" = "$(told used-id)"
check "there was one" test "$(told used-id)" -ge 1
check "the guest's virtio_ring notices it" sh -c "grep -qE 'id [0-9]+ (out of range|is not a head)' $out"
check "and goes on without the device" console_has 'the end'

lying_guest --hostile 7,rate=1,only=irq-lost
check "lost interrupts: the monitor ends well" ended_well
check "the guest gives a read up, not itself" console_has 'the end'
check "none was delivered" test "$(told irq-lost)" -ge 1
check "so nothing was read" console_lacks read-64

lying_guest --hostile 7,rate=2,only=irq-late+irq-early+irq-double+entropy
check "interrupts early, late and double, and entropy in pieces: the monitor ends well" status_is 0
check "the guest puts up with all of it" console_line 'read-[1-9][0-9]*'
for kind in irq-late irq-early entropy; do
	check "there was $kind" test "$(told $kind)" -ge 1
done

lying_guest --disk path=$disk --hostile 3,rate=2,only=status
check "disk statuses: the monitor ends well" ended_well
check "the guest's block layer sees errors" sh -c "grep -qE 'I/O error|Buffer I/O|error, dev vda' $out"
check "that were none" not says 'failed'

patience=25
for seed in 1 2; do
	lying_guest --disk path=$disk --hostile $seed,log
	check "every lie, seed $seed: the monitor ends well" ended_well
	check "seed $seed: it told lies" grep -q '^minivmm: hostile: ' $err
	check "seed $seed: and the table of them" test "$(grep -cE '^ +[0-9]+ +[0-9]+  [a-z-]+' $err)" = 9
	echo "# seed $seed: status $status, $(grep -c 'hostile: ' $err) lies, the guest came $(console_has 'the end' && echo to its end || echo not to its end)"
done

patience=100
lies() {
	lying_guest --hostile 9,rate=1,only=irq-double,log
	check "a seed once more: ended" status_is 0
	grep -o 'chain .*' $err | head -n 3 >"$1"
}
lies /tmp/case/first
lies /tmp/case/second
check "the same seed makes the same lies" cmp /tmp/case/first /tmp/case/second
check "of which there are some" test "$(wc -l </tmp/case/first)" = 3
