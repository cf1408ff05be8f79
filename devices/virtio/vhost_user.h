/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device whose queues are served by a vhost-user backend in another process. Features and configuration space are
 * negotiated here, between driver and backend; kicks go to the backend by the transport's own doorbell, and its interrupts
 * come by the transport's own call fd where there is one (PCI with MSI-X). Where there is none the backend is lent an eventfd, and
 * the interrupt goes the way of every other: so a driver that reads InterruptStatus or ISR finds it there.
 *
 * A backend that goes, lies or does not answer leaves a device that NEEDS_RESET, and nothing else: the machine runs on. Where it is
 * awaited instead (virtio_vhost_user_await), the driver's requests stay where they are until a backend is there that takes them up.
 *
 * vhost_user.c has the hooks, vhost_user_queue.c a queue, vhost_user_link.c the connection and its end.
 */
#ifndef MINIVMM_VIRTIO_VHOST_USER_H
#define MINIVMM_VIRTIO_VHOST_USER_H

#include "backend/vhost_user_client.h"
#include "virtio.h"

/* What no message tells of a device. Features are masks of virtio feature bits. */
struct vhost_user_kind {
	const char *name; /* "vhost-user-rng": in messages and snapshots */
	uint16_t device_id, queue_count, queue_size, config_size;
	uint16_t unserved; /* queues at the end that no backend serves: what the driver puts there stays there */
	uint16_t count_at; /* a 16-bit field of the configuration space that is to say queue_count; 0: there is none */
	uint16_t
		seg_max_at; /* a 32-bit field there of how many buffers a request may have beside two others; 0: there is none */
	bool needs_config; /* a backend without a configuration space is not one of this kind */
	const void *config; /* config_size bytes to show in the place of the backend's; NULL: the backend's */
	uint64_t own; /* features that config is about, whatever the backend offers */
	uint64_t never; /* not to be offered: the monitor lacks what they need */
	uint64_t of_config; /* features about fields that are there only if the backend shows its configuration space */
	uint64_t foreign; /* that no device of the kind has */
};

struct vhost_user_queue {
	struct virtio_vhost_user *d;
	struct virtq *q;
	int kick; /* an eventfd; what a doorbell signals and the backend reads */
	struct loop_source call; /* an eventfd of ours, in the place of a call fd of the transport's */
	bool watched; /* call is on the loop */
	bool live, bell; /* the driver may kick; by a doorbell */
	bool running; /* the backend serves it */
	bool masked, pending; /* as notifier_mask and notifier_pending have them */
};

enum vhost_user_link {
	VHOST_USER_CONNECTED,
	VHOST_USER_LOST, /* for good */
	VHOST_USER_AWAITED, /* lost, and to come back */
	VHOST_USER_KNOCKED, /* there is a connection again, and not yet an answer */
};

struct virtio_vhost_user {
	struct virtio v;
	const struct vhost_user_kind *kind;
	struct virtio_class class; /* with the kind's numbers */
	struct vhost_user_client client;
	enum vhost_user_link link;
	struct loop_source connection; /* the client's, for its end or, knocked, its first answer */
	struct loop_source err; /* an eventfd: the backend can do nothing more with some queue */
	struct loop_source channel; /* requests of the backend; fd -1: it can have none */
	struct vhost_user_reader unasked; /* what comes by it */
	const char *socket;
	uint64_t retry_ns; /* between two tries; 0: it is not awaited */
	struct loop_timer retry;
	uint64_t features, protocol; /* of the first backend: what the next ones have to have */
	bool told; /* the backend has heard of a driver since the last reset */
	struct vhost_user_inflight inflight; /* what is in flight, in a file of the backend's that outlives it */
	int inflight_fd; /* -1: none yet */
	struct vhost_user_queue *queue; /* class.queue_count of them */
	uint8_t config[VIRTIO_CONFIG_MAX]; /* as the backend showed it last */
};

/*
 * d->client is open, and d's from now on. Offers what the backend does. 0 or -errno and in d->client.why what is wrong with the
 * backend; the client is closed then. loop, mem and kind outlive d.
 */
must_check int virtio_vhost_user_init(
	struct virtio_vhost_user *d, const struct vhost_user_kind *kind, struct loop *loop, const struct mem *mem);
/*
 * Before the guest runs: a backend that ends is awaited at socket, tried every retry_ns. One that breaks the protocol is not, nor one
 * that comes back as something less. What was in flight is taken up once, neither lost nor repeated, where the
 * backend has VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD; without it requests are served again from the first one on that
 * is not in the used ring, and packed rings are not offered. socket outlives d.
 */
void virtio_vhost_user_await(struct virtio_vhost_user *d, const char *socket, uint64_t retry_ns);
/*
 * Before it is destroyed: the connection becomes the caller's, for another device of the kind. Closed if it was lost.
 * The device is reset, or was never started.
 */
void virtio_vhost_user_release(struct virtio_vhost_user *d, struct vhost_user_client *client);
/* After the transport is gone or the device was reset. */
void virtio_vhost_user_destroy(struct virtio_vhost_user *d);

#endif
