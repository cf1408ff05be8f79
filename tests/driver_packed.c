/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of the packed ring (virtio 2.8.21, 2.8.22), with notifications suppressed as Linux does it. Positions
 * (avail_idx, used_next) have the wrap counter in bit 15.
 */
#include <linux/virtio_ring.h>

#include "driver.h"

#define WRAP  0x8000u
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

static void packed_setup(struct driver_queue *q)
{
	q->desc = driver_alloc(q->d, 16ULL * q->size, 16);
	q->avail = driver_alloc(q->d, 4, 4);
	q->used = driver_alloc(q->d, 4, 4);
	q->avail_idx = q->used_next = WRAP;
}

static uint16_t forward(const struct driver_queue *q, uint16_t pos, unsigned int slots)
{
	unsigned int i = (pos & ~WRAP) + slots;

	return (uint16_t)(i < q->size ? i | (pos & WRAP) : (i - q->size) | (~pos & WRAP));
}

static gpa_t desc_at(const struct driver_queue *q, uint16_t pos)
{
	return q->desc + 16ULL * (pos & ~WRAP);
}

/* Everything but the flags, which are given back: who writes them last makes the descriptor available. */
static uint16_t fill(struct driver_queue *q, uint16_t pos, const struct vring_packed_desc *desc)
{
	driver_write(q->d, desc_at(q, pos), desc, offsetof(struct vring_packed_desc, flags));
	return (uint16_t)(desc->flags | (pos & WRAP ? AVAIL : USED));
}

static void release_desc(struct driver_queue *q, uint16_t pos, uint16_t flags)
{
	/* All of the descriptor, and of the list behind it, before its flags. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	driver_write16(q->d, desc_at(q, pos) + offsetof(struct vring_packed_desc, flags), flags);
}

uint16_t driver_put_packed(struct driver_queue *q, gpa_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	const struct vring_packed_desc desc = { .addr = addr, .len = len, .id = id, .flags = flags };
	uint16_t pos = q->avail_idx;

	release_desc(q, pos, fill(q, pos, &desc));
	q->avail_idx = forward(q, pos, 1);
	q->added++;
	return pos & 0x7fff;
}

static uint16_t take_id(struct driver_queue *q, unsigned int slots)
{
	uint16_t id = q->free_head;

	q->free_head = q->next[id];
	q->taken[id] = (uint16_t)slots;
	q->free_count = (uint16_t)(q->free_count - slots);
	return id;
}

static int add_indirect(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	uint16_t id = q->free_head;

	if (!q->table[id])
		q->table[id] = driver_alloc(q->d, 16ULL * DRIVER_MAX_CHAIN, 16);
	for (unsigned int i = 0; i < count; i++) {
		const struct vring_packed_desc desc = {
			.addr = bufs[i].addr,
			.len = bufs[i].len,
			.flags = bufs[i].device_writes ? VRING_DESC_F_WRITE : 0,
		};

		driver_write(q->d, q->table[id] + 16ULL * i, &desc, sizeof(desc));
	}
	driver_put_packed(q, q->table[id], 16 * count, take_id(q, 1), VRING_DESC_F_INDIRECT);
	return id;
}

static int packed_add(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	uint16_t first = q->avail_idx, pos = first, first_flags = 0, id;

	if (q->free_count < count || !count)
		return -1;
	if (q->indirect && count > 1 && count <= DRIVER_MAX_CHAIN)
		return add_indirect(q, bufs, count);
	id = take_id(q, count);
	for (unsigned int i = 0; i < count; i++) {
		const struct vring_packed_desc desc = {
			.addr = bufs[i].addr,
			.len = bufs[i].len,
			.id = id,
			.flags = (uint16_t)((bufs[i].device_writes ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
		};
		uint16_t flags = fill(q, pos, &desc);

		if (i)
			release_desc(q, pos, flags);
		else
			first_flags = flags;
		pos = forward(q, pos, 1);
	}
	release_desc(q, first, first_flags);
	q->avail_idx = pos;
	q->added = (uint16_t)(q->added + count);
	return id;
}

/* Linux: virtqueue_kick_prepare_packed. */
static bool packed_wants_kick(struct driver_queue *q)
{
	uint16_t now = q->avail_idx & 0x7fff, event, flags;
	uint32_t word;

	/* The descriptors are visible before the device's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	driver_read(q->d, q->used, &word, sizeof(word));
	flags = (uint16_t)(word >> 16);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	event = word & 0x7fff;
	if ((word ^ q->avail_idx) & WRAP)
		event = (uint16_t)(event - q->size);
	return vring_need_event(event, now, (uint16_t)(now - q->added));
}

static uint16_t packed_position(const struct driver_queue *q)
{
	return q->avail_idx;
}

static void want_event_here(struct driver_queue *q)
{
	driver_write16(q->d, q->avail, q->used_next);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	driver_write16(q->d, q->avail + 2, VRING_PACKED_EVENT_FLAG_DESC);
}

static bool packed_take_used(struct driver_queue *q, uint16_t *head, uint32_t *len)
{
	gpa_t at = desc_at(q, q->used_next);
	uint16_t flags = driver_read16(q->d, at + offsetof(struct vring_packed_desc, flags));
	bool wrap = q->used_next & WRAP;
	struct vring_packed_desc desc;

	if (!!(flags & AVAIL) != wrap || !!(flags & USED) != wrap)
		return false;
	/* The rest of the descriptor after the flags that release it. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	driver_read(q->d, at, &desc, sizeof(desc));
	*head = desc.id;
	*len = flags & VRING_DESC_F_WRITE ? desc.len : 0;
	if (desc.id < q->size && q->taken[desc.id]) {
		uint16_t slots = q->taken[desc.id];

		q->next[desc.id] = q->free_head;
		q->free_head = desc.id;
		q->free_count = (uint16_t)(q->free_count + slots);
		q->taken[desc.id] = 0;
		q->used_next = forward(q, q->used_next, slots);
	} else {
		/* Put there by hand: one descriptor each. */
		q->used_next = forward(q, q->used_next, 1);
	}
	q->used_idx++;
	if (!q->no_interrupts && q->event_idx)
		want_event_here(q);
	return true;
}

static void packed_interrupts(struct driver_queue *q, bool on)
{
	if (!on)
		driver_write16(q->d, q->avail + 2, VRING_PACKED_EVENT_FLAG_DISABLE);
	else if (q->event_idx)
		want_event_here(q);
	else
		driver_write16(q->d, q->avail + 2, VRING_PACKED_EVENT_FLAG_ENABLE);
}

const struct driver_ring driver_packed = {
	.setup = packed_setup,
	.add = packed_add,
	.wants_kick = packed_wants_kick,
	.position = packed_position,
	.take_used = packed_take_used,
	.interrupts = packed_interrupts,
};
