# The driver taken off a disk and off virtio-rng and put back 1000 times each, with requests on their way: nothing is lost and
# nothing hangs. An emulated CPU in an emulated host does five to ten a second of each, side by side.
# group: vhe-rebind
# host: vhe
# needs: kernel:6.1-cloud rebind
# seconds: 180

times=1000
disk=/tmp/case/disk.img
head -c 4194304 /dev/urandom >$disk
sum=$(sha256sum <$disk | cut -c 1-64)

# The program that does it is on a disk of its own, which stays. A node that is opened while its disk is gone would have the
# kernel look for a module each time.
limit=600 vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --disk path=$disk,queues=2,aio=io_uring --disk path=/rebind,ro --stats --exec '
	echo >/proc/sys/kernel/modprobe
	cat /dev/vdb >/tmp/rebind && chmod 755 /tmp/rebind && /tmp/rebind '$times' 540
	echo "after $(sha256sum </dev/vda | cut -c 1-64) $(head -c 64 /dev/hwrng | wc -c)"
	dmesg | grep -iE "hung|stall|BUG:|WARNING:|call trace|blocked for" | sed "s/^/bad: /"
	echo the end'
check "the guest comes to its end" console_line 'the end'

# Of a driver: bound, tried, reads, writes, wrong.
counts() {
	tr -d '\r' <$out | sed -n "s/^$1 bound \([0-9]*\) of \([0-9]*\) times, \([0-9]*\) reads and \([0-9]*\) writes meanwhile, \([0-9]*\) wrong\$/\1 \2 \3 \4 \5/p"
}
for driver in virtio_blk virtio_rng; do
	device=virtio-${driver#virtio_}
	set -- $(counts $driver) 0 0 0 0 1
	echo "# $driver: bound $1 of $2, $3 reads, $4 writes, $5 wrong"
	check "$driver: 1000 times" test $2 = $times
	check "$driver: it came back each time" test $1 = $times
	check "$driver: each one a reset that the device saw" test "$(stats write $device Status)" -ge $((times * 4))
	check "$driver: with requests that came through in between" test $3 -ge 20
	check "$driver: each as it should be" test $5 = 0
	[ $driver = virtio_rng ] || check "$driver: writes among them" test $4 -ge 20
done
check "nothing is lost, as the guest sees it, and random bytes still come" console_line "after $sum 64"
check "nor in the file" test "$(sha256sum <$disk | cut -c 1-64)" = "$sum"
check "nothing is said about it" not says "minivmm: "
check "the kernel has nothing to complain of" console_lacks 'bad: '
