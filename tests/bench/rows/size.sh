# SPDX-License-Identifier: Apache-2.0
# The stripped program; libraries that it loads are not in it.
case $monitor in
qemu) program=/usr/bin/qemu-system-aarch64 ;;
*) program=/usr/bin/$monitor ;;
esac
figure "program" KiB "$(($(stat -c %s "$program") / 1024))"
