/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inflight region of a packed ring (vhost-user: QueueRegionPacked). Used descriptors are written over those in flight, so the
 * region has copies of these: a list of entries for each chain, all others in a list of free ones.
 *
 * A chain is in flight once old_free_head has passed its entries, and given back once the ring says so: what free_head and used
 * are ahead of their old values by is a step begun. Both pairs are stored in one piece each.
 */
#include <string.h>

#include "inflight.h"

struct packed_entry {
	uint8_t inflight, padding;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

/* free_head and old_free_head. */
union packed_heads {
	uint32_t word;
	struct {
		uint16_t now, old;
	};
};

union packed_used {
	uint64_t word;
	struct {
		uint16_t idx, old_idx;
		uint8_t wrap, old_wrap, padding[2];
	};
};

struct packed_region {
	INFLIGHT_HEADER;
	union packed_heads heads;
	union packed_used used;
	uint8_t padding[8];
	struct packed_entry desc[];
};

_Static_assert(offsetof(struct packed_region, used) == 16 && sizeof(struct packed_region) == 32, "vhost-user's layout");

#define WRAP	 (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
#define NO_ENTRY UINT16_MAX /* above every index */

static uint16_t position(uint16_t idx, uint8_t wrap)
{
	return (uint16_t)(idx | (wrap ? WRAP : 0));
}

static void put_heads(struct packed_region *r, uint16_t now, uint16_t old)
{
	union packed_heads heads = { .now = now, .old = old };

	INFLIGHT_PUT(&r->heads.word, heads.word);
}

static void put_used(struct packed_region *r, uint16_t now, uint16_t old)
{
	union packed_used used = {
		.idx = now & (uint16_t)~WRAP,
		.old_idx = old & (uint16_t)~WRAP,
		.wrap = !!(now & WRAP),
		.old_wrap = !!(old & WRAP),
	};

	INFLIGHT_PUT(&r->used.word, used.word);
}

static void forget_ids(struct virtq_inflight *k)
{
	memset(k->by_id, 0xff, k->entries * sizeof(*k->by_id));
}

/* The end of the list is an index that no entry has. */
static void packed_begin(struct virtq *q)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	struct packed_entry *copy = k->copy;

	memset(copy, 0, k->entries * sizeof(*copy));
	for (uint16_t i = 0; i < k->entries; i++) {
		copy[i].next = (uint16_t)(i + 1);
		INFLIGHT_PUT(&r->desc[i].next, copy[i].next);
	}
	k->free_head = 0;
	k->free_count = k->entries;
	forget_ids(k);
	put_used(r, q->used_next, q->used_next);
}

/* Its last give was not finished. Whether the driver has seen it: then the descriptor there is available no more. */
static bool was_given(const struct virtq *q, const union packed_used *used)
{
	const struct vring_packed_desc *ring = q->desc;
	const uint16_t both = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;
	uint16_t available =
		(uint16_t)(used->old_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED);
	uint16_t flags = __atomic_load_n(&ring[used->old_idx].flags, __ATOMIC_ACQUIRE);

	return (flags & both) != available;
}

/* Positions and the free list as they were before the step that was begun, or after it. */
static const char *settle(struct virtq *q)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	union packed_heads heads;
	union packed_used used;

	mem_fetch(&heads, &r->heads, sizeof(heads));
	mem_fetch(&used, &r->used, sizeof(used));
	if (used.idx >= q->size || used.old_idx >= q->size)
		return "an inflight region has a position outside the ring";
	if (position(used.idx, used.wrap) != position(used.old_idx, used.old_wrap) && was_given(q, &used)) {
		k->free_head = heads.now;
		q->used_next = position(used.idx, used.wrap);
	} else {
		k->free_head = heads.old;
		q->used_next = position(used.old_idx, used.old_wrap);
	}
	put_heads(r, k->free_head, k->free_head);
	put_used(r, q->used_next, q->used_next);
	return NULL;
}

/* In copy, where every entry is to be found once: padding is 1 for those that were. */
static bool find(struct packed_entry *entry)
{
	bool first = !entry->padding;

	entry->padding = 1;
	return first;
}

/* Nothing that is free is in flight: marks may have stayed. */
static const char *resume_free(struct virtq_inflight *k)
{
	struct packed_region *r = k->region;
	struct packed_entry *copy = k->copy;

	k->free_count = 0;
	for (uint16_t i = k->free_head; i < k->entries; i = copy[i].next) {
		if (!find(&copy[i]))
			return "an inflight region's free list has no end";
		copy[i].inflight = 0;
		INFLIGHT_PUT(&r->desc[i].inflight, 0);
		k->free_count++;
	}
	return NULL;
}

/* One chain: its entries are its own, and its id too. */
static const char *resume_chain(const struct virtq *q, uint16_t first)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_entry *copy = k->copy;
	uint16_t num = copy[first].num, last = copy[first].last;

	if (!num || last >= k->entries || copy[last].id >= q->size || k->by_id[copy[last].id] != NO_ENTRY)
		return "an inflight region has a chain that cannot be";
	for (uint16_t i = first;; i = copy[i].next) {
		if (i >= k->entries || !find(&copy[i]))
			return "an inflight region has chains that share entries";
		if (!--num)
			return i == last ? NULL : "an inflight region has a chain without an end";
	}
}

static const char *packed_resume(struct virtq *q)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	struct packed_entry *copy = k->copy;
	uint32_t slots = 0;
	const char *why = settle(q);

	if (why)
		return why;
	mem_fetch(copy, r->desc, k->entries * sizeof(*copy));
	for (uint16_t i = 0; i < k->entries; i++)
		copy[i].padding = 0;
	forget_ids(k);
	why = resume_free(k);
	for (uint16_t i = 0; !why && i < k->entries; i++) {
		if (!copy[i].inflight)
			continue;
		why = resume_chain(q, i);
		if (why)
			break;
		k->by_id[copy[copy[i].last].id] = i;
		inflight_add(k, copy[i].counter, i);
		slots += copy[i].num;
	}
	if (!why && slots > q->size)
		why = "an inflight region has more in flight than its ring";
	if (!why)
		q->avail_next = ring_packed_forward(q, q->used_next, (uint16_t)slots);
	return why;
}

/* Writes one descriptor of the ring down, in the entry at the head of the free list, and gives the next free one. */
static uint16_t note(struct virtq_inflight *k, uint16_t entry, struct vring_packed_desc desc, uint16_t id)
{
	struct packed_region *r = k->region;
	struct packed_entry *to = &r->desc[entry];

	INFLIGHT_PUT(&to->addr, desc.addr);
	INFLIGHT_PUT(&to->len, desc.len);
	INFLIGHT_PUT(&to->flags, desc.flags);
	INFLIGHT_PUT(&to->id, id);
	return ((struct packed_entry *)k->copy)[entry].next;
}

static bool packed_took(struct virtq *q, const struct chain *chain)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	struct packed_entry *copy = k->copy;
	uint16_t first = k->free_head, last = first, at = ring_packed_back(q, q->avail_next, chain->slots);
	uint16_t next = first;

	if (chain->slots > k->free_count)
		return false;
	for (uint16_t n = 0; n < chain->slots; n++) {
		struct vring_packed_desc desc;

		mem_load(q->mem, &desc, (struct vring_packed_desc *)q->desc + (at & ~WRAP), sizeof(desc));
		last = next;
		next = note(k, last, desc, chain->head);
		at = ring_packed_forward(q, at, 1);
	}
	copy[first].last = last;
	k->by_id[chain->head] = first;
	INFLIGHT_PUT(&r->desc[first].last, last);
	INFLIGHT_PUT(&r->desc[first].num, chain->slots);
	INFLIGHT_PUT(&r->desc[first].counter, k->counter);
	INFLIGHT_PUT(&r->desc[first].inflight, 1);
	k->free_head = next;
	k->free_count = (uint16_t)(k->free_count - chain->slots);
	put_heads(r, next, next);
	return true;
}

/* Its entries are linked to what was free behind them still. */
static void packed_untook(struct virtq *q, const struct chain *chain)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;

	k->free_head = k->by_id[chain->head];
	k->free_count = (uint16_t)(k->free_count + chain->slots);
	k->by_id[chain->head] = NO_ENTRY;
	put_heads(r, k->free_head, k->free_head);
	INFLIGHT_PUT(&r->desc[k->free_head].inflight, 0);
}

static void packed_giving(struct virtq *q, uint16_t head, uint16_t slots)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	struct packed_entry *copy = k->copy;
	uint16_t first = k->by_id[head];

	if (first != NO_ENTRY) {
		uint16_t last = copy[first].last;

		copy[last].next = k->free_head;
		INFLIGHT_PUT(&r->desc[last].next, k->free_head);
		put_heads(r, first, k->free_head);
		k->free_head = first;
		k->free_count = (uint16_t)(k->free_count + slots);
	}
	put_used(r, ring_packed_forward(q, q->used_next, slots), q->used_next);
}

static void packed_given(struct virtq *q, uint16_t head)
{
	struct virtq_inflight *k = q->inflight;
	struct packed_region *r = k->region;
	uint16_t first = k->by_id[head];

	if (first != NO_ENTRY) {
		k->by_id[head] = NO_ENTRY;
		INFLIGHT_PUT(&r->desc[first].inflight, 0);
		put_heads(r, first, first);
	}
	put_used(r, q->used_next, q->used_next);
}

static enum ring_take packed_retake(struct virtq *q, struct chain *chain, uint16_t entry)
{
	const struct packed_entry *copy = q->inflight->copy;
	struct ring_packed_walk w;

	chain->head = copy[copy[entry].last].id;
	chain->slots = copy[entry].num;
	ring_packed_begin(&w, q, chain);
	for (uint16_t i = entry, n = chain->slots; n; n--, i = copy[i].next)
		ring_packed_add(&w, copy[i].addr, copy[i].len, copy[i].flags);
	return ring_packed_end(&w, q);
}

const struct inflight_ops inflight_packed = {
	.header = sizeof(struct packed_region),
	.entry = sizeof(struct packed_entry),
	.begin = packed_begin,
	.resume = packed_resume,
	.took = packed_took,
	.untook = packed_untook,
	.giving = packed_giving,
	.given = packed_given,
	.retake = packed_retake,
};
