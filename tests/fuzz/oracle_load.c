/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One load for each descriptor, and for each piece of a header (R21): what is checked and what is used must not be two answers of
 * the guest's. Chains may lead through the same descriptor twice all the same, by next fields or tables that go in a circle: a second
 * load is right where the one before it says so.
 */
#include "oracle_load.h"

#include <string.h>

#include <linux/virtio_ring.h>

#include "fuzz.h"
#include "machine.h"
#include "oracle.h"

#define DESC	  16
#define MAX_SEEN  600 /* descriptors of one walk: a ring of 256 and a table of as many, and what ends them */
#define MAX_PIECE 64 /* of headers */

static struct {
	const struct virtq *popping; /* the queue in virtq_pop */
	bool telling; /* in virtq_should_notify */
	gpa_t seen[MAX_SEEN], table, last;
	struct vring_desc got; /* at last */
	unsigned int count;
	/* Of the chain popped last. */
	struct {
		gpa_t gpa;
		uint32_t len;
	} piece[MAX_PIECE];
	unsigned int pieces;
	bool alias; /* its readable buffers may overlap */
} loads;

void fuzz_oracle_load_reset(void)
{
	loads.popping = NULL;
	loads.count = loads.pieces = 0;
	loads.alias = true;
}

bool fuzz_oracle_popping(void)
{
	return loads.popping;
}

static bool overlap(const struct iovec *a, const struct iovec *b)
{
	const uint8_t *from = a->iov_base, *to = b->iov_base;

	return from < to + b->iov_len && to < from + a->iov_len;
}

void fuzz_oracle_popped(const struct chain *chain)
{
	loads.count = loads.pieces = 0;
	loads.alias = chain->out_count > 8;
	for (unsigned int i = 1; !loads.alias && i < chain->out_count; i++)
		for (unsigned int j = 0; j < i; j++)
			loads.alias |= overlap(&chain->iov[i], &chain->iov[j]);
}

static bool packed(void)
{
	return virtio_has_feature(fuzz_machine->v, VIRTIO_F_RING_PACKED);
}

/* What was loaded last refers to a table. A packed descriptor has its id where a split one has its flags, and those after it. */
static bool at_table(void)
{
	return (packed() ? loads.got.next : loads.got.flags) & VRING_DESC_F_INDIRECT;
}

/* Whether the walk comes by here after what was loaded last. */
static bool leads_to(gpa_t gpa)
{
	const struct virtq *q = loads.popping;

	if (at_table() && gpa == loads.got.addr)
		return true;
	/* Packed: in order, around the end of the ring. */
	if (packed())
		return gpa == loads.last + DESC ||
		       (gpa == q->desc_gpa && loads.last == gpa + (gpa_t)(q->size - 1) * DESC);
	return loads.got.flags & VRING_DESC_F_NEXT && gpa == loads.table + (gpa_t)loads.got.next * DESC;
}

static void load_desc(gpa_t gpa, const void *got)
{
	const struct virtq *q = loads.popping;
	unsigned int most = 2u * q->size + 4;

	for (unsigned int i = 0; i < loads.count; i++)
		if (loads.seen[i] == gpa && !leads_to(gpa))
			fuzz_failed("fetch", "the descriptor at 0x%llx is loaded twice", (unsigned long long)gpa);
	if (loads.count == most || loads.count == MAX_SEEN)
		fuzz_failed("work", "queue %u: a walk of more than %u descriptors", q->index, loads.count);
	if (!loads.count)
		loads.table = q->desc_gpa;
	else if (at_table())
		loads.table = loads.got.addr;
	loads.seen[loads.count++] = gpa;
	loads.last = gpa;
	memcpy(&loads.got, got, sizeof(loads.got));
}

static void load_header(const struct fuzz_load *load)
{
	for (unsigned int i = 0; i < loads.pieces && !loads.alias; i++)
		if (load->gpa < loads.piece[i].gpa + loads.piece[i].len && loads.piece[i].gpa < load->gpa + load->len)
			fuzz_failed("fetch", "%u bytes of a header at 0x%llx are loaded twice", load->len,
				(unsigned long long)load->gpa);
	if (loads.pieces == MAX_PIECE)
		return;
	loads.piece[loads.pieces].gpa = load->gpa;
	loads.piece[loads.pieces++].len = load->len;
}

static void mix(const void *got, size_t len)
{
	for (size_t done = 0; done < len; done += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, (const uint8_t *)got + done, len - done < sizeof(word) ? len - done : sizeof(word));
		fuzz_machine_mix(word);
	}
}

void fuzz_oracle_load(const struct fuzz_load *load, const void *got)
{
	mix(got, load->len);
	/* An index, or the flags that make a chain available: what was loaded until now was another chain's, a bad one's. */
	if (loads.popping && load->len == sizeof(uint16_t))
		loads.count = 0;
	if (loads.popping && load->len == DESC)
		load_desc(load->gpa, got);
	else if (!loads.popping && !loads.telling)
		load_header(load);
}

/* Calls from outside of virtq.c: a device's, and the core's at the end of a turn. */
bool __real_virtq_pop(struct virtq *q, struct chain *chain);
bool __wrap_virtq_pop(struct virtq *q, struct chain *chain);
bool __real_virtq_should_notify(struct virtq *q);
bool __wrap_virtq_should_notify(struct virtq *q);

bool __wrap_virtq_pop(struct virtq *q, struct chain *chain)
{
	bool popped;

	loads.popping = q;
	loads.count = 0;
	popped = __real_virtq_pop(q, chain);
	loads.popping = NULL;
	return popped;
}

bool __wrap_virtq_should_notify(struct virtq *q)
{
	bool wanted;

	loads.telling = true;
	wanted = __real_virtq_should_notify(q);
	loads.telling = false;
	return wanted;
}
