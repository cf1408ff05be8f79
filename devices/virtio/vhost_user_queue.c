/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_queue.h. */
#include "vhost_user_queue.h"

#include <endian.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

static bool take_call(struct vhost_user_queue *own)
{
	eventfd_t count;

	return eventfd_read(own->call.fd, &count) == 0;
}

/* The driver hears of it by the transport's registers, as it would of a device's own. */
void vhost_user_queue_interrupt(struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;

	if (virtio_started(v) && v->transport)
		v->transport->notify_queue(v, own->q);
}

static void call_ready(struct loop_source *source, uint32_t events)
{
	struct vhost_user_queue *own = container_of(source, struct vhost_user_queue, call);

	(void)events;
	if (take_call(own))
		vhost_user_queue_interrupt(own);
}

int vhost_user_queue_init(struct vhost_user_queue *own, struct virtio_vhost_user *d, struct virtq *q)
{
	*own = (struct vhost_user_queue){
		.d = d,
		.q = q,
		.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.call = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = call_ready },
	};
	return own->kick < 0 || own->call.fd < 0 ? -errno : 0;
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

void vhost_user_queue_destroy(struct vhost_user_queue *own)
{
	if (!own->d)
		return;
	(void)watch_call(own, false);
	if (own->kick >= 0)
		close(own->kick);
	if (own->call.fd >= 0)
		close(own->call.fd);
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

static bool is_packed(const struct vhost_user_queue *own)
{
	return virtio_has_feature(&own->d->v, VIRTIO_F_RING_PACKED);
}

static struct vhost_user_vring vring_of(const struct vhost_user_queue *own)
{
	const struct virtq *q = own->q;
	bool packed = is_packed(own);

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

int vhost_user_queue_open(struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;

	if (own->live)
		return 0;
	own->live = true;
	/* Without one the write still arrives, as an exit. */
	own->bell = v->transport && !v->transport->set_doorbell(v, own->q, own->kick, true);
	return watch_call(own, !own->masked);
}

int vhost_user_queue_start(struct vhost_user_queue *own)
{
	struct vhost_user_client *client = &own->d->client;
	struct vhost_user_vring ring = vring_of(own);
	int ret;

	ring.call = choose_call(own);
	ret = vhost_user_client_set_err(client, ring.index, own->d->err.fd);
	if (ret)
		return ret;
	/* It may begin with the first of these messages that it takes, also when it dies before the last. */
	own->running = true;
	ret = vhost_user_client_start(client, &ring);
	if (ret)
		return ret;
	/* Buffers may have been queued, and their kick dropped, before it ran. */
	(void)eventfd_write(own->kick, 1);
	return 0;
}

/* The backend has given back all it took. */
static int take_back(struct vhost_user_queue *own)
{
	struct virtq *q = own->q;
	struct vhost_user_vring ring = vring_of(own);
	uint32_t base;
	int ret = vhost_user_client_stop(&own->d->client, &ring, &base);

	if (ret)
		return ret;
	own->running = false;
	q->avail_next = (uint16_t)base;
	q->used_next = ring.packed ? (uint16_t)(base >> 16) : (uint16_t)base;
	return 0;
}

int vhost_user_queue_stop(struct vhost_user_queue *own)
{
	struct virtio *v = &own->d->v;
	int ret;

	if (!own->live)
		return 0;
	own->live = false;
	if (own->bell)
		(void)v->transport->set_doorbell(v, own->q, own->kick, false);
	own->bell = false;
	ret = own->running ? take_back(own) : 0;
	/* What it said last is not lost with the watch, unless its driver is gone. */
	if (own->watched && take_call(own))
		vhost_user_queue_interrupt(own);
	(void)watch_call(own, false);
	if (!v->status) {
		(void)take_call(own);
		own->pending = false;
	}
	return ret;
}

void vhost_user_queue_lost(struct vhost_user_queue *own)
{
	struct virtq *q = own->q;
	uint16_t idx;

	if (!own->running)
		return;
	own->running = false;
	/*
	 * vhost-user, inflight I/O tracking: what a split ring's backend has not given back is available again. In a packed ring there is
	 * no such place: the next backend knows it from what is in flight.
	 */
	if (is_packed(own) ||
		!mem_read(own->d->v.mem, q->used_gpa + offsetof(struct vring_used, idx), &idx, sizeof(idx)))
		return;
	q->avail_next = q->used_next = le16toh(idx);
}

int vhost_user_queue_mask(struct vhost_user_queue *own, bool mask)
{
	bool pending = own->pending && !mask;
	int ret = 0;

	own->masked = mask;
	if (!mask)
		own->pending = false;
	if (own->running)
		ret = vhost_user_client_set_call(&own->d->client, own->q->index, choose_call(own));
	else if (own->live)
		ret = watch_call(own, !mask);
	/* A vector that can be sent again was asked what is pending, and has sent it. */
	if (pending && transport_call(own) < 0)
		vhost_user_queue_interrupt(own);
	return ret;
}

/* Once known it is out of the eventfd: what is in there at the unmask came after the transport was told, and is sent then. */
bool vhost_user_queue_pending(struct vhost_user_queue *own)
{
	if (own->masked && take_call(own))
		own->pending = true;
	return own->pending;
}
