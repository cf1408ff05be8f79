# SPDX-License-Identifier: Apache-2.0
# Guests started at once, of 128 MiB each: exec to the last one's /init, and what one costs the host beside its own RAM.
# host-memory: 10G
memory=128 cmdline="$quiet bench=idle"
# The same THP setting for all: pages of 2 MiB would fill the host.
huge_pages never
for count in 1 8 64; do
	vm --count $count --until idle --guest $memory || return
	figure "$count guests at once: exec to the last /init" M "$(millions "$(at init)")"
	figure "$count guests at once: memory for each beside guest RAM" KiB "$(memory_at idle pss)"
done
