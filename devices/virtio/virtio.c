/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status machine, features, configuration space and messages of a virtio device. Kicks are in virtio_kick.c.
 */
#include "virtio.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "virtio_kick.h"

/* What the core gives to every device, and whether it is offered unless the owner says otherwise. */
static const struct core_feature {
	const char *name;
	uint8_t bit;
	bool on;
} core_features[] = {
	{ "indirect_desc", VIRTIO_RING_F_INDIRECT_DESC, true },
	{ "event_idx", VIRTIO_RING_F_EVENT_IDX, true },
	{ "version_1", VIRTIO_F_VERSION_1, true },
	/* Addresses are physical either way: there is no IOMMU in front of the device. */
	{ "access_platform", VIRTIO_F_ACCESS_PLATFORM, false },
	{ "ring_packed", VIRTIO_F_RING_PACKED, false },
	/* Off: a slow request holds up every later one. */
	{ "in_order", VIRTIO_F_IN_ORDER, false },
	/* The barriers are those of real hardware anyway. */
	{ "order_platform", VIRTIO_F_ORDER_PLATFORM, false },
	/* Off: the value of a kick varies, so no doorbell matches it and every kick is an exit. */
	{ "notification_data", VIRTIO_F_NOTIFICATION_DATA, false },
	{ "ring_reset", VIRTIO_F_RING_RESET, false },
};

int virtio_feature_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(core_features); i++)
		if (!strcmp(core_features[i].name, name))
			return core_features[i].bit;
	return -1;
}

const char *virtio_feature_name(unsigned int bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(core_features); i++)
		if (core_features[i].bit == bit)
			return core_features[i].name;
	return NULL;
}

int virtio_init(struct virtio *v, const struct virtio_class *class, struct loop *loop, const struct mem *mem)
{
	assert(class->queue_notify && class->config_size <= VIRTIO_CONFIG_MAX);
	*v = (struct virtio){ .class = class, .loop = loop, .mem = mem };
	v->queue = calloc(class->queue_count, sizeof(*v->queue));
	v->kick = calloc(class->queue_count, sizeof(*v->kick));
	if (!v->queue || !v->kick)
		goto fail;
	for (uint16_t i = 0; i < class->queue_count; i++) {
		if (virtq_init(&v->queue[i], mem, i, class->queue_size) < 0)
			goto fail;
		kick_init(&v->kick[i], v, &v->queue[i]);
	}
	return 0;
fail:
	virtio_destroy(v);
	return -ENOMEM;
}

void virtio_destroy(struct virtio *v)
{
	for (uint16_t i = 0; v->queue && v->kick && i < v->class->queue_count; i++) {
		kick_destroy(&v->kick[i]);
		virtq_destroy(&v->queue[i]);
	}
	free(v->queue);
	free(v->kick);
	v->queue = NULL;
	v->kick = NULL;
}

void virtio_attach(struct virtio *v, const struct virtio_transport *transport, void *transport_state)
{
	v->transport = transport;
	v->transport_state = transport_state;
}

static uint64_t offered_features(struct virtio *v)
{
	uint64_t features = v->class->get_features ? v->class->get_features(v) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(core_features); i++)
		if (core_features[i].on || v->features_on & VIRTIO_FEATURE(core_features[i].bit))
			features |= VIRTIO_FEATURE(core_features[i].bit);
	/* Whoever takes the kicks instead of the core takes them for all queues at once. */
	if (v->class->start_ioeventfd)
		features &= ~VIRTIO_FEATURE(VIRTIO_F_RING_RESET);
	return features & ~v->features_off;
}

uint32_t virtio_device_features(struct virtio *v, uint32_t word)
{
	/* Not masked to one bit: words 2 and 3 are feature bits 64 to 127, which are not an alias of 0 to 63. */
	return word < 2 ? (uint32_t)(offered_features(v) >> (32 * word)) : 0;
}

void virtio_set_driver_features(struct virtio *v, uint32_t word, uint32_t value)
{
	/* Linux 6.17 and later write words 2 and 3 too, as 0. */
	if (word >= 2 || v->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED))
		return;
	v->driver_features &= ~(0xffffffffULL << (32 * word));
	v->driver_features |= (uint64_t)value << (32 * word);
}

const char *virtio_check_features(struct virtio *v)
{
	if (v->driver_features & ~offered_features(v))
		return "the driver accepted features that were not offered";
	/* virtio 6.1: a device may fail to operate further without it; we have no legacy interface. */
	if (!virtio_has_feature(v, VIRTIO_F_VERSION_1))
		return "the driver did not accept VIRTIO_F_VERSION_1";
	return v->class->check_features ? v->class->check_features(v, v->driver_features) : NULL;
}

/* virtio 2.2.2: features that cannot be served fail negotiation by FEATURES_OK staying clear. */
static bool enter_features_ok(struct virtio *v)
{
	const char *why = virtio_check_features(v);

	if (why) {
		virtio_warn(v, NULL, why);
		return false;
	}
	if (v->class->set_features)
		v->class->set_features(v, v->driver_features);
	return true;
}

static void cannot_start(struct virtio *v, int error)
{
	char why[80];

	snprintf(why, sizeof(why), "cannot start: %s", strerror(error));
	virtio_fail(v, why);
}

static bool enter_driver_ok(struct virtio *v)
{
	int ret = 0;

	/* First, so that the hooks and the first turn see a running device. */
	v->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	if (v->class->start)
		ret = v->class->start(v);
	if (ret < 0)
		cannot_start(v, -ret);
	virtio_resume(v);
	return true;
}

/* The steps of virtio 3.1.1, in order: each only on top of all those before it. */
static const struct status_step {
	uint8_t bit, after;
	bool (*enter)(struct virtio *v); /* false: refused, the bit stays clear */
} status_steps[] = {
	{ VIRTIO_CONFIG_S_ACKNOWLEDGE, 0, NULL },
	{ VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_ACKNOWLEDGE, NULL },
	{ VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_DRIVER, enter_features_ok },
	{ VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FEATURES_OK, enter_driver_ok },
};

void virtio_pause(struct virtio *v)
{
	if (v->class->stop_ioeventfd)
		v->class->stop_ioeventfd(v);
	else
		virtio_stop_ioeventfd(v);
	if (v->class->drain)
		v->class->drain(v);
}

void virtio_resume(struct virtio *v)
{
	int ret;

	if (!virtio_running(v))
		return;
	ret = v->class->start_ioeventfd ? v->class->start_ioeventfd(v) : virtio_start_ioeventfd(v);
	if (ret < 0)
		cannot_start(v, -ret);
}

void virtio_hold(struct virtio *v, bool hold)
{
	if (v->held == hold)
		return;
	/* Before the hold: what is in flight ends as it would have, in the ring and with an interrupt. */
	if (hold)
		virtio_pause(v);
	v->held = hold;
	if (!hold)
		virtio_resume(v);
}

static void reset(struct virtio *v)
{
	/* The status first: a kick still in an eventfd belongs to the life that ends here, and is not served. */
	v->status = 0;
	virtio_pause(v);
	if (v->class->reset)
		v->class->reset(v);
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		virtq_reset(&v->queue[i]);
	v->driver_features = 0;
	v->reported = false;
	if (v->transport)
		v->transport->reset(v);
}

void virtio_set_status(struct virtio *v, uint8_t status)
{
	const uint8_t needs_reset =
		VIRTIO_CONFIG_S_NEEDS_RESET; /* the device's own: the driver neither sets nor clears it */

	if (!status) {
		reset(v);
		return;
	}
	/* virtio 2.1.1: "The driver MUST NOT clear a device status bit." */
	if (v->status & ~needs_reset & ~status)
		return;
	if (status & VIRTIO_CONFIG_S_FAILED)
		v->status |= VIRTIO_CONFIG_S_FAILED;
	if (v->status & VIRTIO_CONFIG_S_FAILED)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(status_steps); i++) {
		const struct status_step *step = &status_steps[i];

		if (!(status & step->bit) || v->status & step->bit)
			continue;
		if ((v->status & step->after) != step->after || (step->enter && !step->enter(v)))
			return;
		v->status |= step->bit;
	}
}

struct virtq *virtio_queue(struct virtio *v, uint32_t index)
{
	return index < v->class->queue_count ? &v->queue[index] : NULL;
}

bool virtio_queue_open(const struct virtio *v, const struct virtq *q)
{
	/* Features decide the layout of the ring, so they come first (virtio 3.1.1, step 7). */
	uint8_t settled = VIRTIO_CONFIG_S_FEATURES_OK;

	if (virtio_has_feature(v, VIRTIO_F_RING_RESET))
		settled |= v->status & VIRTIO_CONFIG_S_DRIVER_OK;
	return !q->ready && (v->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
						 VIRTIO_CONFIG_S_FAILED)) == settled;
}

/* It was made ready. DRIVER_OK may have been long ago, and starts it no more. */
static void queue_runs(struct virtio *v, const struct virtq *q)
{
	if (!virtio_running(v))
		return;
	if (kick_start(&v->kick[q->index]) < 0)
		virtio_fail(v, "no eventfd for a queue that was enabled again");
	kick_signal(&v->kick[q->index]);
}

void virtio_queue_enable(struct virtio *v, struct virtq *q)
{
	const char *why;

	if (!virtio_queue_open(v, q))
		return;
	why = virtq_start(q, v->driver_features);
	if (why)
		virtio_warn(v, q, why);
	else
		queue_runs(v, q);
}

const char *virtio_queue_enable_at(struct virtio *v, struct virtq *q, uint16_t avail, uint16_t used)
{
	const char *why = virtq_start_at(q, v->driver_features, avail, used);

	if (!why)
		queue_runs(v, q);
	return why;
}

void virtio_queue_disable(struct virtio *v, struct virtq *q)
{
	if (!q->ready)
		return;
	/* A kick that is still there is for requests that the driver gives up with the queue. */
	(void)kick_stop(&v->kick[q->index]);
	if (v->class->queue_reset)
		v->class->queue_reset(v, q);
	virtq_stop(q);
}

void virtio_queue_reset(struct virtio *v, struct virtq *q)
{
	if (!virtio_has_feature(v, VIRTIO_F_RING_RESET) || !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	virtio_queue_disable(v, q);
	virtq_reset(q);
}

void virtio_notifier_mask(struct virtio *v, struct virtq *q, bool mask)
{
	if (v->class->notifier_mask)
		v->class->notifier_mask(v, q, mask);
}

bool virtio_notifier_pending(struct virtio *v, struct virtq *q)
{
	return v->class->notifier_pending && v->class->notifier_pending(v, q);
}

static bool config_has(const struct virtio *v, uint64_t offset, unsigned int size)
{
	return size <= v->class->config_size && offset <= v->class->config_size - size;
}

void virtio_config_read(struct virtio *v, uint64_t offset, void *buf, unsigned int size)
{
	uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };

	memset(buf, 0, size);
	if (!v->class->get_config || !config_has(v, offset, size))
		return;
	v->class->get_config(v, config);
	memcpy(buf, config + offset, size);
}

void virtio_config_write(struct virtio *v, uint64_t offset, const void *buf, unsigned int size)
{
	uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };

	if (!v->class->set_config || !config_has(v, offset, size))
		return;
	if (v->class->get_config)
		v->class->get_config(v, config);
	memcpy(config + offset, buf, size);
	v->class->set_config(v, config, (uint32_t)offset, size);
}

void virtio_changed(struct virtio *v)
{
	if (v->transport && v->transport->changed)
		v->transport->changed(v);
}

void virtio_notify_config(struct virtio *v)
{
	v->config_generation++;
	virtio_changed(v);
	/* virtio 2.1.2: no notification before DRIVER_OK. */
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK && v->transport)
		v->transport->notify_config(v);
}

void virtio_warn(struct virtio *v, const struct virtq *q, const char *why)
{
	char text[160];

	/* A guest that errs once can err a million times a second. */
	if (v->reported || !v->report)
		return;
	v->reported = true;
	if (q) {
		snprintf(text, sizeof(text), "queue %u: %s", q->index, why);
		why = text;
	}
	v->report(v, why);
}

void virtio_fail(struct virtio *v, const char *why)
{
	virtio_warn(v, NULL, why);
	if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_notify_config(v);
}
