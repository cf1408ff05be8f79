/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user.h. What the driver sees of the device, and when queues run. */
#include "vhost_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "vhost_user_link.h"
#include "vhost_user_queue.h"

/* virtio 2.2: 0 to 23 and from 50 on are the device type's. The rest is rings and transports, which the core offers. */
#define DEVICE_FEATURES (0xffffffULL | UINT64_MAX << 50)

static struct virtio_vhost_user *to_device(struct virtio *v)
{
	return container_of(v, struct virtio_vhost_user, v);
}

uint16_t vhost_user_served(const struct virtio_vhost_user *d)
{
	return d->queue ? d->kind->queue_count - d->kind->unserved : 0;
}

int vhost_user_start_queues(struct virtio_vhost_user *d)
{
	struct virtio *v = &d->v;
	/* What is ours alone is nothing to the backend. */
	int ret = vhost_user_client_set_features(&d->client, v->driver_features & d->client.features);

	d->told = true;
	if (!ret)
		ret = vhost_user_link_set_inflight(d);
	if (!ret)
		ret = vhost_user_client_set_memory(&d->client, v->mem);
	for (uint16_t i = 0; !ret && i < vhost_user_served(d); i++)
		if (d->queue[i].live)
			ret = vhost_user_queue_start(&d->queue[i]);
	return ret;
}

static int start(struct virtio *v)
{
	struct virtio_vhost_user *d = to_device(v);
	int ret = 0;

	/* Doorbells and calls first: nothing the driver or the backend says from here on is lost. */
	for (uint16_t i = 0; !ret && i < vhost_user_served(d); i++)
		if (v->queue[i].ready)
			ret = vhost_user_queue_open(&d->queue[i]);
	if (ret)
		return ret;
	if (d->link == VHOST_USER_CONNECTED && vhost_user_start_queues(d))
		vhost_user_link_lost(d);
	return d->link == VHOST_USER_LOST ? -ENOTCONN : 0;
}

static void queue_reset(struct virtio *v, struct virtq *q)
{
	struct virtio_vhost_user *d = to_device(v);

	if (vhost_user_queue_stop(&d->queue[q->index]))
		vhost_user_link_lost(d);
}

static void stop(struct virtio *v)
{
	for (uint16_t i = 0; i < vhost_user_served(to_device(v)); i++)
		queue_reset(v, &v->queue[i]);
}

static void reset(struct virtio *v)
{
	struct virtio_vhost_user *d = to_device(v);

	vhost_user_link_forget(d);
	if (d->told && d->link == VHOST_USER_CONNECTED && vhost_user_client_reset(&d->client))
		vhost_user_link_lost(d);
	d->told = false;
}

/* A kick that no doorbell took. */
static void queue_notify(struct virtio *v, struct virtq *q)
{
	(void)eventfd_write(to_device(v)->queue[q->index].kick, 1);
}

static void notifier_mask(struct virtio *v, struct virtq *q, bool mask)
{
	struct virtio_vhost_user *d = to_device(v);

	if (vhost_user_queue_mask(&d->queue[q->index], mask))
		vhost_user_link_lost(d);
}

static bool notifier_pending(struct virtio *v, struct virtq *q)
{
	return vhost_user_queue_pending(&to_device(v)->queue[q->index]);
}

static uint64_t get_features(struct virtio *v)
{
	const struct virtio_vhost_user *d = to_device(v);

	return (d->features & DEVICE_FEATURES) | d->kind->own;
}

static void get_config(struct virtio *v, void *config)
{
	memcpy(config, to_device(v)->config, v->class->config_size);
}

/* A backend is told the size of a ring after its configuration space was read, and may count on a larger one. */
static void limit_seg_max(struct virtio_vhost_user *d)
{
	uint32_t seg_max, most = d->kind->queue_size > 3 ? d->kind->queue_size - 2u : 1;

	memcpy(&seg_max, d->config + d->kind->seg_max_at, sizeof(seg_max));
	if (seg_max > most)
		memcpy(d->config + d->kind->seg_max_at, &most, sizeof(most));
}

int vhost_user_read_config(struct virtio_vhost_user *d)
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
	if (kind->seg_max_at)
		limit_seg_max(d);
	return ret;
}

static void set_config(struct virtio *v, const void *config, uint32_t offset, unsigned int size)
{
	struct virtio_vhost_user *d = to_device(v);
	int ret;

	if (d->link != VHOST_USER_CONNECTED || d->kind->config)
		return;
	ret = vhost_user_client_set_config(&d->client, offset, (const uint8_t *)config + offset, size);
	if (!ret)
		ret = vhost_user_read_config(d);
	if (ret && ret != -EOPNOTSUPP)
		vhost_user_link_lost(d);
}

static const struct virtio_class vhost_user_class = {
	.get_features = get_features,
	.get_config = get_config,
	.set_config = set_config,
	.reset = reset,
	.queue_reset = queue_reset,
	.queue_notify = queue_notify,
	.start_ioeventfd = start,
	.stop_ioeventfd = stop,
	.notifier_mask = notifier_mask,
	.notifier_pending = notifier_pending,
};

static int open_queues(struct virtio_vhost_user *d)
{
	int ret = 0;

	d->err.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->err.fd < 0)
		return -errno;
	d->queue = calloc(d->class.queue_count, sizeof(*d->queue));
	if (!d->queue)
		return -ENOMEM;
	for (uint16_t i = 0; !ret && i < d->class.queue_count; i++)
		ret = vhost_user_queue_init(&d->queue[i], d, &d->v.queue[i]);
	return ret ? ret : loop_add(d->v.loop, &d->err, EPOLLIN);
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

int vhost_user_check_backend(struct virtio_vhost_user *d)
{
	struct vhost_user_client *c = &d->client;
	unsigned int queues = d->kind->queue_count - d->kind->unserved;
	const char *fault = find_fault(d);
	int ret;

	if (fault) {
		snprintf(c->why, sizeof(c->why), "%s", fault);
		return c->error = -EPROTO;
	}
	/* Without VHOST_USER_PROTOCOL_F_MQ it does not say how many, and has as many as a device of its type has at least. */
	if (c->queues ? c->queues < queues : queues > 1 && d->kind->count_at) {
		snprintf(c->why, sizeof(c->why), "it has %u queue%s, fewer than %u", c->queues ? c->queues : 1U,
			c->queues > 1 ? "s" : "", queues);
		return c->error = -EPROTO;
	}
	ret = vhost_user_read_config(d);
	if (ret && ret != -EOPNOTSUPP)
		return ret;
	if (d->kind->needs_config && (ret || config_is_empty(d))) {
		snprintf(c->why, sizeof(c->why),
			"it does not show the %u bytes of such a device's configuration; is it a backend of another "
			"type?",
			d->kind->config_size);
		return c->error = -EPROTO;
	}
	if (ret)
		d->v.features_off |= d->kind->of_config;
	return 0;
}

static int init(
	struct virtio_vhost_user *d, const struct vhost_user_kind *kind, struct loop *loop, const struct mem *mem)
{
	struct vhost_user_client *c = &d->client;
	int ret = virtio_init(&d->v, &d->class, loop, mem);

	if (ret)
		return ret;
	d->features = c->features;
	d->protocol = c->protocol;
	ret = vhost_user_check_backend(d);
	if (ret)
		return ret;
	/* The driver has what both can: the core its own, the backend its own. No doorbell matches a value that varies. */
	d->v.features_off |= (~c->features & ~kind->own) | kind->never | VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA);
	ret = open_queues(d);
	if (!ret)
		return vhost_user_link_up(d);
	snprintf(c->why, sizeof(c->why), "descriptors for its queues: %s", strerror(-ret));
	return ret;
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
	vhost_user_link_init(d);
	ret = init(d, kind, loop, mem);
	if (ret)
		virtio_vhost_user_destroy(d);
	return ret;
}

void virtio_vhost_user_await(struct virtio_vhost_user *d, const char *socket, uint64_t retry_ns)
{
	d->socket = socket;
	d->retry_ns = retry_ns;
	/* A packed ring does not tell where its backend was. */
	if (!(d->protocol & 1ULL << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD))
		d->v.features_off |= VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
}

void virtio_vhost_user_release(struct virtio_vhost_user *d, struct vhost_user_client *client)
{
	vhost_user_link_down(d);
	*client = d->client;
	d->client = (struct vhost_user_client){ .fd = -1 };
}

void virtio_vhost_user_destroy(struct virtio_vhost_user *d)
{
	vhost_user_link_down(d);
	vhost_user_client_close(&d->client);
	for (uint16_t i = 0; d->queue && i < d->class.queue_count; i++)
		vhost_user_queue_destroy(&d->queue[i]);
	if (d->err.fd >= 0) {
		loop_del(d->v.loop, &d->err);
		close(d->err.fd);
	}
	free(d->queue);
	d->queue = NULL;
	virtio_destroy(&d->v);
}
