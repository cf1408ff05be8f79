# PCI functions taken from their driver and given back under I/O, with their decoding and mastering turned off in between by
# setpci, and removed and found again: nothing is lost, and nothing hangs.
# group: vhe-pci
# host: vhe
# needs: kernel:6.1-cloud pcitools
# seconds: 60

disk=/tmp/case/disk.img
head -c 4194304 /dev/urandom >$disk
sum=$(sha256sum <$disk | cut -c 1-64)

# What is written is what is there already: a write that a reset cuts off leaves old or new data, and both are the same.
guest_initrd 6.1-cloud '
	driver=/sys/bus/pci/drivers/virtio-pci
	d=0000:00:02.0
	cp /dev/vda /tmp/before
	io() {
		while [ ! -e /tmp/end ]; do
			dd if=/dev/vda of=/tmp/read.$1 bs=64k count=4 skip=$1 iflag=direct 2>/dev/null && echo r
			[ ! -b /dev/vda ] || dd if=/tmp/before of=/dev/vda bs=64k count=4 skip=$((16 + $1)) seek=$((16 + $1)) \
				oflag=direct conv=notrunc,nocreat 2>/dev/null && echo w
		done >>/tmp/done.$1
	}
	for n in 0 8; do io $n & done
	(while [ ! -e /tmp/end ]; do head -c 256 /dev/hwrng; sleep 0.01; done >/dev/null 2>&1) &
	i=0 bound=0
	while [ $i -lt 500 ] && [ $(cut -d . -f 1 /proc/uptime) -lt 40 ]; do
		i=$((i + 1))
		case $((i % 5)) in
		0)
			# Found anew, its BARs placed by the guest.
			echo 1 >/sys/bus/pci/devices/$d/remove
			echo 1 >/sys/bus/pci/rescan
			;;
		1)
			# The command register under a working driver: decoding off for a moment, mastering too.
			setpci -s $d COMMAND=0000
			setpci -s $d COMMAND=0406
			echo $d >$driver/unbind
			echo $d >$driver/bind
			;;
		2)
			echo $d >$driver/unbind
			setpci -s $d COMMAND=0000 BASE_ADDRESS_1=ffffffff BASE_ADDRESS_4=ffffffff BASE_ADDRESS_5=ffffffff
			echo 1 >/sys/bus/pci/devices/$d/remove
			echo 1 >/sys/bus/pci/rescan
			;;
		*)
			echo $d >$driver/unbind
			echo $d >$driver/bind
			;;
		esac
		[ -e $driver/$d ] && bound=$((bound + 1))
	done
	: >/tmp/end
	wait
	echo "bound $bound of $i times, $(cat /tmp/done.* | grep -c r) reads and $(cat /tmp/done.* | grep -c w) writes meanwhile"
	echo "after $(sha256sum </dev/vda | cut -c 1-64)"
	setpci -s $d COMMAND
	head -c 4096 /dev/hwrng | wc -c
	dmesg | grep -iE "hung|stall|BUG:|WARNING:|call trace|blocked for|no space|fail" | sed "s/^/bad: /"
	echo the end'
limit=150 vm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cpus 2 --cmdline "$quiet" --transport pci --disk path=$disk,queues=2,aio=io_uring --stats
check "the guest comes to its end" console_line 'the end'
counts=$(tr -d '\r' <$out | sed -n 's/^bound \([0-9]*\) of \([0-9]*\) times, \([0-9]*\) reads and \([0-9]*\) writes.*/\1 \2 \3 \4/p')
echo "# bound, tried, reads, writes: $counts"
set -- ${counts:-0 1 0 0}
check "each time the driver came back" test "$1" = "$2"
check "many times" test "$1" -ge 20
check "with reads and writes that came through in between" test "$3" -ge 10 -a "$4" -ge 10
check "nothing is lost, as the guest sees it" console_line "after $sum"
check "nor in the file" test "$(sha256sum <$disk | cut -c 1-64)" = "$sum"
check "the command register is what the driver left" console_line 0506\|0406
check "random bytes to the end" console_line 4096
check "the kernel has nothing to complain of" console_lacks 'bad: '
check "nor has minivmm" test -z "$(grep ^minivmm: $err)"
