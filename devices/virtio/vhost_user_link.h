/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of a device to its backend: what comes over it unasked, its end, and the next one. Private to vhost_user*.c.
 */
#ifndef MINIVMM_VIRTIO_VHOST_USER_LINK_H
#define MINIVMM_VIRTIO_VHOST_USER_LINK_H

#include "vhost_user.h"

/* Handlers in place, nothing open. */
void vhost_user_link_init(struct virtio_vhost_user *d);
/* With a client that is open and a backend that will do: watches it. 0 or -errno, and d->client.why. */
must_check int vhost_user_link_up(struct virtio_vhost_user *d);
/* Nothing is watched or awaited any more; the client stays as it is. */
void vhost_user_link_down(struct virtio_vhost_user *d);
/* The client gave its backend up, or is to. The device needs a reset, or waits for the next backend. */
void vhost_user_link_lost(struct virtio_vhost_user *d);
/* The backend forgets what was in flight: the driver takes it all back. */
void vhost_user_link_forget(struct virtio_vhost_user *d);
/* 0 or -errno: the client is closed. */
must_check int vhost_user_link_set_inflight(struct virtio_vhost_user *d);

/* In vhost_user.c. */
/* Queues the backend has to do with. */
uint16_t vhost_user_served(const struct virtio_vhost_user *d);
/* Whether the backend will do. 0 or -errno, and d->client.why. */
must_check int vhost_user_check_backend(struct virtio_vhost_user *d);
/* Gives the backend all it needs to serve queues that are open. 0 or -errno: the client is closed. */
must_check int vhost_user_start_queues(struct virtio_vhost_user *d);
/* 0, -EOPNOTSUPP when the backend has none to show, or another -errno. */
must_check int vhost_user_read_config(struct virtio_vhost_user *d);

#endif
