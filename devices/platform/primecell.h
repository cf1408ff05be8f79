/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ARM's PrimeCell devices (PL011, PL031, PL061) have in common: how accesses map to registers, the identification
 * registers, and an interrupt line that goes with a masked status.
 */
#ifndef MINIVMM_PRIMECELL_H
#define MINIVMM_PRIMECELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/irq.h"

#define PRIMECELL_SIZE 0x1000
#define PRIMECELL_ID   0xfe0 /* PeriphID0..3, PCellID0..3: a byte in each of eight words */

/*
 * Registers are words. An access of any width at a word's first byte is one to that register: reads are cut to the
 * width, writes have zeros above it, the upper half of an 8-byte access is nothing. Anywhere else reads give 0 and
 * writes do nothing.
 */
static inline bool primecell_aligned(uint64_t offset)
{
	return !(offset & 3);
}

static inline uint32_t primecell_id(const uint8_t id[8], uint64_t offset)
{
	return offset >= PRIMECELL_ID && offset < PRIMECELL_SIZE ? id[(offset - PRIMECELL_ID) / 4] : 0;
}

/* The name of the word at offset from a table whose index is the word's number; NULL beyond it or in a gap. */
static inline const char *primecell_name(const char *const *names, size_t count, uint64_t offset)
{
	static const char *const id[] = { "PeriphID0", "PeriphID1", "PeriphID2", "PeriphID3", "PCellID0", "PCellID1",
		"PCellID2", "PCellID3" };

	if (offset >= PRIMECELL_ID && offset < PRIMECELL_SIZE)
		return id[(offset - PRIMECELL_ID) / 4];
	return offset / 4 < count ? names[offset / 4] : NULL;
}

/*
 * Drive the line to (now != 0). Behind it may be a receiver that only sees edges, where a real one would look at the level
 * again after each interrupt: so every bit that is new raises again, and so does every bit in `again`, which had a new
 * cause while it was set.
 */
static inline void primecell_irq(struct irq *irq, uint32_t *last, uint32_t now, uint32_t again)
{
	if (now & (~*last | again))
		irq_raise(irq);
	else if (!now && *last)
		irq_lower(irq);
	*last = now;
}

#endif
