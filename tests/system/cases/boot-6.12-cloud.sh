# Debian's 6.12-cloud kernel to userland. With the other boot-* cases, every kernel meets every number of CPUs and every memory size,
# and every number of CPUs meets three of the sizes.
# group: vhe-boot-6.12-cloud
# host: vhe
# needs: kernel:6.12-cloud
# seconds: 60

boots_with 6.12-cloud 1:3G 2:5G 4:64M 8:256M
