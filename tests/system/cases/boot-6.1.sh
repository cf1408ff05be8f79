# Debian's 6.1 kernel to userland. With the other boot-* cases, every kernel meets every number of CPUs and every memory size,
# and every number of CPUs meets three of the sizes.
# group: vhe-boot-6.1
# host: vhe
# needs: kernel:6.1
# seconds: 80

boots_with 6.1 1:256M 2:3G 4:5G 8:64M
