/* SPDX-License-Identifier: Apache-2.0 */
/* What hostile.c, which lies about devices, shares with hostile_ring.c, which lies about rings. Nobody else includes it. */
#ifndef MINIVMM_HOSTILE_PRIVATE_H
#define MINIVMM_HOSTILE_PRIVATE_H

#include "hostile.h"
#include "ring.h"

struct hostile_queue {
	struct virtq_disguise disguise;
	struct hostile_device *d;
	struct virtq *q;
	uint64_t stream[HOSTILE_KINDS];
	uint64_t chains; /* given back in this life of the device: which one a line of the log is about */
	const struct ring_ops *real; /* the queue's own ring, and what it has in its place */
	struct ring_ops ring;
	uint8_t **status; /* a disk's: by head, where the chain in flight has its status byte; NULL: nowhere */
	struct loop_timer late; /* a late interrupt, or the second of two */
};

struct hostile_device {
	struct hostile *h;
	struct virtio *v;
	const struct virtio_class *real_class;
	struct virtio_class class;
	const struct virtio_transport *real_transport;
	struct virtio_transport transport;
	uint64_t config_stream, config_irq_stream;
	struct hostile_queue queue[]; /* v->class->queue_count of them */
};

/* An occasion for a lie. Whether to tell it; *value is then a number to make it of. */
must_check bool hostile_tempted(struct hostile *h, enum hostile_kind kind, uint64_t *stream, uint64_t *value);

/* A lie was told by a device, about q or, where that is NULL, all of it. */
__attribute__((format(printf, 4, 5))) void hostile_told(
	struct hostile_device *d, const struct hostile_queue *q, enum hostile_kind kind, const char *format, ...);

/* struct virtq_disguise's. */
const struct ring_ops *hostile_ring(
	struct virtq_disguise *disguise, const struct virtq *q, const struct ring_ops *ring);

#endif
