# A host without VHE (cortex-a72): KVM in nVHE mode.
# host: nvhe
# needs: kernel:6.1-cloud
# seconds: 15

vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --exec 'nproc; cat /sys/class/misc/hw_random/rng_current; dmesg | grep -i gic'
check "a guest boots" status_is 0
check "with 2 CPUs" console_line 2
check "virtio-rng works" console_line 'virtio_rng\.0'
check "and GICv3" console_has GICv3
vm --kernel /guests/smp.bin --cpus 4
check "bare-metal SMP" status_is 0
