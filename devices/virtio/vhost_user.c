/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user.h. */
#include "vhost_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

/* virtio 2.2: 0 to 23 and from 50 on are the device type's. The rest is rings and transports, which the core offers. */
#define DEVICE_FEATURES (0xffffffULL | UINT64_MAX << 50)

static struct virtio_vhost_user *to_device(struct virtio *v)
{
	return container_of(v, struct virtio_vhost_user, v);
}

/* Queues the backend has to do with. */
static uint16_t served(const struct virtio_vhost_user *d)
{
	return d->kind->queue_count - d->kind->unserved;
}

/* The connection is over: the device can do nothing more for its driver. */
static void lost(struct virtio_vhost_user *d)
{
	char why[200];

	if (d->connection.fd < 0)
		return;
	loop_del(d->v.loop, &d->connection);
	d->connection.fd = -1;
	vhost_user_client_close(&d->client);
	snprintf(why, sizeof(why), "the backend is given up: %s", d->client.why);
	/* In the middle of a reset: that ends with a status of 0, and the next start finds nobody. */
	if (d->v.status)
		virtio_fail(&d->v, why);
	else
		virtio_warn(&d->v, NULL, why);
}

static void connection_ready(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, connection);

	(void)events;
	snprintf(d->client.why, sizeof(d->client.why), "it closed the connection");
	lost(d);
}

/* The driver hears of it by the transport's registers, as it would of a device's own. */
static void interrupt(struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;

	if (virtio_started(v) && v->transport)
		v->transport->notify_queue(v, own->q);
}

static bool take_call(struct vhost_user_queue *own)
{
	eventfd_t count;

	return eventfd_read(own->call.fd, &count) == 0;
}

static void call_ready(struct loop_source *source, uint32_t events)
{
	struct vhost_user_queue *own = container_of(source, struct vhost_user_queue, call);

	(void)events;
	if (take_call(own))
		interrupt(own);
}

static int watch_call(struct vhost_user_queue *own, bool watch)
{
	struct loop *loop = own->d->v.loop;
	int ret = 0;

	if (watch && !own->watched)
		ret = loop_add(loop, &own->call, EPOLLIN);
	else if (!watch && own->watched)
		loop_del(loop, &own->call);
	own->watched = watch && !ret;
	return ret;
}

/* The transport's; -1: there is none, or it must not be written now. */
static int transport_call(const struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;

	return own->masked || !v->transport ? -1 : v->transport->call_fd(v, own->q);
}

/*
 * What the backend is to write. Our own is watched beside the transport's too: a backend that does not acknowledge may write the
 * old one a little longer. Masked it is not watched: what comes is pending.
 */
static int choose_call(struct vhost_user_queue *own)
{
	int fd = transport_call(own);

	if (watch_call(own, !own->masked))
		return -1;
	return fd < 0 ? own->call.fd : fd;
}

static struct vhost_user_vring vring_of(const struct vhost_user_queue *own)
{
	const struct virtq *q = own->q;
	bool packed = virtio_has_feature(&own->d->v, VIRTIO_F_RING_PACKED);

	return (struct vhost_user_vring){
		.index = q->index,
		.size = q->size,
		.packed = packed,
		.base = q->avail_next | (packed ? (uint32_t)q->used_next << 16 : 0),
		.desc = q->desc_gpa,
		.avail = q->avail_gpa,
		.used = q->used_gpa,
		.kick = own->kick,
	};
}

static int start_queue(struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;
	struct vhost_user_vring ring = vring_of(own);
	int ret;

	ring.call = choose_call(own);
	ret = vhost_user_client_start(&own->d->client, &ring);
	if (ret)
		return ret;
	own->running = true;
	own->bell = v->transport && !v->transport->set_doorbell(v, own->q, own->kick, true);
	/* Buffers may have been queued, and their kick dropped, before it ran. */
	(void)eventfd_write(own->kick, 1);
	return 0;
}

/* The backend has given back all it took, or is gone. */
static void stop_queue(struct vhost_user_queue *own)
{
	struct virtio_vhost_user *d = own->d;
	struct vhost_user_vring ring = vring_of(own);
	uint32_t base;

	if (!own->running)
		return;
	own->running = false;
	if (own->bell)
		(void)d->v.transport->set_doorbell(&d->v, own->q, own->kick, false);
	own->bell = false;
	if (d->connection.fd >= 0 && vhost_user_client_stop(&d->client, &ring, &base) == 0) {
		own->q->avail_next = (uint16_t)base;
		own->q->used_next = ring.packed ? (uint16_t)(base >> 16) : (uint16_t)base;
	} else {
		lost(d);
	}
	/* What it said last is not lost with the watch, unless its driver is gone. */
	if (own->watched && take_call(own))
		interrupt(own);
	(void)watch_call(own, false);
	if (d->v.status)
		return;
	(void)take_call(own);
	own->pending = false;
}

static int start(struct virtio *v)
{
	struct virtio_vhost_user *d = to_device(v);
	int ret = d->connection.fd < 0 ? -ENOTCONN : 0;

	if (!ret)
		ret = vhost_user_client_set_features(&d->client, v->driver_features & d->client.features);
	if (!ret)
		ret = vhost_user_client_set_memory(&d->client, v->mem);
	for (uint16_t i = 0; !ret && i < served(d); i++)
		if (v->queue[i].ready)
			ret = start_queue(&d->queue[i]);
	if (ret && d->client.fd < 0)
		lost(d);
	return ret;
}

static void stop(struct virtio *v)
{
	struct virtio_vhost_user *d = to_device(v);

	for (uint16_t i = 0; i < v->class->queue_count; i++)
		stop_queue(&d->queue[i]);
}

static void queue_reset(struct virtio *v, struct virtq *q)
{
	stop_queue(&to_device(v)->queue[q->index]);
}

/* A kick that no doorbell took. */
static void queue_notify(struct virtio *v, struct virtq *q)
{
	(void)eventfd_write(to_device(v)->queue[q->index].kick, 1);
}

static void notifier_mask(struct virtio *v, struct virtq *q, bool mask)
{
	struct virtio_vhost_user *d = to_device(v);
	struct vhost_user_queue *own = &d->queue[q->index];
	bool pending = own->pending && !mask;

	own->masked = mask;
	if (!mask)
		own->pending = false;
	if (own->running && vhost_user_client_set_call(&d->client, q->index, choose_call(own)))
		lost(d);
	/* A vector that can be sent again was asked what is pending, and has sent it. */
	if (pending && transport_call(own) < 0)
		interrupt(own);
}

/* Once known it is out of the eventfd: what is in there at the unmask came after the transport was told, and is sent then. */
static bool notifier_pending(struct virtio *v, struct virtq *q)
{
	struct vhost_user_queue *own = &to_device(v)->queue[q->index];

	if (own->masked && take_call(own))
		own->pending = true;
	return own->pending;
}

static uint64_t get_features(struct virtio *v)
{
	const struct virtio_vhost_user *d = to_device(v);

	return (d->client.features & DEVICE_FEATURES) | d->kind->own;
}

static void get_config(struct virtio *v, void *config)
{
	memcpy(config, to_device(v)->config, v->class->config_size);
}

/* 0, -EOPNOTSUPP when the backend has none to show, or another -errno. */
static int read_config(struct virtio_vhost_user *d)
{
	const struct vhost_user_kind *kind = d->kind;
	int ret = 0;

	if (kind->config)
		memcpy(d->config, kind->config, kind->config_size);
	else if (kind->config_size)
		ret = vhost_user_client_get_config(&d->client, d->config, kind->config_size);
	/* The backend may be able to serve more queues than there are. */
	if (kind->count_at) {
		d->config[kind->count_at] = (uint8_t)kind->queue_count;
		d->config[kind->count_at + 1] = (uint8_t)(kind->queue_count >> 8);
	}
	return ret;
}

static void set_config(struct virtio *v, const void *config, uint32_t offset, unsigned int size)
{
	struct virtio_vhost_user *d = to_device(v);
	int ret;

	if (d->connection.fd < 0 || d->kind->config)
		return;
	ret = vhost_user_client_set_config(&d->client, offset, (const uint8_t *)config + offset, size);
	if (!ret)
		ret = read_config(d);
	if (ret && ret != -EOPNOTSUPP)
		lost(d);
}

static const struct virtio_class vhost_user_class = {
	.get_features = get_features,
	.get_config = get_config,
	.set_config = set_config,
	.queue_reset = queue_reset,
	.queue_notify = queue_notify,
	.start_ioeventfd = start,
	.stop_ioeventfd = stop,
	.notifier_mask = notifier_mask,
	.notifier_pending = notifier_pending,
};

static int open_queues(struct virtio_vhost_user *d)
{
	d->queue = calloc(d->class.queue_count, sizeof(*d->queue));
	if (!d->queue)
		return -ENOMEM;
	for (uint16_t i = 0; i < d->class.queue_count; i++)
		d->queue[i] = (struct vhost_user_queue){
			.d = d, .q = &d->v.queue[i], .kick = -1, .call = { .fd = -1, .ready = call_ready }
		};
	for (uint16_t i = 0; i < d->class.queue_count; i++) {
		d->queue[i].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		d->queue[i].call.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (d->queue[i].kick < 0 || d->queue[i].call.fd < 0)
			return -errno;
	}
	return 0;
}

/* What the backend can do, in queues and features. NULL, or what is wrong with it. */
static const char *find_fault(const struct virtio_vhost_user *d)
{
	const struct vhost_user_client *c = &d->client;

	if (c->features & d->kind->foreign)
		return "it offers features that no such device has; is it a backend of another type?";
	if (!(c->features & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)))
		return "it does not offer VIRTIO_F_VERSION_1";
	if (d->kind->needs_config && !(c->protocol & 1ULL << VHOST_USER_PROTOCOL_F_CONFIG))
		return "it lacks VHOST_USER_PROTOCOL_F_CONFIG, so the device's configuration is not known; is it a "
		       "backend of another type?";
	return NULL;
}

/* What is no blk's and no vsock's. */
static bool config_is_empty(const struct virtio_vhost_user *d)
{
	for (uint16_t i = 0; i < d->kind->config_size; i++)
		if (d->config[i] && i != d->kind->count_at && i != d->kind->count_at + 1)
			return false;
	return true;
}

static int check_backend(struct virtio_vhost_user *d)
{
	struct vhost_user_client *c = &d->client;
	unsigned int queues = served(d);
	const char *fault = find_fault(d);
	int ret;

	if (fault) {
		snprintf(c->why, sizeof(c->why), "%s", fault);
		return -EINVAL;
	}
	/* Without VHOST_USER_PROTOCOL_F_MQ it does not say how many, and has as many as a device of its type has at least. */
	if (c->queues ? c->queues < queues : queues > 1 && d->kind->count_at) {
		snprintf(c->why, sizeof(c->why), "it has %u queue%s, fewer than %u", c->queues ? c->queues : 1,
			c->queues > 1 ? "s" : "", queues);
		return -EINVAL;
	}
	ret = read_config(d);
	if (ret && ret != -EOPNOTSUPP)
		return ret;
	if (d->kind->needs_config && (ret || config_is_empty(d))) {
		snprintf(c->why, sizeof(c->why),
			"it does not show the %u bytes of such a device's configuration; is it a backend of another "
			"type?",
			d->kind->config_size);
		return -EINVAL;
	}
	if (ret)
		d->v.features_off |= d->kind->of_config;
	return 0;
}

int virtio_vhost_user_init(
	struct virtio_vhost_user *d, const struct vhost_user_kind *kind, struct loop *loop, const struct mem *mem)
{
	int ret;

	d->kind = kind;
	d->class = vhost_user_class;
	d->class.name = kind->name;
	d->class.device_id = kind->device_id;
	d->class.queue_count = kind->queue_count;
	d->class.queue_size = kind->queue_size;
	d->class.config_size = kind->config_size;
	d->queue = NULL;
	d->connection = (struct loop_source){ .fd = -1, .ready = connection_ready };
	ret = virtio_init(&d->v, &d->class, loop, mem);
	if (!ret)
		ret = check_backend(d);
	if (!ret) {
		ret = open_queues(d);
		if (ret)
			snprintf(
				d->client.why, sizeof(d->client.why), "descriptors for its queues: %s", strerror(-ret));
	}
	d->connection.fd = d->client.fd;
	/* It says nothing unasked: what is to be heard of it is its end. */
	if (!ret)
		ret = loop_add(loop, &d->connection, EPOLLRDHUP);
	if (ret) {
		d->connection.fd = -1;
		virtio_vhost_user_destroy(d);
		return ret;
	}
	/* The driver has what both can: the core its own, the backend its own. No doorbell matches a value that varies. */
	d->v.features_off |=
		(~d->client.features & ~kind->own) | kind->never | VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA);
	return 0;
}

void virtio_vhost_user_release(struct virtio_vhost_user *d, struct vhost_user_client *client)
{
	if (d->connection.fd >= 0)
		loop_del(d->v.loop, &d->connection);
	d->connection.fd = -1;
	*client = d->client;
	d->client = (struct vhost_user_client){ .fd = -1 };
}

void virtio_vhost_user_destroy(struct virtio_vhost_user *d)
{
	if (d->connection.fd >= 0)
		loop_del(d->v.loop, &d->connection);
	d->connection.fd = -1;
	vhost_user_client_close(&d->client);
	for (uint16_t i = 0; d->queue && i < d->class.queue_count; i++) {
		(void)watch_call(&d->queue[i], false);
		if (d->queue[i].kick >= 0)
			close(d->queue[i].kick);
		if (d->queue[i].call.fd >= 0)
			close(d->queue[i].call.fd);
	}
	free(d->queue);
	d->queue = NULL;
	virtio_destroy(&d->v);
}
