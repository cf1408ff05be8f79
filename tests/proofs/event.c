/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: does the driver want to hear of what was used since it was last asked? Over all indices, all that the driver may
 * have said, and all numbers of entries, against the sets that virtio 2.7.10 and 2.8.10 describe.
 */
#include "proof.h"

#define RING_HOOKED
#ifdef PACKED
#include "../../devices/virtio/virtq_packed.c"
#else
#include "../../devices/virtio/virtq_split.c"
#endif

/* The wish of the moment: the driver's one word about it, of 16 or 32 bits. */
static uint32_t wish;

static void wish_load(struct mem_hook *hook, void *dst, void *src, size_t len)
{
	(void)hook;
	(void)src;
	if (len == sizeof(uint16_t))
		*(uint16_t *)dst = (uint16_t)wish;
	else
		*(uint32_t *)dst = wish;
}

static struct mem_hook wish_hook = { .load = wish_load };
static struct mem memory = { .hook = &wish_hook };
static uint32_t area[16];

static struct virtq any_queue(void)
{
	struct virtq q = { .mem = &memory, .size = nondet_u16(), .avail = area, .used_next = nondet_u16() };

	wish = nondet_u32();
	ASSUME(q.size && q.size <= VIRTQ_SIZE_MAX);
	return q;
}

#ifdef PACKED
/* Steps that lead from one position to another, with the wrap counters: below twice the size. */
static uint32_t steps(const struct virtq *q, uint16_t from, uint16_t to)
{
	uint32_t size = q->size, a = from & 0x7fff, b = to & 0x7fff;

	if ((from ^ to) & 0x8000)
		b += size;
	return b >= a ? b - a : b + 2 * size - a;
}

/* The event is among the last `given` positions before the present one. */
void proof_event_packed(void)
{
	struct virtq q = any_queue();
	uint32_t given = nondet_u32();
	bool waits;

	q.event_idx = true;
	wish = (uint32_t)VRING_PACKED_EVENT_FLAG_DESC << 16 | (uint16_t)wish;
	ASSUME(given && given <= 2u * VIRTQ_SIZE_MAX);
	ASSUME((q.used_next & 0x7fff) < q.size && (wish & 0x7fff) < q.size);
	waits = packed_driver_waits(&q, given);
	if (given < q.size)
		PROVE(waits == (steps(&q, (uint16_t)wish, q.used_next) - 1 < given),
			"wanted if and only if it was passed");
	else
		PROVE(waits, "a whole ring passes whatever is waited for");
	REACHABLE(waits && given == 1 && (q.used_next & 0x7fff) == 0 && q.size == 3);
	REACHABLE(!waits && given == 5);
}

/* Without event indices, and for every value of flags. */
void proof_flags_packed(void)
{
	struct virtq q = any_queue();
	uint32_t given = nondet_u32();
	bool waits;

	ASSUME(given);
	q.event_idx = nondet_bool();
	waits = packed_driver_waits(&q, given);
	PROVE((wish >> 16 & 3) != VRING_PACKED_EVENT_FLAG_DISABLE || !waits, "not when it wants none");
	PROVE((wish >> 16 & 3) != VRING_PACKED_EVENT_FLAG_ENABLE || waits, "when it wants all");
	PROVE((wish >> 16 & 3) != VRING_PACKED_EVENT_FLAG_DESC || q.event_idx || waits, "when it says what it may not");
	REACHABLE(!waits);
	REACHABLE(waits);
}

#else

/* The event is among the last `given` indices before the present one: any number of them, over 2^16 indices. */
void proof_event_split(void)
{
	struct virtq q = any_queue();
	uint32_t given = nondet_u32(), back = nondet_u32();
	bool waits;

	ASSUME(given);
	q.event_idx = true;
	waits = split_driver_waits(&q, given);
	/* Every member of the set, as a number of steps back from the present index; 65536 of them are all there are. */
	ASSUME(back >= 1 && back <= given && back <= 0x10000);
	PROVE(waits || (uint16_t)(q.used_next - back) != (uint16_t)wish, "wanted when it was passed");
	/* And nothing else: the one way to be that index and not a member is to be further back. */
	PROVE(!waits || given > 0xffff || (uint16_t)(q.used_next - (uint16_t)wish - 1) < given,
		"only when it was passed");
	REACHABLE(waits && given == 3 && q.used_next == 1);
	REACHABLE(!waits && given == 65535);
	REACHABLE(waits && given == 65536);
}

void proof_flags_split(void)
{
	struct virtq q = any_queue();
	uint32_t given = nondet_u32();

	ASSUME(given);
	PROVE(split_driver_waits(&q, given) == !(wish & VRING_AVAIL_F_NO_INTERRUPT), "by the flag, and no other bit");
	REACHABLE(wish == 0x7ffe);
}
#endif
