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

/*
 * A chain as it grows. Here and not in virtq.c because both walkers go through it for every descriptor: inlined, the
 * whole of it stays in registers.
 */
struct walk {
	const struct virtq *q;
	struct chain *chain;
	struct iovec *iov; /* the next to fill */
	uint32_t left; /* buffers the chain may still have, empty ones too */
	uint32_t room; /* bytes it may still have */
	bool in; /* in the writable part */
};

static inline void walk_begin(struct walk *w, const struct virtq *q, struct chain *chain)
{
	/* virtio 2.7.5.3.1: "MUST NOT create a descriptor chain longer than the Queue Size". This also ends loops (R01). */
	*w = (struct walk){ .q = q, .chain = chain, .iov = chain->iov, .left = q->size, .room = UINT32_MAX };
}

/* The readable part ends here. */
static inline void walk_turn(struct walk *w)
{
	w->in = true;
	w->chain->in = w->iov;
	w->chain->out_len = UINT32_MAX - w->room;
}

/* Adds one buffer: NULL, or what is wrong with it. Every check on a buffer is made here, whatever the ring. */
static inline const char *walk_add(struct walk *w, gpa_t addr, uint32_t len, bool device_writes)
{
	void *host;

	if (!w->left)
		return "a chain is longer than the queue";
	w->left--;
	/* virtio 2.7.4.2: "any device-writable descriptor elements after any device-readable" (R18). */
	if (!device_writes && w->in)
		return "a readable buffer follows a writable one";
	if (device_writes && !w->in)
		walk_turn(w);
	/* Nothing to reach, so its address means nothing and need not be valid (R15). */
	if (!len)
		return NULL;
	/* virtio 2.7.5.2: "MUST NOT add a descriptor chain longer than 2^32 bytes in total" (R03). */
	if (len > w->room)
		return "a chain has more than 2^32 bytes";
	w->room -= len;
	if (w->iov == w->chain->iov + CHAIN_MAX_IOV)
		return "a chain has more buffers than this device takes";
	host = mem_ptr(w->q->mem, addr, len);
	if (!host)
		return "a buffer is not in guest memory";
	*w->iov++ = (struct iovec){ .iov_base = host, .iov_len = len };
	return NULL;
}

/* Sets the counts and pointers of the finished chain. */
static inline void walk_end(struct walk *w)
{
	struct chain *chain = w->chain;

	if (!w->in)
		walk_turn(w);
	chain->out = chain->iov;
	chain->out_count = (uint16_t)(chain->in - chain->iov);
	chain->in_count = (uint16_t)(w->iov - chain->in);
	chain->in_len = UINT32_MAX - w->room - chain->out_len;
}

/* Checks the address and length of an indirect table: NULL and *table, or what is wrong. */
const char *walk_table(const struct virtq *q, gpa_t addr, uint32_t len, const void **table);

/*
 * mem_fetch for the 16 bytes of a descriptor, of either ring: two loads, also where an indirect table is not aligned, and
 * the fields are cut out of the copy. In line because there is one for every descriptor.
 */
struct desc_words {
	uint64_t addr, rest;
} __attribute__((packed, may_alias));

static inline struct desc_words fetch_desc(const void *from)
{
	const volatile struct desc_words *src = from;
	struct desc_words words;

	words.addr = src->addr;
	words.rest = src->rest;
	return words;
}

static inline uint32_t desc_len(struct desc_words words)
{
	return (uint32_t)words.rest;
}

/* The 16 bits at bytes 12 and 14: flags and next in a split ring, id and flags in a packed one. */
static inline uint16_t desc_u16_12(struct desc_words words)
{
	return (uint16_t)(words.rest >> 32);
}

static inline uint16_t desc_u16_14(struct desc_words words)
{
	return (uint16_t)(words.rest >> 48);
}

#endif
