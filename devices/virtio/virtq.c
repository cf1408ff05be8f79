/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ring formats share: turns, chains in flight, the checks on a buffer, and moving bytes in and out of a
 * chain. Where a chain comes from and goes to is the ring's (ring.h).
 */
#include "virtq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "ring.h"
#include "virtq_inflight.h"

int virtq_init(struct virtq *q, const struct mem *mem, uint16_t index, uint16_t size_max)
{
	assert(size_max && size_max <= VIRTQ_SIZE_MAX);
	*q = (struct virtq){ .mem = mem, .index = index, .size_max = size_max };
	q->in_flight = calloc(size_max, sizeof(*q->in_flight));
	if (!q->in_flight)
		return -ENOMEM;
	virtq_reset(q);
	return 0;
}

void virtq_destroy(struct virtq *q)
{
	free(q->in_flight);
	free(q->order);
	q->in_flight = NULL;
	q->order = NULL;
	q->ring = NULL;
	q->ready = false;
}

static bool has(uint64_t features, unsigned int bit)
{
	return features >> bit & 1;
}

static const struct ring_ops *format(const struct virtq *q, bool packed)
{
	if (q->mem->hook)
		return packed ? &ring_packed_hooked : &ring_split_hooked;
	return packed ? &ring_packed : &ring_split;
}

const char *virtq_start(struct virtq *q, uint64_t features)
{
	const struct ring_ops *ring = format(q, has(features, VIRTIO_F_RING_PACKED));
	const char *why;

	if (!q->size || q->size > q->size_max)
		return "queue size is 0 or above QueueSizeMax";
	/* Kept from then on: few drivers ask for it, and those that do start the queue again and again. */
	if (has(features, VIRTIO_F_IN_ORDER) && !q->order)
		q->order = calloc(q->size_max, sizeof(*q->order));
	if (has(features, VIRTIO_F_IN_ORDER) && !q->order)
		return "out of memory";
	why = ring->start(q);
	if (why)
		return why;
	q->event_idx = has(features, VIRTIO_RING_F_EVENT_IDX);
	q->indirect = has(features, VIRTIO_RING_F_INDIRECT_DESC);
	q->in_order = has(features, VIRTIO_F_IN_ORDER);
	q->ring = q->disguise ? q->disguise->ring(q->disguise, q, ring) : ring;
	q->ready = true;
	return NULL;
}

const char *virtq_start_at(struct virtq *q, uint64_t features, uint16_t avail, uint16_t used)
{
	const char *why = virtq_start(q, features);

	if (!why && (!q->ring->at(q, avail) || !q->ring->at(q, used)))
		why = "a position is outside the ring";
	if (!why) {
		q->avail_next = avail;
		q->used_next = used;
		if (q->inflight)
			why = virtq_inflight_start(q, has(features, VIRTIO_F_RING_PACKED));
	}
	if (why) {
		virtq_stop(q);
		return why;
	}
	/* Whatever we had asked for last, it is said again when the ring is next found empty. */
	q->kicks_off = true;
	return NULL;
}

void virtq_stop(struct virtq *q)
{
	q->ready = false;
	q->event_idx = q->indirect = q->in_order = false;
	q->broken = false;
	q->fault = NULL;
	q->ring = NULL;
	q->desc = q->avail = q->used = NULL;
	q->avail_next = q->used_next = 0;
	q->given = 0;
	q->kicks_off = false;
	q->budget = 0;
	q->more = false;
	q->order_first = q->order_count = 0;
	q->in_flight_count = 0;
	memset(q->in_flight, 0, q->size_max * sizeof(*q->in_flight));
}

void virtq_reset(struct virtq *q)
{
	virtq_stop(q);
	q->size = q->size_max;
	q->desc_gpa = q->avail_gpa = q->used_gpa = 0;
}

/* Whoever watches is told here, outside of the formats' pop and push: those would keep more registers for it. */
static void step(const struct virtq *q, enum virtq_step step, uint16_t head, uint32_t len)
{
	if (unlikely(q->watch))
		q->watch->step(q->watch, q, step, head, len);
}

/* There is room in the order: no more are in flight than the ring has entries. */
void ring_order(struct virtq *q, struct chain *chain)
{
	uint16_t i = (uint16_t)(((uint32_t)q->order_first + q->order_count++) % q->size);

	q->order[i] = (struct virtq_order){ .head = chain->head, .slots = chain->slots };
	chain->order = i;
}

/* virtio 6.3: "MUST use buffers in the same order in which they have been available": the front of the order is given. */
void ring_complete(struct virtq *q, const struct chain *chain)
{
	struct virtq_order *done = &q->order[chain->order];

	done->len = chain->written;
	done->done = true;
	/* In flight until it is given, but out no longer: pushed twice it is dropped. */
	q->in_flight[chain->head] = done;
	while (q->order_count && q->order[q->order_first].done) {
		const struct virtq_order *o = &q->order[q->order_first];

		q->in_flight[o->head] = NULL;
		q->in_flight_count--;
		q->ring->give(q, o->head, o->slots, o->len);
		step(q, VIRTQ_USED, o->head, o->len);
		q->order_first = (uint16_t)((q->order_first + 1u) % q->size);
		q->order_count--;
	}
}

bool ring_hold_bad(struct virtq *q, struct chain *chain)
{
	if (!ring_hold(q, chain))
		return false;
	step(q, VIRTQ_POPPED, chain->head, 0);
	virtq_push(q, chain);
	return true;
}

static not_inline bool watched_pop(struct virtq *q, struct chain *chain)
{
	if (!q->ring || !q->ring->pop(q, chain))
		return false;
	step(q, VIRTQ_POPPED, chain->head, 0);
	return true;
}

bool virtq_pop(struct virtq *q, struct chain *chain)
{
	if (unlikely(q->watch))
		return watched_pop(q, chain);
	return q->ring && q->ring->pop(q, chain);
}

void virtq_unpop(struct virtq *q, struct chain *chain)
{
	if (!q->ring || !ring_is_out(q, chain))
		return;
	q->in_flight[chain->head] = NULL;
	q->in_flight_count--;
	step(q, VIRTQ_UNPOPPED, chain->head, 0);
	q->ring->untake(q, chain);
	q->budget++;
	if (q->in_order)
		q->order_count--;
}

static not_inline void watched_push(struct virtq *q, struct chain *chain)
{
	/* In order it is not this chain that is used now, or not it alone: ring_complete tells. */
	bool used = q->ring && ring_is_out(q, chain) && !q->in_order;

	if (q->ring)
		q->ring->push(q, chain);
	if (used)
		step(q, VIRTQ_USED, chain->head, chain->written);
}

void virtq_push(struct virtq *q, struct chain *chain)
{
	if (unlikely(q->watch))
		watched_push(q, chain);
	else if (q->ring)
		q->ring->push(q, chain);
}

static not_inline bool watched_notify(struct virtq *q, uint32_t given)
{
	bool wanted = q->ring->driver_waits(q, given);

	step(q, wanted ? VIRTQ_TOLD : VIRTQ_NOT_TOLD, 0, 0);
	return wanted;
}

bool virtq_should_notify(struct virtq *q)
{
	uint32_t given = q->given;

	if (!q->ring || !given)
		return false;
	q->given = 0;
	return unlikely(q->watch) ? watched_notify(q, given) : q->ring->driver_waits(q, given);
}

void virtq_state(struct virtq *q, struct state *s, uint64_t features)
{
	/* With nothing in flight all that was taken was given back: one position says it all. */
	uint16_t position = q->avail_next;
	bool ready = q->ready;

	state_u16(s, &q->size);
	state_u64(s, &q->desc_gpa);
	state_u64(s, &q->avail_gpa);
	state_u64(s, &q->used_gpa);
	state_bool(s, &ready);
	state_u16(s, &position);
	if (state_loading(s) && !state_failed(s) && ready) {
		const char *why = virtq_start_at(q, features, position, position);

		if (why)
			state_fail(s, why);
	}
}

/* Steps over len bytes at the front of one part. */
static inline void part_skip(struct iovec **iov, uint16_t *count, size_t len)
{
	while (*count && len >= (*iov)->iov_len) {
		len -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + len;
		(*iov)->iov_len -= len;
	}
}

size_t chain_read(struct chain *chain, void *dst, size_t len)
{
	size_t done = 0;

	if (len > chain->out_len)
		len = chain->out_len;
	chain->out_len -= (uint32_t)len;
	/* A header, as drivers lay it: one buffer, and that read out. */
	if (likely(len && chain->out->iov_len == len)) {
		mem_load(chain->mem, dst, chain->out->iov_base, len);
		chain->out++;
		chain->out_count--;
		return len;
	}
	while (done < len) {
		size_t n = chain->out->iov_len < len - done ? chain->out->iov_len : len - done;

		mem_load(chain->mem, (char *)dst + done, chain->out->iov_base, n);
		part_skip(&chain->out, &chain->out_count, n);
		done += n;
	}
	return len;
}

size_t chain_write(struct chain *chain, const void *src, size_t len)
{
	size_t done = 0;

	if (len > chain->in_len)
		len = chain->in_len;
	while (done < len) {
		size_t n = chain->in->iov_len < len - done ? chain->in->iov_len : len - done;

		memcpy(chain->in->iov_base, (const char *)src + done, n);
		chain_wrote(chain, n);
		done += n;
	}
	return len;
}

void chain_wrote(struct chain *chain, size_t len)
{
	assert(len <= chain->in_len);
	part_skip(&chain->in, &chain->in_count, len);
	chain->in_len -= (uint32_t)len;
	chain->written += (uint32_t)len;
}

void chain_limit(struct chain *chain, size_t len)
{
	if (len >= chain->in_len)
		return;
	chain->in_len = (uint32_t)len;
	for (uint16_t i = 0; i < chain->in_count; i++) {
		if (len <= chain->in[i].iov_len) {
			chain->in[i].iov_len = len;
			chain->in_count = (uint16_t)(len ? i + 1 : i);
			return;
		}
		len -= chain->in[i].iov_len;
	}
}
