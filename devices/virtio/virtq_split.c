/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split virtqueue (virtio 2.7). Only its layout, its indices and its barriers; what a buffer may be is walk_add's.
 *
 * Every field the driver writes is loaded once. A head or an index that cannot be breaks the ring; anything wrong further
 * down a chain spoils that chain alone, since the head to give back is known.
 */
#include "ring_split.h"

#ifdef RING_HOOKED
#define ring_split ring_split_hooked
#endif

static const char *split_start(struct virtq *q)
{
	size_t size = q->size;

	if (size & (size - 1))
		return "split queue size is not a power of two"; /* virtio 2.7 */
	/* virtio 2.7: the table of alignments. */
	if (q->desc_gpa % VRING_DESC_ALIGN_SIZE || q->avail_gpa % VRING_AVAIL_ALIGN_SIZE ||
		q->used_gpa % VRING_USED_ALIGN_SIZE)
		return "a ring is not aligned";
	/* used_event and avail_event at the end of each ring are counted in whether or not they were negotiated. */
	q->desc = mem_ptr(q->mem, q->desc_gpa, size * sizeof(struct vring_desc));
	q->avail = mem_ptr(q->mem, q->avail_gpa, sizeof(struct vring_avail) + (size + 1) * sizeof(__virtio16));
	q->used = mem_ptr(q->mem, q->used_gpa,
		sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) + sizeof(__virtio16));
	if (!q->desc || !q->avail || !q->used)
		return "a ring is not in guest memory";
	return NULL;
}

/* Free running: every index is one. */
static bool split_at(const struct virtq *q, uint16_t position)
{
	(void)q;
	(void)position;
	return true;
}

static uint16_t *avail_slot(const struct virtq *q, uint32_t i)
{
	return &((struct vring_avail *)q->avail)->ring[i];
}

/* The driver's word for "notify me past this used index" sits behind the available ring (virtio 2.7.6). */
static uint16_t *used_event(const struct virtq *q)
{
	return avail_slot(q, q->size);
}

/* Ours for "kick me past this available index" sits behind the used ring (virtio 2.7.8). */
static uint16_t *avail_event(const struct virtq *q)
{
	return (uint16_t *)&((struct vring_used *)q->used)->ring[q->size];
}

static uint16_t load_avail_idx(const struct virtq *q)
{
	/* Acquire: the ring entry and the descriptors are read after the index that covers them. */
	return ring_load16(q, &((struct vring_avail *)q->avail)->idx, __ATOMIC_ACQUIRE);
}

static enum ring_take split_take(struct virtq *q, struct chain *chain)
{
	uint32_t size = q->size, at = q->avail_next, head;
	uint16_t pending = (uint16_t)(load_avail_idx(q) - at);

	if (!pending)
		return RING_EMPTY;
	if (pending > size) {
		q->fault = "the available index moved by more than the queue size";
		return RING_BROKEN;
	}
	head = ring_load16(q, avail_slot(q, at & (size - 1)), __ATOMIC_RELAXED);
	if (head >= size) {
		q->fault = "the available ring names a descriptor outside the table";
		return RING_BROKEN;
	}
	q->avail_next = (uint16_t)(at + 1);
	return take_descs(q, chain, (uint16_t)head);
}

static void split_untake(struct virtq *q, const struct chain *chain)
{
	(void)chain;
	q->avail_next--;
}

static void split_give(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len)
{
	struct vring_used *used = q->used;
	uint16_t at = q->used_next;
	volatile struct vring_used_elem *elem = &used->ring[at & (q->size - 1u)];

	(void)slots;
	q->given++;
	elem->id = head;
	elem->len = len;
	q->used_next = ++at;
	/* Release: the element, and the payload before it, are there when the driver sees the index (virtio 2.7.8.2). */
	__atomic_store_n(&used->idx, at, __ATOMIC_RELEASE);
}

static bool split_kicks_on(struct virtq *q)
{
	struct vring_used *used = q->used;

	if (q->event_idx)
		__atomic_store_n(avail_event(q), q->avail_next, __ATOMIC_RELAXED);
	else if (q->kicks_off)
		__atomic_store_n(&used->flags, 0, __ATOMIC_RELAXED);
	q->kicks_off = false;
	/*
	 * Full barrier: our wish is visible before the index is read again. The driver writes the index, then reads our
	 * wish; without a barrier on both sides each may miss the other's store, and nobody ever kicks.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_avail_idx(q) != q->avail_next;
}

static void split_kicks_off(struct virtq *q)
{
	/* With EVENT_IDX the event stays behind while we work, which asks for nothing; flags must be 0 (virtio 2.7.10.1). */
	if (q->event_idx || q->kicks_off)
		return;
	__atomic_store_n(&((struct vring_used *)q->used)->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
	q->kicks_off = true;
}

static bool split_driver_waits(struct virtq *q, uint32_t given)
{
	uint16_t now = q->used_next;

	/*
	 * Full barrier: the used index is visible before the driver's wish is read. The driver writes its wish, then looks
	 * at the index once more; without it both sides sleep.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(ring_load16(q, &((struct vring_avail *)q->avail)->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	/* Once all the way round every index was passed, and 65536 entries would read as none. */
	return given > UINT16_MAX ||
	       vring_need_event(ring_load16(q, used_event(q), __ATOMIC_RELAXED), now, (uint16_t)(now - given));
}

static bool split_pop(struct virtq *q, struct chain *chain)
{
	return ring_pop(q, chain, split_take, split_kicks_off);
}

static void split_push(struct virtq *q, struct chain *chain)
{
	if (ring_release(q, chain))
		split_give(q, chain->head, 1, chain->written);
}

const struct ring_ops ring_split = {
	.start = split_start,
	.at = split_at,
	.pop = split_pop,
	.push = split_push,
	.untake = split_untake,
	.give = split_give,
	.kicks_on = split_kicks_on,
	.driver_waits = split_driver_waits,
};
