/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed virtqueue (virtio 2.8). Only its layout, its positions and its barriers; what a buffer may be is walk_add's.
 *
 * A position is an index into the ring with the ring wrap counter in bit 15, as the event suppression structures have it.
 * The descriptor with a chain's buffer id is its last: a chain whose end is not found has no name to be given back by,
 * so that breaks the ring, while anything wrong with its buffers spoils the chain alone.
 */
#include <linux/virtio_ring.h>

#include "ring.h"

#define WRAP  ((uint16_t)(1u << VRING_PACKED_EVENT_F_WRAP_CTR))
#define AVAIL ((uint16_t)(1u << VRING_PACKED_DESC_F_AVAIL))
#define USED  ((uint16_t)(1u << VRING_PACKED_DESC_F_USED))

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

static struct vring_packed_desc *desc_at(const struct virtq *q, uint16_t pos)
{
	return (struct vring_packed_desc *)q->desc + (pos & ~WRAP);
}

static uint16_t forward(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	uint32_t i = (uint32_t)(pos & ~WRAP) + slots;

	if (i < q->size)
		return (uint16_t)(i | (pos & WRAP));
	return (uint16_t)((i - q->size) | (~pos & WRAP));
}

static uint16_t back(const struct virtq *q, uint16_t pos, uint16_t slots)
{
	uint16_t i = pos & (uint16_t)~WRAP;

	if (i >= slots)
		return (uint16_t)(pos - slots);
	return (uint16_t)((i + q->size - slots) | (~pos & WRAP));
}

/* virtio 2.8.1: available when AVAIL matches the driver's wrap counter and USED does not. */
static bool is_available(uint16_t flags, uint16_t pos)
{
	bool wrap = pos & WRAP;

	return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap;
}

static uint16_t load_flags(const struct virtq *q, uint16_t pos)
{
	/* Acquire: the rest of this descriptor, and the others of its list, are read after the flags that release them. */
	return __atomic_load_n(&desc_at(q, pos)->flags, __ATOMIC_ACQUIRE);
}

/* virtio 2.8.7: the entries of a table follow one another; every flag but WRITE, and the id, mean nothing there. */
static const char *walk_inner(struct walk *w, gpa_t addr, uint32_t len)
{
	const void *table;
	const char *why = walk_table(w->q, addr, len, &table);

	for (uint32_t i = 0; !why && i < len / sizeof(struct vring_packed_desc); i++) {
		struct desc_words desc = fetch_desc((const struct vring_packed_desc *)table + i);

		why = walk_add(w, desc.addr, desc_len(desc), desc_u16_14(desc) & VRING_DESC_F_WRITE);
	}
	return why;
}

/* One descriptor of the ring; first: none of its list came before it. */
static inline const char *walk_one(struct walk *w, struct desc_words desc, uint16_t flags, bool first)
{
	if (!(flags & VRING_DESC_F_INDIRECT))
		return walk_add(w, desc.addr, desc_len(desc), flags & VRING_DESC_F_WRITE);
	/* virtio 2.8.19: no table in a list linked by NEXT. */
	if (flags & VRING_DESC_F_NEXT || !first)
		return "an indirect table is part of a list";
	return walk_inner(w, desc.addr, desc_len(desc));
}

static enum ring_take broken(struct virtq *q, const char *why)
{
	q->fault = why;
	return RING_BROKEN;
}

static enum ring_take packed_take(struct virtq *q, struct chain *chain)
{
	uint16_t pos = q->avail_next, flags = load_flags(q, pos), slots;
	const char *why = NULL;
	struct walk w;

	if (!is_available(flags, pos))
		return RING_EMPTY;
	walk_begin(&w, q, chain);
	for (slots = 1;; slots++) {
		/* The flags were loaded by themselves, before the rest; those in this copy are not looked at. */
		struct desc_words desc = fetch_desc(desc_at(q, pos));

		if (!why)
			why = walk_one(&w, desc, flags, slots == 1);
		chain->head = desc_u16_12(desc);
		pos = forward(q, pos, 1);
		if (!(flags & VRING_DESC_F_NEXT))
			break;
		if (slots == q->size)
			return broken(q, "a descriptor list has no end");
		flags = load_flags(q, pos);
		/* virtio 2.8.6: all flags are right in all descriptors of a list before the first is made available. */
		if (!is_available(flags, pos))
			return broken(q, "a descriptor list goes on past what is available");
	}
	chain->slots = slots;
	walk_end(&w);
	/* Ids come from a set of Queue Size (virtio 2.8.22.1 looks them up in arrays of that size). */
	if (chain->head >= q->size)
		return broken(q, "a buffer id is not below the queue size");
	q->avail_next = pos;
	if (!why)
		return RING_CHAIN;
	q->fault = why;
	return RING_BAD_CHAIN;
}

static void packed_untake(struct virtq *q, const struct chain *chain)
{
	q->avail_next = back(q, q->avail_next, chain->slots);
}

static void packed_give(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len)
{
	volatile struct vring_packed_desc *desc = desc_at(q, q->used_next);
	uint16_t flags = q->used_next & WRAP ? AVAIL | USED : 0;

	if (len)
		flags |= VRING_DESC_F_WRITE;
	desc->id = head;
	desc->len = len;
	/* Release: id, length and the payload before them are there when the driver sees the flags (virtio 2.8.1). */
	__atomic_store_n(&desc_at(q, q->used_next)->flags, flags, __ATOMIC_RELEASE);
	q->used_next = forward(q, q->used_next, slots);
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
	return is_available(load_flags(q, q->avail_next), q->avail_next);
}

static void packed_kicks_off(struct virtq *q)
{
	if (q->kicks_off)
		return;
	set_device_event(q, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
	q->kicks_off = true;
}

/* Whether the last `given` entries, fewer than a whole ring, took in the one the driver named. */
static bool passed(const struct virtq *q, uint16_t off_wrap)
{
	uint16_t now = q->used_next & (uint16_t)~WRAP;
	uint16_t event = off_wrap & (uint16_t)~WRAP;

	/* The other wrap counter: it lies in the lap before this one, that far back in a line of indices. */
	if ((off_wrap ^ q->used_next) & WRAP)
		event = (uint16_t)(event - q->size);
	return vring_need_event(event, now, (uint16_t)(now - q->given));
}

static bool packed_driver_waits(struct virtq *q)
{
	uint32_t event;

	/* Full barrier: as in kicks_on, with the roles exchanged: our used descriptors before the driver's wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = __atomic_load_n((uint32_t *)q->avail, __ATOMIC_RELAXED);
	switch (event >> 16 & EVENT_FLAGS_MASK) {
	case VRING_PACKED_EVENT_FLAG_DISABLE: return false;
	case VRING_PACKED_EVENT_FLAG_DESC:
		if (q->event_idx)
			return q->given >= q->size || passed(q, (uint16_t)event);
		return true;
	/* ENABLE, and the reserved value: one interrupt too many does no harm, one too few does. */
	default: return true;
	}
}

const struct ring_ops ring_packed = {
	.start = packed_start,
	.at = packed_at,
	.take = packed_take,
	.untake = packed_untake,
	.give = packed_give,
	.kicks_on = packed_kicks_on,
	.kicks_off = packed_kicks_off,
	.driver_waits = packed_driver_waits,
};
