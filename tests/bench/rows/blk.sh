# SPDX-License-Identifier: Apache-2.0
# A disk of 64 MiB in the host's page cache, read and written past the guest's own: by one request at a time, by several that go
# out together when all have come back, and by several of which each goes out again when it has.
# transports: mmio pci
dd if=/dev/zero of=/tmp/disk bs=1M count=64 2>/dev/null
initrd=/io.cpio disk=/tmp/disk better=higher

# load NAME COUNT SETTINGS: iops and the exits of one load.
load() {
	cmdline="$quiet bench=blk count=$2 $3"
	vm --counters || return
	case $3 in
	*size=131072*) figure "blk: $1, $transport" MB/s "$(calculate "$2 * 131072 * 1000 / $(value after)")" ;;
	*) figure "blk: $1, $transport" kIOPS "$(calculate "$2 * 1e6 / $(value after)")" ;;
	esac
	better=lower
	figure "blk: exits to user space for a request, $1, $transport" exits "$(exits_per_request mmio_exit_user "$2")"
	figure "blk: MMIO exits KVM serves for a request, $1, $transport" exits "$(exits_per_request mmio_exit_kernel "$2")"
	better=higher
}

load "4 KiB random read, depth 1" 2000 "op=read random=1" || return
load "4 KiB random write, depth 1" 2000 "op=write random=1"
load "4 KiB random read, pread" 2000 "op=read random=1 sync=1"
load "4 KiB random write, pwrite" 2000 "op=write random=1 sync=1"
load "4 KiB random read, batches of 16" 4000 "op=read random=1 depth=16 batch=1"
load "4 KiB random write, batches of 16" 4000 "op=write random=1 depth=16 batch=1"
load "4 KiB random read, 16 in flight" 2000 "op=read random=1 depth=16"
load "128 KiB sequential read, depth 1" 500 "op=read size=131072"
load "128 KiB sequential read, batches of 8" 500 "op=read size=131072 depth=8 batch=1"
