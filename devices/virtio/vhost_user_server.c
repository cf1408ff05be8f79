/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a vhost-user frontend: messages in, answers out, and its end. What they do is vhost_user_requests.c's. */
#include "vhost_user_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "vhost_user_ring.h"

#define BIT(n) (1ULL << (n))

/* No message tells how large a ring may be, and QEMU's virtio-mmio lets a driver have this much whatever its device says. */
#define RING_SIZE_MAX 1024

/* Sends *m back as the answer, with the descriptor of it if it has to have one. */
static void reply(struct vhost_user_server *s, const struct vhost_user_rule *rule, struct vhost_user_msg *m)
{
	int fd = rule && rule->reply_fds == VHOST_USER_FDS_ONE ? vhost_user_take_fd(m, 0) : -1;

	vhost_user_reply(m);
	if (fd >= 0)
		m->fd[m->fd_count++] = fd;
	/* It asked and does not listen: with so little in the socket's buffer that takes some doing. */
	if (vhost_user_send(s->source.fd, m))
		vhost_user_server_end(s, "it does not take answers");
}

static void refuse(struct vhost_user_server *s, const char *name, const char *why)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", name, why);
	vhost_user_server_end(s, text);
}

/* A whole message is in *m. */
static void serve_message(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const struct vhost_user_rule *rule = vhost_user_rule(m->header.request);
	bool asked = m->header.flags & VHOST_USER_NEED_REPLY && s->protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	bool answered = rule && rule->reply != VHOST_USER_NONE;
	const char *why = vhost_user_server_handle(s, rule, m);

	if (why && (answered || !asked)) {
		refuse(s, rule ? rule->name : "a message", why);
		return;
	}
	/* An acknowledgement: 0 for success. */
	if (!answered)
		m->payload.u64 = why != NULL;
	if (answered || asked)
		reply(s, rule, m);
}

static void connection_ready(struct loop_source *source, uint32_t events)
{
	struct vhost_user_server *s = container_of(source, struct vhost_user_server, source);
	const char *why;
	int ret = vhost_user_receive(&s->reader, source->fd, &why);

	(void)events;
	if (ret < 0)
		vhost_user_server_end(s, ret == -ENOTCONN || ret == -ECONNRESET ? NULL : why);
	else if (s->memory->lost)
		vhost_user_server_end(s, "the memory it shares was cut short");
	else if (ret)
		serve_message(s, &s->reader.msg);
}

void vhost_user_server_end(struct vhost_user_server *s, const char *why)
{
	if (why && s->report)
		s->report(s, why);
	vhost_user_server_drop(s);
}

void vhost_user_server_drop(struct vhost_user_server *s)
{
	if (s->source.fd < 0)
		return;
	loop_del(s->v->loop, &s->source);
	close(s->source.fd);
	s->source.fd = -1;
	vhost_user_server_reset(s);
	vhost_user_server_forget_inflight(s);
	vhost_user_memory_clear(s->memory);
	vhost_user_reader_clear(&s->reader);
	s->protocol = 0;
	if (s->gone)
		s->gone(s);
}

int vhost_user_server_serve(struct vhost_user_server *s, int fd)
{
	int ret;

	s->source.fd = fd;
	ret = loop_add(s->v->loop, &s->source, EPOLLIN);
	if (ret) {
		close(fd);
		s->source.fd = -1;
	}
	return ret;
}

static int allow_large_ring(struct virtq *q)
{
	struct virtq larger;

	if (q->size_max >= RING_SIZE_MAX)
		return 0;
	if (virtq_init(&larger, q->mem, q->index, RING_SIZE_MAX))
		return -ENOMEM;
	larger.watch = q->watch;
	virtq_destroy(q);
	*q = larger;
	return 0;
}

int vhost_user_server_init(struct vhost_user_server *s, struct virtio *v, struct vhost_user_memory *memory)
{
	*s = (struct vhost_user_server){
		.v = v,
		.memory = memory,
		.source = { .fd = -1, .ready = connection_ready },
	};
	s->ring = calloc(v->class->queue_count, sizeof(*s->ring));
	if (!s->ring)
		return -ENOMEM;
	for (uint16_t i = 0; i < v->class->queue_count; i++) {
		if (allow_large_ring(&v->queue[i])) {
			free(s->ring);
			s->ring = NULL;
			return -ENOMEM;
		}
		vhost_user_ring_init(&s->ring[i], s, &v->queue[i]);
	}
	/* No message translates addresses, carries data with a kick or resets one ring. */
	v->features_off |= VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA) |
			   VIRTIO_FEATURE(VIRTIO_F_RING_RESET);
	virtio_attach(v, &vhost_user_transport, s);
	return 0;
}

void vhost_user_server_destroy(struct vhost_user_server *s)
{
	s->gone = NULL;
	vhost_user_server_drop(s);
	free(s->ring);
	s->ring = NULL;
}
