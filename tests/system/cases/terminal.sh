# The console on a terminal: raw while the guest runs, as it was afterwards, however it ends.
# group: vhe-small
# host: vhe
# seconds: 5

limit=20
run pty expect=ready raw 'send=ab\x03' expect=bc 'send=.' -- minivmm --kernel /guests/cat.bin
check "what is typed reaches the guest, Ctrl-C too" grep -qF "$(printf 'bc\004')" $out
check "the guest ended" console_line 'pty: status 0'
check "the terminal is restored after the guest's end" console_line 'pty: terminal restored'

run pty expect=ready 'send=\x01x' -- minivmm --kernel /guests/cat.bin
check "Ctrl-A X ends it: 79" console_line 'pty: status 79'
check "the terminal is restored after Ctrl-A X" console_line 'pty: terminal restored'

run pty expect=ready 'send=\x01h' expect=Ctrl-A 'send=.' -- minivmm --kernel /guests/cat.bin
check "Ctrl-A H helps" console_line 'pty: status 0'

run pty expect=ready 'send=\x01\x01' 'expect=\x02' 'send=.' -- minivmm --kernel /guests/cat.bin
check "Ctrl-A Ctrl-A sends a Ctrl-A" console_line 'pty: status 0'

for signal in 1 6 11; do
	run pty expect=spinning raw kill=$signal -- minivmm --kernel /guests/spin.bin
	check "the terminal is restored after signal $signal" console_line 'pty: terminal restored'
done
run pty expect=spinning raw kill=15 sleep=200 kill=15 -- minivmm --kernel /guests/spin.bin
check "the second SIGTERM ends a guest that does not listen" console_line 'pty: status 79'
check "the terminal is restored after SIGTERM" console_line 'pty: terminal restored'
run pty sleep=1000 -- minivmm --kernel /none
check "the terminal is as it was after an error" console_line 'pty: terminal restored'
