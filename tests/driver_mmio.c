/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of virtio-mmio (virtio 4.2.3). */
#include <linux/virtio_mmio.h>

#include "driver.h"

static uint32_t reg_read(struct driver *d, uint32_t offset)
{
	return (uint32_t)d->access->read(d->access_opaque, d->base + offset, 4);
}

static void reg_write(struct driver *d, uint32_t offset, uint32_t value)
{
	d->access->write(d->access_opaque, d->base + offset, 4, value);
}

static void write_addr(struct driver *d, uint32_t low, gpa_t addr)
{
	reg_write(d, low, (uint32_t)addr);
	reg_write(d, low + 4, (uint32_t)(addr >> 32));
}

static uint8_t mmio_get_status(struct driver *d)
{
	return (uint8_t)reg_read(d, VIRTIO_MMIO_STATUS);
}

static void mmio_set_status(struct driver *d, uint8_t status)
{
	reg_write(d, VIRTIO_MMIO_STATUS, status);
}

static uint64_t mmio_get_features(struct driver *d)
{
	uint64_t features = 0;

	for (uint32_t word = 0; word < 2; word++) {
		reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
		features |= (uint64_t)reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << (32 * word);
	}
	return features;
}

/* Four words as Linux 6.17 writes them, the upper two 0. */
static void mmio_set_features(struct driver *d, uint64_t features)
{
	for (uint32_t word = 0; word < 4; word++) {
		reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, word < 2 ? (uint32_t)(features >> (32 * word)) : 0);
	}
}

static uint32_t mmio_queue_max(struct driver *d, uint16_t index)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
	return reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static bool mmio_queue_enable(struct driver *d, const struct driver_queue *q)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, q->index);
	reg_write(d, VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_addr(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	write_addr(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	write_addr(d, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return reg_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

static void mmio_notify(struct driver *d, uint32_t value)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, value);
}

static uint32_t mmio_take_interrupt(struct driver *d)
{
	uint32_t cause = reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, cause);
	return cause;
}

static void mmio_config_read(struct driver *d, uint32_t offset, void *dst, unsigned int size)
{
	uint8_t *bytes = dst;

	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (uint8_t)d->access->read(d->access_opaque, d->base + VIRTIO_MMIO_CONFIG + offset + i, 1);
}

static void mmio_config_write(struct driver *d, uint32_t offset, const void *src, unsigned int size)
{
	const uint8_t *bytes = src;

	for (unsigned int i = 0; i < size; i++)
		d->access->write(d->access_opaque, d->base + VIRTIO_MMIO_CONFIG + offset + i, 1, bytes[i]);
}

const struct driver_transport driver_mmio = {
	.get_status = mmio_get_status,
	.set_status = mmio_set_status,
	.get_features = mmio_get_features,
	.set_features = mmio_set_features,
	.queue_max = mmio_queue_max,
	.queue_enable = mmio_queue_enable,
	.notify = mmio_notify,
	.take_interrupt = mmio_take_interrupt,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
};
