/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of a vhost-user server. Kicks come by descriptors of the frontend's, mostly the very ioeventfds that KVM signals;
 * what they are is not known, so none is ever waited for.
 */
#include "vhost_user_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Takes the count out of it: 1, 0: none was there, or -errno. RWF_NOWAIT because its O_NONBLOCK is the frontend's to change at
 * any time.
 */
static int take_kick(int fd)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t got = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	if (got > 0)
		return 1;
	if (!got)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void kick_ready(struct loop_source *source, uint32_t events)
{
	struct vhost_user_ring *ring = container_of(source, struct vhost_user_ring, kick);
	struct vhost_user_server *s = ring->s;
	int kicked = take_kick(source->fd);

	(void)events;
	if (kicked < 0) {
		/* The loop would be told again at once, for ever. */
		vhost_user_server_end(s, "a kick descriptor can be read no more");
		return;
	}
	if (kicked)
		virtio_serve(s->v, ring->q);
	if (s->memory->lost)
		vhost_user_server_end(s, "the memory it shares was cut short");
}

void vhost_user_ring_init(struct vhost_user_ring *ring, struct vhost_user_server *s, struct virtq *q)
{
	*ring = (struct vhost_user_ring){
		.s = s,
		.q = q,
		.kick = { .fd = -1, .ready = kick_ready },
		.call = -1,
		.err = -1,
		.inflight = ring->inflight,
	};
}

bool vhost_user_server_runs(const struct vhost_user_server *s)
{
	for (uint16_t i = 0; i < s->v->class->queue_count; i++)
		if (s->ring[i].running)
			return true;
	return false;
}

static bool packed(const struct vhost_user_ring *ring)
{
	return virtio_has_feature(ring->s->v, VIRTIO_F_RING_PACKED);
}

/*
 * vhost-user, SET_VRING_BASE: a packed ring has both positions in it, avail below. A split one has only that of the available
 * ring; the other is in the used ring.
 */
static const char *positions(const struct vhost_user_ring *ring, uint16_t *avail, uint16_t *used)
{
	gpa_t at = ring->q->used_gpa;

	*avail = (uint16_t)ring->base;
	*used = (uint16_t)(ring->base >> 16);
	if (packed(ring))
		return NULL;
	if (*used)
		return "a position is outside the ring";
	return mem_read(&ring->s->memory->mem, at + offsetof(struct vring_used, idx), used, sizeof(*used))
		       ? NULL
		       : "a ring is not in guest memory";
}

static const char *translate(struct vhost_user_ring *ring)
{
	const struct vhost_user_memory *m = ring->s->memory;
	struct virtq *q = ring->q;

	if (!vhost_user_memory_translate(m, ring->desc, &q->desc_gpa) ||
		!vhost_user_memory_translate(m, ring->avail, &q->avail_gpa) ||
		!vhost_user_memory_translate(m, ring->used, &q->used_gpa))
		return "a ring is not in guest memory";
	return NULL;
}

/*
 * Signals are written, never waited for. The frontend can make its descriptor block again, and then holds up the backend that
 * serves it and nobody else.
 */
static void signal_fd(int fd)
{
	(void)eventfd_write(fd, 1);
}

static void notify_queue(struct virtio *v, struct virtq *q)
{
	const struct vhost_user_server *s = v->transport_state;
	struct vhost_user_ring *ring = &s->ring[q->index];

	if (ring->call < 0)
		ring->owed = true;
	else
		signal_fd(ring->call);
}

/* Somebody else served the ring before: by a position that is not where rings begin, or by its region. */
static bool was_used(const struct vhost_user_ring *ring)
{
	if (ring->served)
		return false;
	return ring->base != (packed(ring) ? 0x80008000 : 0) || (ring->q->inflight && ring->inflight.resumed);
}

static const char *start(struct vhost_user_ring *ring)
{
	struct virtio *v = ring->s->v;
	struct virtq *q = ring->q;
	uint16_t avail, used;
	const char *why = translate(ring);

	if (!why)
		why = positions(ring, &avail, &used);
	if (why)
		return why;
	/* Its first ring starts the device: nothing else tells of DRIVER_OK. */
	virtio_set_status(v, v->status | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!virtio_started(v))
		return "the device needs a reset";
	q->size = (uint16_t)ring->num;
	why = virtio_queue_enable_at(v, q, avail, used);
	if (why)
		return why;
	if (loop_add(v->loop, &ring->kick, EPOLLIN)) {
		virtio_queue_disable(v, q);
		return "its kick descriptor cannot be waited for";
	}
	ring->running = true;
	/* Whoever served it may have died after it gave something back and before it said so. */
	if (was_used(ring))
		notify_queue(v, q);
	ring->served = true;
	return NULL;
}

const char *vhost_user_ring_update(struct vhost_user_ring *ring)
{
	if (ring->enabled && ring->kick.fd >= 0) {
		if (ring->running)
			return NULL;
		if (!ring->s->negotiated)
			return "a ring is started before the features are known";
		if (!ring->addressed)
			return "a ring is started before it has an address";
		return start(ring);
	}
	vhost_user_ring_pause(ring);
	return NULL;
}

void vhost_user_ring_pause(struct vhost_user_ring *ring)
{
	struct virtio *v = ring->s->v;
	struct virtq *q = ring->q;

	if (!ring->running)
		return;
	/* A kick that is still in it stays there: the ring is looked at when it runs again. */
	loop_del(v->loop, &ring->kick);
	ring->running = false;
	if (v->class->drain)
		v->class->drain(v);
	ring->base = q->avail_next;
	if (packed(ring))
		ring->base |= (uint32_t)q->used_next << 16;
	virtio_queue_disable(v, q);
}

void vhost_user_ring_stop(struct vhost_user_ring *ring)
{
	vhost_user_ring_pause(ring);
	close_fd(&ring->kick.fd);
	close_fd(&ring->call);
}

void vhost_user_ring_forget(struct vhost_user_ring *ring)
{
	if (ring->running)
		loop_del(ring->s->v->loop, &ring->kick);
	close_fd(&ring->kick.fd);
	close_fd(&ring->call);
	close_fd(&ring->err);
	vhost_user_ring_init(ring, ring->s, ring->q);
}

const char *vhost_user_ring_set_kick(struct vhost_user_ring *ring, int fd)
{
	vhost_user_ring_pause(ring);
	close_fd(&ring->kick.fd);
	ring->kick.fd = fd;
	return fd < 0 ? "polling a ring instead of waiting for kicks is not supported" : vhost_user_ring_update(ring);
}

static void set_signal(int *at, int fd)
{
	close_fd(at);
	*at = fd;
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void vhost_user_ring_set_call(struct vhost_user_ring *ring, int fd)
{
	set_signal(&ring->call, fd);
	if (fd < 0 || !ring->owed)
		return;
	ring->owed = false;
	signal_fd(fd);
}

void vhost_user_ring_set_err(struct vhost_user_ring *ring, int fd)
{
	set_signal(&ring->err, fd);
}

/* No device served here changes its configuration space by itself, so what is there to tell is that it needs a reset. */
static void notify_config(struct virtio *v)
{
	const struct vhost_user_server *s = v->transport_state;

	if (!(v->status & VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		if (s->ring[i].err >= 0)
			signal_fd(s->ring[i].err);
}

/* The frontend's kicks are taken by the rings themselves; the core's eventfd is for turns that were cut short. */
static int set_doorbell(struct virtio *v, struct virtq *q, int fd, bool on)
{
	(void)v, (void)q, (void)fd, (void)on;
	return -EOPNOTSUPP;
}

static int call_fd(struct virtio *v, struct virtq *q)
{
	(void)v, (void)q;
	return -1;
}

static void reset(struct virtio *v)
{
	(void)v;
}

/* A backend is not saved: its frontend knows all there is. */
static void state(struct virtio *v, struct state *s)
{
	(void)v, (void)s;
}

const struct virtio_transport vhost_user_transport = {
	.notify_queue = notify_queue,
	.notify_config = notify_config,
	.set_doorbell = set_doorbell,
	.call_fd = call_fd,
	.reset = reset,
	.state = state,
};
