# A disk of 1 GiB that is a block device of the host: all of it is the same inside and outside, it is written, and O_DIRECT
# works on it. The bytes are random, made and hashed outside of the emulation (tests/system/run.sh).
# group: vhe-big
# host: vhe
# needs: kernel:6.1-cloud bigdisk
# seconds: 90

kernel=$(kernel 6.1-cloud)
host=/dev/nvme0n1
want=$(cut -c 1-64 /bigdisk.sha256)

limit=400 vm --kernel "$kernel" --cpus 2 --cmdline "$quiet" --disk path=$host,ro --exec '
	cat /sys/block/vda/size
	echo "read $(sha256sum </dev/vda | cut -c 1-64)"
	dmesg | grep -iE "I/O error|hung|BUG:|WARNING:|call trace" | sed "s/^/bad: /"'
check "a guest with a block device of the host" status_is 0
check "its size is 1 GiB" console_line 2097152
check "sha256 of 1 GiB is the same inside and outside" console_line "read $want"
check "the kernel has nothing to complain of" console_lacks 'bad: '

# What is written to it is dropped with the emulated host.
for options in aio=io_uring aio=threads direct=on,aio=io_uring direct=on,aio=threads; do
	vm --kernel "$kernel" --cmdline "$quiet" --disk path=$host,$options --exec '
		head -c 1048576 /dev/urandom >/tmp/new
		dd if=/tmp/new of=/dev/vda bs=64k seek=64 conv=fsync,notrunc 2>/dev/null && echo "new $(sha256sum </tmp/new)"
		dd if=/dev/zero of=/dev/vda bs=1536 seek=4 count=1 conv=fsync,notrunc 2>/dev/null && echo "odd $(head -c 16384 /dev/vda | sha256sum)"'
	check "$options: what the guest wrote is on the block device" \
		console_line "new $(dd if=$host bs=64k skip=64 count=16 2>/dev/null | sha256sum)"
	check "$options: what is no whole page too" console_line "odd $(head -c 16384 $host | sha256sum)"
	check "$options: nothing is said" test ! -s $err
done

vm_start --kernel /guests/reset.bin --disk path=$host
until_true 20 console_has boot
first=$pid
vm --kernel /guests/hello.bin --disk path=$host
check "a block device in use is refused" one_line "--disk $host: is in use by another monitor"
pid=$first
vm_end
