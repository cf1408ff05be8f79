# A backend that is killed under load and comes back, twenty times: the guest waits, and every byte it wrote is there. Without
# reconnect= its device needs a reset. One that says nothing, one that lies and one that comes and goes cost nobody else anything.
# group: vhe-backend
# host: vhe
# needs: kernel:6.1-cloud backend
# seconds: 200

kernel=$(kernel 6.1-cloud)
rng=/tmp/case/rng.sock
blk=/tmp/case/blk.sock
image=/tmp/case/image
last=2047 # block of 4 KiB in which the host tells the guest to end

# In $backend, for socket $1.
start_backend() {
	socket=$1
	shift
	minivmm-vhost-user --socket-path "$socket" "$@" 2>>/tmp/case/backend.err &
	backend=$!
}
deaths() {
	[ "$(grep -c 'vhost-user-blk: the backend is gone' $err)" = "$1" ]
}
returns() {
	[ "$(grep -c 'vhost-user-blk: the backend is back' $err)" = "$1" ]
}

# The guest writes what it has drawn, at once and by the page cache, and looks at it again.
load="
i=0 bad=0
while ! dd if=/dev/vda bs=4096 skip=$last count=1 iflag=direct 2>/dev/null | grep -q enough; do
	at=\$((i % 6)) i=\$((i + 1))
	dd if=/dev/urandom of=/tmp/data bs=4k count=128 2>/dev/null
	{ dd if=/tmp/data of=/dev/vda bs=16k count=16 seek=\$((at * 64)) oflag=direct 2>/tmp/1 || cat /tmp/1; } &
	{ dd if=/tmp/data of=/dev/vda bs=64k count=4 skip=4 seek=\$((at * 16 + 4)) conv=fsync 2>/tmp/2 || cat /tmp/2; } &
	wait
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/vda bs=64k count=8 skip=\$((at * 16)) 2>/dev/null | cmp - /tmp/data || bad=1
	[ \$i -gt 1 ] || echo loaded
done
sed 's/^/segments /' /sys/block/vda/queue/max_segments
echo rounds=\$i bad=\$bad
sha256sum /dev/vda | sed 's/ .*/ whole/'"

for transport in mmio pci; do
	head -c 8388608 /dev/urandom >$image
	start_backend $blk --device blk --disk path=$image
	until_true 20 test -S $blk
	limit=200 vm_start --kernel "$kernel" --cpus 2 --cmdline "$quiet" --vhost-user blk,socket=$blk,reconnect=1 --exec "$load"
	until_true 100 console_line loaded
	fds=$(ls /proc/$pid/fd | wc -l)
	threads=$(ls /proc/$pid/task | wc -l)
	n=0
	while [ $n -lt 20 ]; do
		n=$((n + 1))
		kill -9 $backend
		until_true 10 deaths $n || break
		start_backend $blk --device blk --disk path=$image
		until_true 20 returns $n || break
		sleep 0.5
	done
	check "$transport: a backend dies and returns twenty times" returns 20
	check "$transport: no descriptor is left open by it" test "$(ls /proc/$pid/fd | wc -l)" = "$fds"
	check "$transport: and no thread" test "$(ls /proc/$pid/task | wc -l)" = "$threads"
	printf enough | dd of=$image bs=4096 seek=$last conv=notrunc 2>/dev/null
	vm_wait
	check "$transport: the guest ends well" status_is 0
	check "$transport: what it read was what it wrote" console_line 'rounds=[0-9]* bad=0'
	check "$transport: a request is not longer than the ring of 128" console_line 'segments 126'
	check "$transport: under load all the time" test "$(tr -d '\r' <$out | sed -n 's/^rounds=\([0-9]*\).*/\1/p')" -gt 4
	check "$transport: and the image holds it" console_line "$(sha256sum $image | cut -d ' ' -f 1) whole"
	kill $backend
	rm -f $blk
done
transport=

# For good: the driver is told, and the rest of the guest goes on.
start_backend $rng --device rng
until_true 20 test -S $rng
vm_start --kernel "$kernel" --no-rng --cmdline "$quiet" --vhost-user rng,socket=$rng --exec \
	'dd if=/dev/hwrng bs=64 count=10 of=/dev/null iflag=fullblock 2>/dev/null; echo drawn; sleep 5; echo alive'
until_true 60 console_line drawn
kill -9 $backend
vm_wait
check "without reconnect= the loss is told once" test \
	"$(grep -c 'vhost-user-rng: the backend is given up: it closed the connection' $err)" = 1
check "and the guest goes on" console_line alive
check "to its end" status_is 0

# It stops for good in the middle of its work: whoever asks it for something waits 3 seconds, once.
rm -f $rng
start_backend $rng --device rng
until_true 20 test -S $rng
vm_start --kernel "$kernel" --no-rng --cmdline "$quiet" --vhost-user rng,socket=$rng --exec '
	dd if=/dev/hwrng bs=64 count=10 of=/dev/null iflag=fullblock 2>/dev/null; echo drawn; sleep 3
	echo virtio0 >/sys/bus/virtio/drivers/virtio_rng/unbind; echo unbound; sleep 1; echo alive'
until_true 60 console_line drawn
kill -STOP $backend
vm_wait
check "a backend that is silent is given up" \
	test "$(grep -c 'vhost-user-rng: the backend is given up: GET_VRING_BASE: the peer does not answer' $err)" = 1
check "its device is taken away all the same" console_line unbound
check "and the guest goes on to its end" console_line alive
check "with its own status" status_is 0
kill -KILL $backend

# Another device in its place is not what the guest has a driver for.
rm -f $rng
start_backend $rng --device rng
until_true 20 test -S $rng
vm_start --kernel "$kernel" --no-rng --cmdline "$quiet" --vhost-user rng,socket=$rng,reconnect=1 --exec \
	'dd if=/dev/hwrng bs=64 count=10 of=/dev/null iflag=fullblock 2>/dev/null; echo drawn; sleep 8; echo alive'
until_true 60 console_line drawn
kill -9 $backend
start_backend $rng --device blk --disk path=$image
vm_wait
check "a backend that returns as something else is given up" says 'vhost-user-rng: the backend is given up: '
check "which the guest outlives" console_line alive
kill $backend
