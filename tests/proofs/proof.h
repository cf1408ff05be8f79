/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every proof stands on. A proof is a function without arguments that calls the device model's own code, not a copy, with
 * values that may be anything, and says what holds afterwards; CBMC looks at all of them at once. Beside that it checks every
 * pointer, array index, shift, signed overflow and assert in the code that was reached, and that every loop ends.
 */
#ifndef MINIVMM_PROOF_H
#define MINIVMM_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem.h"

#define ASSUME(condition)      __CPROVER_assume(condition)
#define PROVE(condition, text) __CPROVER_assert(condition, text)
/* Can be: a proof whose assumptions leave nothing would prove anything. Each is looked for in a run of its own. */
#ifdef PROOF_REACH
#define REACHABLE(condition) __CPROVER_assert(!(condition), "reach")
#else
#define REACHABLE(condition) ((void)0)
#endif

/* Anything, another each time. CBMC knows them by the beginning of their names. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
unsigned int nondet_uint(void);

/*
 * Guest memory that is mapped or not as it likes, and of which every load finds something else: what holds over it holds
 * whatever the guest writes and whenever (a field that is looked at twice is two values). mem_map's own promise, that what it
 * gives lies in RAM, is proved in mem.c and taken for granted here; that nothing else is loaded is proved here.
 */
#define ANY_RAM_SIZE (1ULL << 40)

static uint8_t any_ram[16]; /* a place to point into: no byte of it is ever there */

static bool in_any_ram(const void *p, size_t len)
{
	return __CPROVER_same_object(p, any_ram) && __CPROVER_POINTER_OFFSET(p) <= ANY_RAM_SIZE &&
	       len <= ANY_RAM_SIZE - __CPROVER_POINTER_OFFSET(p);
}

static void any_load(struct mem_hook *hook, void *dst, void *src, size_t len)
{

	(void)hook;
	PROVE(in_any_ram(src, len), "a load is from guest memory");
	PROVE(len == 2 || len == 4 || len == 16, "a load is of a field of a ring");
	if (len == 2)
		*(uint16_t *)dst = nondet_u16();
	else if (len == 4)
		*(uint32_t *)dst = nondet_u32();
	else if (len == 16) {
		((uint64_t *)dst)[0] = nondet_u64();
		((uint64_t *)dst)[1] = nondet_u64();
	}
}

static void *any_map(struct mem_hook *hook, gpa_t gpa, size_t len)
{
	uint64_t offset = nondet_u64();

	(void)hook;
	(void)gpa;
	ASSUME(offset <= ANY_RAM_SIZE && len <= ANY_RAM_SIZE - offset);
	return nondet_bool() ? any_ram + offset : NULL;
}

#endif
