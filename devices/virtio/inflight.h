/* SPDX-License-Identifier: Apache-2.0 */
/* What a region's layout gives to virtq_inflight.c. Private to the queue, like ring.h. */
#ifndef MINIVMM_INFLIGHT_H
#define MINIVMM_INFLIGHT_H

#include "ring.h"
#include "virtq_inflight.h"

#define INFLIGHT_VERSION 1

struct inflight_ops {
	size_t header, entry; /* sizes */
	/* A region that is all zeroes becomes one with nothing in flight, at the queue's positions. */
	void (*begin)(struct virtq *q);
	/*
	 * Reads a region in use: commits or takes back what its last writer was at, collects what is in flight in k->again, and
	 * sets the queue's positions. NULL, or why it cannot be this ring's.
	 */
	const char *(*resume)(struct virtq *q);
	/* The chain was taken off the ring: false, there is no room for it; and was put back. */
	bool (*took)(struct virtq *q, const struct chain *chain);
	void (*untook)(struct virtq *q, const struct chain *chain);
	/* Before the ring's give, and after it. A bad chain was never taken. */
	void (*giving)(struct virtq *q, uint16_t head, uint16_t slots);
	void (*given)(struct virtq *q, uint16_t head);
	/* Walks what is in flight by that entry of the region. */
	enum ring_take (*retake)(struct virtq *q, struct chain *chain, uint16_t entry);
};

extern const struct inflight_ops inflight_split, inflight_packed;

/*
 * Every store to a region: none is split or moved past another, so that each leaves what is written here to be found. The ring's
 * own index and flags are stored in the same way.
 */
#define INFLIGHT_PUT(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)

/* Either layout begins with these, and goes on behind them without padding. */
#define INFLIGHT_HEADER                                                                                                \
	uint64_t features;                                                                                             \
	uint16_t version, desc_num

struct inflight_header {
	INFLIGHT_HEADER;
};

/* Adds what is in flight. */
static inline void inflight_add(struct virtq_inflight *k, uint64_t counter, uint16_t entry)
{
	k->again[k->again_count++] = (struct inflight_again){ counter, entry };
}

#endif
