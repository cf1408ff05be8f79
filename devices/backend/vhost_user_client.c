/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_client.h. */
#include "vhost_user_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BIT(n) (1ULL << (n))

void vhost_user_client_close(struct vhost_user_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	vhost_user_reader_clear(&c->reader);
}

/* The end of the connection: in the middle of what, and why. */
static int give_up(struct vhost_user_client *c, uint32_t request, int error, const char *how)
{
	const struct vhost_user_rule *rule = vhost_user_rule(request);

	c->error = error;
	snprintf(c->why, sizeof(c->why), "%s: %s", rule ? rule->name : "connecting", how);
	vhost_user_client_close(c);
	return error;
}

/* Whether anything comes back to it. */
static bool is_answered(const struct vhost_user_client *c, struct vhost_user_msg *msg)
{
	if (vhost_user_rule(msg->header.request)->reply != VHOST_USER_NONE)
		return true;
	if (!(c->protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)))
		return false;
	msg->header.flags |= VHOST_USER_NEED_REPLY;
	return true;
}

/* Whether an answer comes is in *answered. */
static int say(struct vhost_user_client *c, struct vhost_user_msg *msg, uint64_t deadline, bool *answered)
{
	int ret;

	if (c->fd < 0)
		return -ENOTCONN;
	*answered = is_answered(c, msg);
	ret = vhost_user_send_until(c->fd, msg, c->clock, deadline);
	if (!ret)
		return 0;
	return give_up(c, msg->header.request, ret, ret == -ETIMEDOUT ? "it takes no more messages" : strerror(-ret));
}

/* The answer is in c->reader.msg. */
static int hear(struct vhost_user_client *c, const struct vhost_user_header *asked, uint64_t deadline)
{
	const char *why;
	int ret = vhost_user_receive_until(&c->reader, c->fd, c->clock, deadline, &why);

	if (ret < 0)
		return give_up(c, asked->request, ret, why);
	why = vhost_user_check_reply(asked, &c->reader.msg);
	if (why)
		return give_up(c, asked->request, -EPROTO, why);
	if (vhost_user_rule(asked->request)->reply == VHOST_USER_NONE && c->reader.msg.payload.u64)
		return give_up(c, asked->request, -EPROTO, "it refused");
	return 0;
}

static uint64_t deadline_of(const struct vhost_user_client *c)
{
	return c->clock->monotonic_ns(c->clock) + c->patience_ns;
}

static int ask(struct vhost_user_client *c, struct vhost_user_msg *msg)
{
	uint64_t deadline = deadline_of(c);
	bool answered;
	int ret = say(c, msg, deadline, &answered);

	return ret || !answered ? ret : hear(c, &msg->header, deadline);
}

static int ask_u64(struct vhost_user_client *c, uint32_t request, uint64_t *value)
{
	struct vhost_user_msg msg;
	int ret;

	vhost_user_request(&msg, request);
	ret = ask(c, &msg);
	if (!ret)
		*value = c->reader.msg.payload.u64;
	return ret;
}

static int tell_u64(struct vhost_user_client *c, uint32_t request, uint64_t value)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.u64 = value;
	return ask(c, &msg);
}

static int tell_state(struct vhost_user_client *c, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.state = (struct vhost_user_vring_state){ index, num };
	return ask(c, &msg);
}

static int tell_fd(struct vhost_user_client *c, uint32_t request, uint32_t index, int fd)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.u64 = index | (fd < 0 ? VHOST_USER_VRING_NO_FD : 0);
	msg.fd[0] = fd;
	msg.fd_count = fd >= 0;
	return ask(c, &msg);
}

static int negotiate_protocol(struct vhost_user_client *c, uint64_t wanted)
{
	uint64_t offered, queues;
	int ret = ask_u64(c, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);

	if (!ret)
		ret = tell_u64(c, VHOST_USER_SET_PROTOCOL_FEATURES, offered & wanted);
	if (ret)
		return ret;
	c->protocol = offered & wanted;
	if (!(offered & BIT(VHOST_USER_PROTOCOL_F_MQ)))
		return 0;
	ret = ask_u64(c, VHOST_USER_GET_QUEUE_NUM, &queues);
	if (ret)
		return ret;
	/* An index has eight bits in SET_VRING_KICK. */
	if (!queues || queues > VHOST_USER_VRING_INDEX + 1)
		return give_up(c, VHOST_USER_GET_QUEUE_NUM, -EPROTO, "there cannot be that many queues");
	c->queues = (uint16_t)queues;
	return 0;
}

static void begin(struct vhost_user_client *c, int fd, struct clock *clock, uint64_t patience_ns)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->clock = clock;
	c->patience_ns = patience_ns;
}

/* The first question, to which vhost_user_client_answer hears the answer. */
static int greet(struct vhost_user_client *c)
{
	struct vhost_user_msg msg;
	bool answered;

	vhost_user_request(&msg, VHOST_USER_GET_FEATURES);
	return say(c, &msg, deadline_of(c), &answered);
}

int vhost_user_client_answer(struct vhost_user_client *c, uint64_t wanted)
{
	struct vhost_user_msg msg;
	int ret;

	if (c->fd < 0)
		return -ENOTCONN;
	vhost_user_request(&msg, VHOST_USER_GET_FEATURES);
	ret = hear(c, &msg.header, deadline_of(c));
	if (ret)
		return ret;
	c->features = c->reader.msg.payload.u64;
	if (c->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES))
		ret = negotiate_protocol(c, wanted);
	if (ret)
		return ret;
	vhost_user_request(&msg, VHOST_USER_SET_OWNER);
	return ask(c, &msg);
}

int vhost_user_client_open_fd(
	struct vhost_user_client *c, int fd, uint64_t wanted, struct clock *clock, uint64_t patience_ns)
{
	int ret;

	begin(c, fd, clock, patience_ns);
	ret = greet(c);
	return ret ? ret : vhost_user_client_answer(c, wanted);
}

/* A connected socket, or -errno. A backend whose queue of connections is full is one that does not answer. */
static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, err;

	if (!*path || strlen(path) >= sizeof(addr.sun_path))
		return *path ? -ENAMETOOLONG : -EINVAL;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = errno;
	close(fd);
	/* What connect says of any other file too. */
	if (err == ECONNREFUSED && (stat(path, &st) || !S_ISSOCK(st.st_mode)))
		err = ENOTSOCK;
	return -err;
}

int vhost_user_client_knock(struct vhost_user_client *c, const char *path, struct clock *clock, uint64_t patience_ns)
{
	int fd = connect_to(path);

	begin(c, fd < 0 ? -1 : fd, clock, patience_ns);
	return fd < 0 ? give_up(c, 0, fd, strerror(-fd)) : greet(c);
}

int vhost_user_client_open(
	struct vhost_user_client *c, const char *path, uint64_t wanted, struct clock *clock, uint64_t patience_ns)
{
	int ret = vhost_user_client_knock(c, path, clock, patience_ns);

	return ret ? ret : vhost_user_client_answer(c, wanted);
}

int vhost_user_client_set_features(struct vhost_user_client *c, uint64_t features)
{
	return tell_u64(c, VHOST_USER_SET_FEATURES, features | (c->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)));
}

static bool can_share(const struct mem *mem)
{
	for (unsigned int i = 0; i < mem->count; i++)
		if (mem->region[i].fd < 0)
			return false;
	return mem->count <= VHOST_USER_MAX_REGIONS;
}

int vhost_user_client_set_memory(struct vhost_user_client *c, const struct mem *mem)
{
	struct vhost_user_msg msg;

	if (!can_share(mem)) {
		snprintf(c->why, sizeof(c->why), "guest memory is not in files that it could map");
		return -EINVAL;
	}
	vhost_user_request(&msg, VHOST_USER_SET_MEM_TABLE);
	msg.payload.table.count = msg.fd_count = mem->count;
	msg.header.size = (uint32_t)(offsetof(struct vhost_user_table, region) +
				     mem->count * sizeof(msg.payload.table.region[0]));
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		msg.payload.table.region[i] = (struct vhost_user_region){ r->base, r->size, r->base, r->fd_offset };
		msg.fd[i] = r->fd;
	}
	return ask(c, &msg);
}

static int tell_addr(struct vhost_user_client *c, const struct vhost_user_vring *ring)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_SET_VRING_ADDR);
	msg.payload.addr = (struct vhost_user_vring_addr){
		.index = ring->index,
		.desc = ring->desc,
		.used = ring->used,
		.avail = ring->avail,
	};
	return ask(c, &msg);
}

int vhost_user_client_start(struct vhost_user_client *c, const struct vhost_user_vring *ring)
{
	int ret = tell_state(c, VHOST_USER_SET_VRING_NUM, ring->index, ring->size);

	if (!ret)
		ret = tell_state(c, VHOST_USER_SET_VRING_BASE, ring->index, ring->base);
	if (!ret)
		ret = tell_addr(c, ring);
	/* Before the kick, with which it may run at once. */
	if (!ret)
		ret = vhost_user_client_set_call(c, ring->index, ring->call);
	if (!ret)
		ret = tell_fd(c, VHOST_USER_SET_VRING_KICK, ring->index, ring->kick);
	if (ret || !(c->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return ret;
	return tell_state(c, VHOST_USER_SET_VRING_ENABLE, ring->index, 1);
}

int vhost_user_client_set_call(struct vhost_user_client *c, uint16_t index, int fd)
{
	return tell_fd(c, VHOST_USER_SET_VRING_CALL, index, fd);
}

int vhost_user_client_set_err(struct vhost_user_client *c, uint16_t index, int fd)
{
	return tell_fd(c, VHOST_USER_SET_VRING_ERR, index, fd);
}

int vhost_user_client_get_inflight(
	struct vhost_user_client *c, uint16_t queues, uint16_t queue_size, struct vhost_user_inflight *layout, int *fd)
{
	struct vhost_user_msg msg;
	int ret;

	vhost_user_request(&msg, VHOST_USER_GET_INFLIGHT_FD);
	msg.payload.inflight.queues = queues;
	msg.payload.inflight.queue_size = queue_size;
	ret = ask(c, &msg);
	if (ret)
		return ret;
	*layout = c->reader.msg.payload.inflight;
	*fd = vhost_user_take_fd(&c->reader.msg, 0);
	return 0;
}

int vhost_user_client_set_inflight(struct vhost_user_client *c, const struct vhost_user_inflight *layout, int fd)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_SET_INFLIGHT_FD);
	msg.payload.inflight = *layout;
	msg.fd[0] = fd;
	msg.fd_count = 1;
	return ask(c, &msg);
}

int vhost_user_client_set_channel(struct vhost_user_client *c, int fd)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_SET_BACKEND_REQ_FD);
	msg.fd[0] = fd;
	msg.fd_count = 1;
	return ask(c, &msg);
}

int vhost_user_client_reset(struct vhost_user_client *c)
{
	struct vhost_user_msg msg;

	if (!(c->protocol & BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE)))
		return 0;
	vhost_user_request(&msg, VHOST_USER_RESET_DEVICE);
	return ask(c, &msg);
}

/* A position that a ring of this kind and size can have. */
static bool can_be(const struct vhost_user_vring *ring, uint32_t base)
{
	if (!ring->packed)
		return base <= UINT16_MAX;
	return (base & 0x7fff) < ring->size && (base >> 16 & 0x7fff) < ring->size;
}

int vhost_user_client_stop(struct vhost_user_client *c, const struct vhost_user_vring *ring, uint32_t *base)
{
	int ret = tell_state(c, VHOST_USER_GET_VRING_BASE, ring->index, 0);

	if (ret)
		return ret;
	if (c->reader.msg.payload.state.index != ring->index)
		return give_up(c, VHOST_USER_GET_VRING_BASE, -EPROTO, "it answers for another ring");
	if (!can_be(ring, c->reader.msg.payload.state.num))
		return give_up(c, VHOST_USER_GET_VRING_BASE, -EPROTO, "its position is outside the ring");
	*base = c->reader.msg.payload.state.num;
	return 0;
}

static void config_message(struct vhost_user_msg *msg, uint32_t request, uint32_t offset, uint32_t size)
{
	vhost_user_request(msg, request);
	msg->payload.config.offset = offset;
	msg->payload.config.size = size;
	msg->header.size = (uint32_t)offsetof(struct vhost_user_config, data) + size;
}

int vhost_user_client_get_config(struct vhost_user_client *c, void *config, uint32_t size)
{
	struct vhost_user_msg msg;
	int ret;

	if (!(c->protocol & BIT(VHOST_USER_PROTOCOL_F_CONFIG)) || size > VHOST_USER_MAX_CONFIG)
		return -EOPNOTSUPP;
	config_message(&msg, VHOST_USER_GET_CONFIG, 0, size);
	ret = ask(c, &msg);
	if (ret)
		return ret;
	if (!c->reader.msg.header.size)
		return -EOPNOTSUPP;
	memcpy(config, c->reader.msg.payload.config.data, size);
	return 0;
}

int vhost_user_client_set_config(struct vhost_user_client *c, uint32_t offset, const void *bytes, uint32_t size)
{
	struct vhost_user_msg msg;

	if (!(c->protocol & BIT(VHOST_USER_PROTOCOL_F_CONFIG)) || size > VHOST_USER_MAX_CONFIG)
		return -EOPNOTSUPP;
	config_message(&msg, VHOST_USER_SET_CONFIG, offset, size);
	memcpy(msg.payload.config.data, bytes, size);
	return ask(c, &msg);
}
