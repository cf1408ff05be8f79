# SPDX-License-Identifier: Apache-2.0
# Debian's cloud kernel with an rng: exec to the guest's first instruction, to /init, to the end.
vm || return
for pages in always never; do
	huge_pages $pages
	vm --entry || return
	figure "boot: exec to /init, huge pages $pages" M "$(millions "$(at init)")"
	[ $pages = always ] || continue
	figure "boot: exec to the guest's first instruction" M "$(millions "$(fact entry)")"
	figure "boot: exec to exit" M "$(millions "$(fact exit)")"
done
huge_pages always
vm --counters || return
for kind in exits mmio_exit_user mmio_exit_kernel hvc_exit_stat; do
	figure "boot: $kind up to /init" exits "$(counter init $kind)"
done
