# SPDX-License-Identifier: Apache-2.0
# What the rows are written with: how each monitor is started, and the figures taken of it. Sourced by busybox sh on the emulated
# host, for one monitor at a time ($monitor).
#
#	vm [MEASURE OPTION]...		runs the monitor with $memory (MiB), $cpus, $kernel, $initrd, $cmdline, $disk, $transport,
#				and an rng of the backend at $vhost_user
#	at init				what measure wrote down of that: ns
#	figure "rng, mmio" M 170.1	a figure of the table; $better says which way is better
# shellcheck shell=sh disable=SC2034,SC3043

# For tests/bench/profile; more options for minivmm.
marks='' extra=''

out=/tmp/out
err=/tmp/err
quiet='quiet nokaslr'

defaults() {
	memory=256 cpus=1 kernel=/vmlinuz initrd=/boot.cpio cmdline=$quiet disk='' transport='' better=lower rng=1 pmu='' vhost_user=''
}
defaults

say() {
	echo "# $monitor: $*"
}

figure() {
	printf 'figure\t%s\t%s\t%s\t%s\t%s\n' "$monitor" "$1" "$2" "$better" "$3"
}

huge_pages() {
	echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled
}

# Each of these is "COMMAND of the monitor" for vm; "$@" is what goes in front of it. The guest's machine is the same for all: what not
# every monitor gives (a PMU), it has only in the row that is about it.
vm_minivmm() {
	set -- "$@" /usr/bin/minivmm --memory "${memory}M" --cpus "$cpus" --kernel "$kernel"
	[ -z "$initrd" ] || set -- "$@" --initrd "$initrd" --cmdline "$cmdline"
	[ -n "$rng" ] || set -- "$@" --no-rng
	[ -z "$vhost_user" ] || set -- "$@" --vhost-user "rng,socket=$vhost_user"
	[ -n "$pmu" ] || set -- "$@" --cpu-features pmu=off
	[ -z "$disk" ] || set -- "$@" --disk "path=$disk"
	# shellcheck disable=SC2086
	set -- "$@" $extra
	if [ -n "$transport" ] && minivmm --help | grep -q -- '--transport'; then
		set -- "$@" --transport "$transport"
	fi
	"$@"
}

vm_qemu() {
	local bus=device cpu=host
	[ "$transport" != pci ] || bus=pci
	[ -n "$pmu" ] || cpu=host,pmu=off
	set -- "$@" /usr/bin/qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu "$cpu" -m "$memory" -smp "$cpus" \
		-nodefaults -no-user-config -display none -serial stdio -global virtio-mmio.force-legacy=false -kernel "$kernel"
	[ -z "$rng" ] || set -- "$@" -device "virtio-rng-$bus"
	[ -z "$vhost_user" ] || set -- "$@" -object "memory-backend-memfd,id=ram,size=${memory}M,share=on" \
		-machine memory-backend=ram -chardev "socket,id=user,path=$vhost_user" \
		-device "vhost-user-rng$([ "$bus" != pci ] || echo -pci),chardev=user"
	[ -z "$initrd" ] || set -- "$@" -initrd "$initrd" -append "$cmdline"
	[ -z "$disk" ] || set -- "$@" -drive "file=$disk,format=raw,if=none,id=disk" -device "virtio-blk-$bus,drive=disk"
	"$@"
}

vm_kvmtool() {
	set -- "$@" /usr/bin/kvmtool run -m "$memory" -c "$cpus" -k "$kernel" --console serial --network mode=none
	[ -z "$rng" ] || set -- "$@" --rng
	[ -z "$pmu" ] || set -- "$@" --pmu
	[ -z "$initrd" ] || set -- "$@" -i "$initrd" -p "$cmdline console=ttyS0"
	[ -z "$disk" ] || set -- "$@" -d "$disk"
	[ -z "$transport" ] || set -- "$@" --virtio-transport "$transport"
	"$@"
}

vm_firecracker() {
	local part=''
	[ -z "$initrd" ] || part=", \"initrd_path\": \"$initrd\", \"boot_args\": \"$cmdline console=ttyS0\""
	cat >/tmp/firecracker.json <<-END
		{ "boot-source": { "kernel_image_path": "$kernel" $part },
		  "machine-config": { "vcpu_count": $cpus, "mem_size_mib": $memory }
		  ${rng:+, "entropy": {\}}
		  ${disk:+, "drives": [ { "drive_id": "disk", "path_on_host": "$disk", "is_root_device": false,
			"is_read_only": false } ]}
		}
	END
	set -- "$@" /usr/bin/firecracker --no-api --level Off --config-file /tmp/firecracker.json
	[ "$transport" != pci ] || set -- "$@" --enable-pci
	"$@"
}

# Every measurement finds the host at rest: nothing of the last one is still being freed, and what the kernel keeps ready for a second
# (the switch that the first PMU of any guest waits for) is off again.
vm() {
	sync
	sleep 3
	"vm_$monitor" /bench/measure ${marks:+--mark} "$@" -- >$out 2>$err
	[ -z "$marks" ] || sed -n 's/^mark\|^base/# &/p' $out
	if ! grep -q '^at init' $out; then
		say "no sign of the guest (memory $memory MiB, $cpus CPUs${transport:+, $transport}); the last it said:"
		tail -n 5 $err
		return 1
	fi
	if grep '^value failed' $out || grep '@failed' $err; then
		say "the guest could not do its work"
		return 1
	fi
}

# Only the command line, for strace.
vm_traced() {
	"vm_$monitor" strace "$@" >$out 2>$err </dev/null
}

# Can it offer devices this way?
has_transport() {
	[ "$1" = pci ] || return 0
	case $monitor in
	minivmm) minivmm --help | grep -q -- '--transport' ;;
	firecracker) firecracker --help | grep -q -- '--enable-pci' ;;
	*) ;;
	esac
}

# What measure wrote down: at NAME and fact entry, fact exit in ns; what the guest said with NAME; KiB; a counter of KVM.
at() {
	awk -v name="$1" '$1 == "at" && $2 == name { print $3; exit }' $out
}
value() {
	awk -v name="$1" '$1 == "value" && $2 == name { print $3; exit }' $out
}
fact() {
	awk -v kind="$1" '$1 == kind { print $2; exit }' $out
}
memory_at() {
	awk -v name="$1" -v kind="$2" '$1 == "memory" && $2 == name && $3 == kind { print $4; exit }' $out
}
counter() {
	awk -v name="$1" -v kind="$2" '$1 == "counter" && $2 == name && $3 == kind { print $4; exit }' $out
}
# threads NAME, descriptors NAME
count_at() {
	awk -v kind="$1" -v name="$2" '$1 == kind && $2 == name { print $3; exit }' $out
}

# calculate EXPRESSION: to four digits behind the point.
calculate() {
	awk "BEGIN { printf \"%.4f\", $1 }"
}
millions() {
	calculate "$1 / 1e6"
}

# KVM's counter KIND for each of COUNT requests: what the work added, less what as long a time without work added.
exits_per_request() {
	awk -v kind="$1" -v count="$2" '
		$1 == "counter" && $3 == kind { at[$2] = $4 }
		END { printf "%.2f", ((at["after"] - at["before"]) - (at["before"] - at["quiet"])) / count }' $out
}

# The first run of all pays for what later ones find ready: random numbers, KVM's caches.
warm_up() {
	dd if=/dev/random of=/dev/null bs=16 count=1 2>/dev/null
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	mkdir -p "$HOME"
	kernel=/bench/tiny.bin initrd='' rng='' vm --entry || return
	defaults
}
