# A host with GICv2 only, as on a Raspberry Pi 4 and 5.
# host: gicv2
# needs: kernel:6.1-cloud
# seconds: 30

vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --exec \
	'nproc; cat /sys/class/misc/hw_random/rng_current; grep . /proc/device-tree/intc*/compatible; grep virtio0 /proc/interrupts'
check "a guest boots" status_is 0
check "with 2 CPUs" console_line 2
check "virtio-rng works" console_line 'virtio_rng\.0'
check "on a GICv2" console_has 'cortex-a15-gic'
vm --kernel "$(kernel 6.1-cloud)" --cpus 8 --cmdline "$quiet" --exec nproc
check "8 CPUs, all that GICv2 has" console_line 8
vm --kernel /guests/hello.bin --cpus 9
check "9 CPUs are refused" status_is 69
check "in one line that says why" one_line GICv2
vm --kernel /guests/smp.bin --cpus 4
check "bare-metal SMP" status_is 0
vm --check
check "--check finds this host able" status_is 0
check "--check tells GICv2 alone" console_has GICv2
