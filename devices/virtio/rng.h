/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio entropy device (virtio 5.4): fills the driver's buffers from an entropy source. It makes no randomness itself.
 */
#ifndef MINIVMM_VIRTIO_RNG_H
#define MINIVMM_VIRTIO_RNG_H

#include "backend/entropy.h"
#include "virtio.h"

/* What brings a request back that the source had nothing for. */
enum rng_waiting { RNG_IDLE, RNG_WAITS_FD, RNG_WAITS_TIMER };

struct virtio_rng {
	struct virtio v;
	struct entropy *entropy;
	struct loop_source source; /* entropy->fd, on the loop with RNG_WAITS_FD */
	struct loop_timer retry; /* for a source without a descriptor to watch */
	enum rng_waiting waiting;
	bool woken; /* inside source.ready */
	struct chain chain;
};

/* loop, mem and entropy outlive d. 0 or -ENOMEM. */
must_check int virtio_rng_init(struct virtio_rng *d, struct loop *loop, const struct mem *mem, struct entropy *entropy);
void virtio_rng_destroy(struct virtio_rng *d);

#endif
