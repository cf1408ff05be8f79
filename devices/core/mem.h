/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: the ranges of guest physical address space that are RAM, and the only way to reach them.
 *
 * A device is given a struct mem and guest physical addresses by the driver; nothing here ever dispatches to device
 * registers, so an address that points at MMIO is simply not memory (virtio-regressions R25).
 *
 * The guest changes this memory while we look at it. The rule: a value that is checked is a private copy, fetched once
 * (mem_read, mem_fetch). Payload that is never interpreted may be used in place through mem_ptr.
 */
#ifndef MINIVMM_MEM_H
#define MINIVMM_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* Guest physical address. */
typedef uint64_t gpa_t;

#define MEM_MAX_REGIONS 8 /* what a vhost-user frontend may share in one message; a machine of ours has one */

struct mem_region {
	gpa_t base;
	uint64_t size; /* bytes, not 0 */
	uint8_t *host; /* where base is mapped here; owned by whoever added the region */
	int fd; /* memfd behind host, handed to vhost-user backends; -1 if there is none */
	uint64_t fd_offset;
};

/*
 * Somebody between the devices and guest memory: a fuzzer that decides what a load finds at the moment of the load, a recorder. Set
 * before the first queue starts and until the last one has stopped.
 */
struct mem_hook {
	/*
	 * A device loads the len bytes at src, which mem_ptr gave: puts them into dst, and may change them where they are first. A
	 * field of a ring is one call; loads after it must not be ordered before it. Payload that is used in place is not loaded
	 * in this sense: whoever wants to know of that stands between the device and its backend.
	 */
	void (*load)(struct mem_hook *hook, void *dst, void *src, size_t len);
	/* In place of the regions, which there are none of then: mem_ptr. NULL: the regions it is. */
	void *(*map)(struct mem_hook *hook, gpa_t gpa, size_t len);
};

/* Begins zeroed: no memory. */
struct mem {
	struct mem_region region[MEM_MAX_REGIONS]; /* those from count on stay zeroed: size 0 holds no address */
	unsigned int count;
	struct mem_hook *hook; /* NULL: nobody is */
};

/*
 * Adds a copy of *region. -EINVAL: empty, or base + size passes 2^64; -EEXIST: overlaps a region already there;
 * -ENOSPC: all MEM_MAX_REGIONS are taken.
 */
must_check int mem_add(struct mem *mem, const struct mem_region *region);

/* mem_ptr by a look at every region. */
must_check void *mem_find(const struct mem *mem, gpa_t gpa, size_t len);

/*
 * Whether all of [gpa, gpa + len) lies in one region, and its host address; len is not 0. In line for the first region,
 * where nearly every buffer of every guest is: a ring asks once for each of them.
 */
must_check static inline bool mem_map(const struct mem *mem, gpa_t gpa, size_t len, void **host)
{
	const struct mem_region *r = &mem->region[0];
	/* Below base this wraps to at least 2^64 - base, which no size exceeds (mem_add). */
	uint64_t offset = gpa - r->base, last;

	if (likely(!__builtin_sub_overflow(r->size, len, &last) && offset <= last)) {
		*host = r->host + offset;
		return true;
	}
	*host = mem_find(mem, gpa, len);
	return *host;
}

/* Host address of [gpa, gpa + len), or NULL unless all of it lies in one region. len 0 needs gpa itself inside. */
must_check static inline void *mem_ptr(const struct mem *mem, gpa_t gpa, size_t len)
{
	void *host;

	if (!len)
		return mem_find(mem, gpa, len);
	return mem_map(mem, gpa, len, &host) ? host : NULL;
}

/* Copy out of or into guest memory. false, and nothing copied, unless the whole range lies in one region. */
must_check bool mem_read(const struct mem *mem, gpa_t gpa, void *dst, size_t len);
must_check bool mem_write(struct mem *mem, gpa_t gpa, const void *src, size_t len);

/*
 * Copies with every byte of src loaded exactly once. A plain memcpy from memory that the guest also writes may legally
 * be compiled into two loads of the same byte, the second after the check of the first.
 */
void mem_fetch(void *dst, const volatile void *src, size_t len);

/* mem_fetch from memory that mem has mapped, by way of its hook. */
static inline void mem_load(const struct mem *mem, void *dst, void *src, size_t len)
{
	if (unlikely(mem->hook))
		mem->hook->load(mem->hook, dst, src, len);
	else
		mem_fetch(dst, src, len);
}

#endif
