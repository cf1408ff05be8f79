/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few helpers every layer needs: container_of, array sizes, alignment, and the attribute that makes ignoring an
 * error a compile error. No code, no state.
 */
#ifndef MINIVMM_UTIL_H
#define MINIVMM_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* The caller has to look at the result: an error dropped is a bug. */
#define must_check __attribute__((warn_unused_result))

/* Which way a branch nearly always goes, where that shortens the path of every request. */
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Off the path of every request: what it needs of registers does not weigh on that. */
#define not_inline __attribute__((noinline))

/* clang-format off: in a macro it takes (x) - 1 for a cast of -1. */

/* By way of void: the member's alignment says nothing, the container is aligned as it was made. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* align is a power of two. ALIGN_UP wraps to 0 past 2^64; callers bound value first. */
#define ALIGN_DOWN(value, align) ((value) & ~((uint64_t)(align)-1))
#define ALIGN_UP(value, align)	 ALIGN_DOWN((value) + (uint64_t)(align)-1, align)

/* clang-format on */

#define KiB 1024ULL
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

#endif
