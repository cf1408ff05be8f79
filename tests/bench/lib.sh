# SPDX-License-Identifier: Apache-2.0
# The benchmarks' half on this machine: what goes into the emulated host, and one run of it for a row and a monitor. Sourced by
# tests/bench/run, after guest/lib.sh.
# shellcheck shell=bash

bench=$root/tests/bench
stage=$build/bench # what goes in, and what came out

# A header line of a row's file: header ROW WORD.
header() {
	sed -n "s/^# $2: *//p" "$bench/rows/$1.sh" | head -n 1
}

build_bench() {
	build_arm64 vmm/minivmm-vhost-user tests/bench/host/measure bench_guests
}

# archive FILE FOLDER: an initramfs, the same bytes for the same content.
archive() {
	find "$2" -exec touch -h -d @0 {} +
	(cd "$2" && find . -mindepth 1 | sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$1"
}

# The guests' two initramfs: boot.cpio is /init alone, io.cpio has the drivers too.
guest_initrds() {
	local tree=$stage/tree module i=0 from
	from=$(find "$(guest_kernel 6.1-cloud)/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)
	rm -rf "$tree" && mkdir -p "$tree/dev"
	cp "$build/arm64/tests/bench/guest/init" "$tree/init"
	archive "$stage/boot.cpio" "$tree"
	mkdir -p "$tree/modules"
	for module in virtio/virtio_ring virtio/virtio virtio/virtio_mmio virtio/virtio_pci_legacy_dev \
		virtio/virtio_pci_modern_dev virtio/virtio_pci char/hw_random/virtio-rng block/virtio_blk; do
		cp "$from/kernel/drivers/$module.ko" "$tree/modules/$i.ko"
		i=$((i + 1))
	done
	archive "$stage/io.cpio" "$tree"
	rm -rf "$tree"
}

# Which board's bare-metal guests a monitor runs.
board_of() {
	case $1 in
	kvmtool | firecracker) echo "$1" ;;
	*) echo virt ;;
	esac
}

# program_options MONITOR PATH: what to carry in for it.
program_options() {
	case $1 in
	qemu) echo --add "$cache/qemu/bin/qemu-system-aarch64:/usr/bin/qemu-system-aarch64" \
		--add "$cache/qemu/lib:/lib/aarch64-linux-gnu" \
		--add "$cache/qemu/lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1" ;;
	*) echo --add "$2:/usr/bin/$1" ;;
	esac
}

need_options() {
	local lib=$cache/arm64/lib/aarch64-linux-gnu
	case $1 in
	backend) echo --add "$build/arm64/vmm/minivmm-vhost-user:/usr/bin/minivmm-vhost-user" ;;
	strace) echo --add "$cache/arm64/usr/bin/strace:/usr/bin/strace" --add "$lib/libc.so.6:/lib/libc.so.6" \
		--add "$lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1" ;;
	*) die "unknown need: $1" ;;
	esac
}

# run_row ROW MONITOR PATH [EMULATED-HOST OPTION...]: its figures go to $stage/out/ROW.MONITOR, each a line "figure MONITOR NAME UNIT BETTER VALUE" with tabs
# between; remarks begin with "#". Nothing the monitor reads comes from a disk, whose speed would be in the figures.
run_row() {
	local row=$1 monitor=$2 program=$3 board options need memory file status=0
	shift 3
	board=$(board_of "$monitor")
	memory=$(header "$row" host-memory)
	options=$(program_options "$monitor" "$program")
	for need in $(header "$row" needs); do options+=" $(need_options "$need")"; done
	file=$stage/out/$row.$monitor
	# shellcheck disable=SC2046,SC2086
	"$root/guest/emulated-host" --icount --machine dtb-randomness=off --memory "${memory:-3G}" --timeout 1800 $options \
		--add "$build/arm64/tests/bench/host/measure:/bench/measure" \
		--add "$build/arm64/tests/bench/guest/tiny-$board.bin:/bench/tiny.bin" \
		--add "$build/arm64/tests/bench/guest/reads-$board.bin:/bench/reads.bin" \
		--add "$bench/on-host.sh:/bench/on-host.sh" --add "$bench/host-rows:/bench/host-rows" --add "$bench/rows:/bench/rows" \
		--add "$(kernel_path 6.1-cloud):/vmlinuz" --add "$stage/boot.cpio:/boot.cpio" --add "$stage/io.cpio:/io.cpio" "$@" -- \
		env "MARKS=${marks:-}" "WITH=${with:-}" /bench/host-rows "$monitor" "$row" ${transport:-$(header "$row" transports)} >"$file.part" 2>"$file.err" </dev/null || status=$?
	tr -d '\r' <"$file.part" >"$file"
	rm "$file.part"
	[ "$status" = 0 ] || echo "# $monitor: row $row ended with status $status: $(tail -n 3 "$file.err" | tr '\n' ' ')" >>"$file"
}

# Figures of all rows and monitors in the order of rows.
all_figures() {
	local row monitor
	for row; do
		for monitor in $monitors; do
			! [ -f "$stage/out/$row.$monitor" ] || cat "$stage/out/$row.$monitor"
		done
	done
}
