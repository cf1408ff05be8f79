# The embedded default: a kernel and nothing more.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 20

vm --kernel "$(kernel 6.1-cloud)" --exec 'cat /proc/cpuinfo'
check "--exec ends with the command's status: 0" status_is 0
check "/proc/cpuinfo is on the console" console_has 'CPU implementer'

vm --kernel "$(kernel 6.1-cloud)" --exec 'cat /sys/class/misc/hw_random/rng_current; exit 7'
check "--exec ends with the command's status: 7" status_is 7
check "the kernel's own virtio modules were loaded" console_line 'virtio_rng\.0'

vm --kernel "$(kernel 6.1-cloud)" --no-rng --exec 'ls /sys/bus/virtio/devices | wc -l'
check "--no-rng: no virtio device" console_line 0
