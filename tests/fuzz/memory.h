/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory of the fuzzer's machine: RAM where QEMU's virt board has it and, when a trace asks for it, memory at any other
 * address but those of the board's devices. Who loads, when, and what is found there goes through here (struct mem_hook).
 *
 * A load is known by its address, its length and how many of just that there were before it. What it finds is, in this order:
 * what a FUZZ_LATE step said; what the feeder gives, which then is such a step of the trace; what is in the memory.
 *
 * A reset puts back the pages that were written or that the devices could have written.
 */
#ifndef MINIVMM_FUZZ_MEMORY_H
#define MINIVMM_FUZZ_MEMORY_H

#include "core/mem.h"
#include "op.h"

#define FUZZ_RAM_BASE 0x40000000ULL
#define FUZZ_RAM_SIZE (1 * MiB)

/* Of the memory elsewhere. */
#define FUZZ_WINDOWS	 16
#define FUZZ_WINDOW_SIZE (64 * KiB)

/* A load that is about to happen. */
struct fuzz_load {
	gpa_t gpa;
	uint32_t len, nth;
	const uint8_t *there; /* what it would find */
};

/* Decides what loads find. buf holds what is there, len bytes; true: it holds something else now. */
struct fuzz_feeder {
	bool (*feed)(struct fuzz_feeder *feeder, const struct fuzz_load *load, uint8_t *buf);
};

struct fuzz_memory {
	struct mem mem; /* for devices */
	struct mem_hook hook;
	struct fuzz_feeder *feeder; /* NULL: nobody */
	bool everywhere; /* FUZZ_HOST_MEMORY */
};

extern struct fuzz_memory fuzz_memory;

/* Once. */
void fuzz_memory_start(void);
void fuzz_memory_reset(void);
/* What a trace says of loads to come; data stays until the next reset. */
void fuzz_memory_late(const struct fuzz_op *op);
/* The guest's own access. false: not memory, or not all of it. */
bool fuzz_memory_read(gpa_t gpa, void *dst, size_t len);
bool fuzz_memory_write(gpa_t gpa, const void *src, size_t len);
/* No page of it was written since the reset. */
bool fuzz_memory_is_clean(gpa_t gpa, size_t len);
/* All that devices have mapped until now is theirs no more: to touch it is an error (seen by the address sanitizer). */
void fuzz_memory_revoke(void);
/* Whether it is in what devices have mapped. */
bool fuzz_memory_is_mapped(const void *host, size_t len);
/* The guest's address of what mem_ptr gave. */
gpa_t fuzz_memory_gpa(const void *host);
/* Loads since the reset. */
uint64_t fuzz_memory_loads(void);

#endif
