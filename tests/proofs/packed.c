/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: the packed ring (virtio 2.8), with all that its driver may write into it at any moment. */
#include "proof.h"

#define RING_HOOKED
#include "../../devices/virtio/virtq_packed.c"
#include "walk.h"

void proof_packed_take(void)
{
	struct virtq q = any_queue();
	uint16_t before = q.avail_next;
	struct chain chain;
	enum ring_take taken;

	ASSUME(packed_at(&q, before));
	taken = packed_take(&q, &chain);
	PROVE(packed_at(&q, q.avail_next), "the position stays in the ring");
	PROVE((taken == RING_BAD_CHAIN || taken == RING_BROKEN) == !!q.fault, "says what is wrong, when it is");
	if (taken == RING_EMPTY || taken == RING_BROKEN) {
		PROVE(q.avail_next == before, "stays where it is");
	} else {
		PROVE(chain.head < q.size, "an id is below the queue size");
		PROVE(chain.slots && chain.slots <= q.size, "as many entries as there are at most");
		PROVE(q.avail_next == forward(&q, before, chain.slots), "moves on over a chain");
	}
	if (taken == RING_CHAIN)
		prove_chain(&q, &chain);
	REACHABLE(taken == RING_EMPTY);
	REACHABLE(taken == RING_BROKEN);
	REACHABLE(taken == RING_BAD_CHAIN);
	REACHABLE(taken == RING_CHAIN && chain.in_count == CHAIN_MAX_IOV);
	REACHABLE(taken == RING_CHAIN && chain.in_count == 1 && chain.out_count == 1 && chain.slots == 2);
}
