/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of virtio-mmio (virtio 4.2.3). */
#include <linux/virtio_mmio.h>

#include "driver.h"

/* Newer than the header of the oldest distribution we build on. */
#define REG_QUEUE_RESET 0x0c0

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

static uint32_t mmio_device_id(struct driver *d)
{
	return reg_read(d, VIRTIO_MMIO_DEVICE_ID);
}

static uint8_t mmio_get_status(struct driver *d)
{
	return (uint8_t)reg_read(d, VIRTIO_MMIO_STATUS);
}

static void mmio_set_status(struct driver *d, uint8_t status)
{
	reg_write(d, VIRTIO_MMIO_STATUS, status);
}

static uint32_t mmio_get_features(struct driver *d, uint32_t word)
{
	reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
	return reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void mmio_set_features(struct driver *d, uint32_t word, uint32_t value)
{
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, value);
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

static bool mmio_queue_ready(struct driver *d, uint16_t index)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
	return reg_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

static bool mmio_queue_reset(struct driver *d, uint16_t index)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
	reg_write(d, REG_QUEUE_RESET, 1);
	return !reg_read(d, REG_QUEUE_RESET);
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

static uint32_t mmio_config_generation(struct driver *d)
{
	return reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION);
}

const struct driver_transport driver_mmio = {
	.device_id = mmio_device_id,
	.get_status = mmio_get_status,
	.set_status = mmio_set_status,
	.get_features = mmio_get_features,
	.set_features = mmio_set_features,
	.queue_max = mmio_queue_max,
	.queue_enable = mmio_queue_enable,
	.queue_ready = mmio_queue_ready,
	.queue_reset = mmio_queue_reset,
	.notify = mmio_notify,
	.take_interrupt = mmio_take_interrupt,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
	.config_generation = mmio_config_generation,
};
