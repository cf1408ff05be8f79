# Disks: what the guest reads and writes is what is in the file, by each engine; read-only ones stay as they are. Ring features are
# in features.sh, drivers that come and go in rebind.sh, file systems in disk-fs.sh.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 50

rw=/tmp/case/rw.img
ro=/tmp/case/ro.img
kernel=$(kernel 6.1-cloud)
head -c 8388608 /dev/urandom >$rw
head -c 1048576 /dev/urandom >$ro
rw_sum=$(sha256sum $rw | cut -d ' ' -f 1)
ro_sum=$(sha256sum $ro | cut -d ' ' -f 1)

# The first MiB, doubled, over the second: the file then begins with the same MiB twice.
copy='dd if=/dev/vda of=/dev/vda bs=256k count=4 seek=4 conv=fsync,notrunc 2>/dev/null && echo copied'

vm --kernel "$kernel" --cpus 2 --disk path=$rw,id=the-first,queues=2 --disk path=$ro,ro,logical=4096 --exec "
	cat /sys/block/vda/serial; echo; cat /sys/block/vda/size /sys/block/vdb/ro
	cat /sys/block/vdb/queue/logical_block_size; ls /sys/block/vda/mq | wc -l
	sha256sum /dev/vda /dev/vdb | cut -d ' ' -f 1
	$copy
	dd if=/dev/zero of=/dev/vdb count=8 conv=fsync 2>/dev/null || echo refused"
check "a guest with two disks" status_is 0
check "the serial number" console_line the-first
check "the size" console_line 16384
check "a block size of 4096" console_line 4096
check "two queues" console_line 2
check "the guest reads what is in the file" console_line "$rw_sum"
check "the guest reads what is in the read-only file" console_line "$ro_sum"
check "the guest writes" console_line copied
check "a read-only disk refuses to be written" console_line refused
check "the read-only file is as it was" test "$(sha256sum $ro | cut -d ' ' -f 1)" = "$ro_sum"
check "what was written is in the file" \
	test "$(head -c 1048576 $rw | sha256sum)" = "$(dd if=$rw bs=1048576 skip=1 count=1 2>/dev/null | sha256sum)"
check "and nothing else is" test "$(sha256sum $rw | cut -d ' ' -f 1)" != "$rw_sum"

for aio in io_uring threads sync; do
	head -c 8388608 /dev/urandom >$rw
	rw_sum=$(sha256sum $rw | cut -d ' ' -f 1)
	vm --kernel "$kernel" --disk path=$rw,aio=$aio,cache=writethrough --exec "
		cat /sys/block/vda/queue/write_cache; sha256sum /dev/vda | cut -d ' ' -f 1; $copy"
	check "$aio: the guest reads what is in the file" console_line "$rw_sum"
	check "$aio: the disk has no write cache" console_line 'write through'
	check "$aio: what was written is in the file" \
		test "$(head -c 1048576 $rw | sha256sum)" = "$(dd if=$rw bs=1048576 skip=1 count=1 2>/dev/null | sha256sum)"
done

# One disk, one monitor.
vm_start --kernel /guests/reset.bin --disk path=$rw
until_true 20 console_has boot
first=$pid
vm --kernel /guests/hello.bin --disk path=$rw
check "a disk in use is refused" status_is 65
check "it says why" one_line "--disk $rw: is in use by another monitor"
vm --kernel /guests/hello.bin --disk path=$rw,ro
check "for reading too" status_is 65
pid=$first
vm_end
vm --kernel /guests/hello.bin --disk path=$rw
check "free again when the first one is gone" status_is 0

vm --kernel /guests/hello.bin --disk path=/none
check "a missing disk" status_is 65
check "one line says so" one_line "--disk /none: cannot be opened: No such file or directory"
vm --kernel /guests/hello.bin --disk path=/tmp
check "a directory" one_line "--disk /tmp: is a directory"
head -c 1000 /dev/urandom >/tmp/case/odd.img
vm --kernel /guests/hello.bin --disk path=/tmp/case/odd.img
check "an odd size is said and used" status_is 0
check "how much is left out" one_line "its last 488 bytes fill no block of 512"
