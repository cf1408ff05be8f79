# Debian's 6.1-cloud kernel to userland. With the other boot-* cases, every kernel meets every number of CPUs and every memory size,
# and every number of CPUs meets three of the sizes.
# group: vhe-boot-6.1-cloud
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 60

boots_with 6.1-cloud 1:64M 2:256M 4:3G 8:5G
