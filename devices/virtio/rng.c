/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-rng. A request may be filled in part but never with nothing (virtio 5.4.6.2: "the length used by the device ...
 * at least one byte"), so while the source has nothing the request stays in the ring and the source is watched.
 */
#include "rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_ids.h>

/*
 * Bytes given to one request, and in one turn of the loop. Descriptors may overlap, so a driver can ask for far more than
 * its memory; 64 KiB is what a reader of /dev/hwrng can use at once many times over, and about 0.2 ms of getrandom.
 */
#define RNG_MAX_BYTES (64 * 1024)

#define RNG_QUEUE_SIZE 64

/* How often a source that cannot be watched is asked again. */
#define RNG_RETRY_NS (100 * 1000 * 1000ULL)

static void stop_waiting(struct virtio_rng *d)
{
	if (d->waiting == RNG_WAITS_FD)
		loop_del(d->v.loop, &d->source);
	loop_timer_cancel(d->v.loop, &d->retry);
	d->waiting = RNG_IDLE;
}

static void resume(struct virtio_rng *d)
{
	stop_waiting(d);
	virtio_serve(&d->v, &d->v.queue[0]);
}

static void rng_ready(struct loop_source *source, uint32_t events)
{
	struct virtio_rng *d = container_of(source, struct virtio_rng, source);

	(void)events;
	d->woken = true;
	resume(d);
	d->woken = false;
}

static void rng_retry(struct loop_timer *timer)
{
	resume(container_of(timer, struct virtio_rng, retry));
}

static not_inline void rng_fail(struct virtio_rng *d, int error)
{
	char why[96];

	snprintf(why, sizeof(why), "entropy source: %s", strerror(error));
	virtio_fail(&d->v, why);
}

/*
 * The source has nothing now: come back when it has. Not by its descriptor when that is what called us and there is still
 * nothing to read (a peer that hung up stays "ready" for ever): the loop would spin.
 */
static not_inline void wait_for_entropy(struct virtio_rng *d)
{
	d->source.fd = d->entropy->fd;
	if (d->source.fd >= 0 && !d->woken && loop_add(d->v.loop, &d->source, EPOLLIN) == 0) {
		d->waiting = RNG_WAITS_FD;
		return;
	}
	d->waiting = RNG_WAITS_TIMER;
	loop_timer_set(d->v.loop, &d->retry, d->v.loop->clock->monotonic_ns(d->v.loop->clock) + RNG_RETRY_NS);
}

static not_inline void refuse(struct virtq *q, struct chain *chain)
{
	q->fault = chain->out_count ? "an entropy request has a readable buffer" : "an entropy request has no room";
	virtq_push(q, chain);
}

static void rng_queue_notify(struct virtio *v, struct virtq *q)
{
	struct virtio_rng *d = container_of(v, struct virtio_rng, v);
	struct chain *chain = &d->chain;
	size_t turn = 0;

	if (d->waiting)
		return;
	while (virtq_pop(q, chain)) {
		ssize_t n;

		/* virtio 5.4.6.1: "MUST NOT place driver-readable buffers"; and a buffer of no bytes cannot get one. */
		if (chain->out_count || !chain->in_len) {
			refuse(q, chain);
			continue;
		}
		chain_limit(chain, RNG_MAX_BYTES);
		n = d->entropy->fill(d->entropy, chain->in, chain->in_count);
		if (n <= 0) {
			virtq_unpop(q, chain);
			if (n == -EAGAIN)
				wait_for_entropy(d);
			else
				rng_fail(d, n ? (int)-n : EIO);
			return;
		}
		chain_wrote(chain, (size_t)n);
		virtq_push(q, chain);
		turn += (size_t)n;
		if (turn >= RNG_MAX_BYTES) {
			q->more = true;
			return;
		}
	}
}

static void rng_reset(struct virtio *v)
{
	stop_waiting(container_of(v, struct virtio_rng, v));
}

static void rng_queue_reset(struct virtio *v, struct virtq *q)
{
	(void)q;
	rng_reset(v);
}

static const struct virtio_class rng_class = {
	.name = "virtio-rng",
	.device_id = VIRTIO_ID_RNG,
	.queue_count = 1,
	.queue_size = RNG_QUEUE_SIZE,
	.reset = rng_reset,
	.queue_reset = rng_queue_reset,
	.queue_notify = rng_queue_notify,
};

int virtio_rng_init(struct virtio_rng *d, struct loop *loop, const struct mem *mem, struct entropy *entropy)
{
	d->entropy = entropy;
	d->source = (struct loop_source){ .fd = -1, .ready = rng_ready };
	d->retry = (struct loop_timer){ .expired = rng_retry };
	d->waiting = RNG_IDLE;
	d->woken = false;
	return virtio_init(&d->v, &rng_class, loop, mem);
}

void virtio_rng_destroy(struct virtio_rng *d)
{
	stop_waiting(d);
	virtio_destroy(&d->v);
}
