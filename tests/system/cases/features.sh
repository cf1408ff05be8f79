# Every feature of the rings forced on and off with features=, on virtio-rng and on a disk of two queues, under both kernels: the
# bits in the guest's sysfs are those that were asked for, and data comes through either way.
# group: vhe-features
# host: vhe
# needs: kernel:6.1-cloud kernel:6.12-cloud
# seconds: 60

disk=/tmp/case/disk.img
head -c 2097152 /dev/urandom >$disk.first

# FEATURE:BIT:KERNELS whose drivers accept it on mmio (virtio 1.3, 6; linux: vring_transport_features of drivers/virtio/virtio_ring.c;
# ring_reset is accepted on PCI only: features-pci.sh).
bits='indirect_desc:28:6.1-cloud,6.12-cloud event_idx:29:6.1-cloud,6.12-cloud access_platform:33:6.1-cloud,6.12-cloud
	ring_packed:34:6.1-cloud,6.12-cloud in_order:35: order_platform:36:6.1-cloud,6.12-cloud notification_data:38:6.12-cloud ring_reset:40:'
[ "$transport" != pci ] || bits=${bits}6.1-cloud,6.12-cloud

# The bits of $features that this kernel's guest must show as agreed on; one character a bit, in the order of $bits.
wanted() {
	for b in $bits; do
		name=${b%%:*}
		kernels=${b##*:}
		case ,$kernels, in
		*,$1,*)
			case ,$features, in
			*,+$name,*) printf 1 ;;
			*) printf 0 ;;
			esac
			;;
		*) printf 0 ;;
		esac
	done
}
columns=$(for b in $bits; do
	b=${b#*:}
	printf '%s ' $((${b%%:*} + 1))
done)

# forced KERNEL FEATURES
forced() {
	features=$2
	cp $disk.first $disk
	vm --kernel "$(kernel "$1")" --cpus 2 --cmdline "$quiet" --rng "features=$2" --disk "path=$disk,queues=2,features=$2" --exec '
		for d in /sys/class/misc/hw_random /sys/block/vda; do
			f=$d/device/features
			[ $d = /sys/block/vda ] || f=$(echo /sys/bus/virtio/drivers/virtio_rng/virtio*/features)
			for c in '"$columns"'; do cut -c $c $f; done | tr -d "\n" | sed "s,^,${d##*/} ,"
			echo
		done
		sha256sum </dev/vda | cut -c 1-64
		dd if=/dev/vda of=/dev/vda bs=64k count=16 seek=16 conv=fsync,notrunc 2>/dev/null && echo copied
		head -c 8192 /dev/hwrng | wc -c
		dmesg | grep -iE "I/O error|hung|BUG:|WARNING:|call trace" | sed "s/^/bad: /"'
	check "$1 $2: ended well" status_is 0
	check "$1 $2: virtio-rng's features are those asked for" console_line "hw_random $(wanted "$1")"
	check "$1 $2: the disk's features are those asked for" console_line "vda $(wanted "$1")"
	check "$1 $2: the guest reads what is in the file" console_line "$(sha256sum <$disk.first | cut -c 1-64)"
	check "$1 $2: the guest writes" console_line copied
	check "$1 $2: and it is in the file" \
		test "$(head -c 1048576 $disk | sha256sum)" = "$(tail -c 1048576 $disk | sha256sum)"
	check "$1 $2: random bytes" console_line 8192
	check "$1 $2: nobody complains" test ! -s $err -a -z "$(grep -F bad: $out)"
}

all=
none=
for b in $bits; do
	all=$all,+${b%%:*}
	none=$none,-${b%%:*}
done
for k in 6.1-cloud 6.12-cloud; do
	forced $k "${none#,}"
	forced $k "${all#,}"
	# Each of the rings with few of the others.
	forced $k +ring_packed,-event_idx,-indirect_desc,+access_platform
	forced $k -ring_packed,+event_idx,-indirect_desc,+in_order,+ring_reset,+order_platform
	forced $k -ring_packed,-event_idx,+indirect_desc,+notification_data
done
