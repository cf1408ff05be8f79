/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend's end of a vhost-user connection: requests of a backend in another process, and its answers. Not a device: whose
 * rings these are and when they run is the caller's.
 *
 * Every call waits for the backend, never longer than `patience_ns`. A backend that does not answer in time, answers something
 * else or refuses is given up: the connection is closed, `why` says what it did, and every further call is -ENOTCONN.
 *
 * No address of this process leaves it: user addresses are the guest's own.
 */
#ifndef MINIVMM_VHOST_USER_CLIENT_H
#define MINIVMM_VHOST_USER_CLIENT_H

#include "core/mem.h"
#include "vhost_user_msg.h"

struct vhost_user_client {
	int fd; /* -1: no connection */
	struct clock *clock;
	uint64_t patience_ns;
	struct vhost_user_reader reader;
	uint64_t features; /* what the backend offers, VHOST_USER_F_PROTOCOL_FEATURES among it */
	uint64_t protocol; /* protocol features in force */
	uint16_t queues; /* the backend has; 0: it does not say */
	int error; /* the last failure, -errno; -EPROTO: the backend does what none should */
	char why[160]; /* of it: the second half of a sentence about the backend */
};

/* A ring as a driver has set it up. */
struct vhost_user_vring {
	uint16_t index, size;
	bool packed;
	uint32_t base; /* as vhost_user_client_stop gave it; of a new ring 0, packed 0x80008000 */
	gpa_t desc, avail, used;
	int kick, call; /* stay the caller's */
};

/*
 * Connects to the socket at path, and asks what the backend offers; wanted are protocol features to negotiate where offered. 0 or
 * -errno; c is then closed.
 */
must_check int vhost_user_client_open(
	struct vhost_user_client *c, const char *path, uint64_t wanted, struct clock *clock, uint64_t patience_ns);
/* The same on a connected socket, which is the client's from now on. */
must_check int vhost_user_client_open_fd(
	struct vhost_user_client *c, int fd, uint64_t wanted, struct clock *clock, uint64_t patience_ns);
/*
 * The same in two halves, for who has other things to do until a backend that is just starting answers: knock connects and asks,
 * waiting for nothing; answer, once there is something to read, does the rest.
 */
must_check int vhost_user_client_knock(
	struct vhost_user_client *c, const char *path, struct clock *clock, uint64_t patience_ns);
must_check int vhost_user_client_answer(struct vhost_user_client *c, uint64_t wanted);
/* Also one that is closed. */
void vhost_user_client_close(struct vhost_user_client *c);

/* All of these: 0 or -errno. */
/* features: of the device and its rings, without VHOST_USER_F_PROTOCOL_FEATURES. */
must_check int vhost_user_client_set_features(struct vhost_user_client *c, uint64_t features);
/* Every region, each of which has an fd. -EINVAL when one has none or they are too many: nothing was sent. */
must_check int vhost_user_client_set_memory(struct vhost_user_client *c, const struct mem *mem);
/* After features and memory. The ring runs when it returns. */
must_check int vhost_user_client_start(struct vhost_user_client *c, const struct vhost_user_vring *ring);
/* Another call descriptor for a ring, running or not; -1: none. */
must_check int vhost_user_client_set_call(struct vhost_user_client *c, uint16_t index, int fd);
/* fd becomes readable when the backend can do nothing more with the ring; it stays the caller's. Before the ring starts. */
must_check int vhost_user_client_set_err(struct vhost_user_client *c, uint16_t index, int fd);
/*
 * Where the backend keeps what is in flight, for the next backend after its death. The file is its own: it is only kept here. Needs
 * VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD in force, get features and both to come before rings start. *fd is the caller's.
 */
must_check int vhost_user_client_get_inflight(
	struct vhost_user_client *c, uint16_t queues, uint16_t queue_size, struct vhost_user_inflight *layout, int *fd);
must_check int vhost_user_client_set_inflight(
	struct vhost_user_client *c, const struct vhost_user_inflight *layout, int fd);
/* A socket for requests of the backend, which stays the caller's. Needs VHOST_USER_PROTOCOL_F_BACKEND_REQ in force. */
must_check int vhost_user_client_set_channel(struct vhost_user_client *c, int fd);
/* Rings stop and the device forgets its driver; nothing where VHOST_USER_PROTOCOL_F_RESET_DEVICE is not in force. */
must_check int vhost_user_client_reset(struct vhost_user_client *c);
/* Nothing of the ring is in flight when it returns, and *base is where it goes on. */
must_check int vhost_user_client_stop(struct vhost_user_client *c, const struct vhost_user_vring *ring, uint32_t *base);
/* size bytes from the start of the configuration space; -EOPNOTSUPP: the backend has none to show, and stays. */
must_check int vhost_user_client_get_config(struct vhost_user_client *c, void *config, uint32_t size);
must_check int vhost_user_client_set_config(
	struct vhost_user_client *c, uint32_t offset, const void *bytes, uint32_t size);

#endif
