/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading what every virtio device has. A loaded status has to be one that a driver can reach, loaded features
 * pass what negotiation checks, a loaded queue becomes ready the way a driver makes it ready.
 */
#include <string.h>

#include <linux/virtio_config.h>

#include "virtio.h"

#define VERSION 1

/* Each step implies all before it (virtio 3.1.1); FAILED and DEVICE_NEEDS_RESET go with any of them. */
static bool status_can_be(uint8_t status)
{
	static const uint8_t steps[] = {
		0,
		VIRTIO_CONFIG_S_ACKNOWLEDGE,
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER,
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK,
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			VIRTIO_CONFIG_S_DRIVER_OK,
	};

	status &= (uint8_t) ~(VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (status == steps[i])
			return true;
	return false;
}

/* The checks and the hook that a driver's FEATURES_OK has. */
static void load_features(struct virtio *v, struct state *s)
{
	const char *why;

	if (state_failed(s))
		return;
	if (!status_can_be(v->status)) {
		state_fail(s, "no driver can have brought it into this status");
		return;
	}
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	why = virtio_check_features(v);
	if (why)
		state_fail(s, why);
	else if (v->class->set_features)
		v->class->set_features(v, v->driver_features);
}

static void check_queue(const struct virtio *v, const struct virtq *q, struct state *s)
{
	if (q->size > q->size_max)
		state_fail(s, "a queue is larger than the device allows");
	if (q->ready && !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		state_fail(s, "a queue is ready before its features are known");
}

static void start_loaded(struct virtio *v, struct state *s)
{
	int ret;

	if (state_failed(s) || !virtio_started(v) || !v->class->start)
		return;
	ret = v->class->start(v);
	if (ret < 0)
		state_fail(s, strerror(-ret));
}

static void queue_state(struct virtio *v, struct virtq *q, struct state *s)
{
	if (!state_loading(s)) {
		/* The driver hears of what was used before the snapshot, not after it. */
		virtio_notify_queue(v, q);
		/* One that waits for its reset loses them anyway. */
		if (virtio_running(v) && q->in_flight_count)
			state_fail(s, "requests are in flight");
	}
	virtq_state(q, s, v->driver_features);
	if (state_loading(s))
		check_queue(v, q, s);
}

void virtio_state(struct virtio *v, struct state *s)
{
	if (state_loading(s))
		virtio_set_status(v, 0);
	state_section(s, v->class->name, VERSION);
	state_u8(s, &v->status);
	state_u64(s, &v->driver_features);
	state_u32(s, &v->config_generation);
	if (state_loading(s))
		load_features(v, s);
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		queue_state(v, &v->queue[i], s);
	if (v->transport)
		v->transport->state(v, s);
	if (v->class->state)
		v->class->state(v, s);
	if (!state_loading(s))
		return;
	start_loaded(v, s);
	/* Half a state is none. */
	if (state_failed(s))
		virtio_set_status(v, 0);
	virtio_changed(v);
}
