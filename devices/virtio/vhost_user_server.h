/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend side of vhost-user: a transport whose driver's side is messages on a socket instead of registers. Any virtio
 * device is served by it unchanged; memory, rings, kicks and interrupts are the frontend's.
 *
 * One connection at a time. The frontend is no more trusted than a guest: what it does wrong is refused where it asked for an
 * answer, and ends the connection where it did not. A connection that ends, however it does, leaves the device reset, the
 * memory unmapped and every descriptor closed. What was in flight is in the frontend's inflight region, if it keeps one, and is
 * taken up by the server that is given it next.
 *
 * Not offered: in-band notifications, polling instead of kicks, dirty logging, postcopy, an IOMMU.
 */
#ifndef MINIVMM_VHOST_USER_SERVER_H
#define MINIVMM_VHOST_USER_SERVER_H

#include "backend/vhost_user_memory.h"
#include "backend/vhost_user_msg.h"
#include "virtio.h"
#include "virtq_inflight.h"

struct vhost_user_server;

/* A ring is started by its kick descriptor, runs while it is enabled too, and is stopped by GET_VRING_BASE. */
struct vhost_user_ring {
	struct vhost_user_server *s;
	struct virtq *q;
	struct loop_source kick; /* fd -1: stopped; on the loop while it runs */
	int call, err; /* -1: none */
	uint32_t num, base; /* base: as SET_VRING_BASE has it, while it does not run */
	uint64_t desc, avail, used; /* user addresses */
	bool addressed; /* those were given */
	bool enabled, running;
	bool served; /* it has run since it was last forgotten */
	bool owed; /* an interrupt was due while there was no call descriptor */
	struct virtq_inflight inflight; /* q->inflight while the frontend keeps a region for it */
};

struct vhost_user_server {
	struct virtio *v;
	struct vhost_user_memory *memory;
	struct loop_source source; /* the connection; fd -1: none */
	struct vhost_user_reader reader;
	struct vhost_user_ring *ring; /* v->class->queue_count of them */
	uint64_t protocol; /* negotiated protocol features */
	bool negotiated; /* SET_FEATURES was accepted */
	/* The owner's, NULL for nobody. text is one line about the connection, of a mistake of the frontend's. */
	void (*report)(struct vhost_user_server *s, const char *text);
	/* The connection is over, and another may be served. */
	void (*gone)(struct vhost_user_server *s);
};

/*
 * v was made with memory->mem and is attached to nothing; both outlive s. Takes features from its offer that cannot be had over
 * this transport, and lets its queues be larger than its class says, where frontends do not ask for that. 0 or -ENOMEM.
 */
must_check int vhost_user_server_init(struct vhost_user_server *s, struct virtio *v, struct vhost_user_memory *memory);
void vhost_user_server_destroy(struct vhost_user_server *s);
/* Serves a connected socket, which is the server's from now on. There is no other connection. 0 or -errno: it was closed. */
must_check int vhost_user_server_serve(struct vhost_user_server *s, int fd);
/* Ends the connection, if there is one; `gone` is called. */
void vhost_user_server_drop(struct vhost_user_server *s);

#endif
