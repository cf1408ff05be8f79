/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sebastiano Vigna's splitmix64: one addition and a mix per 8 bytes, any seed is good. Repeatable numbers, the same on every
 * host; nothing that must not be guessed comes from here.
 */
#ifndef MINIVMM_SPLITMIX64_H
#define MINIVMM_SPLITMIX64_H

#include <stdint.h>

static inline uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

#endif
