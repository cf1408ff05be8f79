# --record: what a real guest says to its devices, replayed, has the same answers, load for load, and the same interrupts; with all
# fast paths taken away the guest does not notice.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud disktools
# seconds: 120

rec=/tmp/case/rec
disk=/tmp/case/disk
kernel=$(kernel 6.1-cloud)
work='head -c 2048 /dev/hwrng | wc -c
	dd if=/dev/vda of=/dev/vda bs=64k count=8 seek=8 conv=fsync,notrunc 2>/dev/null && echo copied
	dd if=/dev/vda of=/dev/null bs=4k count=64 iflag=direct 2>/dev/null && echo read
	mkdir -p /tools && mount -t ext4 -o ro /dev/vdb /tools && PATH=$PATH:/tools
	use fio --name=v --filename=/dev/vda --offset=1M --size=1M --rw=randrw --bsrange=4k-16k --ioengine=libaio --iodepth=16 \
		--direct=1 --verify=crc32c --verify_fatal=1 --eta=never --minimal >/tmp/fio 2>&1 && echo "fio passed" || tail -n 5 /tmp/fio'

truncate -s 16M /tmp/case/tools.img
run /disk-tools/use mke2fs -q -F -t ext4 -d /disk-tools /tmp/case/tools.img
check "a read-only disk of tools is made" status_is 0

# Replays $rec; what it says is in $err.
replays() {
	said="replay $rec"
	replay $rec >$err 2>&1
}

for transport in mmio pci; do
	head -c 2097152 /dev/urandom >$disk
	vm --kernel "$kernel" --cpus 2 --disk path=$disk,id=the-first,queues=2 \
		--disk path=/tmp/case/tools.img,ro --record $rec --exec "$work"
	check "$transport: a recorded guest ends well" status_is 0
	check "$transport: its random bytes come" console_line 2048
	check "$transport: its disk is written" console_line copied
	check "$transport: fio finds what it wrote" console_line "fio passed"
	check "$transport: and is what it wrote" \
		test "$(head -c 524288 $disk | sha256sum)" = "$(dd if=$disk bs=524288 skip=1 count=1 2>/dev/null | sha256sum)"
	check "$transport: requests were recorded" test "$(grep -c '^# used ' $rec)" -ge 100
	check "$transport: replayed, every answer is the same" replays
	check "$transport: and it was all of it" grep -q "used chains and [1-9][0-9]* interrupts as recorded" $err
done

# An interrupt that the recording lacks, of the many there are: one in the middle.
check "interrupts are messages by then" test "$(grep -c '^IRQ message ' $rec)" -ge 100
lost=$(grep -n '^IRQ message ' $rec | sed -n 50p | cut -d : -f 1)
sed "${lost}d" $rec >$rec.lost
said="replay $rec.lost"
check "one dropped interrupt is found" eval '! replay $rec.lost >$err 2>&1'
check "where it was" grep -q "line $lost: before it is IRQ message .*, which was not recorded" $err
rm $rec.lost

# An answer that was not: the last one of the recording.
last=$(grep -n '^read.* = 0x' $rec | tail -n 1 | cut -d : -f 1)
sed -i "${last}s/= 0x/= 0x1/" $rec
check "one changed answer is found" eval '! replays'
check "in its line" grep -q "line $last: the answer is" $err

# Two lives, ended from outside.
transport=
vm_start --kernel /guests/reset.bin --record $rec
until_true 20 console_has boot
sleep 1
vm_end
check "a recorded guest that is ended from outside: 79" status_is 79
check "every life is there" test "$(grep -c '^# life of a machine' $rec)" -ge 2
check "they are replayed" replays

# Killed in the middle: what there is of the recording is whole lines.
vm_start --kernel "$kernel" --record $rec --exec 'while :; do head -c 65536 /dev/hwrng >/dev/null; done'
until_true 60 test -s $rec
kill -KILL $pid
wait $pid 2>/dev/null
check "a recording of a monitor that was killed is replayed" replays

vm --kernel /guests/hello.bin --record /none/rec
check "a recording that cannot be written" one_line "--record /none/rec: No such file or directory"
check "ends before the guest: 73" status_is 73
vm --kernel /guests/hello.bin --record /dev/full
check "one that finds no room is said after the guest: 73" status_is 73
check "and why" one_line "the recording is not complete: No space left on device"
check "the guest has run" console_has hello
