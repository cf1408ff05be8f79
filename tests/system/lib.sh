# SPDX-License-Identifier: Apache-2.0
# What system test cases are written with: run minivmm, look at what came of it. Sourced by busybox sh in the emulated host;
# the plan is printed by run-cases when the case came to its end.
#
#	vm --kernel /guests/hello.bin		runs minivmm: console in $out, standard error in $err, exit status in $status
#	check "prints hello" console_has hello	one case: ok or not ok, with what there is to see when not

cases_run=0
cases_failed=0
out=/tmp/case/out
err=/tmp/case/err
status=
said=''
transport='' # pci: every virtio device of the case is there, so that cases can be run again by another (disk-pci.sh)
quiet='quiet loglevel=1' # a guest's kernel messages cost an exit a letter
: >$out
: >$err

# The kernels carried in: kernel 6.1-cloud.
kernel() {
	ls /kernels/"$1"/boot/vmlinuz-*
}

# minivmm with nothing to type. After $limit seconds (default 200) it is shown what there is to see of it (autopsy) and it is asked to
# end, which presses a guest's power key, and 5 seconds later killed: status 137.
vm() {
	set -- ${transport:+--transport $transport} "$@"
	said="minivmm $*"
	minivmm "$@" </dev/null >$out 2>$err &
	child=$!
	end_late $child &
	guard=$!
	wait $child 2>/dev/null
	status=$?
	kill $guard 2>/dev/null
	wait $guard 2>/dev/null
}

end_late() {
	sleeper=
	trap 'kill $sleeper 2>/dev/null; exit' TERM
	sleep "${limit:-200}" &
	sleeper=$!
	wait $sleeper
	echo "# not over after ${limit:-200} s: $said"
	/tests/autopsy "$1" 2>&1 | tr -d '\r' | sed 's/^/# | /'
	kill -TERM "$1"
	sleep 5 &
	sleeper=$!
	wait $sleeper
	kill -KILL "$1" 2>/dev/null
}

# Any program, in place of minivmm.
run() {
	said="$*"
	timeout -k 5 "${limit:-200}" "$@" </dev/null >$out 2>$err
	status=$?
}

# In the background: $pid. The console is in $out as it comes.
vm_start() {
	set -- ${transport:+--transport $transport} "$@"
	said="minivmm $* &"
	# Now, and not when the child comes to it: what the guest before said is not to be taken for this one's.
	: >$out
	: >$err
	minivmm "$@" </dev/null >$out 2>$err &
	pid=$!
}

# Two requests to end: the second one is not told from the first before the first was seen.
vm_end() {
	kill -TERM $pid
	until_true 10 says 'power key'
	kill -TERM $pid
	vm_wait
}

vm_wait() {
	i=0
	while kill -0 "$pid" 2>/dev/null && [ $i -lt $((${limit:-200} * 10)) ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -KILL "$pid" 2>/dev/null && echo "# still running after ${limit:-200} s: killed"
	wait "$pid" 2>/dev/null
	status=$?
}

# until_true SECONDS COMMAND...
until_true() {
	tries=$(($1 * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

check() {
	cases_run=$((cases_run + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $cases_run - $name"
		return 0
	fi
	echo "not ok $cases_run - $name"
	cases_failed=$((cases_failed + 1))
	echo "# failed: $*"
	echo "# after: $said"
	echo "# status: $status; console (end):"
	tail -n 25 $out | tr -d '\r' | sed 's/^/# > /'
	echo "# standard error (end):"
	tail -n 25 $err | tr -d '\r' | sed 's/^/# > /'
	return 1
}

skip() {
	cases_run=$((cases_run + 1))
	echo "ok $cases_run - $1 # SKIP $2"
}

plan() {
	echo "1..$cases_run"
	[ $cases_failed = 0 ]
}

# Conditions.
status_is() {
	[ "$status" = "$1" ]
}

console_has() {
	grep -qF -- "$1" $out
}

console_lacks() {
	! grep -qF -- "$1" $out
}

# A whole line of the console (the guest's \r left out).
console_line() {
	tr -d '\r' <$out | grep -qxE -- "$1"
}

says() {
	grep -qF -- "$1" $err
}

# Exactly one line on standard error, "minivmm: ..." with the text in it, and nothing on the console.
one_line() {
	[ "$(wc -l <$err)" = 1 ] && grep -q '^minivmm: ' $err && says "$1"
}

not() {
	! "$@"
}

# How often --stats counted: stats KIND DEVICE [REGISTER]; 0 when there is no such row.
stats() {
	awk -v kind="$1" -v device="$2" -v reg="${3:-}" '
		$1 ~ /^[0-9]+$/ && $2 == kind && $3 == device && (reg == "" || $4 == reg) { n += $1 } END { print n + 0 }' $err
}

# An initramfs of our own in $initrd, which runs TEXT (shell) in the guest after loading its virtio drivers and then powers off:
# guest_initrd KERNEL_NAME TEXT.
guest_initrd() {
	tree=/tmp/case/tree
	initrd=/tmp/case/initrd
	rm -rf $tree && mkdir -p $tree/bin $tree/modules $tree/proc $tree/sys $tree/dev $tree/lib $tree/tmp
	cp /bin/busybox $tree/bin/
	for d in /guest-tools /pci-tools; do
		[ ! -d $d ] || cp -r $d/* $tree/
	done
	for m in virtio/virtio_ring virtio/virtio virtio/virtio_mmio virtio/virtio_pci_legacy_dev virtio/virtio_pci_modern_dev \
		virtio/virtio_pci char/hw_random/rng-core char/hw_random/virtio-rng block/virtio_blk; do
		for f in /kernels/"$1"/lib/modules/*/kernel/drivers/$m.ko*; do
			[ ! -f "$f" ] || cp "$f" $tree/modules/
		done
	done
	cat >$tree/init <<-'END'
		#!/bin/busybox sh
		export PATH=/bin
		/bin/busybox --install -s /bin
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t devtmpfs dev /dev
		exec </dev/console >/dev/console 2>&1
		for m in virtio_ring virtio virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci rng-core virtio-rng \
			virtio_blk; do
			[ ! -f /modules/$m.ko.xz ] || unxz /modules/$m.ko.xz
			[ ! -f /modules/$m.ko ] || insmod /modules/$m.ko || echo "insmod $m failed"
		done
		. /test
		sync
		poweroff -f
	END
	echo "$2" >$tree/test
	chmod 755 $tree/init
	(cd $tree && find . | cpio -o -H newc 2>/dev/null) >$initrd
}

# boots_with KERNEL CPUS:MEMORY...: that kernel to userland on each of these machines, with all it was given.
boots_with() {
	boots_kernel=$1
	shift
	for machine; do
		cpus=${machine%:*}
		memory=${machine#*:}
		vm --kernel "$(kernel "$boots_kernel")" --cpus "$cpus" --memory "$memory" --cmdline "$quiet" --exec \
			'echo cpus=$(nproc) rng=$(cat /sys/class/misc/hw_random/rng_current) memory=$(sed -n "s/MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo)'
		check "$boots_kernel boots with $cpus CPUs and $memory" status_is 0
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
}
