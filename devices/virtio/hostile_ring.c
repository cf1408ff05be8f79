/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that lie: the queue's own, with another step where a chain is given back. Which chains are in flight, and where, stays
 * true: only what the driver reads in the used ring and in a status byte is not.
 */
#include <inttypes.h>

#include <linux/virtio_ids.h>

#include "hostile_private.h"

static struct hostile_queue *queue_of(const struct virtq *q)
{
	return container_of(q->disguise, struct hostile_queue, disguise);
}

/* Beyond the ring half the time, else another of its names: of a chain that is in flight, or of none. */
static uint16_t other_id(const struct virtq *q, uint16_t head, uint64_t value)
{
	uint32_t beyond = UINT16_MAX + 1u - q->size, size = q->size;

	if (value & 1 || size == 1)
		return (uint16_t)(size + (value >> 1) % beyond);
	return (uint16_t)((head + 1 + (value >> 1) % (size - 1)) % size);
}

static uint32_t other_len(uint32_t len, uint64_t value)
{
	uint32_t number = (uint32_t)(value >> 32), more = 1 + number % 4096;

	switch (value & 3) {
	case 0: return len ? 0 : more;
	case 1: return len > 1 ? 1 + number % (len - 1) : len + more;
	case 2: return UINT32_MAX - number % 4096;
	default: return len + more;
	}
}

static void early_interrupt(struct hostile_queue *hq)
{
	struct virtio *v = hq->d->v;
	uint64_t value;

	if (!virtio_running(v) || !hostile_tempted(hq->d->h, HOSTILE_IRQ_EARLY, &hq->stream[HOSTILE_IRQ_EARLY], &value))
		return;
	hq->d->real_transport->notify_queue(v, hq->q);
	hostile_told(hq->d, hq, HOSTILE_IRQ_EARLY, "before it is used");
}

static void hostile_give(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len)
{
	struct hostile_queue *hq = queue_of(q);
	struct hostile *h = hq->d->h;
	uint16_t id = head;
	uint32_t used = len;
	uint64_t value;

	hq->chains++;
	early_interrupt(hq);
	if (hostile_tempted(h, HOSTILE_USED_ID, &hq->stream[HOSTILE_USED_ID], &value)) {
		id = other_id(q, head, value);
		hostile_told(hq->d, hq, HOSTILE_USED_ID, "%u instead of %u", id, head);
	}
	if (hostile_tempted(h, HOSTILE_USED_LEN, &hq->stream[HOSTILE_USED_LEN], &value)) {
		used = other_len(len, value);
		hostile_told(hq->d, hq, HOSTILE_USED_LEN, "%" PRIu32 " instead of %" PRIu32, used, len);
	}
	hq->real->give(q, id, slots, used);
}

/* A failure that virtio 5.2.6 knows (IOERR, UNSUPP), or any other byte; never the OK of 0. */
static void lie_about_status(struct hostile_queue *hq, uint16_t head)
{
	uint8_t *status = hq->status ? hq->status[head] : NULL, was;
	uint64_t value;

	if (!status)
		return;
	hq->status[head] = NULL;
	if (!hostile_tempted(hq->d->h, HOSTILE_STATUS, &hq->stream[HOSTILE_STATUS], &value))
		return;
	was = *status;
	*status = (uint8_t)(1 + (value & 1 ? (value >> 1) % 2 : (value >> 1) % 255));
	hostile_told(hq->d, hq, HOSTILE_STATUS, "%u instead of %u", *status, was);
}

static bool hostile_pop(struct virtq *q, struct chain *chain)
{
	struct hostile_queue *hq = queue_of(q);

	if (!hq->real->pop(q, chain))
		return false;
	if (hq->status && chain->in_count) {
		const struct iovec *last = &chain->in[chain->in_count - 1];

		hq->status[chain->head] = (uint8_t *)last->iov_base + last->iov_len - 1;
	}
	return true;
}

static void hostile_push(struct virtq *q, struct chain *chain)
{
	if (ring_is_out(q, chain))
		lie_about_status(queue_of(q), chain->head);
	if (ring_release(q, chain))
		hostile_give(q, chain->head, chain->slots, chain->written);
}

const struct ring_ops *hostile_ring(struct virtq_disguise *disguise, const struct virtq *q, const struct ring_ops *ring)
{
	struct hostile_queue *hq = container_of(disguise, struct hostile_queue, disguise);

	for (uint16_t i = 0; hq->status && i < q->size_max; i++)
		hq->status[i] = NULL;
	hq->real = ring;
	hq->ring = *ring;
	hq->ring.pop = hostile_pop;
	hq->ring.push = hostile_push;
	hq->ring.give = hostile_give;
	return &hq->ring;
}
