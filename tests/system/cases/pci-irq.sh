# Interrupts of PCI devices: by INTx without MSI, on lines that devices share; and by messages while they are moved between 8 CPUs
# under load, none lost.
# group: vhe-pci-irq
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 90

for i in 1 2 3 4; do head -c 2097152 /dev/urandom >/tmp/case/$i.img; done
disks=$(for i in 1 2 3 4; do echo --disk path=/tmp/case/$i.img; done)
sums=$(for i in 1 2 3 4; do sha256sum </tmp/case/$i.img | cut -c 1-64; done | tr '\n' ' ')
complaints='dmesg | grep -iE "nobody cared|hung|BUG:|WARNING:|call trace|blocked for|I/O error|disabling irq" | sed "s/^/bad: /"'

# Slots 1 to 5 on four lines: two share one.
for irqfd in on off; do
	# shellcheck disable=SC2086
	vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "pci=nomsi $quiet" --transport pci $disks --kvm irqfd=$irqfd --stats --exec '
		read_all() { for d in a b c d; do sha256sum </dev/vd$d | cut -c 1-64; done | tr "\n" " "; }
		for i in 1 2 3; do
			for d in a b c d; do dd if=/dev/vd$d of=/dev/null bs=4k count=64 iflag=direct 2>/dev/null & done
			head -c 4096 /dev/hwrng >/dev/null &
			wait
		done
		read_all; echo
		head -c 4096 /dev/hwrng | wc -c
		grep virtio /proc/interrupts | tr -s " " | cut -d " " -f 5- | sed "s/^/line /"
		grep -c MSI /proc/interrupts
		'"$complaints"
	check "INTx, irqfd=$irqfd: a guest with pci=nomsi ends well" status_is 0
	check "INTx, irqfd=$irqfd: four lines for five devices" test "$(tr -d '\r' <$out | grep -c '^line GICv3 3[5-8] Level')" = 4
	check "INTx, irqfd=$irqfd: two devices share one" test "$(grep -c '^line .*virtio.*, virtio' $out)" = 1
	check "INTx, irqfd=$irqfd: no message" console_line 0
	check "INTx, irqfd=$irqfd: the guest reads what is in the files" console_line "$sums"
	check "INTx, irqfd=$irqfd: random bytes" console_line 4096
	check "INTx, irqfd=$irqfd: the kernel complains of nothing" console_lacks 'bad: '
	check "INTx, irqfd=$irqfd: nothing is said" test -z "$(grep ^minivmm: $err)"
done

# A disk of 4 queues under load from 4 processes, each on a CPU of its own, and the rng; meanwhile each vector goes from CPU to CPU. A
# request whose interrupt is lost never ends.
head -c 8388608 /dev/urandom >/tmp/case/big.img
sum=$(sha256sum </tmp/case/big.img | cut -c 1-64)
for msi in its v2m; do
	limit=150 vm --kernel "$(kernel 6.1-cloud)" --cpus 8 --cmdline "$quiet" --transport pci --disk path=/tmp/case/big.img,queues=4,aio=io_uring \
		--kvm msi=$msi --stats --exec '
		io() {
			while [ ! -e /tmp/end ]; do
				dd if=/dev/vda of=/tmp/read.$1 bs=4k count=128 skip=$(($1 * 128)) iflag=direct 2>/dev/null || echo "bad: read"
				cmp /tmp/read.$1 /tmp/first.$1 || echo "bad: other data"
				echo r >>/tmp/done.$1
			done
		}
		for n in 0 1 2 3; do
			dd if=/dev/vda of=/tmp/first.$n bs=4k count=128 skip=$((n * 128)) 2>/dev/null
			taskset -p $(printf %x $((1 << n * 2))) $$ >/dev/null
			io $n &
		done
		taskset -p ff $$ >/dev/null
		(while [ ! -e /tmp/end ]; do head -c 4096 /dev/hwrng >/dev/null && echo r >>/tmp/done.rng; done) &
		irqs=$(grep -E "virtio.*(req|input)" /proc/interrupts | cut -d : -f 1)
		read -r now rest </proc/uptime
		end=$((${now%.*} + 40)) moved=0
		while [ $moved -lt 300 ] && [ ${now%.*} -lt $end ]; do
			for i in $irqs; do
				printf %x $((1 << (moved * 5 + i) % 8)) >/proc/irq/$i/smp_affinity && moved=$((moved + 1))
			done
			read -r now rest </proc/uptime
		done
		: >/tmp/end
		wait
		echo "moved $moved times, $(cat /tmp/done.[0-3] | wc -l) reads, $(wc -l </tmp/done.rng) draws"
		sha256sum </dev/vda | cut -c 1-64
		'"$complaints"'
		echo the end'
	check "$msi: interrupts are moved under load and the guest comes to its end" console_line 'the end'
	counts=$(tr -d '\r' <$out | sed -n 's/^moved \([0-9]*\) times, \([0-9]*\) reads, \([0-9]*\) draws/\1 \2 \3/p')
	echo "# $msi: moved, reads, draws: $counts"
	set -- ${counts:-0 0 0}
	check "$msi: many times" test "$1" -ge 40
	check "$msi: reads and draws went on meanwhile" test "$2" -ge 8 -a "$3" -ge 2
	check "$msi: every read had the right data, the kernel complains of nothing" console_lacks 'bad: '
	check "$msi: the disk is as it was" console_line "$sum"
	check "$msi: nothing is said" test -z "$(grep ^minivmm: $err)"
done
