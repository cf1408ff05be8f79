# SPDX-License-Identifier: Apache-2.0
# What the scripts share: where things are, how progress and failures are shown, how the trees are built. Sourced, not run.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
cache=$build/cache
machine=$(uname -m)
me=$(basename "$0")
SECONDS=0

say() {
	echo "$me: $*" >&2
}

die() {
	echo "$me: $*" >&2
	exit 1
}

# step TEXT COMMAND...: one line of progress, "TEXT ... 12 s"; the command's output goes to $log, its end is shown on failure.
step() {
	local text=$1 start=$SECONDS status=0
	shift
	printf '%s: %s ... ' "$me" "$text" >&2
	printf '\n== %s: %s\n' "$text" "$*" >>"$log"
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	if [ "$status" -ne 0 ]; then
		echo "failed" >&2
		sed -n '/^== /h; /^== /!H; ${x; p}' "$log" | tail -n 25 | sed 's/^/    /' >&2
		return "$status"
	fi
	echo "$((SECONDS - start)) s" >&2
}

# Can this machine run minivmm itself, and not only in the emulated host?
native_kvm() {
	[ "$machine" = aarch64 ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]
}

# The newest vmlinuz of build/cache/kernels/NAME.
kernel_path() {
	local found
	found=$(find "$cache/kernels/$1/boot" -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$found" ] || die "no kernel in build/cache/kernels/$1; run guest/setup"
	echo "$found"
}

# build_tree NAME [meson setup options]: configures build/NAME when new or when the options changed, and compiles it; only
# $targets of it when that is set.
build_tree() {
	local name=$1 want
	shift
	local tree=$build/$name
	want="$*"
	mkdir -p "$build"
	(
		flock 8
		# Chained: nobody's set -e reaches in here when the caller looks at the status.
		if [ ! -f "$tree/build.ninja" ] || [ "$(cat "$tree/.options" 2>/dev/null)" != "$want" ]; then
			rm -rf "$tree" && meson setup "$tree" "$root" "$@" && printf '%s' "$want" >"$tree/.options" || exit
		fi
		# shellcheck disable=SC2086
		nice ninja --quiet -C "$tree" ${targets:-}
	) 8>"$build/.$name.lock"
}

# Static and position independent, so that one file runs on any aarch64 Linux whatever its libraries. Arguments: what to build
# beside minivmm.
build_arm64() {
	local targets="vmm/minivmm $*"
	local options=(--buildtype=debugoptimized -Dprefer_static=true -Dunit_tests=false) strip=strip
	if [ "$machine" = aarch64 ]; then
		options+=(-Dc_link_args=-static-pie)
	else
		options+=(--cross-file "$cache/aarch64.cross"
			"-Dc_link_args=-static-pie -L$cache/arm64/usr/lib/aarch64-linux-gnu")
		strip=aarch64-linux-gnu-strip
	fi
	build_tree arm64 "${options[@]}" || return
	# meson strips on install only; the tree is used in place.
	if [ -f "$build/arm64/vmm/minivmm" ] && [ "$build/arm64/vmm/minivmm" -nt "$build/arm64/minivmm" ]; then
		$strip -o "$build/arm64/minivmm.new" "$build/arm64/vmm/minivmm"
		mv "$build/arm64/minivmm.new" "$build/arm64/minivmm"
	fi
}

# module_subset FROM TO: of a lib/modules/VERSION what a guest can need to reach its devices; all of it would fill the
# emulated host's memory.
module_subset() {
	local from=$1 to=$2 part
	mkdir -p "$to/kernel"
	find "$from" -maxdepth 1 -type f -exec cp -t "$to" {} +
	for part in drivers/virtio drivers/char/hw_random drivers/block/virtio_blk.* drivers/net/virtio_net.* \
		drivers/net/net_failover.* net/core/failover.* net/vmw_vsock drivers/char/virtio_console.* fs/fuse fs/9p net/9p \
		fs/netfs fs/fscache lib/crc* crypto/crc* fs/ext4 fs/jbd2 fs/mbcache.* drivers/rtc; do
		# shellcheck disable=SC2086
		(cd "$from/kernel" && find $part -name '*.ko*' -exec cp --parents -t "$to/kernel" {} + 2>/dev/null) || :
	done
}

# guest_kernel NAME: a folder with that kernel as boot/vmlinuz-* and its module subset, small enough to carry about.
guest_kernel() {
	local name=$1 kernel version to=$cache/guest-kernels/$1
	kernel=$(kernel_path "$name")
	version=${kernel##*/vmlinuz-}
	# Two emulated hosts that start together want it together.
	(
		flock 8
		if [ ! -f "$to/.done" ] || [ "$kernel" -nt "$to/.done" ]; then
			rm -rf "$to" && mkdir -p "$to/boot"
			cp "$kernel" "$to/boot/"
			module_subset "$cache/kernels/$name/lib/modules/$version" "$to/lib/modules/$version"
			touch "$to/.done"
		fi
	) 8>"$cache/.guest-kernels.lock"
	echo "$to"
}

# The same under ASan and UBSan. Not static: the sanitizers need the dynamic loader.
build_arm64_asan() {
	local targets=vmm/minivmm
	local options=(--buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false)
	local c_args=-fno-sanitize-recover=all
	if [ "$machine" != aarch64 ]; then
		c_args+=" -isystem $cache/arm64/usr/include -isystem $cache/arm64/usr/include/aarch64-linux-gnu"
		options+=(--cross-file "$cache/aarch64.cross" "-Dc_link_args=-L$cache/arm64/usr/lib/aarch64-linux-gnu")
	fi
	options+=("-Dc_args=$c_args")
	build_tree arm64-asan "${options[@]}"
}
