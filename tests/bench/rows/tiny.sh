# SPDX-License-Identifier: Apache-2.0
# The smallest bare-metal guest: exec to the first instruction, to its only line, to the end.
kernel=/bench/tiny.bin initrd='' rng=''
vm --entry || return
figure "tiny guest: exec to its first instruction" M "$(millions "$(fact entry)")"
figure "tiny guest: exec to its last line" M "$(millions "$(at init)")"
figure "tiny guest: exec to exit" M "$(millions "$(fact exit)")"
