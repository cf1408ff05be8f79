/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: the split ring (virtio 2.7), with all that its driver may write into it at any moment. */
#include "proof.h"

#define RING_HOOKED
#include "../../devices/virtio/virtq_split.c"
#include "walk.h"

/* Follows the ring's table and an indirect one: all that split_take does with what it finds. */
void proof_split_take(void)
{
	struct virtq q = any_queue();
	uint16_t before = q.avail_next;
	struct chain chain;
	enum ring_take taken;

	ASSUME((q.size & (q.size - 1)) == 0);
	taken = split_take(&q, &chain);
	PROVE(q.avail_next == (uint16_t)(before + (taken == RING_CHAIN || taken == RING_BAD_CHAIN)),
		"moves on over a chain");
	PROVE((taken == RING_BAD_CHAIN || taken == RING_BROKEN) == !!q.fault, "says what is wrong, when it is");
	PROVE(taken == RING_EMPTY || taken == RING_BROKEN || chain.head < q.size, "a head is in the table");
	if (taken == RING_CHAIN)
		prove_chain(&q, &chain);
	REACHABLE(taken == RING_EMPTY);
	REACHABLE(taken == RING_BROKEN);
	REACHABLE(taken == RING_BAD_CHAIN);
	REACHABLE(taken == RING_CHAIN && chain.in_count == CHAIN_MAX_IOV);
	REACHABLE(taken == RING_CHAIN && chain.in_count == 1 && chain.out_count == 1 && chain.in_len > 0xff000000);
}
