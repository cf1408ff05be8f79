/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues: the only code that touches rings. A device sees chains, which are private copies with host addresses;
 * never a ring index, a descriptor flag or a guest address.
 *
 * What the driver did wrong is told apart in two kinds (the pass rule of the regression list):
 *  - a bad chain (it loops, leaves RAM, mixes directions, ...) is given back with length 0 by virtq_pop itself, which
 *    goes on to the next one;
 *  - a bad ring (an index that cannot be) breaks the queue: pop finds nothing any more until it is reset.
 * Either way `fault` holds the reason for whoever serves the queue.
 *
 * "virtio" in comments is the OASIS Virtual I/O Device specification, version 1.3.
 */
#ifndef MINIVMM_VIRTQ_H
#define MINIVMM_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/mem.h"
#include "core/state.h"
#include "core/util.h"

#define VIRTQ_SIZE_MAX 32768 /* virtio 2.7: "The maximum Queue Size value is 32768" */
/* Buffers a chain may have, on queues longer than this too: the iovecs of a chain live in its device, not on the heap. */
#ifndef CHAIN_MAX_IOV /* tests/proofs has fewer */
#define CHAIN_MAX_IOV 256
#endif

struct ring_ops;
struct virtq_inflight;

/* A chain that was popped, and whether it is done; only with VIRTIO_F_IN_ORDER. */
struct virtq_order {
	uint16_t head, slots;
	uint32_t len;
	bool done;
};

/*
 * One request. Between virtq_pop and virtq_push it belongs to the device; several may be in flight and are pushed in
 * any order. out is what the driver wrote for us, in is where we write; every iovec lies wholly inside guest RAM and is
 * not empty. Payload may be read or written in place; whatever is checked is taken out first (chain_read).
 */
struct chain {
	uint16_t head; /* its name in the ring, a descriptor or a buffer id; the device only keeps it */
	uint16_t slots; /* descriptors of the ring it took, in a packed one; the device only keeps it */
	uint16_t order; /* its place among those in flight, with VIRTIO_F_IN_ORDER */
	uint16_t out_count, in_count; /* iovecs left in each part */
	struct iovec *out, *in; /* into iov */
	uint32_t out_len, in_len; /* bytes left in each part; together below 2^32 */
	uint32_t written; /* bytes produced: the used length */
	const struct mem *mem; /* where its buffers are */
	struct iovec iov[CHAIN_MAX_IOV];
};

struct virtq;

/* The steps of a turn and of a request, for whoever watches. */
enum virtq_step {
	VIRTQ_BEGIN, /* a turn begins: kicked, or work was left */
	VIRTQ_POPPED,
	VIRTQ_UNPOPPED, /* put back: it was not popped after all */
	VIRTQ_USED, /* is in the used ring */
	VIRTQ_TOLD, /* what was used until now: the driver is interrupted */
	VIRTQ_NOT_TOLD, /* and this is when it does not want to be */
};

/* Belongs to the watcher and outlives the queue. Called under the machine lock; must not touch the queue. */
struct virtq_watch {
	/* head and len, the used length, are 0 where there are none. */
	void (*step)(
		struct virtq_watch *watch, const struct virtq *q, enum virtq_step step, uint16_t head, uint32_t len);
};

/* Somebody who stands between a queue and its ring (hostile.h). Belongs to them and outlives the queue. */
struct virtq_disguise {
	/* The queue is about to become ready with this ring: the one it takes instead, which lives as long. */
	const struct ring_ops *(*ring)(
		struct virtq_disguise *disguise, const struct virtq *q, const struct ring_ops *ring);
};

struct virtq {
	const struct mem *mem;
	struct virtq_watch *watch; /* NULL: nobody does */
	struct virtq_disguise *disguise; /* NULL: it is what it seems */
	uint16_t index, size_max;
	/* The driver's settings; frozen while ready. */
	uint16_t size;
	gpa_t desc_gpa, avail_gpa, used_gpa; /* Descriptor Area, Driver Area, Device Area */
	/* The ring as it runs; the features are those virtq_start was given. */
	bool ready;
	bool event_idx, indirect, in_order;
	bool broken; /* the driver broke a rule of the ring; only virtq_reset clears it */
	const char *fault; /* why, or what was wrong with the last bad chain; NULL: nothing so far */
	const struct ring_ops *ring; /* NULL: not ready, or broken; nothing is popped and nothing pushed */
	void *desc, *avail, *used; /* host views of the three areas while ready */
	uint16_t avail_next, used_next; /* split: free running; packed: position, wrap counter in bit 15 */
	uint32_t given; /* ring entries used since the driver's wish was last asked */
	bool kicks_off; /* we asked for no kicks */
	uint16_t budget; /* chains this turn may still take */
	bool more; /* the turn ended with work left: serve again */
	uint16_t in_flight_count;
	const void **in_flight; /* for each head: the chain popped with it and not given back, else NULL */
	struct virtq_order *order; /* with in_order: the chains in flight, in the order they came */
	uint16_t order_first, order_count;
	struct virtq_inflight *inflight; /* NULL: what is in flight is not written down (virtq_inflight.h) */
};

/* Once, before anything else. size_max is 1 to VIRTQ_SIZE_MAX. 0 or -ENOMEM. */
must_check int virtq_init(struct virtq *q, const struct mem *mem, uint16_t index, uint16_t size_max);
void virtq_destroy(struct virtq *q);

/*
 * Makes the queue ready with the settings it has and the negotiated features: NULL, or why they are not acceptable,
 * with nothing changed. The queue starts empty: nothing available, nothing used, nothing in flight.
 */
must_check const char *virtq_start(struct virtq *q, uint64_t features);
/*
 * The same for a ring that has been in use, at these positions of avail_next and used_next: those of one that was stopped with
 * nothing in flight. With q->inflight set they are where a region that is new begins; another knows its own.
 */
must_check const char *virtq_start_at(struct virtq *q, uint64_t features, uint16_t avail, uint16_t used);
/* Not ready, nothing in flight, every setting back to its default. Chains still out are dropped when pushed. */
void virtq_reset(struct virtq *q);
/* Not ready, nothing in flight; size and addresses stay as the driver wrote them (QueueReady = 0). */
void virtq_stop(struct virtq *q);

/*
 * Begins a turn: at most one queue full of chains is popped in it, however fast the driver refills the ring. When that
 * cuts it short q->more is set, and the caller arranges for another turn after everybody else's.
 */
static inline void virtq_begin(struct virtq *q)
{
	if (unlikely(q->watch))
		q->watch->step(q->watch, q, VIRTQ_BEGIN, 0, 0);
	q->budget = q->size;
	q->more = false;
}

/* Takes the next chain. false: none left and kicks are on again, or the turn is over, or the queue is broken. */
must_check bool virtq_pop(struct virtq *q, struct chain *chain);
/* Puts the chain just popped back: the next pop finds it again, read anew from guest memory. Kicks stay off. */
void virtq_unpop(struct virtq *q, struct chain *chain);
/* Gives the chain back to the driver with chain->written as its used length. The chain is then free for another pop. */
void virtq_push(struct virtq *q, struct chain *chain);
/* Whether the driver wants to hear of what was pushed since the last call. */
must_check bool virtq_should_notify(struct virtq *q);

/*
 * Saves the queue, or loads it into one that is not ready; features are the negotiated ones. What is in flight is not
 * saved: a device that runs has drained it or put it back. A loaded queue becomes ready through virtq_start or not at all.
 */
void virtq_state(struct virtq *q, struct state *s, uint64_t features);

/* Takes up to len bytes from the readable part. The number taken: less than len when the part is used up. */
size_t chain_read(struct chain *chain, void *dst, size_t len);
/* Appends up to len bytes to the writable part and to chain->written. The number appended. */
size_t chain_write(struct chain *chain, const void *src, size_t len);
/* len bytes were written by the host straight into chain->in: steps over them as chain_write does. len <= in_len. */
void chain_wrote(struct chain *chain, size_t len);
/* Shortens the writable part to at most len bytes; what is beyond stays as the driver left it. */
void chain_limit(struct chain *chain, size_t len);

#endif
