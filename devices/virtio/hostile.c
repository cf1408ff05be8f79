/* SPDX-License-Identifier: Apache-2.0 */
/* Lies about interrupts, configuration and entropy, and the streams they are drawn from. Those about rings are hostile_ring.c's. */
#include "hostile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "core/splitmix64.h"
#include "hostile_private.h"

#define MS 1000000ULL

static const char *const kind_names[HOSTILE_KINDS] = {
	[HOSTILE_USED_ID] = "used-id",
	[HOSTILE_USED_LEN] = "used-len",
	[HOSTILE_STATUS] = "status",
	[HOSTILE_IRQ_EARLY] = "irq-early",
	[HOSTILE_IRQ_LOST] = "irq-lost",
	[HOSTILE_IRQ_LATE] = "irq-late",
	[HOSTILE_IRQ_DOUBLE] = "irq-double",
	[HOSTILE_CONFIG] = "config",
	[HOSTILE_ENTROPY] = "entropy",
};

const char *hostile_kind_name(enum hostile_kind kind)
{
	return kind_names[kind];
}

int hostile_find_kind(const char *name, size_t len)
{
	for (int i = 0; i < HOSTILE_KINDS; i++)
		if (strlen(kind_names[i]) == len && !memcmp(kind_names[i], name, len))
			return i;
	return -1;
}

/* Of one kind of lie in one place: far from every other, also where seeds and places are small numbers. */
static uint64_t stream_of(const struct hostile *h, uint32_t device, uint32_t place)
{
	uint64_t mix = (uint64_t)device << 32 | place, state;

	state = h->seed ^ splitmix64(&mix);
	return splitmix64(&state);
}

bool hostile_tempted(struct hostile *h, enum hostile_kind kind, uint64_t *stream, uint64_t *value)
{
	if (!(h->kinds & 1u << kind))
		return false;
	h->count[kind].occasions++;
	*value = splitmix64(stream);
	if (*value % h->rate)
		return false;
	*value = splitmix64(stream);
	h->count[kind].lies++;
	return true;
}

void hostile_told(
	struct hostile_device *d, const struct hostile_queue *hq, enum hostile_kind kind, const char *format, ...)
{
	char who[64] = "", what[80], text[200];
	va_list args;

	if (!d->h->report)
		return;
	if (hq)
		snprintf(who, sizeof(who), " queue %u chain %" PRIu64, hq->q->index, hq->chains);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s%s: %s: %s", d->real_class->name, who, kind_names[kind], what);
	d->h->report(d->h, text);
}

void hostile_init(struct hostile *h, uint64_t seed, uint32_t rate, uint32_t kinds)
{
	*h = (struct hostile){ .seed = seed, .rate = rate, .kinds = kinds };
}

static struct hostile_device *device_of(const struct virtio *v)
{
	return container_of(v->transport, struct hostile_device, transport);
}

static void late_interrupt(struct loop_timer *timer)
{
	struct hostile_queue *hq = container_of(timer, struct hostile_queue, late);

	if (virtio_running(hq->d->v))
		hq->d->real_transport->notify_queue(hq->d->v, hq->q);
}

/* In 2^0 to 2^steps-1 ms, unless one is on its way already. */
static uint64_t interrupt_later(struct hostile_queue *hq, uint64_t value, unsigned int steps)
{
	struct loop *loop = hq->d->v->loop;
	uint64_t ms = 1ULL << value % steps;

	if (!hq->late.armed)
		loop_timer_set(loop, &hq->late, loop->clock->monotonic_ns(loop->clock) + ms * MS);
	return ms;
}

static void hostile_notify_queue(struct virtio *v, struct virtq *q)
{
	struct hostile_device *d = device_of(v);
	struct hostile_queue *hq = &d->queue[q->index];
	uint64_t value;

	if (hostile_tempted(d->h, HOSTILE_IRQ_LOST, &hq->stream[HOSTILE_IRQ_LOST], &value)) {
		hostile_told(d, hq, HOSTILE_IRQ_LOST, "not interrupted");
		return;
	}
	if (hostile_tempted(d->h, HOSTILE_IRQ_LATE, &hq->stream[HOSTILE_IRQ_LATE], &value)) {
		hostile_told(d, hq, HOSTILE_IRQ_LATE, "interrupted in %" PRIu64 " ms", interrupt_later(hq, value, 10));
		return;
	}
	d->real_transport->notify_queue(v, q);
	if (hostile_tempted(d->h, HOSTILE_IRQ_DOUBLE, &hq->stream[HOSTILE_IRQ_DOUBLE], &value))
		hostile_told(d, hq, HOSTILE_IRQ_DOUBLE, "once more in %" PRIu64 " ms", interrupt_later(hq, value, 4));
}

static void hostile_notify_config(struct virtio *v)
{
	struct hostile_device *d = device_of(v);
	uint64_t value;

	if (hostile_tempted(d->h, HOSTILE_IRQ_LOST, &d->config_irq_stream, &value))
		hostile_told(d, NULL, HOSTILE_IRQ_LOST, "no interrupt for a change of configuration");
	else
		d->real_transport->notify_config(v);
}

/* Whoever interrupts past us would do so honestly. */
static int hostile_call_fd(struct virtio *v, struct virtq *q)
{
	(void)v;
	(void)q;
	return -1;
}

static void cancel_interrupts(struct hostile_device *d)
{
	for (uint16_t i = 0; i < d->real_class->queue_count; i++) {
		loop_timer_cancel(d->v->loop, &d->queue[i].late);
		d->queue[i].chains = 0;
	}
}

static void hostile_reset(struct virtio *v)
{
	struct hostile_device *d = device_of(v);

	cancel_interrupts(d);
	d->real_transport->reset(v);
}

/*
 * As if the configuration had been another one at this read, and back when it was over: the generation tells whoever looks at
 * it (virtio 2.5.3), the interrupt whoever does not. A field of at most 32 bits is read at once, and believed.
 */
static void hostile_get_config(struct virtio *v, void *config)
{
	struct hostile_device *d = device_of(v);
	uint8_t *byte = config;
	uint64_t value;

	d->real_class->get_config(v, config);
	if (!hostile_tempted(d->h, HOSTILE_CONFIG, &d->config_stream, &value))
		return;
	for (uint16_t i = 0; i < d->real_class->config_size; i++)
		byte[i] ^= (uint8_t)(value >> 8 * (i % 8));
	virtio_notify_config(v);
	hostile_told(d, NULL, HOSTILE_CONFIG, "read with 0x%016" PRIx64 " on top, generation now %" PRIu32, value,
		v->config_generation);
}

static bool attach_queue(struct hostile_device *d, uint16_t index)
{
	struct hostile_queue *hq = &d->queue[index];
	struct virtq *q = &d->v->queue[index];

	*hq = (struct hostile_queue){
		.disguise = { .ring = hostile_ring },
		.d = d,
		.q = q,
		.late = { .expired = late_interrupt },
	};
	for (uint32_t kind = 0; kind < HOSTILE_KINDS; kind++)
		hq->stream[kind] = stream_of(d->h, d->h->devices, (index + 1u) * HOSTILE_KINDS + kind);
	if (d->real_class->device_id == VIRTIO_ID_BLOCK) {
		hq->status = calloc(q->size_max, sizeof(*hq->status));
		if (!hq->status)
			return false;
	}
	q->disguise = &hq->disguise;
	return true;
}

/* All but where it stands in for the device's own, which is done when nothing can fail any more. */
static bool attach_queues(struct hostile_device *d)
{
	for (uint16_t i = 0; i < d->real_class->queue_count; i++)
		if (!attach_queue(d, i))
			return false;
	return true;
}

static void put_in_place(struct hostile_device *d)
{
	d->transport = *d->real_transport;
	d->transport.notify_queue = hostile_notify_queue;
	d->transport.notify_config = hostile_notify_config;
	d->transport.call_fd = hostile_call_fd;
	d->transport.reset = hostile_reset;
	d->v->transport = &d->transport;
	d->class = *d->real_class;
	if (d->class.get_config)
		d->class.get_config = hostile_get_config;
	d->v->class = &d->class;
}

struct hostile_device *hostile_attach(struct hostile *h, struct virtio *v)
{
	struct hostile_device *d = calloc(1, sizeof(*d) + v->class->queue_count * sizeof(d->queue[0]));

	if (!d)
		return NULL;
	d->h = h;
	d->v = v;
	d->real_class = v->class;
	d->real_transport = v->transport;
	d->config_stream = stream_of(h, h->devices, HOSTILE_CONFIG);
	d->config_irq_stream = stream_of(h, h->devices, HOSTILE_IRQ_LOST);
	if (!attach_queues(d)) {
		hostile_detach(d);
		return NULL;
	}
	put_in_place(d);
	h->devices++;
	return d;
}

void hostile_detach(struct hostile_device *d)
{
	if (!d)
		return;
	cancel_interrupts(d);
	d->v->class = d->real_class;
	d->v->transport = d->real_transport;
	for (uint16_t i = 0; i < d->real_class->queue_count; i++) {
		d->v->queue[i].disguise = NULL;
		free(d->queue[i].status);
	}
	free(d);
}

static ssize_t hostile_fill(struct entropy *e, const struct iovec *iov, int count)
{
	struct hostile *h = container_of(e, struct hostile, entropy);
	struct iovec part = iov[0];
	char text[80];
	uint64_t value;

	/* The buffers may start with an empty one; a lie about that one is no lie. */
	if (!part.iov_len || !hostile_tempted(h, HOSTILE_ENTROPY, &h->entropy_stream, &value))
		return h->source->fill(h->source, iov, count);
	part.iov_len = 1 + (value >> 1) % part.iov_len;
	if (value & 1)
		snprintf(text, sizeof(text), "entropy: none now");
	else
		snprintf(text, sizeof(text), "entropy: %zu bytes at most", part.iov_len);
	if (h->report)
		h->report(h, text);
	return value & 1 ? -EAGAIN : h->source->fill(h->source, &part, 1);
}

struct entropy *hostile_entropy(struct hostile *h, struct entropy *source)
{
	h->source = source;
	h->entropy = (struct entropy){ .fill = hostile_fill, .fd = source->fd, .file = -1 };
	h->entropy_stream = stream_of(h, h->devices, HOSTILE_ENTROPY);
	return &h->entropy;
}

void hostile_print(const struct hostile *h, FILE *file)
{
	fprintf(file, "%12s  %12s  lie\n", "told", "occasions");
	for (int i = 0; i < HOSTILE_KINDS; i++)
		if (h->kinds & 1u << i)
			fprintf(file, "%12" PRIu64 "  %12" PRIu64 "  %s\n", h->count[i].lies, h->count[i].occasions,
				kind_names[i]);
}
