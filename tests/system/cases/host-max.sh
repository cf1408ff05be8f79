# A host with everything QEMU emulates: SVE, pointer authentication, PMU.
# host: max
# needs: kernel:6.1-cloud
# seconds: 15

vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --exec 'nproc; grep -m1 Features /proc/cpuinfo; dmesg | grep -i -e pmu -e sve'
check "a guest boots" status_is 0
check "with 2 CPUs" console_line 2
check "it has SVE" console_has ' sve '
check "and pointer authentication" console_has ' paca '
check "and a PMU" console_has armv8_pmuv3
vm --kernel "$(kernel 6.1-cloud)" --cpu-features sve=off,pauth=off,pmu=off --cmdline "$quiet" --exec \
	'grep -m1 Features /proc/cpuinfo; dmesg | grep -i -e pmu; true'
check "with them hidden it boots too" status_is 0
check "no SVE" console_lacks ' sve '
check "no pointer authentication" console_lacks ' paca '
check "no PMU" console_lacks armv8_pmuv3
