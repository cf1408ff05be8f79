/* SPDX-License-Identifier: Apache-2.0 */
/* The part of driver.h that no ring and no transport is special to, and the access path inside this process. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

void driver_init(struct driver *d, const struct driver_access *access, void *opaque,
	const struct driver_transport *transport, gpa_t base, gpa_t arena, uint64_t size)
{
	memset(d, 0, sizeof(*d));
	d->access = access;
	d->access_opaque = opaque;
	d->transport = transport;
	d->base = base;
	d->arena_start = d->arena = arena;
	d->arena_end = arena + size;
}

gpa_t driver_alloc(struct driver *d, uint64_t size, uint64_t align)
{
	static const uint8_t zero[4096];
	gpa_t addr = ALIGN_UP(d->arena, align);

	if (size > d->arena_end - addr) {
		printf("Bail out! driver: out of guest memory\n");
		exit(1);
	}
	d->arena = addr + size;
	for (uint64_t done = 0, n; done < size; done += n) {
		n = size - done < sizeof(zero) ? size - done : sizeof(zero);
		driver_write(d, addr + done, zero, n);
	}
	return addr;
}

void driver_read(struct driver *d, gpa_t addr, void *dst, size_t len)
{
	d->access->mem_read(d->access_opaque, addr, dst, len);
}

void driver_write(struct driver *d, gpa_t addr, const void *src, size_t len)
{
	d->access->mem_write(d->access_opaque, addr, src, len);
}

uint16_t driver_read16(struct driver *d, gpa_t addr)
{
	uint16_t value;

	driver_read(d, addr, &value, sizeof(value));
	return value;
}

void driver_write16(struct driver *d, gpa_t addr, uint16_t value)
{
	driver_write(d, addr, &value, sizeof(value));
}

uint8_t driver_status(struct driver *d)
{
	return d->transport->get_status(d);
}

void driver_set_status(struct driver *d, uint8_t status)
{
	d->transport->set_status(d, status);
}

static void add_status(struct driver *d, uint8_t bit)
{
	driver_set_status(d, driver_status(d) | bit);
}

uint64_t driver_offered(struct driver *d)
{
	return d->transport->get_features(d, 0) | (uint64_t)d->transport->get_features(d, 1) << 32;
}

void driver_reset(struct driver *d)
{
	driver_set_status(d, 0);
	d->features = 0;
	d->arena = d->arena_start;
	memset(d->queue, 0, sizeof(d->queue));
}

bool driver_negotiate(struct driver *d, uint64_t wanted)
{
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	d->features = driver_offered(d) & (wanted | DRIVER_F(VIRTIO_F_VERSION_1));
	/* Four words as Linux 6.17 writes them, the upper two 0. */
	for (uint32_t word = 0; word < 4; word++)
		d->transport->set_features(d, word, word < 2 ? (uint32_t)(d->features >> (32 * word)) : 0);
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	return driver_status(d) & VIRTIO_CONFIG_S_FEATURES_OK;
}

struct driver_queue *driver_queue_setup(struct driver *d, uint16_t index, uint16_t size)
{
	struct driver_queue *q = &d->queue[index];
	uint32_t max = d->transport->queue_max(d, index);

	memset(q, 0, sizeof(*q));
	if (!max)
		return NULL;
	q->d = d;
	q->index = index;
	q->size = size ? size : (uint16_t)(max < DRIVER_MAX_SIZE ? max : DRIVER_MAX_SIZE);
	q->event_idx = d->features & DRIVER_F(VIRTIO_RING_F_EVENT_IDX);
	q->indirect = d->features & DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC);
	q->in_order = d->features & DRIVER_F(VIRTIO_F_IN_ORDER);
	q->ring = d->features & DRIVER_F(VIRTIO_F_RING_PACKED) ? &driver_packed : &driver_split;
	q->ring->setup(q);
	for (uint16_t i = 0; i < q->size; i++)
		q->next[i] = (uint16_t)(i + 1);
	q->free_count = q->size;
	return d->transport->queue_enable(d, q) ? q : NULL;
}

void driver_ok(struct driver *d)
{
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

struct driver_queue *driver_start(struct driver *d, uint64_t wanted, uint16_t size)
{
	struct driver_queue *q;

	driver_reset(d);
	if (!driver_negotiate(d, wanted))
		return NULL;
	q = driver_queue_setup(d, 0, size);
	driver_ok(d);
	return q;
}

int driver_add(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count)
{
	return q->ring->add(q, bufs, count);
}

void driver_notify(struct driver_queue *q)
{
	uint32_t value = q->index;

	if (q->d->features & DRIVER_F(38)) /* VIRTIO_F_NOTIFICATION_DATA */
		value |= (uint32_t)q->ring->position(q) << 16;
	q->kicks++;
	q->d->transport->notify(q->d, value);
}

bool driver_kick(struct driver_queue *q)
{
	bool wanted = q->ring->wants_kick(q);

	q->added = 0;
	if (wanted)
		driver_notify(q);
	return wanted;
}

bool driver_take_used(struct driver_queue *q, uint16_t *head, uint32_t *len)
{
	return q->ring->take_used(q, head, len);
}

void driver_interrupts(struct driver_queue *q, bool on)
{
	q->no_interrupts = !on;
	q->ring->interrupts(q, on);
	/* The wish is visible before the ring is looked at again. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool driver_wait_used(struct driver_queue *q, uint16_t *head, uint32_t *len)
{
	driver_kick(q);
	q->d->access->step(q->d->access_opaque);
	return driver_take_used(q, head, len);
}

static uint64_t local_read(void *opaque, uint64_t addr, unsigned int size)
{
	struct driver_local *local = opaque;
	uint64_t value;

	bus_read(local->bus, addr, size, &value);
	return value;
}

static void local_write(void *opaque, uint64_t addr, unsigned int size, uint64_t value)
{
	struct driver_local *local = opaque;

	bus_write(local->bus, addr, size, value);
}

static void local_memory(const struct driver_local *local, uint64_t addr, void *dst, const void *src, size_t len)
{
	bool ok = dst ? mem_read(local->mem, addr, dst, len) : mem_write(local->mem, addr, src, len);

	if (ok)
		return;
	printf("Bail out! driver: 0x%llx is not guest memory\n", (unsigned long long)addr);
	exit(1);
}

static void local_mem_read(void *opaque, uint64_t addr, void *dst, size_t len)
{
	local_memory(opaque, addr, dst, NULL, len);
}

static void local_mem_write(void *opaque, uint64_t addr, const void *src, size_t len)
{
	local_memory(opaque, addr, NULL, src, len);
}

/* A device that never comes to rest is a failure of its test, not an endless one. */
static int local_step(void *opaque)
{
	struct driver_local *local = opaque;
	int total = 0;

	for (int turn = 0; turn < 1000; turn++) {
		int served = loop_run_once(local->loop, 0);

		if (served <= 0)
			return total;
		total += served;
	}
	printf("Bail out! driver: the device does not come to rest\n");
	exit(1);
}

const struct driver_access driver_local_access = {
	.read = local_read,
	.write = local_write,
	.mem_read = local_mem_read,
	.mem_write = local_mem_write,
	.step = local_step,
};
