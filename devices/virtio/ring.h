/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ring format gives to virtq.c, and what both formats share of taking a chain and giving it back. Private to the
 * queue: no device includes this.
 *
 * The shared steps are here, in line, and not in virtq.c: each format compiles its own pop and push out of them, so that
 * a chain costs one call through struct ring_ops each way and its walk stays in registers.
 *
 * Each format is compiled twice: once more with RING_HOOKED, where every load from guest memory is a call of the memory's hook, for
 * memory that has one. Those who have none pay nothing for it.
 */
#ifndef MINIVMM_RING_H
#define MINIVMM_RING_H

#include <linux/virtio_ring.h>

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
	/* virtq_pop and virtq_push: ring_pop and ring_release with the steps of this format. */
	bool (*pop)(struct virtq *q, struct chain *chain);
	void (*push)(struct virtq *q, struct chain *chain);
	/* Moves back over the chain just taken. */
	void (*untake)(struct virtq *q, const struct chain *chain);
	/* Publishes one used chain, and counts its slots in q->given. */
	void (*give)(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len);
	/* Asks for kicks. true: by now something is there, do not sleep. */
	bool (*kicks_on)(struct virtq *q);
	/* Whether the driver wants a notification for the last `given` entries, which are not none. */
	bool (*driver_waits)(struct virtq *q, uint32_t given);
};

extern const struct ring_ops ring_split, ring_packed, ring_split_hooked, ring_packed_hooked;

/* The one load of a field that the driver writes. src is in what the queue's memory has mapped. */
static inline uint16_t ring_load16(const struct virtq *q, uint16_t *src, int order)
{
#ifdef RING_HOOKED
	uint16_t value;

	(void)order;
	q->mem->hook->load(q->mem->hook, &value, src, sizeof(value));
	return value;
#else
	(void)q;
	return __atomic_load_n(src, order);
#endif
}

static inline uint32_t ring_load32(const struct virtq *q, uint32_t *src, int order)
{
#ifdef RING_HOOKED
	uint32_t value;

	(void)order;
	q->mem->hook->load(q->mem->hook, &value, src, sizeof(value));
	return value;
#else
	(void)q;
	return __atomic_load_n(src, order);
#endif
}

/*
 * With VIRTIO_F_IN_ORDER: remembers the chain just taken, behind all those in flight; and takes one that is done, giving
 * back what has nothing before it.
 */
void ring_order(struct virtq *q, struct chain *chain);
void ring_complete(struct virtq *q, const struct chain *chain);

/* A chain as it grows. */
struct walk {
	const struct virtq *q;
	const struct mem *mem;
	struct chain *chain;
	struct iovec *iov; /* the next to fill */
	struct iovec *end; /* with this one there are too many: an empty buffer fills none and lowers it instead */
	uint64_t len; /* bytes so far; 32768 lengths of 32 bits cannot overflow it */
	uint32_t part; /* of the buffers now: 0 readable, else writable */
};

static inline void walk_begin(struct walk *w, const struct virtq *q, struct chain *chain)
{
	/* virtio 2.7.5.3.1: "MUST NOT create a descriptor chain longer than the Queue Size". This also ends loops (R01). */
	size_t most = q->size < CHAIN_MAX_IOV ? q->size : CHAIN_MAX_IOV;

	chain->mem = q->mem;
	*w = (struct walk){ .q = q, .mem = q->mem, .chain = chain, .iov = chain->iov, .end = chain->iov + most };
}

/* The readable part ends here. */
static inline void walk_turn(struct walk *w)
{
	w->chain->in = w->iov;
	w->chain->out_len = (uint32_t)w->len;
}

/*
 * Adds one buffer: NULL, or what is wrong with it. Every check on a buffer is made here, whatever the ring. write is 0 for
 * a readable buffer and the same value for each writable one: its WRITE flag, wherever the ring has that.
 */
static inline const char *walk_add(struct walk *w, gpa_t addr, uint32_t len, uint32_t write)
{
	void *host;

	if (w->iov == w->end)
		return w->q->size <= CHAIN_MAX_IOV ? "a chain is longer than the queue"
						   : "a chain has more buffers than this device takes";
	if (write != w->part) {
		/* virtio 2.7.4.2: "any device-writable descriptor elements after any device-readable" (R18). */
		if (w->part)
			return "a readable buffer follows a writable one";
		walk_turn(w);
		w->part = write;
	}
	/* Nothing to reach, so its address means nothing and need not be valid (R15). */
	if (!len) {
		w->end--;
		return NULL;
	}
	w->len += len;
	if (!mem_map(w->mem, addr, len, &host))
		return "a buffer is not in guest memory";
	*w->iov++ = (struct iovec){ .iov_base = host, .iov_len = len };
	return NULL;
}

/* Sets the counts and pointers of the finished chain: NULL, or what is wrong with the whole of it. */
static inline const char *walk_end(struct walk *w)
{
	struct chain *chain = w->chain;

	/* virtio 2.7.5.2: "MUST NOT add a descriptor chain longer than 2^32 bytes in total" (R03). */
	if (w->len > UINT32_MAX)
		return "a chain has more than 2^32 bytes";
	if (!w->part)
		walk_turn(w);
	chain->out = chain->iov;
	chain->out_count = (uint16_t)(chain->in - chain->iov);
	chain->in_count = (uint16_t)(w->iov - chain->in);
	chain->in_len = (uint32_t)w->len - chain->out_len;
	return NULL;
}

/* The end of taking a chain whose head is known: why is what was wrong with its buffers, NULL if nothing was. */
static inline enum ring_take walk_taken(struct walk *w, struct virtq *q, const char *why)
{
	if (!why)
		why = walk_end(w);
	if (!why)
		return RING_CHAIN;
	q->fault = why;
	return RING_BAD_CHAIN;
}

/* Checks the address and length of an indirect table: NULL and *table, or what is wrong. */
static inline const char *walk_table(const struct virtq *q, gpa_t addr, uint32_t len, void **table)
{
	if (!q->indirect)
		return "an indirect table without VIRTIO_F_INDIRECT_DESC";
	/* A table need not be aligned: a check for that has broken real guests (R12). */
	if (!len || len % sizeof(struct vring_desc))
		return "an indirect table's length is 0 or not a multiple of 16";
	return mem_map(q->mem, addr, len, table) ? NULL : "an indirect table is not in guest memory";
}

/*
 * mem_fetch for the 16 bytes of a descriptor, of either ring: two loads, also where an indirect table is not aligned, and
 * the fields are cut out of the copy. In line because there is one for every descriptor.
 */
struct desc_words {
	uint64_t addr, rest;
} __attribute__((packed, may_alias));

static inline struct desc_words fetch_desc(const struct virtq *q, void *from)
{
	struct desc_words words;
#ifdef RING_HOOKED
	q->mem->hook->load(q->mem->hook, &words, from, sizeof(words));
#else
	const volatile struct desc_words *src = from;

	(void)q;
	words.addr = src->addr;
	words.rest = src->rest;
#endif
	return words;
}

static inline uint32_t desc_len(struct desc_words words)
{
	return (uint32_t)words.rest;
}

/* Bytes 12 to 15: in a split ring flags, then next in the upper half; in a packed one the id, then flags. */
static inline uint32_t desc_tail(struct desc_words words)
{
	return (uint32_t)(words.rest >> 32);
}

/* No more is taken from this ring and nothing given back: why is in q->fault. */
static inline bool ring_break(struct virtq *q)
{
	q->broken = true;
	q->ring = NULL;
	return false;
}

/*
 * For a chain of a packed ring that was taken in another life of it (virtq_inflight.h): the walk once more, along copies of its
 * descriptors, since used ones may have been written over them. It has its head and slots already, and as many are added.
 */
struct ring_packed_walk {
	struct walk w;
	const char *why; /* what is wrong so far */
};

void ring_packed_begin(struct ring_packed_walk *p, const struct virtq *q, struct chain *chain);
void ring_packed_add(struct ring_packed_walk *p, gpa_t addr, uint32_t len, uint16_t flags);
enum ring_take ring_packed_end(struct ring_packed_walk *p, struct virtq *q);
/* Positions so many slots on and back; at most as many as the ring has. */
uint16_t ring_packed_forward(const struct virtq *q, uint16_t pos, uint16_t slots);
uint16_t ring_packed_back(const struct virtq *q, uint16_t pos, uint16_t slots);

/* Counts the chain just taken among those in flight. false: it is there already, and the ring is broken. */
static inline bool ring_hold(struct virtq *q, struct chain *chain)
{
	const void **mark = &q->in_flight[chain->head];

	q->budget--;
	/* Given back twice, the first completion would free buffers that the second still uses (R07). */
	if (*mark) {
		q->fault = "a chain was made available again while in flight";
		return ring_break(q);
	}
	*mark = chain;
	q->in_flight_count++;
	chain->written = 0;
	if (q->in_order)
		ring_order(q, chain);
	return true;
}

/* The same for a bad one, which goes straight back. */
bool ring_hold_bad(struct virtq *q, struct chain *chain);

/*
 * virtq_pop out of a format's two steps, which become part of it: take fetches the next chain and moves on over it, also
 * when it is bad; kicks_off asks for no kicks.
 */
static inline __attribute__((always_inline)) bool ring_pop(struct virtq *q, struct chain *chain,
	enum ring_take (*take)(struct virtq *, struct chain *), void (*kicks_off)(struct virtq *))
{
	for (;;) {
		enum ring_take taken;

		if (!q->budget) {
			q->more = true;
			return false;
		}
		taken = take(q, chain);
		if (taken == RING_EMPTY) {
			if (q->ring->kicks_on(q))
				continue;
			return false;
		}
		if (taken == RING_BROKEN)
			return ring_break(q);
		kicks_off(q);
		if (likely(taken == RING_CHAIN))
			return ring_hold(q, chain);
		if (!ring_hold_bad(q, chain))
			return false;
	}
}

/* Popped in this life of the queue and not pushed yet: a chain that is not is dropped (R38), pushed twice too. */
static inline bool ring_is_out(const struct virtq *q, const struct chain *chain)
{
	return q->in_flight[chain->head] == chain;
}

/* The first half of virtq_push. true: the chain is to be given now. */
static inline bool ring_release(struct virtq *q, struct chain *chain)
{
	if (!ring_is_out(q, chain))
		return false;
	if (q->in_order) {
		ring_complete(q, chain);
		return false;
	}
	q->in_flight[chain->head] = NULL;
	q->in_flight_count--;
	return true;
}

#endif
