/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that nobody may touch, for the address sanitizer; nothing happens without it. */
#ifndef MINIVMM_FUZZ_POISON_H
#define MINIVMM_FUZZ_POISON_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_HAS_POISON
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(FUZZ_HAS_POISON)
#define FUZZ_HAS_POISON
#endif

#ifdef FUZZ_HAS_POISON
#include <sanitizer/asan_interface.h>

static const bool fuzz_has_poison = true;

static inline void fuzz_poison(const volatile void *p, size_t len)
{
	__asan_poison_memory_region(p, len);
}

static inline void fuzz_unpoison(const volatile void *p, size_t len)
{
	__asan_unpoison_memory_region(p, len);
}
#else
static const bool fuzz_has_poison = false;

static inline void fuzz_poison(const volatile void *p, size_t len)
{
	(void)p;
	(void)len;
}

static inline void fuzz_unpoison(const volatile void *p, size_t len)
{
	(void)p;
	(void)len;
}
#endif

#endif
