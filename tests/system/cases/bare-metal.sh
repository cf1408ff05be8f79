# Bare-metal programs: the flat binary format, PSCI, accesses that no device answers.
# group: vhe-small
# host: vhe
# seconds: 5

limit=20
vm --kernel /guests/hello.bin
check "a flat binary is entered and prints on the PL011" console_line 'hello from a bare-metal guest'
check "power off without a status is 0" status_is 0
check "nothing on standard error" test ! -s $err

vm --kernel /guests/exit.bin
check "the exit register's status becomes minivmm's" status_is 42

vm --kernel /guests/unmapped.bin --stats
check "reads where nothing is give zeros" status_is 0
check "and are counted" test "$(stats read unmapped)" = 4

vm --kernel /guests/nisv.bin
check "an access without syndrome is answered with an abort" status_is 0
check "the guest goes on after it" console_line 'external abort'
check "and the user is told PC and address" says "access to 0x9000000 at PC 0x4008"

vm --kernel /guests/smp.bin --cpus 4
check "PSCI CPU_ON starts CPUs with their context" status_is 0
vm --kernel /guests/smp.bin --cpus 1
check "CPU_ON of a CPU that is not there is refused" status_is 1

vm --kernel /guests/suspend.bin
check "SYSTEM_SUSPEND wakes up at the entry point" status_is 0
check "after having suspended" console_line resumed

vm --kernel /guests/hello.bin --memory 64M
check "64 MiB" status_is 0
vm --kernel /guests/hello.bin --memory 5G
check "5 GiB on a host of 3 GiB: RAM is lazy" status_is 0
