/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a vhost-user frontend in which its backend writes down what is in flight: made, handed over and given up. What is
 * in it is virtq_inflight.c's.
 */
#include <linux/virtio_config.h>

#include "vhost_user_ring.h"

static bool is_packed(const struct vhost_user_server *s)
{
	return virtio_has_feature(s->v, VIRTIO_F_RING_PACKED);
}

static const char *check_inflight(const struct vhost_user_server *s, const struct vhost_user_inflight *inflight)
{
	if (!inflight->queues || inflight->queues > s->v->class->queue_count)
		return "an inflight region has no queues or more than the device";
	if (!inflight->queue_size || inflight->queue_size > VIRTQ_SIZE_MAX)
		return "an inflight region has queues of a size that none can have";
	return NULL;
}

/* Features come first, as frontends that know of packed rings see to (QEMU since 5.2). */
const char *vhost_user_get_inflight_fd(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_inflight *inflight = &m->payload.inflight;
	const char *why = check_inflight(s, inflight);
	int fd;

	if (why)
		return why;
	inflight->mmap_size = inflight->queues * virtq_inflight_size(is_packed(s), inflight->queue_size);
	inflight->mmap_offset = 0;
	fd = vhost_user_memory_make_inflight(inflight->mmap_size);
	if (fd < 0)
		return "no memory can be had for it";
	m->fd[m->fd_count++] = fd;
	return NULL;
}

void vhost_user_server_forget_inflight(struct vhost_user_server *s)
{
	for (uint16_t i = 0; i < s->v->class->queue_count; i++) {
		s->ring[i].q->inflight = NULL;
		virtq_inflight_destroy(&s->ring[i].inflight);
	}
	vhost_user_memory_unmap_inflight(s->memory);
}

/*
 * vhost-user: one region a queue, one behind the other. How far apart is not said: as far as the size tells, which is what this
 * backend and others make of it.
 */
const char *vhost_user_set_inflight_fd(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const struct vhost_user_inflight *inflight = &m->payload.inflight;
	const char *why = check_inflight(s, inflight);
	uint64_t each;
	void *at;

	if (!why && vhost_user_server_runs(s))
		why = "a ring is running";
	if (why)
		return why;
	each = inflight->mmap_size / inflight->queues & ~7ULL;
	if (virtq_inflight_room(is_packed(s), each) < inflight->queue_size)
		return "an inflight region is smaller than its queues";
	vhost_user_server_forget_inflight(s);
	why = vhost_user_memory_map_inflight(s->memory, inflight->mmap_offset, inflight->mmap_size, m->fd[0], &at);
	for (uint16_t i = 0; !why && i < inflight->queues; i++) {
		struct vhost_user_ring *ring = &s->ring[i];

		if (virtq_inflight_init(&ring->inflight, (char *)at + i * each, each, inflight->queue_size))
			why = "there is no memory to follow what is in flight";
		else
			ring->q->inflight = &ring->inflight;
	}
	if (why)
		vhost_user_server_forget_inflight(s);
	return why;
}

void vhost_user_server_clear_inflight(struct vhost_user_server *s)
{
	for (uint16_t i = 0; i < s->v->class->queue_count; i++)
		virtq_inflight_clear(&s->ring[i].inflight);
}
