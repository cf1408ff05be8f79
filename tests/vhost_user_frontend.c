/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_frontend.h. */
#include "vhost_user_frontend.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>

void frontend_init(struct vhost_user_frontend *f, struct rig *rig)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->rig = rig;
	for (int i = 0; i < DRIVER_MAX_QUEUES; i++)
		f->ring[i] = (struct frontend_ring){ -1, -1, -1, false };
}

int frontend_connect(struct vhost_user_frontend *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	f->fd = pair[0];
	return pair[1];
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_rings(struct vhost_user_frontend *f)
{
	for (int i = 0; i < DRIVER_MAX_QUEUES; i++) {
		close_fd(&f->ring[i].kick);
		close_fd(&f->ring[i].call);
		close_fd(&f->ring[i].err);
		f->ring[i].ready = false;
	}
}

void frontend_disconnect(struct vhost_user_frontend *f)
{
	vhost_user_reader_clear(&f->reader);
	close_fd(&f->fd);
	close_rings(f);
	f->status = 0;
	rig_run(f->rig);
}

bool frontend_send(struct vhost_user_frontend *f, const struct vhost_user_msg *msg)
{
	return vhost_user_send(f->fd, msg) == 0;
}

bool frontend_answer(struct vhost_user_frontend *f, const struct vhost_user_msg *request)
{
	uint64_t deadline = f->patience_ns ? clock_host.monotonic_ns(&clock_host) + f->patience_ns : 0;
	const char *why;

	rig_run(f->rig);
	return vhost_user_receive_until(&f->reader, f->fd, &clock_host, deadline, &why) == 1 &&
	       !vhost_user_check_reply(&request->header, &f->reader.msg);
}

bool frontend_ask(struct vhost_user_frontend *f, struct vhost_user_msg *msg)
{
	const struct vhost_user_rule *rule = vhost_user_rule(msg->header.request);

	if (rule->reply == VHOST_USER_NONE)
		msg->header.flags |= VHOST_USER_NEED_REPLY;
	if (!frontend_send(f, msg) || !frontend_answer(f, msg))
		return false;
	return rule->reply != VHOST_USER_NONE || !f->reader.msg.payload.u64;
}

bool frontend_u64(struct vhost_user_frontend *f, uint32_t request, uint64_t value)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.u64 = value;
	return frontend_ask(f, &msg);
}

bool frontend_state(struct vhost_user_frontend *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.state = (struct vhost_user_vring_state){ index, num };
	return frontend_ask(f, &msg);
}

bool frontend_fd(struct vhost_user_frontend *f, uint32_t request, uint32_t index, int fd)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, request);
	msg.payload.u64 = index | (fd < 0 ? VHOST_USER_VRING_NO_FD : 0);
	msg.fd[0] = fd;
	msg.fd_count = fd >= 0;
	return frontend_ask(f, &msg);
}

bool frontend_table(struct vhost_user_frontend *f, unsigned int count)
{
	struct vhost_user_msg msg;
	uint64_t piece = RIG_RAM_SIZE / count;

	vhost_user_request(&msg, VHOST_USER_SET_MEM_TABLE);
	msg.payload.table.count = count;
	msg.header.size = (uint32_t)(8 + count * sizeof(struct vhost_user_region));
	for (unsigned int i = 0; i < count; i++) {
		msg.payload.table.region[i] = (struct vhost_user_region){
			.guest = RIG_RAM_BASE + i * piece,
			.size = piece,
			.user = FRONTEND_USER + i * piece,
			.offset = i * piece,
		};
		msg.fd[i] = f->rig->ram_fd;
	}
	msg.fd_count = count;
	return frontend_ask(f, &msg);
}

bool frontend_greet(struct vhost_user_frontend *f)
{
	const uint64_t wanted = 1 << VHOST_USER_PROTOCOL_F_MQ | 1 << VHOST_USER_PROTOCOL_F_REPLY_ACK |
				1 << VHOST_USER_PROTOCOL_F_CONFIG | 1 << VHOST_USER_PROTOCOL_F_RESET_DEVICE |
				1 << VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS | f->protocol;
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_GET_FEATURES);
	if (!frontend_ask(f, &msg))
		return false;
	f->offered = f->reader.msg.payload.u64;
	vhost_user_request(&msg, VHOST_USER_GET_PROTOCOL_FEATURES);
	if (!frontend_ask(f, &msg) || (f->reader.msg.payload.u64 & wanted) != wanted)
		return false;
	/* Before it there are no acknowledgements. */
	vhost_user_request(&msg, VHOST_USER_SET_PROTOCOL_FEATURES);
	msg.payload.u64 = wanted;
	if (!frontend_send(f, &msg))
		return false;
	vhost_user_request(&msg, VHOST_USER_SET_OWNER);
	if (!frontend_ask(f, &msg))
		return false;
	vhost_user_request(&msg, VHOST_USER_GET_QUEUE_NUM);
	if (!frontend_ask(f, &msg))
		return false;
	f->queues = (uint16_t)f->reader.msg.payload.u64;
	return frontend_table(f, 1);
}

bool frontend_dropped(struct vhost_user_frontend *f)
{
	char byte;

	rig_run(f->rig);
	/* Answers it sent before are taken first. */
	for (;;) {
		ssize_t got = recv(f->fd, &byte, 1, MSG_DONTWAIT);

		if (got <= 0)
			return !got;
	}
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&pfd, 1, 0) == 1;
}

bool frontend_interrupted(const struct vhost_user_frontend *f)
{
	for (int i = 0; i < DRIVER_MAX_QUEUES; i++)
		if (readable(f->ring[i].call) || readable(f->ring[i].err))
			return true;
	return false;
}

/* The driver's side. */

static struct vhost_user_frontend *frontend_of(struct driver *d)
{
	return d->frontend;
}

static uint32_t fe_device_id(struct driver *d)
{
	return frontend_of(d)->device_id;
}

static uint8_t fe_get_status(struct driver *d)
{
	struct vhost_user_frontend *f = frontend_of(d);

	for (int i = 0; i < DRIVER_MAX_QUEUES; i++)
		if (readable(f->ring[i].err))
			return f->status | VIRTIO_CONFIG_S_NEEDS_RESET;
	return f->status;
}

/* At once, with requests in flight: a frontend that gives up a device need not stop its rings first. */
static void reset(struct vhost_user_frontend *f)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_RESET_DEVICE);
	(void)frontend_ask(f, &msg);
	close_rings(f);
	f->status = 0;
	f->features = 0;
}

static bool start_ring(struct vhost_user_frontend *f, uint32_t index)
{
	const struct frontend_ring *ring = &f->ring[index];

	return frontend_fd(f, VHOST_USER_SET_VRING_ERR, index, ring->err) &&
	       frontend_fd(f, VHOST_USER_SET_VRING_KICK, index, ring->kick) &&
	       frontend_fd(f, VHOST_USER_SET_VRING_CALL, index, ring->call) &&
	       frontend_state(f, VHOST_USER_SET_VRING_ENABLE, index, 1);
}

static void fe_set_status(struct driver *d, uint8_t status)
{
	struct vhost_user_frontend *f = frontend_of(d);
	uint8_t more = status & (uint8_t)~f->status;

	if (!status) {
		reset(f);
		return;
	}
	if (more & VIRTIO_CONFIG_S_FEATURES_OK &&
		!frontend_u64(f, VHOST_USER_SET_FEATURES, f->features | 1ULL << VHOST_USER_F_PROTOCOL_FEATURES))
		return;
	if (more & VIRTIO_CONFIG_S_DRIVER_OK)
		for (uint32_t i = 0; i < DRIVER_MAX_QUEUES; i++)
			if (f->ring[i].ready)
				f->ring[i].ready = start_ring(f, i);
	f->status |= more;
}

static uint32_t fe_get_features(struct driver *d, uint32_t word)
{
	uint64_t offered = frontend_of(d)->offered & ~(1ULL << VHOST_USER_F_PROTOCOL_FEATURES);

	return word < 2 ? (uint32_t)(offered >> 32 * word) : 0;
}

static void fe_set_features(struct driver *d, uint32_t word, uint32_t value)
{
	if (word < 2)
		frontend_of(d)->features |= (uint64_t)value << 32 * word;
}

static uint32_t fe_queue_max(struct driver *d, uint16_t index)
{
	const struct vhost_user_frontend *f = frontend_of(d);

	return index < f->queues ? f->queue_size : 0;
}

static bool fe_queue_enable(struct driver *d, const struct driver_queue *q)
{
	const gpa_t user = FRONTEND_USER - RIG_RAM_BASE;
	struct vhost_user_frontend *f = frontend_of(d);
	struct frontend_ring *ring = &f->ring[q->index];
	struct vhost_user_msg msg;

	ring->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ring->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ring->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vhost_user_request(&msg, VHOST_USER_SET_VRING_ADDR);
	msg.payload.addr = (struct vhost_user_vring_addr){
		.index = q->index,
		.desc = q->desc + user,
		.used = q->used + user,
		.avail = q->avail + user,
	};
	/* A packed ring begins with both wrap counters at 1. */
	ring->ready =
		frontend_state(f, VHOST_USER_SET_VRING_NUM, q->index, q->size) &&
		frontend_state(f, VHOST_USER_SET_VRING_BASE, q->index, q->ring == &driver_packed ? 0x80008000 : 0) &&
		frontend_ask(f, &msg);
	return ring->ready;
}

static bool fe_queue_ready(struct driver *d, uint16_t index)
{
	return index < DRIVER_MAX_QUEUES && frontend_of(d)->ring[index].ready;
}

/* Not offered. */
static bool fe_queue_reset(struct driver *d, uint16_t index)
{
	(void)d, (void)index;
	return false;
}

static void fe_notify(struct driver *d, uint32_t value)
{
	const struct vhost_user_frontend *f = frontend_of(d);

	if (value < DRIVER_MAX_QUEUES && f->ring[value].kick >= 0)
		(void)eventfd_write(f->ring[value].kick, 1);
}

static uint32_t fe_take_interrupt(struct driver *d)
{
	struct vhost_user_frontend *f = frontend_of(d);
	uint32_t cause = 0;
	eventfd_t count;

	for (int i = 0; i < DRIVER_MAX_QUEUES; i++) {
		if (f->ring[i].call >= 0 && !eventfd_read(f->ring[i].call, &count))
			cause |= 1;
		if (readable(f->ring[i].err))
			cause |= 2;
	}
	return cause;
}

static void config_message(struct vhost_user_msg *msg, uint32_t request, uint32_t offset, unsigned int size)
{
	vhost_user_request(msg, request);
	msg->payload.config.offset = offset;
	msg->payload.config.size = size;
	msg->header.size = (uint32_t)offsetof(struct vhost_user_config, data) + size;
}

static void fe_config_read(struct driver *d, uint32_t offset, void *dst, unsigned int size)
{
	struct vhost_user_frontend *f = frontend_of(d);
	struct vhost_user_msg msg;

	config_message(&msg, VHOST_USER_GET_CONFIG, offset, size);
	memset(dst, 0xff, size);
	if (frontend_ask(f, &msg) && f->reader.msg.header.size)
		memcpy(dst, f->reader.msg.payload.config.data, size);
}

static void fe_config_write(struct driver *d, uint32_t offset, const void *src, unsigned int size)
{
	struct vhost_user_msg msg;

	config_message(&msg, VHOST_USER_SET_CONFIG, offset, size);
	memcpy(msg.payload.config.data, src, size);
	(void)frontend_ask(frontend_of(d), &msg);
}

static uint32_t fe_config_generation(struct driver *d)
{
	(void)d;
	return 0;
}

const struct driver_transport driver_vhost_user = {
	.device_id = fe_device_id,
	.get_status = fe_get_status,
	.set_status = fe_set_status,
	.get_features = fe_get_features,
	.set_features = fe_set_features,
	.queue_max = fe_queue_max,
	.queue_enable = fe_queue_enable,
	.queue_ready = fe_queue_ready,
	.queue_reset = fe_queue_reset,
	.notify = fe_notify,
	.take_interrupt = fe_take_interrupt,
	.config_read = fe_config_read,
	.config_write = fe_config_write,
	.config_generation = fe_config_generation,
};
