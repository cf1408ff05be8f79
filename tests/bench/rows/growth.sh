# SPDX-License-Identifier: Apache-2.0
# How start-up grows with memory and CPUs: the tiny guest, exec to its only line.
echo 1 >/proc/sys/vm/overcommit_memory
kernel=/bench/tiny.bin initrd='' rng=''
for memory in 128 1024 8192 65536; do
	vm && figure "tiny guest with $memory MiB: exec to its last line" M "$(millions "$(at init)")"
done
memory=256
for cpus in 1 4 16 64; do
	vm && figure "tiny guest with $cpus CPUs: exec to its last line" M "$(millions "$(at init)")"
done
