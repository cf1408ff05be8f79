# The driver taken off a disk and put back again and again, with requests on their way: nothing is lost and nothing hangs. 1000
# times, or as many as fit in 60 s: an emulated CPU in an emulated host does about 5 a second.
# group: vhe-rebind
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 75

disk=/tmp/case/disk.img
head -c 4194304 /dev/urandom >$disk
sum=$(sha256sum <$disk | cut -c 1-64)

# Reading starts anew with each disk. What is written is what is there already: a write that a reset cuts off leaves old or new
# data, and both are the same.
limit=180 vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --disk path=$disk,queues=2 --stats --exec '
	cp /dev/vda /tmp/before
	driver=/sys/bus/virtio/drivers/virtio_blk
	dev=$(cd $driver && ls -d virtio*)
	io() {
		while [ ! -e /tmp/end ]; do
			dd if=/dev/vda of=/tmp/read.$1 bs=64k count=4 skip=$1 iflag=direct 2>/dev/null && echo r
			[ ! -b /dev/vda ] || dd if=/tmp/before of=/dev/vda bs=64k count=4 skip=$((16 + $1)) seek=$((16 + $1)) \
				oflag=direct conv=notrunc,nocreat 2>/dev/null && echo w
		done >>/tmp/done.$1
	}
	for n in 0 8; do io $n & done
	i=0
	bound=0
	while [ $i -lt 1000 ] && [ $(cut -d . -f 1 /proc/uptime) -lt 60 ]; do
		echo $dev >$driver/unbind
		echo $dev >$driver/bind && bound=$((bound + 1))
		i=$((i + 1))
	done
	: >/tmp/end
	wait
	echo "bound $bound of $i times, $(cat /tmp/done.* | grep -c r) reads and $(cat /tmp/done.* | grep -c w) writes meanwhile"
	echo "after $(sha256sum </dev/vda | cut -c 1-64)"
	dmesg | grep -iE "hung|stall|BUG:|WARNING:|call trace|blocked for" | sed "s/^/bad: /"
	echo the end'
check "the guest comes to its end" console_line 'the end'
counts=$(tr -d '\r' <$out | sed -n 's/^bound \([0-9]*\) of \([0-9]*\) times, \([0-9]*\) reads and \([0-9]*\) writes.*/\1 \2 \3 \4/p')
echo "# bound, tried, reads, writes: $counts"
set -- ${counts:-0 1 0 0}
check "each time the driver came back" test $1 = $2
check "many times" test $1 -ge 50
check "each one a reset that the device saw" test "$(stats write virtio-blk Status)" -ge $(($1 * 4))
check "with reads and writes that came through in between" test $3 -ge 20 -a $4 -ge 20
check "nothing is lost, as the guest sees it" console_line "after $sum"
check "nor in the file" test "$(sha256sum <$disk | cut -c 1-64)" = "$sum"
check "the kernel has nothing to complain of" console_lacks 'bad: '
