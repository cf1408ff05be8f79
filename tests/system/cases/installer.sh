# Debian's installer, kernel and initrd as they are in the netboot package.
# group: vhe-installer
# host: vhe
# needs: installer
# seconds: 30

vm_start --kernel /installer/linux --initrd /installer/initrd.gz --memory 512M --cpus 2 --cmdline "$quiet"
check "the installer reaches its first screen" until_true 120 console_has 'Choose the language'
vm_end
check "and can be ended" status_is 79
