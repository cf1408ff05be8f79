# 100 reboots in one process leave nothing behind: no file descriptor, no thread, no memory.
# group: vhe-small
# host: vhe
# seconds: 15

boots() {
	[ "$(grep -c '^boot' $out)" -ge "$1" ]
}
# A reboot is always on its way while one looks, with fewer of everything: the most of some looks.
most() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		ls /proc/$pid/"$1" 2>/dev/null | wc -l
		sleep 0.02
	done | sort -n | tail -n 1
}
rss() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status
		sleep 0.03
	done | sort -n | head -n 1
}

vm_start --kernel /guests/reset.bin --cpus 2
check "it reboots" until_true 20 boots 5
fds=$(most fd)
threads=$(most task)
kib=$(rss)
check "100 times more" until_true 100 boots 105
# Looks can miss a few of those that come and go; one left behind by each reboot is a hundred.
check "no more file descriptors" test "$(most fd)" -le $((fds + 5))
check "no more threads" test "$(most task)" -le $((threads + 2))
check "no more than 256 KiB of memory more" test "$(rss)" -le $((kib + 256))
vm_end
check "each life found a clean machine" status_is 79
