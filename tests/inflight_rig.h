/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend of the echo device that keeps what is in flight: its region, and requests by number, of which each has to come back
 * once. What the tests of taking up a dead backend's work stand on.
 */
#ifndef MINIVMM_TEST_INFLIGHT_RIG_H
#define MINIVMM_TEST_INFLIGHT_RIG_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"

#define PACKED	  DRIVER_F(VIRTIO_F_RING_PACKED)
#define IN_ORDER  DRIVER_F(VIRTIO_F_IN_ORDER)
#define INDIRECT  DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX DRIVER_F(VIRTIO_RING_F_EVENT_IDX)

struct inflight_rig {
	struct echo echo;
	/* Who has the region: the echo's, unless inflight_use says otherwise. */
	struct plug *plug;
	struct driver *d;
	struct vhost_user_frontend *f;
	struct driver_queue *q;
	struct vhost_user_msg msg;
	int fd; /* of the region */
	uint8_t *region;
	struct vhost_user_inflight area;
	/* Requests: which one a head is, 0 for none; the last one's number, and how many have come back. */
	unsigned int owner[ECHO_QUEUE_SIZE], last, back;
	gpa_t buffer[ECHO_QUEUE_SIZE];
};

extern struct inflight_rig in;
/* Ring features that tell one way of going through a region from another. */
#define INFLIGHT_RINGS 6
extern const uint64_t inflight_rings[INFLIGHT_RINGS];

/* A frontend with a region, and a driver whose requests are kept until echo_complete. */
void inflight_begin(uint64_t features);
void inflight_end(void);
/* Another device than the echo. */
void inflight_use(struct plug *plug, struct driver *d);
/* Connects, with the region's protocol feature. */
bool inflight_meet(void);
/* GET_INFLIGHT_FD and SET_INFLIGHT_FD, of in.fd and in.area; and its end. */
bool inflight_get(uint16_t queues, uint16_t size);
bool inflight_set(void);
void inflight_put(void);
/* A new life of the device: a driver with one queue, of that size or the most there can be. */
void inflight_start(uint64_t features, uint16_t size);
/* The device as a new process has it, and the frontend as it finds one: with the rings of its guest, and the region. */
bool inflight_next_backend(void);

/* One request more. false: there is no room. */
bool inflight_add(void);
/* Kicks, and lets the device work. */
void inflight_serve(void);
/* All that came back, each for the first time and answered. */
void inflight_take(void);
unsigned int inflight_outstanding(void);
/* All that the device has, the last first. */
void inflight_complete(void);
/* The requests the device has are all there are, in the order they were made. */
void inflight_check_held(void);
/* All that there is left comes back, and the ring goes on for more than a lap with nothing to take up. */
void inflight_check_goes_on(void);

#endif
