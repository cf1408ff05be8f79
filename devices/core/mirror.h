/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mirror: memory that the guest reads where it would otherwise ask a device for its registers, so that a read costs it
 * a load and the host nothing. Writes to the same addresses still reach the bus. The accelerator gives the memory; a device
 * stores what it would answer, each time that changes.
 *
 * The rules for whoever stores, under the machine lock:
 *  - one aligned 32 bit store a register (the guest may read at any moment), then publish for that word;
 *  - before the guest can know: before the interrupt that tells it, and before the exit of its own write is over;
 *  - what has to change all at once, because the guest takes several reads to see it, changes while the mirror is hidden:
 *    reads then come by the bus and wait for the lock.
 */
#ifndef MINIVMM_MIRROR_H
#define MINIVMM_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

struct mirror;

struct mirror_ops {
	/* The 32 bits at word were stored: a guest that reads from now on sees them, even one that reads past the caches. */
	void (*publish)(struct mirror *mirror, const uint32_t *word);
	/* hidden: no read that began before this returns is still under way, and those that come go to the bus. */
	void (*hide)(struct mirror *mirror, bool hidden);
};

struct mirror {
	const struct mirror_ops *ops;
	gpa_t base;
	uint64_t size;
	uint8_t *host; /* what the guest reads at base, zeroes at first; aligned as base is */
};

static inline void mirror_publish(struct mirror *mirror, const uint32_t *word)
{
	mirror->ops->publish(mirror, word);
}

static inline void mirror_hide(struct mirror *mirror, bool hidden)
{
	mirror->ops->hide(mirror, hidden);
}

#endif
