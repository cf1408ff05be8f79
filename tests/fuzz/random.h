/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for mutators, all decided by the seed that an engine gives. */
#ifndef MINIVMM_FUZZ_RANDOM_H
#define MINIVMM_FUZZ_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Marsaglia's xorshift64. */
static inline uint64_t fuzz_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint64_t fuzz_random_begin(unsigned int seed)
{
	return seed * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL;
}

/* Below n, which is not 0. */
static inline size_t fuzz_below(uint64_t *state, size_t n)
{
	return (size_t)((fuzz_random(state) >> 16) % n);
}

#endif
