# What the tests show of a guest that does not end in time: enough to tell where it hangs. And nothing of one that does.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 60

shown=/tmp/case/shown
shows() {
	grep -qE "$1" $shown
}

limit=15 vm --kernel "$(kernel 6.1-cloud)" --cpus 2 --cmdline "$quiet" --exec 'sleep 1000' >$shown
check "a guest that waits for ever is asked to end" says 'power key pressed'
check "where its CPUs' threads are is shown" shows 'kvm_vcpu_(block|halt)|kvm_arch_vcpu_ioctl_run'
check "and the main thread" shows 'do_epoll_wait'
check "what KVM counts" shows 'exits [0-9]+ [(][+][0-9]+ in a second'
check "which interrupts are on" shows 'SPI +[0-9]+ .* [01]{3}1[01]{3} '
check "the guest's log, which its console never had" shows 'Freeing unused kernel memory'
check "to the end" shows 'Run /init as init process'
check "where it is after it was made to leave and enter" shows 'kvm_entry: PC: 0x[0-9a-f]+'
cat $shown

limit=60 vm --kernel /guests/hello.bin >$shown
check "a guest that ends well is shown nothing of" test "$status" = 0 -a ! -s $shown
check "and nothing goes on waiting for it" not pidof sleep
