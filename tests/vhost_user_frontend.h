/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user frontend for tests, with a rig's RAM as its guest's memory: well-behaved as a transport of driver.h, with the
 * driver's steps put into messages as QEMU puts them; and message by message, for tests that are not.
 */
#ifndef MINIVMM_TEST_VHOST_USER_FRONTEND_H
#define MINIVMM_TEST_VHOST_USER_FRONTEND_H

#include "backend/vhost_user_msg.h"
#include "driver.h"
#include "rig.h"

/* Where the frontend has the guest's RAM, in addresses of its own that are nobody's here. */
#define FRONTEND_USER 0x7123400000ULL

struct vhost_user_frontend {
	int fd; /* of the connection, -1: none */
	struct rig *rig;
	uint64_t patience_ns; /* for a backend in another process: how long to wait for an answer; 0 else */
	uint64_t protocol; /* features of the protocol beside those that every frontend here wants */
	struct vhost_user_reader reader;
	uint32_t device_id; /* what no message tells */
	uint16_t queue_size, queues;
	uint64_t offered, features;
	uint8_t status; /* as its guest sees it */
	struct frontend_ring {
		int kick, call, err; /* eventfds, -1: not set up */
		bool ready;
	} ring[DRIVER_MAX_QUEUES];
};

/* Not connected. */
void frontend_init(struct vhost_user_frontend *f, struct rig *rig);
/* A socketpair: one end is f's, and the other returned. */
int frontend_connect(struct vhost_user_frontend *f);
/* The first messages of a connection: features, protocol features, number of queues, memory. Whether they were understood. */
bool frontend_greet(struct vhost_user_frontend *f);
void frontend_disconnect(struct vhost_user_frontend *f);

/* Puts a message into the socket; what it holds of descriptors stays open. */
bool frontend_send(struct vhost_user_frontend *f, const struct vhost_user_msg *msg);
/* Lets the backend work and takes its answer to *request, which has to be a right one; it is in f->reader.msg. */
bool frontend_answer(struct vhost_user_frontend *f, const struct vhost_user_msg *request);
/* Both, with an acknowledgement asked for where there is no answer. false: refused, or the connection is gone. */
bool frontend_ask(struct vhost_user_frontend *f, struct vhost_user_msg *msg);
/* A message with one number, and one for a ring. */
bool frontend_u64(struct vhost_user_frontend *f, uint32_t request, uint64_t value);
bool frontend_state(struct vhost_user_frontend *f, uint32_t request, uint32_t index, uint32_t num);
/* SET_VRING_KICK, _CALL and _ERR; fd -1 by the flag. */
bool frontend_fd(struct vhost_user_frontend *f, uint32_t request, uint32_t index, int fd);
/* The RAM from `start` as memory of its own message or of a table with `count` pieces. */
bool frontend_table(struct vhost_user_frontend *f, unsigned int count);
/* The backend has closed the connection. Lets it work first. */
bool frontend_dropped(struct vhost_user_frontend *f);
/* There is an interrupt that the driver has not taken. */
bool frontend_interrupted(const struct vhost_user_frontend *f);

extern const struct driver_transport driver_vhost_user;

#endif
