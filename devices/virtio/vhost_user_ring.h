/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a vhost-user server are to each other: rings, requests, connection. Private to vhost_user_*.c. */
#ifndef MINIVMM_VHOST_USER_RING_H
#define MINIVMM_VHOST_USER_RING_H

#include "vhost_user_server.h"

extern const struct virtio_transport vhost_user_transport;

void vhost_user_ring_init(struct vhost_user_ring *ring, struct vhost_user_server *s, struct virtq *q);
/* Makes it run if it was started, is enabled and has all it needs: NULL, also when it need not run yet, or why it cannot. */
must_check const char *vhost_user_ring_update(struct vhost_user_ring *ring);
/* It runs no more: what was taken is given back, and base says where it goes on. */
void vhost_user_ring_pause(struct vhost_user_ring *ring);
/* The same, and it needs another kick descriptor to run again. */
void vhost_user_ring_stop(struct vhost_user_ring *ring);
/* Back to what init made it; the device was reset. */
void vhost_user_ring_forget(struct vhost_user_ring *ring);
/* A descriptor of the frontend's, -1 for none, which are the ring's from now on. */
must_check const char *vhost_user_ring_set_kick(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_set_call(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_set_err(struct vhost_user_ring *ring, int fd);

/* What a message asks for: NULL, the answer then being in its payload if there is one, or why it is refused. rule is its own. */
must_check const char *vhost_user_server_handle(
	struct vhost_user_server *s, const struct vhost_user_rule *rule, struct vhost_user_msg *m);
/* The device as new, without rings; memory, protocol features and the connection stay. */
void vhost_user_server_reset(struct vhost_user_server *s);
/* One of its rings does. */
bool vhost_user_server_runs(const struct vhost_user_server *s);
/* GET_INFLIGHT_FD, whose descriptor is in the answer, and SET_INFLIGHT_FD. */
must_check const char *vhost_user_get_inflight_fd(struct vhost_user_server *s, struct vhost_user_msg *m);
must_check const char *vhost_user_set_inflight_fd(struct vhost_user_server *s, struct vhost_user_msg *m);
/* Nothing is in flight: the device was reset. */
void vhost_user_server_clear_inflight(struct vhost_user_server *s);
/* Nothing in flight is written down from now on; no ring runs. The region is the frontend's, and stays as it is. */
void vhost_user_server_forget_inflight(struct vhost_user_server *s);
/* The connection ends: why is reported, unless it is NULL. */
void vhost_user_server_end(struct vhost_user_server *s, const char *why);

#endif
