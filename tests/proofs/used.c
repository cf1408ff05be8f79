/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: giving chains back. What is written into guest memory, and that nothing else is; where a position goes. */
#include "proof.h"

#ifdef PACKED
#include "../../devices/virtio/virtq_packed.c"
#else
#include "../../devices/virtio/virtq_split.c"
#endif

#define MOST 8 /* entries: a place is found by a mask or a comparison, whatever the size */

#ifdef PACKED
void proof_give_packed(void)
{
	static struct vring_packed_desc ring[MOST], before[MOST];
	struct virtq q = { .size = nondet_u16(), .desc = ring, .used_next = nondet_u16(), .given = nondet_u16() },
		     was = q;
	uint16_t head = nondet_u16(), slots = nondet_u16(), at = q.used_next & 0x7fff;
	uint32_t len = nondet_u32(), i = nondet_u32();

	for (unsigned int n = 0; n < MOST; n++)
		ring[n] = before[n] =
			(struct vring_packed_desc){ nondet_u64(), nondet_u32(), nondet_u16(), nondet_u16() };
	ASSUME(q.size && q.size <= MOST && at < q.size && slots && slots <= q.size && i < MOST);
	packed_give(&q, head, slots, len);
	PROVE(ring[at].id == head && ring[at].len == len, "id and length are there");
	PROVE(!(ring[at].flags & AVAIL) == !(was.used_next & WRAP), "AVAIL is the wrap counter");
	PROVE(!(ring[at].flags & USED) == !(was.used_next & WRAP), "USED is the wrap counter");
	PROVE(i == at || (ring[i].addr == before[i].addr && ring[i].len == before[i].len &&
				 ring[i].id == before[i].id && ring[i].flags == before[i].flags),
		"no other entry changes");
	PROVE(packed_at(&q, q.used_next), "the position stays in the ring");
	PROVE((q.used_next & 0x7fffu) == (at + slots) % q.size, "as many entries on");
	PROVE(((q.used_next ^ was.used_next) & WRAP) == (at + slots >= q.size ? WRAP : 0),
		"the wrap counter flips at the end");
	PROVE(q.given == was.given + slots, "all of them are counted");
	REACHABLE(q.size == 7 && at == 6 && slots == 7 && len);
}

/* A position, and back from it: what untake does to what take did. */
void proof_positions_packed(void)
{
	struct virtq q = { .size = nondet_u16() };
	uint16_t pos = nondet_u16(), slots = nondet_u16();

	ASSUME(q.size && q.size <= VIRTQ_SIZE_MAX && (pos & 0x7fff) < q.size && slots && slots <= q.size);
	PROVE(packed_at(&q, forward(&q, pos, slots)), "forward stays in the ring");
	PROVE(back(&q, forward(&q, pos, slots), slots) == pos, "back undoes forward");
	REACHABLE(q.size == VIRTQ_SIZE_MAX && slots == q.size && pos == 0xffff);
}

#else

void proof_give_split(void)
{
	static struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[MOST];
		uint16_t avail_event;
	} used, before;
	struct virtq q = { .size = nondet_u16(), .used = &used, .used_next = nondet_u16(), .given = nondet_u16() },
		     was = q;
	uint32_t len = nondet_u32(), i = nondet_u32();
	uint16_t head = nondet_u16(), at;

	used.flags = before.flags = nondet_u16();
	used.avail_event = before.avail_event = nondet_u16();
	for (unsigned int n = 0; n < MOST; n++)
		used.ring[n] = before.ring[n] = (struct vring_used_elem){ nondet_u32(), nondet_u32() };
	ASSUME(q.size && q.size <= MOST && !(q.size & (q.size - 1)) && i < MOST);
	at = q.used_next & (q.size - 1);
	split_give(&q, head, nondet_u16(), len);
	PROVE(used.ring[at].id == head && used.ring[at].len == len, "id and length are there");
	PROVE(used.idx == (uint16_t)(was.used_next + 1) && q.used_next == used.idx, "the index is one more");
	PROVE(i == at || (used.ring[i].id == before.ring[i].id && used.ring[i].len == before.ring[i].len),
		"no other entry changes");
	PROVE(used.flags == before.flags && used.avail_event == before.avail_event, "nothing else changes");
	PROVE(q.given == was.given + 1, "one is counted");
	REACHABLE(q.size == MOST && was.used_next == 0xffff);
}
#endif
