# The monitor under AddressSanitizer, LeakSanitizer and UBSan, over whole runs.
# group: vhe-asan
# host: vhe
# needs: asan kernel:6.1-cloud
# seconds: 60

export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
mv /usr/bin/minivmm /tmp/minivmm.plain
cp /asan/minivmm /usr/bin/minivmm
for guest in hello exit:42 smp nisv unmapped suspend; do
	want=0
	case $guest in *:*) want=${guest#*:} ;; esac
	vm --kernel /guests/${guest%:*}.bin --cpus 4 --stats
	check "ASan: $guest" status_is $want
	check "ASan has nothing to say about $guest" not says Sanitizer
done
vm_start --kernel /guests/reset.bin
sleep 5
vm_end
check "ASan: ended from outside" status_is 79
check "ASan has nothing to say about reboots" not says Sanitizer
vm --kernel /nothing
check "ASan: an error" status_is 65
check "ASan has nothing to say about errors" not says Sanitizer
vm --kernel "$(kernel 6.1-cloud)" --exec 'head -c 1000 /dev/hwrng | wc -c'
check "ASan: Debian's kernel to userland" status_is 0
check "ASan has nothing to say about Linux" not says Sanitizer
mv /tmp/minivmm.plain /usr/bin/minivmm
