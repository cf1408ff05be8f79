# What a stock Linux guest has: random numbers, time, interrupts, CPUs that come and go.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud rngtest
# seconds: 60

guest_initrd 6.1-cloud '
echo "rng_current=$(cat /sys/class/misc/hw_random/rng_current)"
irqs() { awk "/virtio0/ { print \$2 + \$3 }" /proc/interrupts; }
before=$(irqs)
dd if=/dev/hwrng of=/tmp/random bs=64k count=16 iflag=fullblock 2>/dev/null
echo "bytes=$(wc -c </tmp/random) repeated=$(hexdump -v -e "16/1 \"%02x\" \"\n\"" /tmp/random | sort | uniq -d | wc -l)"
after=$(irqs)
echo "irqs before=$before after=$after"
[ "$after" -gt "$before" ] && echo "interrupts rise"
/lib/ld-linux-aarch64.so.1 --library-path /lib /rngtest </tmp/random 2>&1 | grep -E "FIPS 140-2 (success|fail)"
echo "epoch=$(date +%s)"
echo "online=$(cat /sys/devices/system/cpu/online)"
echo 0 >/sys/devices/system/cpu/cpu1/online && echo "unplugged=$(cat /sys/devices/system/cpu/online)"
echo 1 >/sys/devices/system/cpu/cpu1/online && echo "replugged=$(cat /sys/devices/system/cpu/online)"
echo "stdout-path=$(tr -d "\\0" </proc/device-tree/chosen/stdout-path)"
dmesg | grep -iE "unknown symbol|BUG:|WARNING:|call trace" | sed "s/^/bad: /"
echo the end
'
start=$(date +%s)
vm --kernel "$(kernel 6.1-cloud)" --initrd $initrd --cpus 2 --cmdline "$quiet"
check "poweroff exits 0" status_is 0
check "the test in the guest came to its end" console_line 'the end'
check "the kernel has nothing to complain of" console_lacks "bad: "
check "the kernel's random numbers come from virtio-rng" console_line 'rng_current=virtio_rng\.0'
check "1 MiB from /dev/hwrng, no 16 bytes twice" console_line 'bytes=1048576 repeated=0'
check "rngtest: blocks pass" console_has 'FIPS 140-2 successes'
failures=$(tr -d '\r' <$out | sed -n 's/.*FIPS 140-2 failures: //p')
check "rngtest: at most 3 of 419 blocks fail (good noise fails 1 in 1250)" test "${failures:-99}" -le 3
check "the virtio0 interrupt count rises" console_line 'interrupts rise'
epoch=$(tr -d '\r' <$out | sed -n 's/^epoch=//p')
check "the date is right" test "${epoch:-0}" -ge "$start" -a "${epoch:-0}" -le "$(($(date +%s) + 1))"
check "all CPUs are online" console_line 'online=0-1'
check "a CPU can be unplugged" console_line 'unplugged=0'
check "and plugged in again" console_line 'replugged=0-1'
