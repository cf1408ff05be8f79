# Backends that nobody here wrote: a qcow2 disk by qemu-storage-daemon, and a folder shared by virtiofsd, both transports.
# group: vhe-vhost
# host: vhe
# needs: kernel:6.1-cloud disktools vhosttools
# seconds: 240

kernel=$(kernel 6.1-cloud)
socket=/tmp/case/disk.sock
tools=/tmp/case/tools.img
disk=/tmp/case/disk.qcow2
share=/tmp/case/share
limit=400
modules=/tmp/case/modules.tar

truncate -s 16M $tools
run /disk-tools/use mke2fs -q -F -t ext4 -d /disk-tools $tools
check "a read-only disk of tools is made" status_is 0
run /vhost-tools/use qemu-img create -q -f qcow2 $disk 64M
check "a qcow2 disk is made" status_is 0

# storage: the daemon with the disk, which ends with its frontend's guest killed or not.
storage() {
	/vhost-tools/use qemu-storage-daemon \
		--blockdev driver=qcow2,node-name=d,file.driver=file,file.filename=$disk \
		--export type=vhost-user-blk,id=e,node-name=d,writable=on,addr.type=unix,addr.path=$socket,num-queues=2 \
		>/tmp/case/storage.log 2>&1 &
	storage=$!
	until_true 60 test -S $socket
}

for transport in mmio pci; do
	storage
	check "$transport: qemu-storage-daemon listens" test -S $socket
	vm --kernel "$kernel" --cmdline "$quiet" --cpus 2 --disk path=$tools,ro --vhost-user blk,socket=$socket,queues=2 --exec '
		mkdir -p /tools /mnt && mount -t ext4 -o ro /dev/vda /tools && PATH=$PATH:/tools
		cat /sys/block/vdb/size; ls /sys/block/vdb/mq | wc -l
		use fio --name=v --filename=/dev/vdb --rw=randrw --bsrange=4k-64k --size=6M --ioengine=libaio --iodepth=32 \
			--direct=1 --thread --verify=crc32c --verify_fatal=1 --eta=never --minimal >/tmp/fio 2>&1 &&
			echo "fio passed" || tail -n 5 /tmp/fio
		use mke2fs -q -F -t ext4 /dev/vdb && mount -t ext4 /dev/vdb /mnt && echo '"$transport"' >/mnt/kept && umount /mnt &&
			echo unmounted'
	check "$transport: a guest on a qcow2 disk of another program" status_is 0
	check "$transport: of the size it was made with" console_line 131072
	check "$transport: with two queues" console_line 2
	check "$transport: fio finds every block as it wrote it" console_line "fio passed"
	check "$transport: a file system is made and written" console_line unmounted
	check "$transport: the monitor says nothing" test ! -s $err
	kill $storage
	wait $storage
	run /vhost-tools/use qemu-img check -q $disk
	check "$transport: qemu-img finds nothing wrong with the image" status_is 0
	rm -f $socket
done

# A file for each byte that counts: all of the guest's modules, as a tar in the shared folder, unpacked there by the guest.
mkdir -p $share
tar -C /kernels/6.1-cloud/lib -cf $modules modules
tree_sum() {
	(cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1)
}
want=$(tree_sum /kernels/6.1-cloud/lib)
for transport in mmio pci; do
	rm -rf $share && mkdir -p $share && cp $modules $share/modules.tar
	socket=/tmp/case/fs-$transport.sock
	/vhost-tools/use virtiofsd --socket-path=$socket -o source=$share -o sandbox=chroot -o cache=auto >/tmp/case/fs.log 2>&1 &
	fs=$!
	until_true 60 test -S $socket
	vm --kernel "$kernel" --cmdline "$quiet" --cpus 2 --vhost-user fs,socket=$socket,tag=shared --exec '
		mkdir -p /mnt && mount -t virtiofs shared /mnt && echo mounted
		cd /mnt && tar -xf modules.tar && echo unpacked
		(cd modules/.. && find modules -type f | sort | sed "s#^#./#" | xargs sha256sum | sha256sum | cut -d " " -f 1)
		echo "from the guest" >said; ln -s said link; sync
		cd / && umount /mnt && echo unmounted'
	check "$transport: a guest with a shared folder" status_is 0
	check "$transport: it is mounted" console_line mounted
	check "$transport: the modules are unpacked into it" console_line unpacked
	check "$transport: the guest reads back what it wrote" console_line "$want"
	rm -f $share/modules.tar
	check "$transport: what the guest wrote is in the folder" test "$(cat $share/link)" = 'from the guest'
	rm -f $share/said $share/link
	check "$transport: every file of it whole" test "$(tree_sum $share)" = "$want"
	check "$transport: unmounted" console_line unmounted
	check "$transport: the monitor says nothing" test ! -s $err
	kill $fs 2>/dev/null
	wait $fs
done
transport=
