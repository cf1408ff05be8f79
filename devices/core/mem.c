/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: range checks and copies. Knows no rings, no devices and does not map anything itself. */
#include "mem.h"

#include <errno.h>
#include <string.h>

int mem_add(struct mem *mem, const struct mem_region *region)
{
	/* A region may end exactly at 2^64, so the last byte is compared, not the end. */
	if (!region->size || region->size - 1 > UINT64_MAX - region->base)
		return -EINVAL;
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		if (region->base <= r->base + (r->size - 1) && r->base <= region->base + (region->size - 1))
			return -EEXIST;
	}
	if (mem->count == MEM_MAX_REGIONS)
		return -ENOSPC;
	mem->region[mem->count++] = *region;
	return 0;
}

void *mem_find(const struct mem *mem, gpa_t gpa, size_t len)
{
	if (mem->hook && mem->hook->map)
		return mem->hook->map(mem->hook, gpa, len);
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];
		/* Below base this wraps to at least 2^64 - base, which no size exceeds (mem_add). */
		uint64_t offset = gpa - r->base;

		if (offset < r->size)
			return len <= r->size - offset ? r->host + offset : NULL;
	}
	return NULL;
}

bool mem_read(const struct mem *mem, gpa_t gpa, void *dst, size_t len)
{
	void *src = mem_ptr(mem, gpa, len);

	if (!src)
		return false;
	mem_load(mem, dst, src, len);
	return true;
}

bool mem_write(struct mem *mem, gpa_t gpa, const void *src, size_t len)
{
	void *dst = mem_ptr(mem, gpa, len);

	if (!dst)
		return false;
	memcpy(dst, src, len);
	return true;
}

void mem_fetch(void *dst, const volatile void *src, size_t len)
{
	const volatile uint8_t *from = src;
	uint8_t *to = dst;

	/* The widest aligned load each time: a naturally aligned field of 2, 4 or 8 bytes is then never torn. */
	while (len) {
		uintptr_t align = (uintptr_t)from;
		size_t n = 1;

		if (len >= 8 && !(align & 7)) {
			uint64_t v = *(const volatile uint64_t *)(const volatile void *)from;

			n = sizeof(v);
			memcpy(to, &v, sizeof(v));
		} else if (len >= 4 && !(align & 3)) {
			uint32_t v = *(const volatile uint32_t *)(const volatile void *)from;

			n = sizeof(v);
			memcpy(to, &v, sizeof(v));
		} else if (len >= 2 && !(align & 1)) {
			uint16_t v = *(const volatile uint16_t *)(const volatile void *)from;

			n = sizeof(v);
			memcpy(to, &v, sizeof(v));
		} else {
			*to = *from;
		}
		from += n;
		to += n;
		len -= n;
	}
}
