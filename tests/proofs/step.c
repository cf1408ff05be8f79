/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: one step of a walk along a chain, from any state that a walk can be in, in a queue of any size. Each keeps what makes
 * the next one safe and brings the end nearer by one, so any number of them does.
 */
#include "proof.h"

#define RING_HOOKED
#include "../../devices/virtio/ring.h"

#define MOST CHAIN_MAX_IOV

static struct mem_hook any_hook = { .load = any_load, .map = any_map };
static struct mem any_memory = { .hook = &any_hook };

void *mem_find(const struct mem *mem, gpa_t gpa, size_t len)
{
	return any_map(mem->hook, gpa, len);
}

static struct chain chain;
static struct virtq q = { .mem = &any_memory };

/* Somewhere in a walk: a buffers so far, room for b more, the readable part ended after c of them if it has. */
static bool walk_can_be(const struct walk *w, unsigned int a, unsigned int b, unsigned int c, uint32_t write)
{
	return w->chain == &chain && w->iov == chain.iov + a && w->end == chain.iov + a + b && a + b <= MOST &&
	       a + b <= q.size && (w->part == 0 || (w->part == write && chain.in == chain.iov + c && c <= a)) &&
	       w->len <= (uint64_t)VIRTQ_SIZE_MAX * UINT32_MAX && (w->part == 0 || chain.out_len <= UINT32_MAX);
}

static struct walk any_walk(unsigned int a, unsigned int b, unsigned int c, uint32_t write)
{
	struct walk w = { .q = &q, .mem = &any_memory, .chain = &chain, .len = nondet_u64() };

	q.size = nondet_u16();
	ASSUME(a <= MOST && b <= MOST - a && c <= a && a + b <= q.size);
	w.iov = chain.iov + a;
	w.end = chain.iov + a + b;
	w.part = nondet_bool() ? write : 0;
	chain.in = chain.iov + c;
	chain.out_len = nondet_u32();
	ASSUME(walk_can_be(&w, a, b, c, write));
	return w;
}

void proof_walk_add(void)
{
	unsigned int a = nondet_uint(), b = nondet_uint(), c = nondet_uint(), other = nondet_uint();
	uint32_t write = nondet_u32(), len = nondet_u32(), flag = nondet_bool() ? write : 0;
	struct walk w, before;
	struct iovec was;
	const char *why;

	ASSUME(write);
	w = before = any_walk(a, b, c, write);
	/* Buffers have been fewer than the largest queue has entries, or this one would not be added. */
	ASSUME(before.len <= (uint64_t)(VIRTQ_SIZE_MAX - 1) * UINT32_MAX && other < MOST && other != a);
	was = chain.iov[other];
	why = walk_add(&w, nondet_u64(), len, flag);
	PROVE(b || why, "not one more than there is room for");
	PROVE(chain.iov[other].iov_base == was.iov_base && chain.iov[other].iov_len == was.iov_len,
		"no other iovec changes");
	if (why)
		return;
	PROVE(!(before.part && !flag), "a readable buffer after a writable one is refused");
	if (!before.part && flag)
		PROVE(chain.in == chain.iov + a, "the readable part ends before the first writable buffer");
	if (!before.part && flag)
		c = a;
	PROVE(walk_can_be(&w, a + (len != 0), b - 1, c, write), "a walk again, with room for one less");
	if (len) {
		PROVE(w.iov == before.iov + 1 && w.iov[-1].iov_len == len, "the buffer is there");
		PROVE(in_any_ram(w.iov[-1].iov_base, len), "and lies in guest memory");
	}
	REACHABLE(len && a == MOST - 1);
	REACHABLE(!len && c < a);
}

void proof_walk_end(void)
{
	unsigned int a = nondet_uint(), b = nondet_uint(), c = nondet_uint();
	uint32_t write = nondet_u32();
	struct walk w;
	const char *why;

	ASSUME(write);
	w = any_walk(a, b, c, write);
	/* The readable part is part of the whole. */
	ASSUME(!w.part || chain.out_len <= w.len);
	why = walk_end(&w);
	PROVE(!why == (w.len <= UINT32_MAX), "2^32 bytes are too many, and nothing else is wrong");
	if (why)
		return;
	PROVE(chain.out == chain.iov && chain.in == chain.iov + chain.out_count, "the two parts follow one another");
	PROVE((unsigned int)chain.out_count + chain.in_count == a, "every buffer is in one of them");
	PROVE((uint64_t)chain.out_len + chain.in_len == w.len, "so is every byte");
	REACHABLE(chain.in_count == 3 && chain.out_count == MOST - 3);
	REACHABLE(!chain.in_count && chain.out_count);
}

void proof_walk_table(void)
{
	uint32_t len = nondet_u32();
	const char *why;
	void *table;

	q.indirect = nondet_bool();
	why = walk_table(&q, nondet_u64(), len, &table);
	PROVE(why || (q.indirect && len && len % 16 == 0), "only when negotiated, of whole descriptors, not empty");
	PROVE(why || in_any_ram(table, len), "all of it lies in guest memory");
	REACHABLE(!why && len == 0xfffffff0);
	REACHABLE(why && q.indirect && len == 16);
}
