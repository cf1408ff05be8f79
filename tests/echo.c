/* SPDX-License-Identifier: Apache-2.0 */
/* What echo.h promises. */
#include "echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

uint64_t echo_features(unsigned int combination)
{
	static const unsigned int bits[] = {
		VIRTIO_F_RING_PACKED,
		VIRTIO_RING_F_EVENT_IDX,
		VIRTIO_RING_F_INDIRECT_DESC,
		VIRTIO_F_IN_ORDER,
		VIRTIO_F_NOTIFICATION_DATA,
	};
	uint64_t features = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (combination >> i & 1)
			features |= DRIVER_F(bits[i]);
	return features;
}

static struct echo *to_echo(struct virtio *v)
{
	return container_of(v, struct echo, v);
}

static void echo_get_config(struct virtio *v, void *config)
{
	memcpy(config, to_echo(v)->config, ECHO_CONFIG);
}

static void echo_set_config(struct virtio *v, const void *config, uint32_t offset, unsigned int size)
{
	(void)offset;
	(void)size;
	memcpy(to_echo(v)->config, config, ECHO_CONFIG);
}

static const char *echo_check_features(struct virtio *v, uint64_t features)
{
	(void)features;
	return to_echo(v)->refuse_features;
}

static int echo_start(struct virtio *v)
{
	return to_echo(v)->start_error;
}

static void answer(struct virtq *q, struct chain *chain)
{
	uint8_t buf[64];
	size_t n;

	while ((n = chain_read(chain, buf, sizeof(buf))))
		if (chain_write(chain, buf, n) < n)
			break;
	virtq_push(q, chain);
}

static void echo_queue_notify(struct virtio *v, struct virtq *q)
{
	struct echo *e = to_echo(v);

	e->notified++;
	/* A slot is free for every request there can be: never more in flight than the ring has entries. */
	while (virtq_pop(q, &e->chain[e->held])) {
		e->chains++;
		e->chain_queue[e->held] = q;
		if (!e->hold)
			answer(q, &e->chain[e->held]);
		else if (++e->held == ECHO_QUEUE_SIZE)
			return;
	}
}

static void echo_reset(struct virtio *v)
{
	to_echo(v)->resets++;
}

static void echo_report(struct virtio *v, const char *text)
{
	struct echo *e = to_echo(v);

	e->reports++;
	snprintf(e->said, sizeof(e->said), "%s", text);
}

static const struct virtio_class echo_class = {
	.name = "echo",
	.device_id = 4095,
	.queue_count = ECHO_QUEUES,
	.queue_size = ECHO_QUEUE_SIZE,
	.config_size = ECHO_CONFIG,
	.get_config = echo_get_config,
	.set_config = echo_set_config,
	.check_features = echo_check_features,
	.start = echo_start,
	.reset = echo_reset,
	.queue_notify = echo_queue_notify,
};

void echo_init(struct echo *e)
{
	memset(e, 0, sizeof(*e));
	rig_init(&e->rig);
	if (virtio_init(&e->v, &echo_class, &e->rig.loop, &e->rig.mem) < 0) {
		printf("Bail out! echo: cannot be set up\n");
		exit(1);
	}
	e->v.report = echo_report;
	e->v.features_on = UINT64_MAX;
	for (unsigned int i = 0; i < ECHO_CONFIG; i++)
		e->config[i] = (uint8_t)(0xa0 + i);
	plug_in(&e->plug, &e->v, &e->rig, &e->d);
}

void echo_destroy(struct echo *e)
{
	plug_out(&e->plug);
	virtio_destroy(&e->v);
	rig_destroy(&e->rig);
}

void echo_complete(struct echo *e, unsigned int i)
{
	struct virtq *q = e->chain_queue[i];

	answer(q, &e->chain[i]);
	e->held--;
	/* chain holds pointers into itself, so the others stay where they are; a test names them by their first place. */
	virtio_notify_queue(&e->v, q);
}

bool echo_works(struct echo *e, struct driver_queue *q)
{
	static const char text[24] = "twenty-four bytes to go";
	gpa_t buf = driver_alloc(&e->d, 64, 1);
	const struct driver_buf bufs[] = { { buf, sizeof(text), false }, { buf + 32, 32, true } };
	char got[sizeof(text)];
	uint16_t head;
	uint32_t len;
	int added;

	if (!q)
		return false;
	driver_write(&e->d, buf, text, sizeof(text));
	added = driver_add(q, bufs, ARRAY_SIZE(bufs));
	if (added < 0 || !driver_wait_used(q, &head, &len))
		return false;
	driver_read(&e->d, buf + 32, got, sizeof(got));
	/* And at rest: nothing is left for the loop to do. */
	return head == added && len == sizeof(text) && !memcmp(got, text, sizeof(text)) && !rig_run(&e->rig);
}

bool echo_works_after_reset(struct echo *e)
{
	uint64_t features = e->d.features;

	e->held = 0;
	e->hold = false;
	return echo_works(e, driver_start(&e->d, features, 0));
}
