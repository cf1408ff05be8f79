/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of memory that everything a machine of the fuzzer's consists of is allocated in, so that a reset is a copy. While it is on,
 * malloc, calloc, realloc, reallocarray and free are its (meson.build, --wrap); a free of what is in it always is.
 *
 * Allocations are apart by a red zone, which the address sanitizer knows, as it knows what was freed: overflows and uses after
 * free are seen as with its own allocator, but for a piece that was freed and is in use again (without it, sooner).
 *
 * Not a general allocator: a few hundred pieces, found by looking at each.
 */
#ifndef MINIVMM_FUZZ_ARENA_H
#define MINIVMM_FUZZ_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_ARENA_SIZE (4u << 20)

/* Which allocations are taken from it. The value before. */
bool fuzz_arena_on(bool on);
/* Zeroed. Ends the process when there is none left: that is an oracle of its own. */
void *fuzz_arena_alloc(size_t len);
/* What is there now is what fuzz_arena_restore puts back, apart from the pieces marked as scratch. */
void fuzz_arena_snapshot(void);
void fuzz_arena_restore(void);
/* Not copied: whoever knows what of it was used cleans it. p is a piece, before the snapshot. */
void fuzz_arena_scratch(void *p);
/* Bytes in use beyond those of the snapshot, and the most there ever were since the restore. */
size_t fuzz_arena_grown(void);
/* For --bench: bytes that a restore copies. */
size_t fuzz_arena_copied(void);

#endif
