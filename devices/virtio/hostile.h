/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that lie on purpose, so that a guest's drivers can be hardened against devices they should not trust. What a lying
 * device does is within reach of any device: values in the used ring, interrupts, the configuration space, how much entropy
 * there is. Nothing else is touched, least of all memory that the driver did not give; a driver that falls for a lie may do the rest
 * to itself, and what it then does wrong is answered as always.
 *
 * No device and no transport knows of it: it takes the place of a queue's ring, a device's class and transport, and an entropy
 * source. Those who have no struct hostile pay nothing.
 *
 * Repeatable: every queue has a stream of numbers for each kind of lie, which moves on by one at each occasion for that kind and at
 * nothing else. The same seed and a guest that does the same make the same lies; time has no part in it.
 */
#ifndef MINIVMM_HOSTILE_H
#define MINIVMM_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "backend/entropy.h"
#include "virtio.h"

enum hostile_kind {
	HOSTILE_USED_ID, /* a chain is given back by another name, outside the ring or of another chain */
	HOSTILE_USED_LEN, /* or with another length than was written: none, part, or more than there is room for */
	HOSTILE_STATUS, /* a disk request that was done says it failed, in the driver's terms or in none */
	HOSTILE_IRQ_EARLY, /* an interrupt before there is anything in the used ring */
	HOSTILE_IRQ_LOST, /* none when there is */
	HOSTILE_IRQ_LATE, /* up to half a second after */
	HOSTILE_IRQ_DOUBLE, /* and another one for nothing, a little later */
	HOSTILE_CONFIG, /* a read of the configuration space finds something else, which has changed back afterwards */
	HOSTILE_ENTROPY, /* fewer random bytes than asked for and there, or none now */
	HOSTILE_KINDS,
};

/* Zeroed, then filled in by hostile_init. Outlives what is attached to it, and the lives of a machine. Under the machine lock. */
struct hostile {
	uint64_t seed;
	uint32_t rate; /* one lie in about so many occasions of its kind, at least 1 */
	uint32_t kinds; /* those that there are, 1 << HOSTILE_x */
	/* For each lie, one line of text without an end; NULL: nobody wants to know. */
	void (*report)(struct hostile *h, const char *text);
	struct {
		uint64_t lies, occasions;
	} count[HOSTILE_KINDS];
	uint32_t devices; /* attached so far; the next one's streams are others */
	struct entropy entropy; /* in place of source */
	struct entropy *source;
	uint64_t entropy_stream;
};

struct hostile_device;

/* "used-id", "irq-lost", ...; -1: no kind has the len bytes at name for its name. */
const char *hostile_kind_name(enum hostile_kind kind);
int hostile_find_kind(const char *name, size_t len);

/* rate is at least 1. */
void hostile_init(struct hostile *h, uint64_t seed, uint32_t rate, uint32_t kinds);

/*
 * From now on v lies to its driver. v has its transport and no driver yet; nothing of it is mirrored, or reads of the
 * configuration space would not be seen. NULL: out of memory.
 */
must_check struct hostile_device *hostile_attach(struct hostile *h, struct virtio *v);
/* v is honest again, and off its transport or reset. NULL is allowed. */
void hostile_detach(struct hostile_device *d);

/* The one source of h, which stands for `source` from now on and needs no end of its own. */
struct entropy *hostile_entropy(struct hostile *h, struct entropy *source);

/* How many lies of each kind there were, and for how many occasions: a table with a line each. */
void hostile_print(const struct hostile *h, FILE *file);

#endif
