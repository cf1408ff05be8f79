# 100 reboots in one process leave nothing behind: no file descriptor, no thread, no memory.
# group: vhe-small
# host: vhe
# seconds: 15

boots() {
	[ "$(grep -c '^boot' $out)" -ge "$1" ]
}
# A reboot can be on its way while one looks: the least of some looks.
least() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		ls /proc/$pid/"$1" 2>/dev/null | wc -l
		sleep 0.03
	done | sort -n | head -n 1
}
rss() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status
		sleep 0.03
	done | sort -n | head -n 1
}

vm_start --kernel /guests/reset.bin --cpus 2
check "it reboots" until_true 20 boots 5
fds=$(least fd)
threads=$(least task)
kib=$(rss)
check "100 times more" until_true 100 boots 105
check "the same number of file descriptors" test "$(least fd)" = "$fds"
check "the same number of threads" test "$(least task)" = "$threads"
check "no more than 256 KiB of memory more" test "$(rss)" -le $((kib + 256))
vm_end
check "each life found a clean machine" status_is 79
