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

#define MEM_MAX_REGIONS 4

struct mem_region {
	gpa_t base;
	uint64_t size; /* bytes, not 0 */
	uint8_t *host; /* where base is mapped here; owned by whoever added the region */
	int fd; /* memfd behind host, handed to vhost-user backends; -1 if there is none */
	uint64_t fd_offset;
};

struct mem {
	struct mem_region region[MEM_MAX_REGIONS];
	unsigned int count;
};

/*
 * Adds a copy of *region. -EINVAL: empty, or base + size passes 2^64; -EEXIST: overlaps a region already there;
 * -ENOSPC: all MEM_MAX_REGIONS are taken.
 */
must_check int mem_add(struct mem *mem, const struct mem_region *region);

/* Host address of [gpa, gpa + len), or NULL unless all of it lies in one region. len 0 needs gpa itself inside. */
must_check void *mem_ptr(const struct mem *mem, gpa_t gpa, size_t len);

/* Copy out of or into guest memory. false, and nothing copied, unless the whole range lies in one region. */
must_check bool mem_read(const struct mem *mem, gpa_t gpa, void *dst, size_t len);
must_check bool mem_write(struct mem *mem, gpa_t gpa, const void *src, size_t len);

/*
 * Copies with every byte of src loaded exactly once. A plain memcpy from memory that the guest also writes may legally
 * be compiled into two loads of the same byte, the second after the check of the first.
 */
void mem_fetch(void *dst, const volatile void *src, size_t len);

#endif
