/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user messages: what each may look like, and how they go over a socket with their descriptors. Both sides use this;
 * what a message means is the server's (virtio/vhost_user_server.c) or the client's.
 *
 * The other side is not trusted: a message that is handed out has the size and the descriptors of its kind. Numbers inside
 * it are still the peer's word.
 *
 * "vhost-user" in comments is QEMU's docs/interop/vhost-user.rst.
 */
#ifndef MINIVMM_VHOST_USER_MSG_H
#define MINIVMM_VHOST_USER_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/util.h"

#define VHOST_USER_MAX_FDS     8
#define VHOST_USER_MAX_REGIONS 8 /* in one SET_MEM_TABLE */
#define VHOST_USER_MAX_CONFIG  256 /* bytes of configuration space in one message */

/* A feature bit that no device has (virtio 6.3: reserved). */
#define VHOST_USER_F_PROTOCOL_FEATURES 30

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
};

/* From the frontend to the backend. */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_REQUESTS, /* above every number here */
};

#define VHOST_USER_VERSION    1U /* the lower two bits of flags */
#define VHOST_USER_REPLY      (1U << 2)
#define VHOST_USER_NEED_REPLY (1U << 3)

/* In the u64 of SET_VRING_KICK, _CALL and _ERR: the index below, and no descriptor comes with it. */
#define VHOST_USER_VRING_INDEX 0xffU
#define VHOST_USER_VRING_NO_FD (1U << 8)

struct vhost_user_header {
	uint32_t request, flags, size; /* size: of the payload */
};

struct vhost_user_vring_state {
	uint32_t index, num;
};

struct vhost_user_vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log; /* user addresses; log: a guest address */
};

struct vhost_user_region {
	uint64_t guest, size, user, offset; /* offset: into the file of its descriptor */
};

struct vhost_user_table {
	uint32_t count, padding;
	struct vhost_user_region region[VHOST_USER_MAX_REGIONS];
};

struct vhost_user_one_region {
	uint64_t padding;
	struct vhost_user_region region;
};

struct vhost_user_config {
	uint32_t offset, size, flags;
	uint8_t data[VHOST_USER_MAX_CONFIG];
};

struct vhost_user_inflight {
	uint64_t mmap_size, mmap_offset;
	uint16_t queues, queue_size;
};

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_table table;
	struct vhost_user_one_region one;
	struct vhost_user_config config;
	struct vhost_user_inflight inflight;
};

/* Begins zeroed. The descriptors belong to whoever has the message. */
struct vhost_user_msg {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fd[VHOST_USER_MAX_FDS];
	unsigned int fd_count;
};

enum vhost_user_payload_kind {
	VHOST_USER_NONE,
	VHOST_USER_U64,
	VHOST_USER_STATE,
	VHOST_USER_ADDR,
	VHOST_USER_TABLE,
	VHOST_USER_REGION,
	VHOST_USER_CONFIG,
	VHOST_USER_INFLIGHT,
};

enum vhost_user_fds {
	VHOST_USER_FDS_NONE,
	VHOST_USER_FDS_ONE,
	VHOST_USER_FDS_MAYBE, /* none or one */
	VHOST_USER_FDS_VRING, /* one, or none when the payload says so */
	VHOST_USER_FDS_TABLE, /* one for each region */
};

#define VHOST_USER_NEEDS_NOTHING 0xff

struct vhost_user_rule {
	const char *name;
	uint8_t payload, fds; /* of the request */
	uint8_t reply, reply_fds; /* VHOST_USER_NONE: answered only when asked to, by a u64 that is 0 for success */
	uint8_t needs; /* the protocol feature that has to be negotiated for it */
};

/* NULL: no such request. */
const struct vhost_user_rule *vhost_user_rule(uint32_t request);
/* NULL when the request is as its rule says, else how it is not. */
must_check const char *vhost_user_check_request(const struct vhost_user_msg *msg);
/*
 * The same for what came back to a request, which is answered or was sent with NEED_REPLY. An answer to GET_CONFIG of size 0 is
 * the backend's refusal.
 */
must_check const char *vhost_user_check_reply(
	const struct vhost_user_header *request, const struct vhost_user_msg *reply);

/* Sets a request without descriptors up; the payload is the caller's to fill, of the size this gives it. */
void vhost_user_request(struct vhost_user_msg *msg, uint32_t request);
/*
 * Makes a request its own answer, or its acknowledgement when it has none; the payload is the caller's to fill. Of GET_CONFIG and
 * GET_INFLIGHT_FD it keeps the size. Its descriptors are closed.
 */
void vhost_user_reply(struct vhost_user_msg *msg);
/* Closes the descriptors that are still in it. */
void vhost_user_close(struct vhost_user_msg *msg);
/* The i-th descriptor, which is the caller's from now on; -1: there is none. */
int vhost_user_take_fd(struct vhost_user_msg *msg, unsigned int i);

/* A message as it comes. Begins zeroed. */
struct vhost_user_reader {
	struct vhost_user_msg msg;
	uint32_t have; /* bytes of header and payload */
	bool ready; /* msg was handed out, and the next call begins another */
};

/*
 * Takes what is there, never waiting: 1 and reader->msg is whole; 0: more has to come; -ENOTCONN: the peer has closed, between
 * two messages; another -errno and *why: nothing more can be read. Descriptors left in msg are closed by the next call.
 */
must_check int vhost_user_receive(struct vhost_user_reader *reader, int fd, const char **why);
/* The same, waiting until `deadline_ns` of clock at most: never 0, and -ETIMEDOUT. */
must_check int vhost_user_receive_until(
	struct vhost_user_reader *reader, int fd, struct clock *clock, uint64_t deadline_ns, const char **why);
/* Closes what came with the message that is being read. */
void vhost_user_reader_clear(struct vhost_user_reader *reader);

/* The whole message and its descriptors, which stay open here, without waiting. 0, -EAGAIN: no room, or -errno. */
must_check int vhost_user_send(int fd, const struct vhost_user_msg *msg);
/* The same, waiting for room until `deadline_ns` at most: -ETIMEDOUT. */
must_check int vhost_user_send_until(
	int fd, const struct vhost_user_msg *msg, struct clock *clock, uint64_t deadline_ns);

#endif
