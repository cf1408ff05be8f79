/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a queue has in flight, written down in memory that outlives this process: the queue region of vhost-user's "Inflight I/O
 * tracking", in its layouts for split and packed rings. A queue that is started with the region of one whose process died takes
 * its requests up again in the order they first came, before any other, and gives none back twice.
 *
 * The region is shared with the frontend. It is read once, when the queue starts, and every field is checked then; from there on
 * it is only written. A kill between any two stores leaves a region to go on with.
 *
 * Costs nothing where it is not used: a queue with a region has other ring_ops.
 */
#ifndef MINIVMM_VIRTQ_INFLIGHT_H
#define MINIVMM_VIRTQ_INFLIGHT_H

#include "virtq.h"

struct inflight_again {
	uint64_t counter;
	uint16_t entry; /* of the region: split: the head */
};

struct inflight_ops;

/* Of one queue. Begins zeroed. */
struct virtq_inflight {
	void *region; /* NULL: none */
	size_t size; /* of it, in bytes */
	uint16_t entries; /* it is said to have */
	const struct inflight_ops *ops;
	const struct ring_ops *ring; /* the format's */
	void *copy; /* of the region's entries: what is read from then on */
	uint64_t counter; /* of the next chain */
	/* What the predecessor left: again[again_next] is popped next. */
	struct inflight_again *again;
	uint16_t again_next, again_count;
	bool was_again; /* the chain popped last */
	bool resumed; /* the region was in use before the queue started */
	uint16_t last_batch; /* split */
	uint16_t free_head, free_count; /* packed */
	uint16_t *by_id; /* packed: the first entry of the chain with that buffer id */
};

/* Bytes of a queue region with that many entries, which are 1 to VIRTQ_SIZE_MAX; a multiple of 64. */
size_t virtq_inflight_size(bool packed, uint16_t entries);
/* The most entries that a region of so many bytes can have; 0: none. */
uint32_t virtq_inflight_room(bool packed, size_t size);
/*
 * From its next start the queue writes to the region, which is 8-byte aligned and stays the caller's; the queue is not ready. All
 * zeroes is a region that has not been used. 0 or -ENOMEM.
 */
must_check int virtq_inflight_init(struct virtq_inflight *k, void *region, size_t size, uint16_t entries);
void virtq_inflight_destroy(struct virtq_inflight *k);
/* Its ring is no more, and nothing of it in flight: the region is as one that has not been used. */
void virtq_inflight_clear(struct virtq_inflight *k);

/*
 * For virtq_start_at, with q->inflight set and the positions those of its caller: takes both from the region where that was in
 * use, and puts itself between the queue and its ring. A ring that has more entries than the region is left as it is. NULL, or why the
 * region cannot be this ring's.
 */
must_check const char *virtq_inflight_start(struct virtq *q, bool packed);

#endif
