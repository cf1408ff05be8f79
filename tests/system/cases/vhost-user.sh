# Devices that another process serves, here minivmm-vhost-user, on both transports: what the guest draws, reads and writes goes
# through. Backends that cannot be used are in tests/cli.sh.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud backend strace
# seconds: 150

kernel=$(kernel 6.1-cloud)
rng=/tmp/case/rng.sock
blk=/tmp/case/blk.sock
image=/tmp/case/image
sum() {
	sha256sum "$1" | cut -d ' ' -f 1
}

head -c 8388608 /dev/urandom >$image
minivmm-vhost-user --device rng --socket-path $rng 2>/tmp/case/rng.err &
minivmm-vhost-user --device blk --disk path=$image,queues=2 --socket-path $blk 2>/tmp/case/blk.err &
until_true 20 test -S $rng
until_true 20 test -S $blk

for transport in mmio pci; do
	before=$(sum $image)
	vm --kernel "$kernel" --cpus 2 --no-rng --vhost-user rng,socket=$rng --vhost-user blk,socket=$blk,queues=2 --exec '
		cat /sys/class/misc/hw_random/rng_current
		dd if=/dev/hwrng bs=64 count=1000 iflag=fullblock 2>/dev/null >/tmp/drawn; sha256sum /tmp/drawn
		dd if=/dev/hwrng bs=64 count=1000 iflag=fullblock 2>/dev/null | sha256sum; wc -c </tmp/drawn
		sha256sum /dev/vda | cut -d " " -f 1; ls /sys/block/vda/mq | wc -l
		dd if=/tmp/drawn of=/dev/vda bs=512 seek=1000 conv=fsync 2>/dev/null
		sha256sum /dev/vda | sed "s/ .*/ written/"'
	check "$transport: a guest with an rng and a disk of another process" status_is 0
	check "$transport: the rng is the guest's" console_line virtio_rng.0
	check "$transport: it gives as much as is asked for" console_line 64000
	check "$transport: and never the same" test "$(grep -c '^[0-9a-f]\{64\}  ' $out)" = 2 -a \
		"$(grep '^[0-9a-f]\{64\}  ' $out | cut -d ' ' -f 1 | sort -u | wc -l)" = 2
	check "$transport: the disk holds what is in the image" console_line "$before"
	check "$transport: it has two queues" console_line 2
	check "$transport: what the guest wrote is in the image" console_line "$(sum $image) written"
	check "$transport: and is new there" test "$(sum $image)" != "$before"
	check "$transport: the monitor says nothing" test ! -s $err
done
transport=

# On PCI neither a kick nor its interrupt is the monitor's: 1000 requests more cost it no system call and no exit more.
exits() {
	awk '$1 ~ /^[0-9]+$/ && $2 == "exit" { n += $1 } END { print n + 0 }' $err
}
for draws in 100 1100; do
	limit=120 run strace -f -e signal=none -o /tmp/case/strace minivmm --kernel "$kernel" --no-rng --transport pci \
		--vhost-user rng,socket=$rng --cmdline "$quiet" --stats --exec \
		"dd if=/dev/hwrng of=/dev/null bs=64 count=$draws iflag=fullblock 2>/dev/null; echo the end"
	check "$draws requests under strace" console_line 'the end'
	echo "# $draws requests: $(wc -l </tmp/case/strace) system calls, $(exits) exits"
	[ $draws != 100 ] || few_calls=$(wc -l </tmp/case/strace) few_exits=$(exits)
done
check "no system call a request" test "$(($(wc -l </tmp/case/strace) - few_calls))" -lt 300
check "no exit to user space a request" test "$(($(exits) - few_exits))" -lt 100
