# Debian's 6.1 kernel to userland. With the other boot-* cases, every kernel meets every number of CPUs and every memory size,
# and every number of CPUs meets three of the sizes.
# group: vhe-boot-6.1
# host: vhe
# needs: kernel:6.1
# seconds: 80

for machine in 1:256M 2:3G 4:5G 8:64M; do
	cpus=${machine%:*}
	memory=${machine#*:}
	vm --kernel "$(kernel 6.1)" --cpus "$cpus" --memory "$memory" --cmdline "$quiet" --exec \
		'echo cpus=$(nproc) rng=$(cat /sys/class/misc/hw_random/rng_current) memory=$(sed -n "s/MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo)'
	check "6.1 boots with $cpus CPUs and $memory" status_is 0
	check "$cpus CPUs are online" console_has "cpus=$cpus "
	check "virtio-rng has its driver with $cpus CPUs and $memory" console_has "rng=virtio_rng.0 "
	case $memory in
	64M) least=10000 most=65536 ;;
	256M) least=200000 most=262144 ;;
	3G) least=2900000 most=3145728 ;;
	5G) least=4900000 most=5242880 ;;
	esac
	seen=$(tr -d '\r' <$out | sed -n 's/.* memory=//p')
	check "the guest sees $memory" test "${seen:-0}" -gt $least -a "${seen:-0}" -le $most
done
