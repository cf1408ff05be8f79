# A file system on a disk: made, written, trimmed and found again, also after the monitor was killed in the middle of writing.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 60

disk=/tmp/case/disk.img
kernel=$(kernel 6.1-cloud)
truncate -s 32M $disk

vm --kernel "$kernel" --cpus 2 --disk path=$disk,queues=2 --exec '
	mkdir -p /mnt && mke2fs -F /dev/vda >/dev/null 2>&1 && mount -t ext4 /dev/vda /mnt && echo mounted
	head -c 6291456 /dev/urandom >/mnt/file && sync
	echo "first $(sha256sum </mnt/file)"
	fstrim /mnt && echo trimmed
	umount /mnt && echo unmounted'
check "a file system is made and mounted" console_line mounted
check "fstrim" console_line trimmed
check "unmounted" console_line unmounted
check "holes are left where nothing is" test "$(du -k $disk | cut -f 1)" -lt 16384
sum=$(tr -d '\r' <$out | sed -n 's/^first //p')

vm --kernel "$kernel" --disk path=$disk,ro --exec '
	mkdir -p /mnt && mount -t ext4 -o ro /dev/vda /mnt && echo "again $(sha256sum </mnt/file)"'
check "the file is there in another life, read-only" console_line "again $sum"

# What the guest had flushed is there when the monitor is killed while more is written.
vm_start --kernel "$kernel" --disk path=$disk --exec '
	mkdir -p /mnt && mount -t ext4 /dev/vda /mnt && echo kept >/mnt/kept && sync && echo synced
	while :; do cat /mnt/file >/mnt/more; done'
until_true 60 console_has synced
sleep 1
kill -KILL $pid
wait $pid 2>/dev/null
vm --kernel "$kernel" --disk path=$disk --exec '
	mkdir -p /mnt && mount -t ext4 /dev/vda /mnt && cat /mnt/kept && echo "after $(sha256sum </mnt/file)"'
check "what was flushed outlives the monitor" console_line kept
check "what was there before does too" console_line "after $sum"
