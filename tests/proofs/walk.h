/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proofs of both rings share: a queue in any state over memory that says something else each time, and what a chain is
 * that a device may be given.
 */
#ifndef MINIVMM_PROOF_WALK_H
#define MINIVMM_PROOF_WALK_H

/* The largest queue looked at. README.md says why that is enough. */
#ifndef RING_MOST
#define RING_MOST 4
#endif

static struct mem_hook any_hook = { .load = any_load, .map = any_map };
static struct mem any_memory = { .hook = &any_hook };

/* In proofs memory has no regions, and each buffer goes this way: mem.c proves what any_map takes for granted. */
void *mem_find(const struct mem *mem, gpa_t gpa, size_t len)
{
	return any_map(mem->hook, gpa, len);
}

static struct virtq any_queue(void)
{
	struct virtq q = {
		.mem = &any_memory,
		.size = nondet_u16(),
		.size_max = RING_MOST,
		.ready = true,
		.indirect = nondet_bool(),
		.event_idx = nondet_bool(),
		.avail_next = nondet_u16(),
		.used_next = nondet_u16(),
		/* What virtq_start mapped: places in RAM. */
		.avail = any_ram + 0x10000,
		.used = any_ram + 0x20000,
	};

	ASSUME(q.size && q.size <= RING_MOST);
	/* At the very end: whoever looks past the table looks past RAM. */
	q.desc = any_ram + (ANY_RAM_SIZE - q.size * sizeof(struct vring_desc));
	return q;
}

/* What a device is promised of a chain (virtq.h). */
static void prove_chain(const struct virtq *q, const struct chain *chain)
{
	uint32_t count = (uint32_t)chain->out_count + chain->in_count;
	uint64_t out = 0, in = 0;

	PROVE(chain->out == chain->iov && chain->in == chain->iov + chain->out_count,
		"the two parts follow one another");
	PROVE(count <= q->size && count <= CHAIN_MAX_IOV,
		"no more buffers than the queue has entries, or a chain has room");
	for (unsigned int i = 0; i < CHAIN_MAX_IOV && i < count; i++) {
		const struct iovec *iov = &chain->iov[i];

		PROVE(iov->iov_len, "no buffer is empty");
		PROVE(in_any_ram(iov->iov_base, iov->iov_len), "a buffer lies in guest memory");
		if (i < chain->out_count)
			out += iov->iov_len;
		else
			in += iov->iov_len;
	}
	PROVE(chain->out_len == out && chain->in_len == in, "the lengths are those of the buffers");
}

#endif
