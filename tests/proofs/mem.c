/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: guest memory. All addresses and lengths are of 64 bits; a region is at most what a process can map. */
#include "proof.h"

#include <errno.h>

#include "../../devices/core/mem.c"

#define MAPPED_MAX (1ULL << 47) /* the user half of a 48-bit address space */

static uint8_t at[MEM_MAX_REGIONS][1]; /* where regions are mapped: places to point to, never looked into */

static bool disjoint(const struct mem_region *a, const struct mem_region *b)
{
	return a->base > b->base + (b->size - 1) || b->base > a->base + (a->size - 1);
}

/* Each region is as mem_add lets it be. How they lie to each other is said where it matters. */
static struct mem any_mem(void)
{
	struct mem mem = { .count = nondet_uint() };

	ASSUME(mem.count <= MEM_MAX_REGIONS);
	for (unsigned int i = 0; i < mem.count; i++) {
		mem.region[i] =
			(struct mem_region){ .base = nondet_u64(), .size = nondet_u64(), .host = at[i], .fd = -1 };
		ASSUME(mem.region[i].size && mem.region[i].size <= MAPPED_MAX);
		ASSUME(mem.region[i].size - 1 <= UINT64_MAX - mem.region[i].base);
	}
	return mem;
}

static bool holds(const struct mem *mem, unsigned int i, gpa_t gpa, size_t len)
{
	const struct mem_region *r = &mem->region[i];

	return i < mem->count && gpa >= r->base && gpa - r->base < r->size && len <= r->size - (gpa - r->base);
}

/* Any region, and none of the others has gpa in it: what valid says of them, as far as one address goes. */
static unsigned int any_region(const struct mem *mem, gpa_t gpa)
{
	unsigned int k = nondet_uint();

	ASSUME(k < MEM_MAX_REGIONS);
	for (unsigned int i = 0; i < MEM_MAX_REGIONS; i++)
		ASSUME(i == k || gpa < mem->region[i].base || gpa - mem->region[i].base >= mem->region[i].size);
	return k;
}

/* [host, host + len) is gpa's. */
static bool is_place(const struct mem *mem, unsigned int k, gpa_t gpa, const void *host)
{
	return __CPROVER_same_object(host, at) && __CPROVER_POINTER_OFFSET(host) - k == gpa - mem->region[k].base;
}

void proof_mem_add(void)
{
	struct mem mem = any_mem(), before = mem;
	struct mem_region region = { .base = nondet_u64(), .size = nondet_u64(), .host = at[0], .fd = -1 };
	bool wraps = !region.size || region.base + (region.size - 1) < region.base, overlaps = false;
	unsigned int k = nondet_uint();
	int err;

	for (unsigned int i = 0; i < mem.count; i++)
		overlaps |= !wraps && !disjoint(&region, &mem.region[i]);
	err = mem_add(&mem, &region);
	PROVE((err == -EINVAL) == wraps, "an empty region and one past 2^64 are refused, and no other");
	PROVE((err == -EEXIST) == overlaps, "an overlap is refused, and nothing else");
	PROVE(err || (!overlaps && !wraps && before.count < MEM_MAX_REGIONS),
		"what is added overlaps none and there is room");
	PROVE(mem.count == before.count + !err, "one more, or none");
	ASSUME(k < before.count);
	PROVE(mem.region[k].base == before.region[k].base && mem.region[k].size == before.region[k].size,
		"the others stay as they are");
	REACHABLE(!err && mem.count == MEM_MAX_REGIONS);
	REACHABLE(err == -EEXIST);
	REACHABLE(err == -EINVAL && region.size);
	REACHABLE(err == -ENOSPC);
}

void proof_mem_find(void)
{
	struct mem mem = any_mem();
	gpa_t gpa = nondet_u64();
	size_t len = nondet_u64();
	unsigned int k = any_region(&mem, gpa);
	void *host = mem_find(&mem, gpa, len);

	PROVE(!host == !holds(&mem, k, gpa, len), "found if and only if all of it lies in one region");
	PROVE(!host || is_place(&mem, k, gpa, host), "what is found is that place");
	REACHABLE(host && len > 1 && k == MEM_MAX_REGIONS - 1);
	REACHABLE(!host && gpa - mem.region[k].base < mem.region[k].size);
}

void proof_mem_map(void)
{
	struct mem mem = any_mem();
	gpa_t gpa = nondet_u64();
	size_t len = nondet_u64();
	unsigned int k = any_region(&mem, gpa);
	void *host;
	bool mapped;

	ASSUME(len);
	mapped = mem_map(&mem, gpa, len, &host);
	PROVE(mapped == holds(&mem, k, gpa, len), "mapped if and only if all of it lies in one region");
	PROVE(!mapped || is_place(&mem, k, gpa, host), "what is mapped is that place");
	REACHABLE(mapped && k);
	REACHABLE(mapped && !k && __CPROVER_POINTER_OFFSET(host) == 99);
}
