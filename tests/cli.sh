#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cli.sh - what minivmm does without KVM, by its command line: help, version, the device tree, refusals. TAP on standard output.
#
#	tests/cli.sh MINIVMM
set -uo pipefail
minivmm=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
run=0 failed=0 status=0

check() {
	local name=$1
	shift
	run=$((run + 1))
	if "$@"; then
		echo "ok $run - $name"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $run - $name"
	echo "# failed: $*; status $status"
	head -n 20 out err | sed 's/^/# > /'
}

vm() {
	status=0
	timeout 20 "$minivmm" "$@" >out 2>err </dev/null || status=$?
}

status_is() {
	[ "$status" = "$1" ]
}

one_line() {
	[ "$(wc -l <err)" = 1 ] && grep -q "^minivmm: .*$1" err
}

# dtc finds nothing to complain of in the tree of these options, and says what it is.
tree() {
	vm --dump-dtb tree.dtb "$@" && status_is 0 && dtc -I dtb -O dts -o tree.dts tree.dtb 2>err && [ ! -s err ]
}

vm --help
check "--help: status 0" status_is 0
check "--help fits a screen of 80 x 50" test "$(wc -l <out)" -le 50 -a "$(wc -L <out)" -le 80
vm --version
check "--version" grep -qE '^minivmm [0-9]+\.[0-9]+' out
vm --memroy 1G
check "an unknown option: status 64" status_is 64
check "and the one that was meant" one_line 'did you mean --memory'

for machine in '1 64M' '2 256M' '8 3G' '123 200G'; do
	check "dtc has no warning for the tree of $machine" tree --cpus "${machine% *}" --memory "${machine#* }"
	check "it has ${machine% *} CPUs" test "$(grep -c 'device_type = "cpu"' tree.dts)" = "${machine% *}"
done
check "a tree without rng" tree --no-rng
check "has no virtio-mmio device" test "$(grep -c 'compatible = "virtio,mmio"' tree.dts)" = 0
check "a tree without seeds" tree --no-kaslr --no-rng-seed
check "has none" test "$(grep -c -e kaslr-seed -e rng-seed tree.dts)" = 0
check "a tree with them" tree
check "has both" test "$(grep -c -e kaslr-seed -e rng-seed tree.dts)" = 2
check "and they are different each time" test "$(cp tree.dts one.dts && tree && diff one.dts tree.dts | grep -c '^>')" = 2
check "the command line of the user is in it" tree --cmdline 'hello=world'
check "with the console added" grep -q 'bootargs = ".*hello=world.*console=ttyAMA0\|bootargs = ".*console=ttyAMA0.*hello=world' tree.dts
check "a user's console= stands alone" tree --cmdline 'console=hvc0'
check "no other is added" test "$(grep -c 'bootargs.*console=ttyAMA0' tree.dts)" = 0

check "no PCI device, no PCI bus in the tree" test "$(grep -c -e pcie@ -e its@ -e v2m@ tree.dts)" = 0
for cpus in 1 123; do
	check "dtc has no warning for devices on PCI and $cpus CPUs" tree --cpus "$cpus" --transport pci
	check "there is a bus, and an ITS for its messages" test "$(grep -c -e 'pcie@4010000000 {' -e 'its@8080000 {' tree.dts)" = 2
	check "and no virtio-mmio device" test "$(grep -c 'compatible = "virtio,mmio"' tree.dts)" = 0
done
check "both buses" tree --transport pci --rng bus=mmio --serial pci,file=/dev/null
check "are in the tree" test "$(grep -c -e 'pcie@' -e 'compatible = "virtio,mmio"' tree.dts)" = 2
check "a GICv2M frame in place of an ITS" tree --transport pci --kvm msi=v2m
check "is in the tree, and no ITS" test "$(grep -c -e 'v2m@8020000 {' -e 'its@' tree.dts)" = 1
vm --transport pci --rng addr=5 --disk path=x,addr=5 --kernel x
check "a slot that is asked for twice: status 64" status_is 64
check "a slot that is asked for twice: one line" one_line 'addr=5: that slot is taken already, by a --rng'

check "a tree with an 8250 as console" tree --console-type 8250
check "has it as stdout-path" grep -q 'stdout-path = "/serial@9000000"' tree.dts
check "and no PL011" test "$(grep -c arm,pl011 tree.dts)" = 0
check "its console is ttyS0" grep -q 'bootargs = "console=ttyS0' tree.dts

# A device of another process: what there is of it, and what there is in its place.
wait_for() {
	local tries=100
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}
user() {
	vm --dump-dtb tree.dtb --vhost-user "$@"
}
refused() {
	local name=$1 text=$2
	shift 2
	user "$@"
	check "a vhost-user backend, $name: status 65" status_is 65
	check "a vhost-user backend, $name: one line" one_line "$text"
}
head -c 1000 /dev/zero >flat
head -c 65536 /dev/zero >disk
"$minivmm-vhost-user" --device rng --socket-path rng.sock 2>backend &
"$minivmm-vhost-user" --device blk --disk path=disk --socket-path blk.sock 2>backend &
# One that listens and says nothing, and one that went and left its socket.
python3 -c '
import socket, time
silent, gone = (socket.socket(socket.AF_UNIX) for _ in range(2))
silent.bind("silent.sock"), gone.bind("gone.sock")
silent.listen(), gone.close()
open("ready", "w").close()
time.sleep(60)' &
check "backends are there" wait_for test -S rng.sock -a -S blk.sock -a -e ready
check "the tree with a device of a backend" tree --no-rng --vhost-user rng,socket=rng.sock
check "has its transport" test "$(grep -c 'compatible = "virtio,mmio"' tree.dts)" = 1
check "and with one on PCI" tree --no-rng --vhost-user blk,socket=blk.sock,bus=pci
check "the bus" test "$(grep -c 'compatible = "virtio,mmio"' tree.dts)$(grep -c 'pcie@4010000000 {' tree.dts)" = 01
refused "no socket" 'socket=none.sock: connecting: No such file or directory; start the backend first' rng,socket=none.sock
refused "not a socket" 'socket=flat: connecting: Socket operation on non-socket; name the socket' rng,socket=flat
refused "gone" 'socket=gone.sock: connecting: Connection refused; start the backend first' rng,socket=gone.sock
refused "silent" 'socket=silent.sock: GET_FEATURES: the peer does not answer' rng,socket=silent.sock
refused "rng, not blk" "configuration; is it a backend of another type?" blk,socket=rng.sock
refused "blk, not rng" 'it offers features that no such device has; is it a backend of another type?' rng,socket=blk.sock
refused "few queues" 'socket=blk.sock: it has 1 queue, fewer than 2' blk,socket=blk.sock,queues=2
refused "no ring_packed" 'it does not offer feature 34 (ring_packed), which features= asks for' \
	blk,socket=blk.sock,features=+ring_packed
# What the monitor itself needs is more than 5, whatever this shell has open.
limit=$(ulimit -Sn)
for descriptors in 6 8; do
	ulimit -Sn "$descriptors"
	user rng,socket=rng.sock
	ulimit -Sn "$limit"
	check "a vhost-user backend and $descriptors descriptors: status 69" status_is 69
	check "a vhost-user backend and $descriptors descriptors: one line" one_line 'socket=rng.sock: .*Too many open files'
done
# shellcheck disable=SC2046
kill $(jobs -p)

if [ "$(uname -m)" != aarch64 ]; then
	# With or without /dev/kvm: the one of this machine cannot run aarch64 guests.
	head -c 1000 /dev/zero >flat
	vm --kernel flat
	check "a host of another architecture: status 69" status_is 69
	check "a host of another architecture: one line that says so" one_line aarch64
	vm --check
	check "--check says so too: status 69" status_is 69
	check "--check names the fix" grep -q '^aarch64 host *missing .*guest/boot' out
fi
echo "1..$run"
[ "$failed" = 0 ]
