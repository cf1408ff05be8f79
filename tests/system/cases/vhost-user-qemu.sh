# QEMU with a Debian guest on our rng and disk: minivmm-vhost-user with a frontend that nobody here wrote. Both transports, and the
# backend of the disk killed while the guest writes.
# group: vhe-vhost
# host: vhe
# needs: kernel:6.1-cloud backend qemu
# seconds: 240

kernel=$(kernel 6.1-cloud)
modules=/kernels/6.1-cloud/lib/modules/*/kernel
rng=/tmp/case/rng.sock
blk=/tmp/case/blk.sock
image=/tmp/case/image
limit=400
initrd=/tmp/case/initrd
sum() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# What minivmm's --exec does of itself: an initramfs that loads what the devices need and runs the commands.
make_initrd() {
	mkdir -p tree/bin tree/modules tree/proc tree/sys tree/dev tree/tmp
	cp /bin/busybox tree/bin/
	i=10
	for m in virtio/virtio_ring virtio/virtio virtio/virtio_mmio virtio/virtio_pci_legacy_dev virtio/virtio_pci_modern_dev \
		virtio/virtio_pci char/hw_random/virtio-rng block/virtio_blk; do
		[ ! -f $modules/drivers/$m.ko ] || cp $modules/drivers/$m.ko tree/modules/$i.ko
		i=$((i + 1))
	done
	{
		echo '#!/bin/busybox sh
			/bin/busybox --install -s /bin
			mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
			for m in /modules/*.ko; do insmod $m; done'
		echo "$1"
		echo 'poweroff -f'
	} >tree/init
	chmod 755 tree/init
	(cd tree && find . | cpio -o -H newc 2>/dev/null) >$initrd
}

# qemu COMMANDS OPTION...: the guest's console in $out.
qemu() {
	make_initrd "$1"
	shift
	run /qemu/lib/ld-linux-aarch64.so.1 --library-path /qemu/lib /qemu/bin/qemu-system-aarch64 -nodefaults -display none -no-reboot \
		-machine virt,gic-version=3,memory-backend=ram -accel kvm -cpu host -m 256M \
		-object memory-backend-memfd,id=ram,size=256M,share=on -global virtio-mmio.force-legacy=false \
		-kernel "$kernel" -initrd $initrd -append 'console=ttyAMA0 quiet loglevel=1 panic=-1' -serial stdio "$@"
}

backend() {
	minivmm-vhost-user "$@" 2>>/tmp/case/backend.err &
	backend=$!
}

head -c 2097152 /dev/urandom >$image
backend --device rng --socket-path $rng
rng_pid=$backend
backend --device blk --disk path=$image --socket-path $blk
blk_pid=$backend
until_true 20 test -S $rng
until_true 20 test -S $blk

for where in pci mmio; do
	case $where in
	pci) kinds='vhost-user-rng-pci,chardev=rng vhost-user-blk-pci,chardev=blk,num-queues=1' ;;
	mmio) kinds='vhost-user-rng,chardev=rng vhost-user-blk,chardev=blk,num-queues=1' ;;
	esac
	before=$(sum $image)
	# shellcheck disable=SC2046
	qemu '
		cat /sys/class/misc/hw_random/rng_current
		dd if=/dev/hwrng bs=64 count=1000 iflag=fullblock 2>/dev/null >/tmp/drawn; wc -c </tmp/drawn
		for i in 1 2; do dd if=/dev/hwrng bs=64 count=100 iflag=fullblock 2>/dev/null | sha256sum; done
		sha256sum /dev/vda | cut -d " " -f 1
		sed "s/^/segments /" /sys/block/vda/queue/max_segments
		dd if=/tmp/drawn of=/dev/vda bs=512 seek=1000 conv=fsync 2>/dev/null
		sha256sum /dev/vda | sed "s/ .*/ written/"' \
		-chardev socket,id=rng,path=$rng -chardev socket,id=blk,path=$blk $(printf -- '-device %s ' $kinds)
	check "$where: QEMU runs a guest on our rng and disk" status_is 0
	check "$where: the rng is the guest's" console_line virtio_rng.0
	check "$where: it gives as much as is asked for" console_line 64000
	check "$where: and never the same" test "$(grep -c '^[0-9a-f]\{64\}  -' $out)" = 2 -a \
		"$(grep '^[0-9a-f]\{64\}  -' $out | cut -d ' ' -f 1 | sort -u | wc -l)" = 2
	check "$where: the disk holds what is in the image" console_line "$before"
	check "$where: a request is not longer than QEMU's ring of 128" console_line 'segments 126'
	check "$where: what the guest wrote is in the image" console_line "$(sum $image) written"
	check "$where: and is new there" test "$(sum $image)" != "$before"
done
kill $rng_pid $blk_pid
wait $rng_pid $blk_pid

# Each line has its number and the backend's in it: what was told to be written has to be there. Every backend is a child of the shell
# that kills it, which so knows when it is gone, and its lock on the image with it.
(
	backend --device blk --disk path=$image --socket-path $blk
	blk_pid=$backend
	for life in 1 2 3 4 5; do
		until_true 300 grep -q "^writing $life" $out
		sleep 0.1
		kill -KILL $blk_pid
		wait $blk_pid 2>/dev/null
		backend --device blk --disk path=$image --socket-path $blk
		blk_pid=$backend
	done
	until_true 300 console_has verified
	kill $blk_pid
) &
killer=$!
qemu '
	for life in 1 2 3 4 5; do
		seq -w 0 32767 | sed "s/.*/$life &&&&&&&&&&&&&/; s/\(.\{63\}\).*/\1/" >/tmp/want
		echo "writing $life"
		for at in 0 1 2 3; do
			dd if=/tmp/want of=/dev/vda bs=64k skip=$((at * 8)) seek=$((at * 8)) count=8 conv=fsync,notrunc 2>/tmp/dd$at || cat /tmp/dd$at &
		done
		wait
		echo 3 >/proc/sys/vm/drop_caches
		cmp /tmp/want /dev/vda && echo "good $life"
	done
	echo verified' \
	-chardev socket,id=blk,path=$blk,reconnect=1 -device vhost-user-blk-pci,chardev=blk,num-queues=1
check "killed: the guest ends as it should" status_is 0
for life in 1 2 3 4 5; do
	check "killed: what it wrote over the end of backend $life is there" console_line "good $life"
done
kill $killer 2>/dev/null
wait $killer 2>/dev/null
sed 's/^/# the backend: /' /tmp/case/backend.err
check "the backends have nothing to say" test ! -s /tmp/case/backend.err
