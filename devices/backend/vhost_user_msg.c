/* SPDX-License-Identifier: Apache-2.0 */
/* The table of vhost-user messages and the checks by it. Bytes and descriptors are moved by vhost_user_io.c. */
#include "vhost_user_msg.h"

#include <string.h>
#include <unistd.h>

#define NOTHING VHOST_USER_NEEDS_NOTHING

/* clang-format off: one line a message. */
static const struct vhost_user_rule rules[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", VHOST_USER_NONE, 0, VHOST_USER_U64, 0, NOTHING },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", VHOST_USER_U64, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER", VHOST_USER_NONE, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", VHOST_USER_NONE, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", VHOST_USER_TABLE, VHOST_USER_FDS_TABLE, VHOST_USER_NONE, 0,
		NOTHING },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", VHOST_USER_STATE, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR", VHOST_USER_ADDR, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", VHOST_USER_STATE, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", VHOST_USER_STATE, 0, VHOST_USER_STATE, 0, NOTHING },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", VHOST_USER_U64, VHOST_USER_FDS_VRING, VHOST_USER_NONE, 0,
		NOTHING },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", VHOST_USER_U64, VHOST_USER_FDS_VRING, VHOST_USER_NONE, 0,
		NOTHING },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", VHOST_USER_U64, VHOST_USER_FDS_VRING, VHOST_USER_NONE, 0,
		NOTHING },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", VHOST_USER_NONE, 0, VHOST_USER_U64, 0,
		NOTHING },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", VHOST_USER_U64, 0, VHOST_USER_NONE, 0,
		NOTHING },
	/* Only has to be offered (vhost-user, GET_QUEUE_NUM), and always is. */
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", VHOST_USER_NONE, 0, VHOST_USER_U64, 0, NOTHING },
	/* Needs a feature that is negotiated as the device's are, not among these. */
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", VHOST_USER_STATE, 0, VHOST_USER_NONE, 0, NOTHING },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", VHOST_USER_NONE, VHOST_USER_FDS_ONE, VHOST_USER_NONE,
		0, VHOST_USER_PROTOCOL_F_BACKEND_REQ },
	[VHOST_USER_GET_CONFIG] = { "GET_CONFIG", VHOST_USER_CONFIG, 0, VHOST_USER_CONFIG, 0,
		VHOST_USER_PROTOCOL_F_CONFIG },
	[VHOST_USER_SET_CONFIG] = { "SET_CONFIG", VHOST_USER_CONFIG, 0, VHOST_USER_NONE, 0,
		VHOST_USER_PROTOCOL_F_CONFIG },
	[VHOST_USER_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", VHOST_USER_INFLIGHT, 0, VHOST_USER_INFLIGHT,
		VHOST_USER_FDS_ONE, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD },
	[VHOST_USER_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", VHOST_USER_INFLIGHT, VHOST_USER_FDS_ONE, VHOST_USER_NONE, 0,
		VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD },
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", VHOST_USER_NONE, 0, VHOST_USER_NONE, 0,
		VHOST_USER_PROTOCOL_F_RESET_DEVICE },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", VHOST_USER_NONE, 0, VHOST_USER_U64, 0,
		VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS },
	[VHOST_USER_ADD_MEM_REG] = { "ADD_MEM_REG", VHOST_USER_REGION, VHOST_USER_FDS_ONE, VHOST_USER_NONE, 0,
		VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS },
	/* vhost-user, REM_MEM_REG: one descriptor too many is what existing frontends send, and it is closed. */
	[VHOST_USER_REM_MEM_REG] = { "REM_MEM_REG", VHOST_USER_REGION, VHOST_USER_FDS_MAYBE, VHOST_USER_NONE, 0,
		VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS },
};
/* clang-format on */

const struct vhost_user_rule *vhost_user_rule(uint32_t request)
{
	return request < VHOST_USER_REQUESTS && rules[request].name ? &rules[request] : NULL;
}

/* Those of the kinds that have one size. */
static const uint8_t payload_size[] = {
	[VHOST_USER_NONE] = 0,
	[VHOST_USER_U64] = sizeof(uint64_t),
	[VHOST_USER_STATE] = sizeof(struct vhost_user_vring_state),
	[VHOST_USER_ADDR] = sizeof(struct vhost_user_vring_addr),
	[VHOST_USER_REGION] = sizeof(struct vhost_user_one_region),
	[VHOST_USER_INFLIGHT] = sizeof(struct vhost_user_inflight),
};

static const char *check_table(const struct vhost_user_msg *msg)
{
	const struct vhost_user_table *table = &msg->payload.table;
	uint32_t size = msg->header.size, start = offsetof(struct vhost_user_table, region);

	if (size < start)
		return "its payload is too short";
	if (table->count > VHOST_USER_MAX_REGIONS)
		return "it has more regions than a message may have";
	return size - start == table->count * sizeof(table->region[0]) ? NULL
								       : "its payload is not as long as its table";
}

static const char *check_config(const struct vhost_user_msg *msg)
{
	uint32_t size = msg->header.size, start = offsetof(struct vhost_user_config, data);

	if (size < start)
		return "its payload is too short";
	return size - start == msg->payload.config.size ? NULL : "its payload is not as long as it says";
}

/* QEMU, and so everybody, sends the structure as C pads it; the document has no padding there. */
static bool is_inflight_size(uint32_t size)
{
	return size == sizeof(struct vhost_user_inflight) ||
	       size == offsetof(struct vhost_user_inflight, queue_size) + sizeof(uint16_t);
}

static const char *check_payload(const struct vhost_user_msg *msg, uint8_t kind)
{
	switch (kind) {
	case VHOST_USER_TABLE: return check_table(msg);
	case VHOST_USER_CONFIG: return check_config(msg);
	case VHOST_USER_INFLIGHT:
		return is_inflight_size(msg->header.size) ? NULL : "its payload has not the size of its kind";
	default: return msg->header.size == payload_size[kind] ? NULL : "its payload has not the size of its kind";
	}
}

static const char *check_fds(const struct vhost_user_msg *msg, uint8_t kind)
{
	unsigned int least = 0, most = 0;

	switch (kind) {
	case VHOST_USER_FDS_ONE: least = most = 1; break;
	case VHOST_USER_FDS_MAYBE: most = 1; break;
	case VHOST_USER_FDS_VRING: least = most = !(msg->payload.u64 & VHOST_USER_VRING_NO_FD); break;
	case VHOST_USER_FDS_TABLE: least = most = msg->payload.table.count; break;
	default: break;
	}
	if (msg->fd_count < least)
		return "a descriptor is missing";
	return msg->fd_count <= most ? NULL : "it has more descriptors than it should";
}

const char *vhost_user_check_request(const struct vhost_user_msg *msg)
{
	const struct vhost_user_rule *rule = vhost_user_rule(msg->header.request);
	const char *why;

	if (!rule)
		return "no such request is known";
	if (msg->header.flags & VHOST_USER_REPLY)
		return "a reply came where a request was due";
	/* In this order: how many descriptors there are to be is in the payload. */
	why = check_payload(msg, rule->payload);
	return why ? why : check_fds(msg, rule->fds);
}

/* What was asked for, and no other piece of the configuration space. */
static const char *check_config_reply(const struct vhost_user_header *request, const struct vhost_user_msg *reply)
{
	if (reply->fd_count)
		return "it has more descriptors than it should";
	if (!reply->header.size)
		return NULL;
	if (reply->header.size != request->size)
		return "its payload is not as long as was asked for";
	return check_config(reply);
}

const char *vhost_user_check_reply(const struct vhost_user_header *request, const struct vhost_user_msg *reply)
{
	const struct vhost_user_rule *rule = vhost_user_rule(request->request);
	const char *why;

	if (!rule || reply->header.request != request->request)
		return "it answers another request";
	if (!(reply->header.flags & VHOST_USER_REPLY))
		return "it is not marked as a reply";
	if (rule->reply == VHOST_USER_CONFIG)
		return check_config_reply(request, reply);
	why = check_payload(reply, rule->reply == VHOST_USER_NONE ? VHOST_USER_U64 : rule->reply);
	return why ? why : check_fds(reply, rule->reply_fds);
}

void vhost_user_request(struct vhost_user_msg *msg, uint32_t request)
{
	const struct vhost_user_rule *rule = vhost_user_rule(request);

	memset(msg, 0, sizeof(*msg));
	msg->header.request = request;
	msg->header.flags = VHOST_USER_VERSION;
	if (rule && rule->payload < ARRAY_SIZE(payload_size))
		msg->header.size = payload_size[rule->payload];
}

void vhost_user_reply(struct vhost_user_msg *msg)
{
	const struct vhost_user_rule *rule = vhost_user_rule(msg->header.request);
	uint8_t kind = rule && rule->reply != VHOST_USER_NONE ? rule->reply : VHOST_USER_U64;

	vhost_user_close(msg);
	msg->header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	if (kind != VHOST_USER_CONFIG && kind != VHOST_USER_INFLIGHT)
		msg->header.size = payload_size[kind];
}

void vhost_user_close(struct vhost_user_msg *msg)
{
	for (unsigned int i = 0; i < msg->fd_count; i++)
		if (msg->fd[i] >= 0)
			close(msg->fd[i]);
	msg->fd_count = 0;
}

int vhost_user_take_fd(struct vhost_user_msg *msg, unsigned int i)
{
	int fd;

	if (i >= msg->fd_count)
		return -1;
	fd = msg->fd[i];
	msg->fd[i] = -1;
	return fd;
}
