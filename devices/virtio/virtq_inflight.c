/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring whose chains in flight are written down: ring_ops that stand before those of the format, and the layout for split
 * rings. "vhost-user" in comments is QEMU's docs/interop/vhost-user.rst, "Inflight I/O tracking".
 */
#include "virtq_inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inflight.h"
#include "ring_split.h"

/* vhost-user: QueueRegionSplit. */
struct split_entry {
	uint8_t inflight, padding[5];
	uint16_t next;
	uint64_t counter;
};

struct split_region {
	INFLIGHT_HEADER;
	uint16_t last_batch_head, used_idx;
	struct split_entry desc[];
};

_Static_assert(
	offsetof(struct split_region, used_idx) == 14 && sizeof(struct split_region) == 16, "vhost-user's layout");

static void split_begin(struct virtq *q)
{
	struct split_region *r = q->inflight->region;

	q->inflight->last_batch = 0;
	INFLIGHT_PUT(&r->used_idx, q->used_next);
}

/* The last batch was given: its marks may have stayed. */
static const char *split_finish_batch(struct virtq *q, uint16_t batch)
{
	struct virtq_inflight *k = q->inflight;
	struct split_region *r = k->region;
	struct split_entry *copy = k->copy;

	for (uint16_t i = k->last_batch; batch; batch--) {
		if (i >= k->entries)
			return "an inflight region's last batch leaves it";
		copy[i].inflight = 0;
		INFLIGHT_PUT(&r->desc[i].inflight, 0);
		i = copy[i].next;
	}
	return NULL;
}

static const char *split_resume(struct virtq *q)
{
	struct virtq_inflight *k = q->inflight;
	struct split_region *r = k->region;
	const struct split_entry *copy = k->copy;
	uint16_t batch, used_idx;
	const char *why;

	mem_fetch(k->copy, r->desc, k->entries * sizeof(*copy));
	mem_fetch(&k->last_batch, &r->last_batch_head, sizeof(k->last_batch));
	mem_fetch(&used_idx, &r->used_idx, sizeof(used_idx));
	batch = (uint16_t)(q->used_next - used_idx);
	if (batch > q->size)
		return "an inflight region is of another ring";
	why = split_finish_batch(q, batch);
	if (why)
		return why;
	INFLIGHT_PUT(&r->used_idx, q->used_next);
	for (uint16_t i = 0; i < k->entries; i++) {
		if (!copy[i].inflight)
			continue;
		if (i >= q->size)
			return "an inflight region names a descriptor outside the table";
		inflight_add(k, copy[i].counter, i);
	}
	/* All that was taken was given or is in flight. */
	q->avail_next = (uint16_t)(q->used_next + k->again_count);
	return NULL;
}

/* There is an entry for each head there can be. */
static bool split_took(struct virtq *q, const struct chain *chain)
{
	struct split_region *r = q->inflight->region;
	struct split_entry *entry = &r->desc[chain->head];

	INFLIGHT_PUT(&entry->counter, q->inflight->counter);
	INFLIGHT_PUT(&entry->inflight, 1);
	return true;
}

static void split_untook(struct virtq *q, const struct chain *chain)
{
	struct split_region *r = q->inflight->region;

	INFLIGHT_PUT(&r->desc[chain->head].inflight, 0);
}

static void split_giving(struct virtq *q, uint16_t head, uint16_t slots)
{
	struct virtq_inflight *k = q->inflight;
	struct split_region *r = k->region;

	(void)slots;
	INFLIGHT_PUT(&r->desc[head].next, k->last_batch);
	INFLIGHT_PUT(&r->last_batch_head, head);
	k->last_batch = head;
}

static void split_given(struct virtq *q, uint16_t head)
{
	struct split_region *r = q->inflight->region;

	INFLIGHT_PUT(&r->desc[head].inflight, 0);
	INFLIGHT_PUT(&r->used_idx, q->used_next);
}

/* Its descriptors are the device's still, and where they were. */
static enum ring_take split_retake(struct virtq *q, struct chain *chain, uint16_t head)
{
	return take_descs(q, chain, head);
}

const struct inflight_ops inflight_split = {
	.header = sizeof(struct split_region),
	.entry = sizeof(struct split_entry),
	.begin = split_begin,
	.resume = split_resume,
	.took = split_took,
	.untook = split_untook,
	.giving = split_giving,
	.given = split_given,
	.retake = split_retake,
};

/* What the predecessor left is popped first. */
static bool pop_again(struct virtq *q, struct chain *chain)
{
	struct virtq_inflight *k = q->inflight;

	while (k->again_next < k->again_count) {
		enum ring_take taken;

		if (!q->budget) {
			q->more = true;
			return false;
		}
		taken = k->ops->retake(q, chain, k->again[k->again_next].entry);
		k->again_next++;
		if (taken == RING_CHAIN) {
			k->was_again = true;
			return ring_hold(q, chain);
		}
		if (!ring_hold_bad(q, chain))
			return false;
	}
	return false;
}

static bool inflight_pop(struct virtq *q, struct chain *chain)
{
	struct virtq_inflight *k = q->inflight;

	if (k->again_next < k->again_count) {
		if (pop_again(q, chain))
			return true;
		if (q->more || q->broken)
			return false;
	}
	k->was_again = false;
	if (!k->ring->pop(q, chain))
		return false;
	/* Descriptors were made available again while the device has them. */
	if (!k->ops->took(q, chain)) {
		q->fault = "more descriptors are in flight than the ring has";
		return ring_break(q);
	}
	k->counter++;
	return true;
}

static void inflight_untake(struct virtq *q, const struct chain *chain)
{
	struct virtq_inflight *k = q->inflight;

	if (k->was_again) {
		k->again_next--;
		return;
	}
	k->ring->untake(q, chain);
	k->ops->untook(q, chain);
}

static void inflight_give(struct virtq *q, uint16_t head, uint16_t slots, uint32_t len)
{
	const struct virtq_inflight *k = q->inflight;

	k->ops->giving(q, head, slots);
	k->ring->give(q, head, slots, len);
	k->ops->given(q, head);
}

static void inflight_push(struct virtq *q, struct chain *chain)
{
	if (ring_release(q, chain))
		inflight_give(q, chain->head, chain->slots, chain->written);
}

static bool inflight_kicks_on(struct virtq *q)
{
	return q->inflight->ring->kicks_on(q);
}

static bool inflight_driver_waits(struct virtq *q, uint32_t given)
{
	return q->inflight->ring->driver_waits(q, given);
}

/* It is put in place of a ring that has started: start and at were the format's. */
static const struct ring_ops ring_inflight = {
	.pop = inflight_pop,
	.push = inflight_push,
	.untake = inflight_untake,
	.give = inflight_give,
	.kicks_on = inflight_kicks_on,
	.driver_waits = inflight_driver_waits,
};

static const struct inflight_ops *ops_of(bool packed)
{
	return packed ? &inflight_packed : &inflight_split;
}

size_t virtq_inflight_size(bool packed, uint16_t entries)
{
	const struct inflight_ops *ops = ops_of(packed);

	return ALIGN_UP(ops->header + entries * ops->entry, (size_t)64);
}

uint32_t virtq_inflight_room(bool packed, size_t size)
{
	const struct inflight_ops *ops = ops_of(packed);
	size_t entries = size < ops->header ? 0 : (size - ops->header) / ops->entry;

	return entries < VIRTQ_SIZE_MAX ? (uint32_t)entries : VIRTQ_SIZE_MAX;
}

int virtq_inflight_init(struct virtq_inflight *k, void *region, size_t size, uint16_t entries)
{
	/* Of the larger of the two: which ring it will be may not be known yet. */
	*k = (struct virtq_inflight){
		.region = region,
		.size = size,
		.entries = entries,
		.copy = calloc(entries, inflight_packed.entry),
		.again = calloc(entries, sizeof(*k->again)),
		.by_id = calloc(entries, sizeof(*k->by_id)),
	};
	if (k->copy && k->again && k->by_id)
		return 0;
	virtq_inflight_destroy(k);
	return -ENOMEM;
}

void virtq_inflight_destroy(struct virtq_inflight *k)
{
	free(k->copy);
	free(k->again);
	free(k->by_id);
	*k = (struct virtq_inflight){ .region = NULL };
}

void virtq_inflight_clear(struct virtq_inflight *k)
{
	struct inflight_header *r = k->region;

	if (r)
		INFLIGHT_PUT(&r->version, 0);
}

static int by_counter(const void *a, const void *b)
{
	const struct inflight_again *first = a, *second = b;

	return (first->counter > second->counter) - (first->counter < second->counter);
}

static void sort_again(struct virtq_inflight *k)
{
	if (!k->again_count)
		return;
	qsort(k->again, k->again_count, sizeof(k->again[0]), by_counter);
	k->counter = k->again[k->again_count - 1].counter + 1;
}

/* A region that has not been used, or whose beginning was not finished. */
static void begin(struct virtq *q)
{
	struct virtq_inflight *k = q->inflight;
	struct inflight_header *r = k->region;

	memset(k->region, 0, k->ops->header + k->entries * k->ops->entry);
	k->ops->begin(q);
	INFLIGHT_PUT(&r->desc_num, k->entries);
	INFLIGHT_PUT(&r->version, INFLIGHT_VERSION);
}

const char *virtq_inflight_start(struct virtq *q, bool packed)
{
	struct virtq_inflight *k = q->inflight;
	struct inflight_header header;
	const char *why = NULL;

	k->resumed = false;
	/* QEMU's virtio-mmio lets a driver have a larger ring than the region was asked for: as good as none. */
	if (q->size > k->entries)
		return NULL;
	if (k->entries > virtq_inflight_room(packed, k->size))
		return "an inflight region is smaller than it says";
	mem_fetch(&header, k->region, sizeof(header));
	k->ops = ops_of(packed);
	k->ring = q->ring;
	k->counter = 0;
	k->again_next = k->again_count = 0;
	k->was_again = false;
	k->resumed = header.version;
	if (!k->resumed) {
		begin(q);
	} else if (header.version != INFLIGHT_VERSION || header.features) {
		why = "an inflight region is of an unknown version";
	} else if (header.desc_num != k->entries) {
		why = "an inflight region has another size than it says";
	} else {
		why = k->ops->resume(q);
	}
	if (why)
		return why;
	sort_again(k);
	q->ring = &ring_inflight;
	return NULL;
}
