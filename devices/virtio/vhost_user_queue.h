/* SPDX-License-Identifier: Apache-2.0 */
/* One queue of a device that a backend serves: its doorbell, its calls, its ring at the backend. Private to vhost_user*.c. */
#ifndef MINIVMM_VIRTIO_VHOST_USER_QUEUE_H
#define MINIVMM_VIRTIO_VHOST_USER_QUEUE_H

#include "vhost_user.h"

/* 0 or -errno. vhost_user_queue_destroy either way. */
must_check int vhost_user_queue_init(struct vhost_user_queue *own, struct virtio_vhost_user *d, struct virtq *q);
void vhost_user_queue_destroy(struct vhost_user_queue *own);

/* The driver's kicks are kept for whoever serves the queue, and calls are heard. 0 or -errno. */
must_check int vhost_user_queue_open(struct vhost_user_queue *own);
/* Gives a queue that is open to the backend, from where it stands. 0 or -errno: then the client is closed. */
must_check int vhost_user_queue_start(struct vhost_user_queue *own);
/* Takes it back and closes it. -errno: the backend did not give it back, and the client is closed. */
must_check int vhost_user_queue_stop(struct vhost_user_queue *own);
/* The backend is no more: where the queue stands is in the ring. It stays open. */
void vhost_user_queue_lost(struct vhost_user_queue *own);
/* The driver looks at it. */
void vhost_user_queue_interrupt(struct vhost_user_queue *own);

/* As the hooks of that name; the first is 0 or -errno of the client. */
must_check int vhost_user_queue_mask(struct vhost_user_queue *own, bool mask);
bool vhost_user_queue_pending(struct vhost_user_queue *own);

#endif
