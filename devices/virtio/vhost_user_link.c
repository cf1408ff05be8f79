/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_link.h. */
#include "vhost_user_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user_queue.h"

#define BIT(n) (1ULL << (n))

/* The only request of a backend's that needs no more than VHOST_USER_PROTOCOL_F_BACKEND_REQ and _CONFIG. */
#define BACKEND_CONFIG_CHANGE_MSG 2

/* Not one of the guest's mistakes, of which one is reported in each life. */
static void say(struct virtio_vhost_user *d, const char *text)
{
	if (d->v.report)
		d->v.report(&d->v, text);
}

static void unwatch(struct virtio_vhost_user *d, struct loop_source *source)
{
	if (source->fd >= 0)
		loop_del(d->v.loop, source);
}

static void close_channel(struct virtio_vhost_user *d)
{
	unwatch(d, &d->channel);
	if (d->channel.fd >= 0)
		close(d->channel.fd);
	d->channel.fd = -1;
	vhost_user_reader_clear(&d->unasked);
}

void vhost_user_link_forget(struct virtio_vhost_user *d)
{
	if (d->inflight_fd >= 0)
		close(d->inflight_fd);
	d->inflight_fd = -1;
}

int vhost_user_link_set_inflight(struct virtio_vhost_user *d)
{
	struct vhost_user_client *c = &d->client;
	int ret = 0;

	if (!(c->protocol & BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)))
		return 0;
	if (d->inflight_fd < 0)
		ret = vhost_user_client_get_inflight(
			c, vhost_user_served(d), d->class.queue_size, &d->inflight, &d->inflight_fd);
	return ret ? ret : vhost_user_client_set_inflight(c, &d->inflight, d->inflight_fd);
}

/* Later than now: the backend is no more than being awaited. */
static void try_later(struct virtio_vhost_user *d)
{
	struct clock *clock = d->v.loop->clock;
	uint64_t wait = d->retry_ns;

	if (d->link == VHOST_USER_KNOCKED && wait < d->client.patience_ns)
		wait = d->client.patience_ns;
	loop_timer_set(d->v.loop, &d->retry, clock->monotonic_ns(clock) + wait);
}

static void disconnect(struct virtio_vhost_user *d)
{
	unwatch(d, &d->connection);
	d->connection.fd = -1;
	close_channel(d);
	vhost_user_client_close(&d->client);
	for (uint16_t i = 0; i < vhost_user_served(d); i++)
		vhost_user_queue_lost(&d->queue[i]);
}

void vhost_user_link_lost(struct virtio_vhost_user *d)
{
	bool served = d->link == VHOST_USER_CONNECTED;
	char why[240];

	if (d->link == VHOST_USER_LOST || d->link == VHOST_USER_AWAITED)
		return;
	disconnect(d);
	if (d->retry_ns && d->client.error != -EPROTO) {
		d->link = VHOST_USER_AWAITED;
		snprintf(why, sizeof(why), "the backend is gone, and awaited at %.80s: %.100s", d->socket,
			d->client.why);
		/* One that is refused at each try says so once. */
		if (served)
			say(d, why);
		try_later(d);
		return;
	}
	d->link = VHOST_USER_LOST;
	loop_timer_cancel(d->v.loop, &d->retry);
	snprintf(why, sizeof(why), "the backend is given up: %s", d->client.why);
	/* In the middle of a reset: that ends with a status of 0, and the next start finds nobody. */
	if (d->v.status)
		virtio_fail(&d->v, why);
	else
		virtio_warn(&d->v, NULL, why);
}

static void give_up(struct virtio_vhost_user *d, int error, const char *why)
{
	d->client.error = error;
	snprintf(d->client.why, sizeof(d->client.why), "%s", why);
	vhost_user_link_lost(d);
}

static void connection_ended(struct loop_source *source, uint32_t events)
{
	(void)events;
	give_up(container_of(source, struct virtio_vhost_user, connection), -ENOTCONN, "it closed the connection");
}

/* vhost-user, SET_VRING_ERR. */
static void err_ready(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, err);
	eventfd_t count;

	(void)events;
	if (!eventfd_read(source->fd, &count) && virtio_started(&d->v))
		virtio_fail(&d->v, "the backend says that a queue is broken");
}

static void config_changed(struct virtio_vhost_user *d)
{
	int ret = vhost_user_read_config(d);

	if (ret && ret != -EOPNOTSUPP)
		vhost_user_link_lost(d);
	else
		virtio_notify_config(&d->v);
}

/* Before it is acted upon: a backend that waits for the answer can then be asked for its configuration. */
static int acknowledge(struct virtio_vhost_user *d)
{
	struct vhost_user_msg answer = {
		.header = {
			.request = BACKEND_CONFIG_CHANGE_MSG,
			.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
			.size = sizeof(uint64_t),
		},
	};

	if (!(d->unasked.msg.header.flags & VHOST_USER_NEED_REPLY))
		return 0;
	return vhost_user_send(d->channel.fd, &answer);
}

static void channel_ready(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, channel);
	const struct vhost_user_msg *msg = &d->unasked.msg;
	const char *why;
	int ret = vhost_user_receive(&d->unasked, source->fd, &why);

	(void)events;
	if (!ret)
		return;
	/* A backend may do without it: its end is the connection's. */
	if (ret == -ENOTCONN) {
		close_channel(d);
		return;
	}
	if (ret < 0)
		give_up(d, -EPROTO, why);
	else if (msg->header.request != BACKEND_CONFIG_CHANGE_MSG || msg->header.size || msg->fd_count)
		give_up(d, -EPROTO, "it asks for what was not negotiated");
	else if (acknowledge(d))
		give_up(d, -EPROTO, "it does not take the answer to its own request");
	else
		config_changed(d);
}

/* 0 or -errno: the client is closed, or there is no descriptor left here. */
static int open_channel(struct virtio_vhost_user *d)
{
	int pair[2], ret;

	if (!(d->client.protocol & BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ)))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	d->channel.fd = pair[0];
	ret = loop_add(d->v.loop, &d->channel, EPOLLIN);
	if (ret) {
		close(pair[0]);
		d->channel.fd = -1;
	} else {
		ret = vhost_user_client_set_channel(&d->client, pair[1]);
	}
	close(pair[1]);
	return ret;
}

int vhost_user_link_up(struct virtio_vhost_user *d)
{
	int ret;

	d->connection.fd = d->client.fd;
	d->connection.ready = connection_ended;
	/* It says nothing unasked: what is to be heard of it is its end. */
	ret = loop_add(d->v.loop, &d->connection, EPOLLRDHUP);
	if (ret)
		d->connection.fd = -1;
	else
		ret = open_channel(d);
	if (!ret)
		d->link = VHOST_USER_CONNECTED;
	else if (!d->client.error)
		snprintf(d->client.why, sizeof(d->client.why), "its connection cannot be watched: %s", strerror(-ret));
	return ret;
}

/* What its driver was told holds on. */
static int check_return(struct virtio_vhost_user *d)
{
	struct vhost_user_client *c = &d->client;

	if ((c->features & d->features) == d->features && (c->protocol & d->protocol) == d->protocol)
		return vhost_user_check_backend(d);
	snprintf(c->why, sizeof(c->why), "it came back with fewer features");
	c->error = -EPROTO;
	return -EPROTO;
}

static int take_up(struct virtio_vhost_user *d)
{
	int ret = vhost_user_client_answer(&d->client, d->protocol);

	if (!ret)
		ret = check_return(d);
	if (!ret)
		ret = vhost_user_link_up(d);
	if (!ret && virtio_running(&d->v))
		ret = vhost_user_start_queues(d);
	return ret;
}

/* Knocked, it has said something: the rest of it is waited for. */
static void connection_answers(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, connection);
	uint8_t before[VIRTIO_CONFIG_MAX];

	(void)events;
	unwatch(d, source);
	source->fd = -1;
	memcpy(before, d->config, sizeof(before));
	if (take_up(d)) {
		vhost_user_link_lost(d);
		return;
	}
	loop_timer_cancel(d->v.loop, &d->retry);
	say(d, "the backend is back");
	if (memcmp(before, d->config, sizeof(before)))
		virtio_notify_config(&d->v);
	/* The one before may have died between a used buffer and its call. */
	for (uint16_t i = 0; i < vhost_user_served(d); i++)
		if (d->queue[i].running)
			vhost_user_queue_interrupt(&d->queue[i]);
}

static void retry_expired(struct loop_timer *timer)
{
	struct virtio_vhost_user *d = container_of(timer, struct virtio_vhost_user, retry);
	struct vhost_user_client *c = &d->client;

	/* Who listens and does not answer is left alone for the next. */
	disconnect(d);
	d->link = VHOST_USER_AWAITED;
	if (!vhost_user_client_knock(c, d->socket, c->clock, c->patience_ns)) {
		d->connection.fd = c->fd;
		d->connection.ready = connection_answers;
		if (loop_add(d->v.loop, &d->connection, EPOLLIN | EPOLLRDHUP)) {
			d->connection.fd = -1;
			vhost_user_client_close(c);
		} else {
			d->link = VHOST_USER_KNOCKED;
		}
	}
	try_later(d);
}

void vhost_user_link_init(struct virtio_vhost_user *d)
{
	d->link = VHOST_USER_LOST;
	d->connection = (struct loop_source){ .fd = -1 };
	d->err = (struct loop_source){ .fd = -1, .ready = err_ready };
	d->channel = (struct loop_source){ .fd = -1, .ready = channel_ready };
	d->retry = (struct loop_timer){ .expired = retry_expired };
	d->retry_ns = 0;
	d->inflight_fd = -1;
	d->told = false;
	memset(&d->unasked, 0, sizeof(d->unasked));
}

void vhost_user_link_down(struct virtio_vhost_user *d)
{
	loop_timer_cancel(d->v.loop, &d->retry);
	unwatch(d, &d->connection);
	d->connection.fd = -1;
	close_channel(d);
	vhost_user_link_forget(d);
	/* Half of a connection is none. */
	if (d->link == VHOST_USER_KNOCKED)
		vhost_user_client_close(&d->client);
	d->link = VHOST_USER_LOST;
}
