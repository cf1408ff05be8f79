/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk along a chain of a split ring, in line in the two that take one: as it becomes available (virtq_split.c), and again after
 * it was in flight in another process (virtq_inflight.c).
 */
#ifndef MINIVMM_RING_SPLIT_H
#define MINIVMM_RING_SPLIT_H

#include "ring.h"

/*
 * Follows the ring's own table from head, which is in it, then an indirect one from its start if a descriptor refers to it. Ends:
 * walk_add bounds the number of buffers, and there is no way back from the second table.
 */
static inline const char *walk_descs(struct walk *w, uint32_t head)
{
	void *table = w->q->desc;
	uint32_t entries = w->q->size, i = head;
	bool nested = false;
	const char *why;

	for (;;) {
		struct desc_words desc = fetch_desc(w->q, (struct vring_desc *)table + i);
		uint32_t flags = desc_tail(desc); /* next in the upper half */

		if (flags & VRING_DESC_F_INDIRECT) {
			/* virtio 2.7.5.3.1: no table in a table, no NEXT beside INDIRECT; WRITE means nothing here. */
			if (nested)
				return "an indirect table inside an indirect table";
			if (flags & VRING_DESC_F_NEXT)
				return "a descriptor is both INDIRECT and NEXT";
			why = walk_table(w->q, desc.addr, desc_len(desc), &table);
			if (why)
				return why;
			entries = desc_len(desc) / sizeof(struct vring_desc);
			i = 0;
			nested = true;
			continue;
		}
		why = walk_add(w, desc.addr, desc_len(desc), flags & VRING_DESC_F_WRITE);
		if (why)
			return why;
		if (!(flags & VRING_DESC_F_NEXT))
			return NULL;
		i = flags >> 16;
		if (i >= entries)
			return "a next field points outside its table";
	}
}

/* The whole of a chain from its head. */
static inline enum ring_take take_descs(struct virtq *q, struct chain *chain, uint16_t head)
{
	struct walk w;

	chain->head = head;
	walk_begin(&w, q, chain);
	return walk_taken(&w, q, walk_descs(&w, head));
}

#endif
