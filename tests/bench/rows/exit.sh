# SPDX-License-Identifier: Apache-2.0
# What reading a device register costs a guest: there and back.
kernel=/bench/reads.bin initrd='' rng=''
vm || return
figure "reading a register" "instructions" "$(calculate "$(value reads) / 1000")"
