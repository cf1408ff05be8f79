# SPDX-License-Identifier: Apache-2.0
# The system tests' half on this machine: cases are put together by the emulated host they need, one emulated host runs a group
# of them, two hosts at a time. Sourced by tests/run, whose functions it uses.
# shellcheck shell=bash
#
# A case is a file of tests/system/cases, whose header lines say what it needs:
#	# group: NAME		cases of one group share one emulated host (the default: the host's name)
#	# host: vhe|nvhe|gicv2|max
#	# needs: kernel:NAME installer strace rngtest disktools bigdisk dial rebind pcitools backend qemu vhosttools asan	what is carried in
#	# seconds: N		about how long it takes; the limit is 4 times that and a minute

cases=$root/tests/system/cases

# header CASE WORD: the value of a header line.
header() {
	sed -n "s/^# $2: *//p" "$1" | head -n 1
}

group_of() {
	local group
	group=$(header "$1" group)
	echo "${group:-$(header "$1" host)}"
}

# Options of guest/emulated-host for a kind of host.
host_options() {
	case $1 in
	vhe) echo --cpu cortex-a76 --gic 3 ;;
	nvhe) echo --cpu cortex-a72 --gic 3 ;;
	gicv2) echo --cpu cortex-a72 --gic 2 ;;
	max) echo --cpu max,pauth-impdef=on --gic 3 ;;
	*) die "unknown kind of host: $1" ;;
	esac
}

# need_options WHAT: what to carry in for one word of "needs".
need_options() {
	local lib=$cache/arm64/lib/aarch64-linux-gnu
	case $1 in
	kernel:*) echo --add "$(guest_kernel "${1#kernel:}"):/kernels/${1#kernel:}" ;;
	installer) echo --add "$cache/installer/linux:/installer/linux" --add "$cache/installer/initrd.gz:/installer/initrd.gz" ;;
	libc) echo --add "$lib/libc.so.6:/lib/libc.so.6" --add "$lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1" ;;
	strace) need_options libc && echo --add "$cache/arm64/usr/bin/strace:/usr/bin/strace" ;;
	rngtest) echo --add "$cache/guest-tools:/guest-tools" ;;
	pcitools) echo --add "$cache/pci-tools:/pci-tools" ;;
	disktools) echo --add "$cache/disk-tools:/disk-tools" ;;
	bigdisk) echo --drive "$cache/bigdisk" --add "$cache/bigdisk.sha256:/bigdisk.sha256" ;;
	qemu) echo --add "$cache/qemu:/qemu" ;;
	vhosttools) echo --add "$cache/vhost-tools:/vhost-tools" ;;
	backend) echo --add "$build/arm64/vmm/minivmm-vhost-user:/usr/bin/minivmm-vhost-user" ;;
	dial) echo --add "$build/arm64/tests/system/dial:/usr/bin/dial" ;;
	rebind) echo --add "$logs/system/rebind:/rebind" ;;
	asan) echo --add "$build/arm64-asan/vmm/minivmm:/asan/minivmm" --add "$cache/asan-lib:/lib" ;;
	*) die "unknown need: $1" ;;
	esac
}

# run_group NAME CASE...: its output goes to build/tests/system/NAME.log, marked where a case begins and ends.
run_group() {
	local group=$1 needs limit=60 options
	shift
	needs=$(for c; do header "$c" needs; done | tr ' ' '\n' | sort -u)
	for c; do limit=$((limit + 4 * $(header "$c" seconds) + 60)); done
	options="$(host_options "$(header "$1" host)") $(for n in $needs; do need_options "$n"; done | tr '\n' ' ')"
	# shellcheck disable=SC2086
	"$root/guest/emulated-host" $options --timeout "$limit" --log "$logs/system/$group.kernel" \
		--add "$build/arm64/minivmm:/usr/bin/minivmm" --add "$build/arm64/tests/system/pty:/usr/bin/pty" \
		--add "$build/arm64/tests/system/trace-check:/usr/bin/trace-check" \
		--add "$build/arm64/tests/system/replay:/usr/bin/replay" \
		--add "$logs/guests:/guests" --add "$root/tests/system/lib.sh:/tests/lib.sh" \
		--add "$root/tests/system/autopsy:/tests/autopsy" --add "$root/tests/system/run-cases:/tests/run-cases" \
		--add "$cases:/tests/cases" -- \
		/tests/run-cases "$(for c; do printf '%s:%s ' "$(basename "$c" .sh)" "$(($(header "$c" seconds) * 4 + 60))"; done)" \
		>"$logs/system/$group.log" 2>"$logs/system/$group.err" || :
}

# One case's part of a group's log: TAP, and the exit status after it.
report_case() {
	local group=$1 name=$2 file=$logs/system/$2.log status
	tr -d '\r' <"$logs/system/$group.log" | sed -n "/^## case $name\$/,/^## end $name /p" >"$file"
	status=$(sed -n "s/^## end $name //p" "$file")
	sed -i '/^## /d' "$file"
	if [ -z "$status" ]; then
		# The emulated host ended, or was ended, in the middle.
		cat "$logs/system/$group.err" >>"$file"
		status=none
	fi
	report "system/$name" "$file" "$status"
}

build_system() {
	build_arm64 vmm/minivmm-vhost-user tests/system/dial tests/system/pty tests/system/replay tests/system/trace-check tests/system/rebind guests || return
	[ -x "$build/arm64/minivmm" ]
}

# 1 GiB of random bytes, which a disk of an emulated host is made of, and their hash. Made once: nothing writes to it.
big_disk() {
	[ ! -f "$cache/bigdisk.sha256" ] || return 0
	head -c 1G /dev/urandom >"$cache/bigdisk"
	sha256sum <"$cache/bigdisk" >"$cache/bigdisk.new"
	mv "$cache/bigdisk.new" "$cache/bigdisk.sha256"
}

# What a guest is given to test its random numbers with, and the guests themselves.
gather() {
	local lib=$cache/arm64/lib/aarch64-linux-gnu
	mkdir -p "$cache/guest-tools/lib" "$logs/guests" "$logs/system"
	cp -L "$lib/libc.so.6" "$lib/ld-linux-aarch64.so.1" "$cache/guest-tools/lib/"
	cp "$cache/arm64/usr/bin/rngtest" "$cache/guest-tools/"
	if [ -n "$asan" ]; then
		mkdir -p "$cache/asan-lib"
		for l in libasan.so.8 libubsan.so.1 libgcc_s.so.1 libm.so.6 libstdc++.so.6 libc.so.6 ld-linux-aarch64.so.1 \
			libz.so.1 libzstd.so.1 liblzma.so.5 libfdt.so.1; do
			for d in /usr/aarch64-linux-gnu/lib "$lib" "$cache/arm64/usr/lib/aarch64-linux-gnu" /lib/aarch64-linux-gnu \
				/usr/lib/aarch64-linux-gnu /usr/lib/gcc/aarch64-linux-gnu/12; do
				if [ -e "$d/$l" ]; then cp -L "$d/$l" "$cache/asan-lib/" && break; fi
			done
		done
	fi
	cp "$build"/arm64/guest/tests/*.bin "$logs/guests/"
	# A disk of it has only whole sectors.
	cp "$build/arm64/tests/system/rebind" "$logs/system/rebind"
	truncate -s %512 "$logs/system/rebind"
	if [ -n "$big" ]; then
		step "making a disk of 1 GiB" big_disk
	fi
}

# The case is wanted when the pattern is in its name or in the text of one of its checks.
case_wanted() {
	wanted "system/$(basename "$1" .sh)" || grep -qF -- "$pattern" "$1"
}

system_tests() {
	local chosen=() groups c g members running=0 asan='' big=''
	for c in "$cases"/*.sh; do
		if case_wanted "$c"; then
			chosen+=("$c")
			! grep -q '^# needs:.*asan' "$c" || asan=1
			! grep -q '^# needs:.*bigdisk' "$c" || big=1
		fi
	done
	[ "${#chosen[@]}" -gt 0 ] || return 0
	step "building (aarch64)" build_system || {
		build_failed aarch64
		return 0
	}
	if [ -n "$asan" ]; then
		step "building (aarch64, ASan)" build_arm64_asan || build_failed "aarch64 ASan"
	fi
	gather
	# Longest group first, so that the two lanes end close together.
	groups=$(for c in "${chosen[@]}"; do echo "$(group_of "$c") $(header "$c" seconds)"; done |
		awk '{ t[$1] += $2 } END { for (g in t) print t[g], g }' | sort -rn)
	say "system tests: $(echo "$groups" | wc -l) emulated hosts, two at a time"
	while read -r _ g; do
		members=()
		for c in "${chosen[@]}"; do
			[ "$(group_of "$c")" != "$g" ] || members+=("$c")
		done
		if [ "$running" -ge 2 ]; then
			wait -n || :
			running=$((running - 1))
			report_finished
		fi
		(
			run_group "$g" "${members[@]}"
			for c in "${members[@]}"; do basename "$c" .sh; done >"$logs/system/$g.done"
		) &
		running=$((running + 1))
	done <<<"$groups"
	while [ "$running" -gt 0 ]; do
		wait -n || :
		running=$((running - 1))
		report_finished
	done
}

report_finished() {
	local done group name
	for done in "$logs"/system/*.done; do
		[ -f "$done" ] || continue
		group=$(basename "$done" .done)
		while read -r name; do
			report_case "$group" "$name"
		done <"$done"
		mv "$done" "$logs/system/$group.reported"
	done
}
