/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed virtqueue (virtio 2.8). Only its layout, its positions and its barriers; what a buffer may be is walk_add's.
 *
 * A position is an index into the ring with the ring wrap counter in bit 15, as the event suppression structures have it.
 * The descriptor with a chain's buffer id is its last: a chain whose end is not found has no name to be given back by,
 * so that breaks the ring, while anything wrong with its buffers spoils the chain alone.
 */
#include "ring.h"

#ifdef RING_HOOKED
#define ring_packed ring_packed_hooked
#endif

#define WRAP  (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

#define EVENT_SUPPRESS_SIZE 4
#define EVENT_FLAGS_MASK    3

static const char *packed_start(struct virtq *q)
{
	size_t size = q->size;

	/* virtio 2.8.10.1: any size up to the maximum, not only powers of two. */
	if (q->desc_gpa % sizeof(struct vring_packed_desc) || q->avail_gpa % EVENT_SUPPRESS_SIZE ||
		q->used_gpa % EVENT_SUPPRESS_SIZE)
		return "a ring is not aligned";
	q->desc = mem_ptr(q->mem, q->desc_gpa, size * sizeof(struct vring_packed_desc));
	q->avail = mem_ptr(q->mem, q->avail_gpa, EVENT_SUPPRESS_SIZE);
	q->used = mem_ptr(q->mem, q->used_gpa, EVENT_SUPPRESS_SIZE);
	if (!q->desc || !q->avail || !q->used)
		return "a ring is not in guest memory";
	/* virtio 2.8.1: both wrap counters start at 1. */
	q->avail_next = q->used_next = WRAP;
	return NULL;
}

static bool packed_at(const struct virtq *q, uint16_t position)
{
	return (position & ~WRAP) < q->size;
}

static inline __attribute__((always_inline)) uint16_t forward(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	uint32_t i = (uint32_t)(pos & ~WRAP) + slots;

	if (i < q->size)
		return (uint16_t)(i | (pos & WRAP));
	return (uint16_t)((i - q->size) | (~pos & WRAP));
}

static inline __attribute__((always_inline)) uint16_t back(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	uint16_t i = pos & (uint16_t)~WRAP;

	if (i >= slots)
		return (uint16_t)(pos - slots);
	return (uint16_t)((i + q->size - slots) | (~pos & WRAP));
}

/* A flag as desc_tail has it, above the buffer id. */
#define TAIL(flag) ((uint32_t)(flag) << 16)

#define TAIL_NEXT     TAIL(VRING_DESC_F_NEXT)
#define TAIL_WRITE    TAIL(VRING_DESC_F_WRITE)
#define TAIL_INDIRECT TAIL(VRING_DESC_F_INDIRECT)
#define TAIL_AVAIL    TAIL(AVAIL)
#define TAIL_USED     TAIL(USED)

/* virtio 2.8.1: available when AVAIL matches the driver's wrap counter, which is bit 15 of pos, and USED does not. */
static uint32_t available_at(uint16_t pos)
{
	return pos & WRAP ? TAIL_AVAIL : TAIL_USED;
}

static bool is_available(uint32_t tail, uint32_t available)
{
	return (tail & (TAIL_AVAIL | TAIL_USED)) == available;
}

static uint32_t load_flags(const struct virtq *q, uint32_t i)
{
	struct vring_packed_desc *ring = q->desc;

	/* Acquire: the rest of this descriptor, and the others of its list, are read after the flags that release them. */
	return TAIL(ring_load16(q, &ring[i].flags, __ATOMIC_ACQUIRE));
}

static enum ring_take broken(struct virtq *q, const char *why)
{
	q->fault = why;
	return RING_BROKEN;
}

/* Between two descriptors of the ring. */
struct spot {
	uint32_t next, available; /* the index of the next one, and its flags when that is available */
};

/* A walk along the ring itself. */
struct place {
	struct desc_words desc; /* the descriptor it is at: a copy, by whose flags the walk goes */
	struct spot at; /* after it */
	uint32_t slots; /* descriptors so far */
};

static inline void place_fetch(const struct virtq *q, struct place *p)
{
	p->desc = fetch_desc(q, (struct vring_packed_desc *)q->desc + p->at.next);
	p->slots++;
	if (++p->at.next == q->size) {
		p->at.next = 0;
		p->at.available ^= TAIL_AVAIL | TAIL_USED;
	}
}

/* Goes on to the next descriptor of the list: NULL, or how the ring is broken. */
static inline const char *place_next(const struct virtq *q, struct place *p)
{
	uint32_t available = p->at.available;

	if (p->slots == q->size)
		return "a descriptor list has no end";
	place_fetch(q, p);
	/* virtio 2.8.6: all flags are right in all descriptors of a list before the first is made available. */
	if (!is_available(desc_tail(p->desc), available))
		return "a descriptor list goes on past what is available";
	return NULL;
}

/* The list ends here: names the chain and moves on over it. */
static inline enum ring_take take_end(struct virtq *q, struct chain *chain, struct place last)
{
	chain->head = (uint16_t)desc_tail(last.desc);
	chain->slots = (uint16_t)last.slots;
	/* Ids come from a set of Queue Size (virtio 2.8.22.1 looks them up in arrays of that size). */
	if (chain->head >= q->size)
		return broken(q, "a buffer id is not below the queue size");
	q->avail_next = (uint16_t)(last.at.next | (last.at.available == TAIL_AVAIL ? WRAP : 0));
	return RING_CHAIN;
}

/* Something is wrong with a buffer of the list: its end is looked for all the same, for the chain's name is there. */
static not_inline enum ring_take take_bad(struct virtq *q, struct chain *chain, struct place p, const char *why)
{
	enum ring_take taken;

	while (desc_tail(p.desc) & TAIL_NEXT) {
		const char *end = place_next(q, &p);

		if (end)
			return broken(q, end);
	}
	taken = take_end(q, chain, p);
	if (taken != RING_CHAIN)
		return taken;
	q->fault = why;
	return RING_BAD_CHAIN;
}

/* virtio 2.8.7: the entries of a table follow one another; every flag but WRITE, and the id, mean nothing there. */
static inline __attribute__((always_inline)) const char *walk_entries(struct walk *w, gpa_t addr, uint32_t len)
{
	const char *why;
	void *table;

	why = walk_table(w->q, addr, len, &table);
	for (uint32_t i = 0; !why && i < len / sizeof(struct vring_packed_desc); i++) {
		struct desc_words desc = fetch_desc(w->q, (struct vring_packed_desc *)table + i);

		why = walk_add(w, desc.addr, desc_len(desc), desc_tail(desc) & TAIL_WRITE);
	}
	return why;
}

/* The list is one descriptor, which refers to a table. */
static inline enum ring_take take_table(struct virtq *q, struct chain *chain, struct place p)
{
	enum ring_take taken = take_end(q, chain, p);
	struct walk w;

	if (taken != RING_CHAIN)
		return taken;
	walk_begin(&w, q, chain);
	return walk_taken(&w, q, walk_entries(&w, p.desc.addr, desc_len(p.desc)));
}

static inline enum ring_take take_list(struct virtq *q, struct chain *chain, struct place p)
{
	const char *why;
	struct walk w;

	walk_begin(&w, q, chain);
	for (;;) {
		why = walk_add(&w, p.desc.addr, desc_len(p.desc), desc_tail(p.desc) & TAIL_WRITE);
		if (why)
			return take_bad(q, chain, p, why);
		if (!(desc_tail(p.desc) & TAIL_NEXT))
			break;
		why = place_next(q, &p);
		if (why)
			return broken(q, why);
		if (desc_tail(p.desc) & TAIL_INDIRECT)
			return take_bad(q, chain, p, "an indirect table is part of a list");
	}
	why = walk_end(&w);
	return why ? take_bad(q, chain, p, why) : take_end(q, chain, p);
}

static enum ring_take packed_take(struct virtq *q, struct chain *chain)
{
	struct place p = { .at = { q->avail_next & ~WRAP, available_at(q->avail_next) } };

	if (!is_available(load_flags(q, p.at.next), p.at.available))
		return RING_EMPTY;
	place_fetch(q, &p);
	if (!(desc_tail(p.desc) & TAIL_INDIRECT))
		return take_list(q, chain, p);
	/* virtio 2.8.19: no table in a list linked by NEXT. */
	if (desc_tail(p.desc) & TAIL_NEXT)
		return take_bad(q, chain, p, "an indirect table is part of a list");
	return take_table(q, chain, p);
}

#ifndef RING_HOOKED /* once is enough: they load nothing from the ring */

void ring_packed_begin(struct ring_packed_walk *p, const struct virtq *q, struct chain *chain)
{
	walk_begin(&p->w, q, chain);
	p->why = NULL;
}

void ring_packed_add(struct ring_packed_walk *p, gpa_t addr, uint32_t len, uint16_t flags)
{
	if (p->why)
		return;
	if (!(flags & VRING_DESC_F_INDIRECT))
		p->why = walk_add(&p->w, addr, len, TAIL(flags) & TAIL_WRITE);
	else if (p->w.chain->slots > 1)
		p->why = "an indirect table is part of a list";
	else
		p->why = walk_entries(&p->w, addr, len);
}

enum ring_take ring_packed_end(struct ring_packed_walk *p, struct virtq *q)
{
	return walk_taken(&p->w, q, p->why);
}

uint16_t ring_packed_forward(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	return forward(q, pos, slots);
}

uint16_t ring_packed_back(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	return back(q, pos, slots);
}

#endif

static void packed_untake(struct virtq *q, const struct chain *chain)
{
	q->avail_next = back(q, q->avail_next, chain->slots);
}

static inline void packed_give(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len)
{
	uint16_t at = q->used_next, flags = at & WRAP ? AVAIL | USED : 0;
	struct vring_packed_desc *ring = q->desc;
	volatile struct vring_packed_desc *desc = &ring[at & ~WRAP];

	if (len)
		flags |= VRING_DESC_F_WRITE;
	desc->id = head;
	desc->len = len;
	/* Release: id, length and the payload before them are there when the driver sees the flags (virtio 2.8.1). */
	__atomic_store_n(&ring[at & ~WRAP].flags, flags, __ATOMIC_RELEASE);
	q->used_next = forward(q, at, slots);
	q->given += slots;
}

/* An event suppression structure is one aligned word: offset and wrap counter below, flags above. */
static void set_device_event(struct virtq *q, uint16_t off_wrap, uint16_t flags)
{
	__atomic_store_n((uint32_t *)q->used, (uint32_t)flags << 16 | off_wrap, __ATOMIC_RELAXED);
}

static bool packed_kicks_on(struct virtq *q)
{
	if (q->event_idx)
		set_device_event(q, q->avail_next, VRING_PACKED_EVENT_FLAG_DESC);
	else
		set_device_event(q, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	q->kicks_off = false;
	/*
	 * Full barrier: our wish is visible before the descriptor is looked at again. The driver writes the descriptor,
	 * then reads our wish; without a barrier on both sides each may miss the other's store, and nobody ever kicks.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return is_available(load_flags(q, q->avail_next & ~WRAP), available_at(q->avail_next));
}

static void packed_kicks_off(struct virtq *q)
{
	if (q->kicks_off)
		return;
	set_device_event(q, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
	q->kicks_off = true;
}

/* Whether the last `given` entries, fewer than a whole ring, took in the one the driver named. */
static bool passed(const struct virtq *q, uint16_t off_wrap, uint32_t given)
{
	uint16_t now = q->used_next & (uint16_t)~WRAP;
	uint16_t event = off_wrap & (uint16_t)~WRAP;

	/* The other wrap counter: it lies in the lap before this one, that far back in a line of indices. */
	if ((off_wrap ^ q->used_next) & WRAP)
		event = (uint16_t)(event - q->size);
	return vring_need_event(event, now, (uint16_t)(now - given));
}

static bool packed_driver_waits(struct virtq *q, uint32_t given)
{
	uint32_t event;

	/* Full barrier: as in kicks_on, with the roles exchanged: our used descriptors before the driver's wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = ring_load32(q, q->avail, __ATOMIC_RELAXED);
	switch (event >> 16 & EVENT_FLAGS_MASK) {
	case VRING_PACKED_EVENT_FLAG_DISABLE: return false;
	case VRING_PACKED_EVENT_FLAG_DESC:
		if (q->event_idx)
			return given >= q->size || passed(q, (uint16_t)event, given);
		return true;
	/* ENABLE, and the reserved value: one interrupt too many does no harm, one too few does. */
	default: return true;
	}
}

static bool packed_pop(struct virtq *q, struct chain *chain)
{
	return ring_pop(q, chain, packed_take, packed_kicks_off);
}

static void packed_push(struct virtq *q, struct chain *chain)
{
	if (ring_release(q, chain))
		packed_give(q, chain->head, chain->slots, chain->written);
}

const struct ring_ops ring_packed = {
	.start = packed_start,
	.at = packed_at,
	.pop = packed_pop,
	.push = packed_push,
	.untake = packed_untake,
	.give = packed_give,
	.kicks_on = packed_kicks_on,
	.driver_waits = packed_driver_waits,
};
