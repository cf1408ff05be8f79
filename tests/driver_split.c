/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of the split ring (virtio 2.7.13, 2.7.14), with notifications suppressed as Linux does it. */
#include <linux/virtio_ring.h>

#include "driver.h"

#define AVAIL_FLAGS(q)	 ((q)->avail)
#define AVAIL_IDX(q)	 ((q)->avail + 2)
#define AVAIL_RING(q, i) ((q)->avail + 4 + 2ULL * (i))
#define USED_EVENT(q)	 AVAIL_RING(q, (q)->size)
#define USED_FLAGS(q)	 ((q)->used)
#define USED_IDX(q)	 ((q)->used + 2)
#define USED_RING(q, i)	 ((q)->used + 4 + 8ULL * (i))
#define AVAIL_EVENT(q)	 USED_RING(q, (q)->size)

void driver_set_desc(struct driver_queue *q, uint16_t i, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc desc = { .addr = addr, .len = len, .flags = flags, .next = next };

	driver_write(q->d, q->desc + 16ULL * i, &desc, sizeof(desc));
}

void driver_expose(struct driver_queue *q, uint16_t head)
{
	driver_write16(q->d, AVAIL_RING(q, q->avail_idx % q->size), head);
	/* The entry before the index that covers it. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->avail_idx++;
	driver_write16(q->d, AVAIL_IDX(q), q->avail_idx);
	q->added++;
}

static uint16_t buf_flags(const struct driver_buf *bufs, unsigned int i, unsigned int count)
{
	return (uint16_t)((bufs[i].device_writes ? VRING_DESC_F_WRITE : 0) | (i + 1 < count ? VRING_DESC_F_NEXT : 0));
}

static int add_indirect(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	uint16_t head = q->free_head;

	if (!q->free_count)
		return -1;
	if (!q->table[head])
		q->table[head] = driver_alloc(q->d, 16ULL * DRIVER_MAX_CHAIN, 16);
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc desc = {
			.addr = bufs[i].addr,
			.len = bufs[i].len,
			.flags = buf_flags(bufs, i, count),
			.next = (uint16_t)(i + 1),
		};
		driver_write(q->d, q->table[head] + 16ULL * i, &desc, sizeof(desc));
	}
	driver_set_desc(q, head, q->table[head], 16 * count, VRING_DESC_F_INDIRECT, 0);
	q->free_head = q->next[head];
	q->free_count--;
	q->taken[head] = 1;
	driver_expose(q, head);
	return head;
}

static int add_direct(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	uint16_t head = q->free_head, last = head;

	if (q->free_count < count)
		return -1;
	for (unsigned int i = 0; i < count; i++) {
		last = q->free_head;
		driver_set_desc(q, last, bufs[i].addr, bufs[i].len, buf_flags(bufs, i, count), q->next[last]);
		q->free_head = q->next[last];
	}
	q->free_count = (uint16_t)(q->free_count - count);
	q->taken[head] = (uint16_t)count;
	driver_expose(q, head);
	return head;
}

static int split_add(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	return q->indirect && count > 1 && count <= DRIVER_MAX_CHAIN ? add_indirect(q, bufs, count)
								     : add_direct(q, bufs, count);
}

static bool split_wants_kick(struct driver_queue *q)
{
	uint16_t old = (uint16_t)(q->avail_idx - q->added);

	/* The index is visible before the device's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		return vring_need_event(driver_read16(q->d, AVAIL_EVENT(q)), q->avail_idx, old);
	return !(driver_read16(q->d, USED_FLAGS(q)) & VRING_USED_F_NO_NOTIFY);
}

static uint16_t split_position(const struct driver_queue *q)
{
	return q->avail_idx;
}

static void release(struct driver_queue *q, uint16_t head)
{
	uint16_t last = head;

	for (uint16_t n = 1; n < q->taken[head]; n++)
		last = q->next[last];
	q->next[last] = q->free_head;
	q->free_head = head;
	q->free_count = (uint16_t)(q->free_count + q->taken[head]);
	q->taken[head] = 0;
}

static bool split_take_used(struct driver_queue *q, uint16_t *head, uint32_t *len)
{
	struct vring_used_elem elem;

	if (driver_read16(q->d, USED_IDX(q)) == q->used_idx)
		return false;
	/* The element after the index that covers it. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	driver_read(q->d, USED_RING(q, q->used_idx % q->size), &elem, sizeof(elem));
	q->used_idx++;
	if (elem.id < q->size && q->taken[elem.id])
		release(q, (uint16_t)elem.id);
	if (!q->no_interrupts && q->event_idx)
		driver_write16(q->d, USED_EVENT(q), q->used_idx);
	*head = (uint16_t)elem.id;
	*len = elem.len;
	return true;
}

static void split_interrupts(struct driver_queue *q, bool on)
{
	if (!q->event_idx)
		driver_write16(q->d, AVAIL_FLAGS(q), on ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
	else if (on)
		driver_write16(q->d, USED_EVENT(q), q->used_idx);
	else
		driver_write16(q->d, USED_EVENT(q), (uint16_t)(q->used_idx - 1));
}

static void split_setup(struct driver_queue *q)
{
	q->desc = driver_alloc(q->d, 16ULL * q->size, 16);
	q->avail = driver_alloc(q->d, 6 + 2ULL * q->size, 2);
	q->used = driver_alloc(q->d, 6 + 8ULL * q->size, 4);
}

const struct driver_ring driver_split = {
	.setup = split_setup,
	.add = split_add,
	.wants_kick = split_wants_kick,
	.position = split_position,
	.take_used = split_take_used,
	.interrupts = split_interrupts,
};
