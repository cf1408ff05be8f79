# How a Linux guest can end: reboot, power off, panic, and requests from outside.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 25

# The first life reboots; what is on the console tells the lives apart, and the second ends from outside.
guest_initrd 6.1-cloud 'echo "life up"; reboot -f'
vm_start --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cpus 2 --cmdline "$quiet"
lives() {
	[ "$(grep -c 'life up' $out)" -ge "$1" ]
}
check "reboot comes back up" until_true 40 lives 2
vm_end
check "a second SIGTERM ends it at once: 79" status_is 79

# The default init powers off when the power key is pressed.
vm_start --kernel "$(kernel 6.1-cloud)" --cmdline "$quiet" --exec 'echo waiting; sleep 1000'
check "it is up" until_true 40 console_has waiting
kill -TERM $pid
limit=20 vm_wait
check "SIGTERM presses the power key" says 'power key'
check "and the guest shuts down by itself, without having had a status: 81" status_is 81

vm --kernel "$(kernel 6.1-cloud)" --cmdline "quiet panic=-1" --exec 'echo c >/proc/sysrq-trigger'
check "a panic is told apart: 80" status_is 80
check "and said" says 'panicked'
check "with the reason on the console" console_has 'Kernel panic'
