# SPDX-License-Identifier: Apache-2.0
# System calls before the first KVM_RUN, of a guest with an rng and a disk.
# needs: strace
dd if=/dev/zero of=/tmp/disk bs=1M count=64 2>/dev/null
disk=/tmp/disk
vm_traced -f -e signal=none -o /tmp/strace
figure "system calls before the first KVM_RUN" calls "$(awk '/KVM_RUN|0xae80/ { exit } !/resumed>/ { n++ } END { print n + 0 }' /tmp/strace)"
say "by name: $(awk '/KVM_RUN|0xae80/ { exit } !/resumed>/ { sub(/^[0-9]+ +/, ""); sub(/\(.*/, ""); n[$0]++ }
	END { for (name in n) printf "%s %d, ", name, n[name] }' /tmp/strace)"
