/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio entropy device (virtio 5.4): fills the driver's buffers from an entropy source. It makes no randomness itself.
 */
#ifndef MINIVMM_VIRTIO_RNG_H
#define MINIVMM_VIRTIO_RNG_H

#include "backend/entropy.h"
#include "virtio.h"

struct virtio_rng {
	struct virtio v;
	struct entropy *entropy;
	struct loop_source source; /* entropy->fd, on the loop while waiting */
	bool waiting; /* a request is there and the source had nothing for it */
	struct chain chain;
};

/* loop, mem and entropy outlive d. 0 or -ENOMEM. */
must_check int virtio_rng_init(struct virtio_rng *d, struct loop *loop, const struct mem *mem, struct entropy *entropy);
void virtio_rng_destroy(struct virtio_rng *d);

#endif
