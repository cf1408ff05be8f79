# ext4 on a disk under load: fio's verified random reads and writes, trim, other lives, and the ends nobody planned. fio and
# e2fsprogs are on a read-only disk for the guest, so two disks are at work all the time.
# group: vhe-disk
# host: vhe
# needs: kernel:6.1-cloud disktools
# seconds: 100

kernel=$(kernel 6.1-cloud)
rw=/tmp/case/rw.img
tools=/tmp/case/tools.img

in_guest='
	mkdir -p /mnt /tools && mount -t ext4 -o ro /dev/vdb /tools || echo "no tools"
	PATH=$PATH:/tools
	bad() { dmesg | grep -iE "EXT4-fs (error|warning)|I/O error|hung|BUG:|WARNING:|call trace" | sed "s/^/bad: /"; }
'
# What file $1 in the image holds, read without any guest.
file_sum() {
	/disk-tools/use debugfs -R "cat $1" $rw 2>/dev/null | sha256sum | cut -d ' ' -f 1
}
# guest COMMANDS [minivmm options]: with the disks and the functions above.
guest() {
	commands=$in_guest$1
	shift
	vm --kernel "$kernel" --cmdline "$quiet" --disk path=$rw,queues=${queues:-1},aio=$aio --disk path=$tools,ro "$@" --exec "$commands"
}

truncate -s 16M $tools
run /disk-tools/use mke2fs -q -F -t ext4 -d /disk-tools $tools
check "a read-only disk of tools is made" status_is 0
tools_sum=$(sha256sum <$tools)
truncate -s 256M $rw

# Files in memory would get plain calls alone: each engine has its turn.
for aio in sync io_uring threads; do
	case $aio in
	sync) queues=1 ;;
	io_uring) queues=2 ;;
	threads) queues=4 ;;
	esac
	guest '
	ls /sys/block/vda/mq | sed "s/^/queue /"
	use mke2fs -q -F -t ext4 /dev/vda && mount -t ext4 -o discard /dev/vda /mnt && echo mounted
	use fio --name=v --directory=/mnt --rw=randrw --bsrange=4k-64k --size=12M --ioengine=libaio --iodepth=32 --direct=1 \
		--numjobs='$queues' --thread --verify=crc32c --verify_fatal=1 --eta=never --minimal >/tmp/fio 2>&1 &&
		echo "fio passed $(wc -l </tmp/fio)" || tail -n 5 /tmp/fio
	umount /mnt && echo unmounted; bad' --cpus $queues
	check "$queues queues: seen by the guest" test "$(grep -c '^queue ' $out)" = $queues
	check "$queues queues: mke2fs and mount" console_line mounted
	check "$queues queues: fio randrw at depth 32 finds every block as it wrote it" console_line "fio passed $queues"
	check "$queues queues: the kernel has nothing to complain of" console_lacks 'bad: '
	check "$queues queues: unmounted" console_line unmounted
	run /disk-tools/use e2fsck -fn $rw
	check "$queues queues: e2fsck finds nothing out here" status_is 0
done

# Not 1 GiB, which disk-big.sh reads: the disk of an emulated host is its memory, and hashing takes a second for 20 MiB there.
queues=2 aio=io_uring
guest '
	mount -t ext4 /dev/vda /mnt && rm -rf /mnt/v*
	use fio --name=big --filename=/mnt/big --rw=write --bs=256k --size=64M --ioengine=libaio --iodepth=8 --refill_buffers \
		--end_fsync=1 --eta=never --output=/dev/null
	umount /mnt; mount -t ext4 /dev/vda /mnt
	echo "big $(wc -c </mnt/big) $(sha256sum </mnt/big)"
	fstrim /mnt && echo trimmed
	umount /mnt && echo unmounted; bad' --cpus 2
sum=$(tr -d '\r' <$out | sed -n 's/^big 67108864 \([0-9a-f]*\) .*/\1/p')
check "64 MiB are written and read back" test -n "$sum"
check "fstrim" console_line trimmed
check "unmounted again" console_line unmounted
check "the kernel has nothing to complain of" console_lacks 'bad: '
check "sha256 of 64 MiB is the same inside and outside" test "$(file_sum /big)" = "$sum"
check "trimmed blocks are holes in the file" test "$(du -m $rw | cut -f 1)" -lt 110
vm --kernel "$kernel" --cmdline "$quiet" --disk path=$rw,ro --exec '
	mkdir -p /mnt && mount -t ext4 -o ro /dev/vda /mnt && echo "again $(sha256sum </mnt/big)"'
check "and the same in another life, on a read-only disk" console_line "again $sum  -"

# Files of which the guest says that they are safe, while others are written; then it ends in the middle of that.
writing='
	mount -t ext4 /dev/vda /mnt; mkdir -p /mnt/NAME
	echo kept >/mnt/NAME/kept && sync
	while :; do dd if=/mnt/big of=/mnt/NAME/more bs=256k count=64 2>/dev/null; done &
	i=0
	while :; do
		i=$((i + 1))
		head -c 50000 /dev/urandom >/tmp/next
		dd if=/tmp/next of=/mnt/NAME/$i bs=50000 conv=fsync 2>/dev/null && echo "safe $i $(sha256sum </tmp/next)"
		[ $i != END ] || echo c >/proc/sysrq-trigger
	done'
# Files told of in whole lines: the end may cut the last line short, letter by letter as a serial port sends it.
safe_lines() {
	tr -d '\r' | sed -n 's/^safe \([0-9]*\) \([0-9a-f]\{64\}\) .*/\1 \2/p'
}
safe_files() {
	[ "$(safe_lines <$out | wc -l)" -ge "$1" ]
}
# After the end: a file system that can be mended and mounted, and every safe file whole. after NAME
after() {
	safe_lines <$out >safe
	check "$1: there are safe files" test "$(wc -l <safe)" -ge 20
	/disk-tools/use e2fsck -fy $rw >fsck 2>&1
	check "$1: e2fsck has made it whole" test $? -le 1
	run /disk-tools/use e2fsck -fn $rw
	check "$1: and finds nothing more" status_is 0
	lost=$(while read -r i s; do [ "$(file_sum "/$1/$i")" = "$s" ] || echo "$i"; done <safe)
	[ -z "$lost" ] || echo "# lost:" $lost
	check "$1: every file fsynced before is whole" test -z "$lost"
	check "$1: what was synced before is there" test "$(file_sum "/$1/kept")" = "$(echo kept | sha256sum | cut -d ' ' -f 1)"
	check "$1: the old file is whole" test "$(file_sum /big)" = "$sum"
	guest 'mount -t ext4 /dev/vda /mnt && echo mounted && umount /mnt; bad'
	check "$1: it is mounted again" console_line mounted
	check "$1: the kernel has nothing to complain of" console_lacks 'bad: '
}
text=$(echo "$in_guest$writing" | sed 's/NAME/killed/g')
vm_start --kernel "$kernel" --cmdline "$quiet" --cpus 2 --disk path=$rw,queues=2,aio=io_uring --disk path=$tools,ro --exec "$text"
check "killed: it writes" until_true 60 safe_files 20
kill -KILL $pid
wait $pid 2>/dev/null
after killed

guest "$(echo "$writing" | sed 's/NAME/crashed/g; s/END/25/')" --cpus 2 --cmdline "$quiet panic=-1"
check "crashed: the guest panicked while it wrote" status_is 80
after crashed
check "the read-only disk is as it was" test "$(sha256sum <$tools)" = "$tools_sum"
