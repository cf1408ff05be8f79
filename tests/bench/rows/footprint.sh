# SPDX-License-Identifier: Apache-2.0
# A guest at rest with an rng and a disk: memory without guest RAM, threads, descriptors.
dd if=/dev/zero of=/tmp/disk bs=1M count=64 2>/dev/null
initrd=/io.cpio cmdline="$quiet bench=idle" disk=/tmp/disk
for pages in never always; do
	huge_pages $pages
	vm --guest "$memory" --until idle || return
	figure "memory: resident, huge pages $pages" KiB "$(memory_at idle rss)"
	figure "memory: anonymous, huge pages $pages" KiB "$(memory_at idle anonymous)"
done
figure "threads, 1 CPU" threads "$(count_at threads idle)"
figure "descriptors" descriptors "$(count_at descriptors idle)"
