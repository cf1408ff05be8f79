/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kicks: how a driver's notification reaches the loop. Private to the virtio core.
 */
#ifndef MINIVMM_VIRTIO_KICK_H
#define MINIVMM_VIRTIO_KICK_H

#include "virtio.h"

void kick_init(struct virtio_kick *kick, struct virtio *v, struct virtq *q);
void kick_destroy(struct virtio_kick *kick);
/* On the loop, with a doorbell if the transport can. 0, also when it is there already, or -errno. */
must_check int kick_start(struct virtio_kick *kick);
/* Off the loop and the doorbell undone. true: a kick may not have been served, and is now the caller's to serve. */
bool kick_stop(struct virtio_kick *kick);
/* Serves the queue on a later turn of the loop. Nothing happens when the kick is not started. */
void kick_signal(struct virtio_kick *kick);

#endif
