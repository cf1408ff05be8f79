/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kick goes through the queue's eventfd and is served on the loop: one signalled by KVM or by the bus for a
 * doorbell, one that arrived as a plain register write, and the one we give ourselves when a turn was cut short. And what
 * ends every turn: the driver's interrupt.
 *
 * The eventfd is watched for its edges, and each write to one is an edge (eventfd(2) wakes whoever polls it each time, whatever the
 * count): there is nothing to read before serving. So the count says only whether there was ever a kick, and a queue that is stopped
 * is served once more than it need be: a turn that finds nothing, as after any kick that comes too late.
 */
#include "virtio_kick.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Takes the count out of the eventfd. false: there was no kick since it was last taken. */
static bool drain(struct virtio_kick *kick)
{
	eventfd_t count;

	return eventfd_read(kick->source.fd, &count) == 0;
}

static void kick_ready(struct loop_source *source, uint32_t events)
{
	struct virtio_kick *kick = container_of(source, struct virtio_kick, source);

	(void)events;
	virtio_serve(kick->v, kick->q);
}

void kick_init(struct virtio_kick *kick, struct virtio *v, struct virtq *q)
{
	*kick = (struct virtio_kick){ .source = { .fd = -1, .ready = kick_ready }, .v = v, .q = q };
}

void kick_destroy(struct virtio_kick *kick)
{
	if (!kick->v || kick->source.fd < 0)
		return;
	(void)kick_stop(kick);
	close(kick->source.fd);
	kick->source.fd = -1;
}

int kick_start(struct virtio_kick *kick)
{
	const struct virtio_transport *transport = kick->v->transport;
	int ret;

	if (kick->active)
		return 0;
	if (kick->source.fd < 0) {
		kick->source.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (kick->source.fd < 0)
			return -errno;
	}
	ret = loop_add(kick->v->loop, &kick->source, EPOLLIN | EPOLLET);
	if (ret < 0)
		return ret;
	kick->active = true;
	/* Without one the write still arrives, as an exit: slower, not wrong. */
	kick->bell = transport && transport->set_doorbell(kick->v, kick->q, kick->source.fd, true) == 0;
	return 0;
}

bool kick_stop(struct virtio_kick *kick)
{
	if (!kick->active)
		return false;
	/* The doorbell first: what it signalled until now is drained below, and no more can come. */
	if (kick->bell)
		(void)kick->v->transport->set_doorbell(kick->v, kick->q, kick->source.fd, false);
	kick->bell = false;
	loop_del(kick->v->loop, &kick->source);
	kick->active = false;
	return drain(kick);
}

void kick_signal(struct virtio_kick *kick)
{
	if (kick->active)
		(void)eventfd_write(kick->source.fd, 1);
}

int virtio_start_ioeventfd(struct virtio *v)
{
	for (uint16_t i = 0; i < v->class->queue_count; i++) {
		int ret;

		if (!v->queue[i].ready)
			continue;
		ret = kick_start(&v->kick[i]);
		if (ret < 0) {
			while (i--)
				(void)kick_stop(&v->kick[i]);
			return ret;
		}
		/* Buffers may have been queued, and their kick dropped, before DRIVER_OK. */
		kick_signal(&v->kick[i]);
	}
	return 0;
}

void virtio_stop_ioeventfd(struct virtio *v)
{
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		if (kick_stop(&v->kick[i]))
			virtio_serve(v, &v->queue[i]);
}

void virtio_queue_notify(struct virtio *v, uint32_t index)
{
	struct virtq *q = virtio_queue(v, index);

	if (!q || !q->ready || !virtio_running(v))
		return;
	if (v->class->start_ioeventfd)
		v->class->queue_notify(v, q);
	else
		kick_signal(&v->kick[index]);
}

void virtio_notify_queue(struct virtio *v, struct virtq *q)
{
	if (q->given && virtio_running(v) && virtq_should_notify(q) && v->transport)
		v->transport->notify_queue(v, q);
}

void virtio_serve(struct virtio *v, struct virtq *q)
{
	if (!virtio_running(v) || !q->ready || q->broken)
		return;
	virtq_begin(q);
	v->class->queue_notify(v, q);
	if (q->fault)
		virtio_warn(v, q, q->fault);
	if (q->broken) {
		virtio_fail(v, q->fault);
		return;
	}
	virtio_notify_queue(v, q);
	if (q->more)
		kick_signal(&v->kick[q->index]);
}
