/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ring format gives to virtq.c, and what it gets from there. Private to the queue: no device includes this.
 */
#ifndef MINIVMM_RING_H
#define MINIVMM_RING_H

#include "virtq.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rings are little endian and are read in place; this host is not"
#endif

enum ring_take {
	RING_EMPTY,
	RING_CHAIN,
	RING_BAD_CHAIN, /* head and slots are known, q->fault says what is wrong */
	RING_BROKEN, /* q->fault says why */
};

struct ring_ops {
	/* Checks size and maps the areas into desc, avail, used: NULL, or why not. */
	const char *(*start)(struct virtq *q);
	/* Whether the ring can be at this position (of avail_next and used_next). */
	bool (*at)(const struct virtq *q, uint16_t position);
	/* Fetches the next chain and moves on over it, also when it is bad. */
	enum ring_take (*take)(struct virtq *q, struct chain *chain);
	/* Moves back over the chain just taken. */
	void (*untake)(struct virtq *q, const struct chain *chain);
	/* Publishes one used chain. */
	void (*give)(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len);
	/* Asks for kicks (true: by now something is there, do not sleep) and asks for none. */
	bool (*kicks_on)(struct virtq *q);
	void (*kicks_off)(struct virtq *q);
	/* Whether the driver wants a notification for the last q->given entries, which are not none. */
	bool (*driver_waits)(struct virtq *q);
};

extern const struct ring_ops ring_split, ring_packed;

/* A chain as it grows. total counts buffers, empty ones too, against the queue size. */
struct walk {
	const struct virtq *q;
	struct chain *chain;
	uint32_t total;
};

void walk_begin(struct walk *w, const struct virtq *q, struct chain *chain);
/* Adds one buffer: NULL, or what is wrong with it. Every check on a buffer is made here, whatever the ring. */
const char *walk_add(struct walk *w, gpa_t addr, uint32_t len, bool device_writes);
/* Sets the counts and pointers of the finished chain. */
void walk_end(struct walk *w);
/* Checks the address and length of an indirect table: NULL and *table, or what is wrong. */
const char *walk_table(const struct virtq *q, gpa_t addr, uint32_t len, const void **table);

#endif
