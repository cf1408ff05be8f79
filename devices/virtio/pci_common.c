/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the common configuration structure. Each field answers to an aligned access of its own width, a 64-bit one
 * as two halves of 32 bits (virtio 4.1.3.1); anything else reads 0 and is dropped. When a queue may be changed, what a
 * status write does and which features exist is the core's to say.
 */
#include "pci_common.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

/* virtio 4.1.4.3. Of the fields behind queue_notify_off, queue_notify_data reads 0: its feature is not offered. */
static const struct common_field {
	const char *name;
	uint8_t width;
} common_fields[] = {
	[VIRTIO_PCI_COMMON_DFSELECT] = { "device_feature_select", 4 },
	[VIRTIO_PCI_COMMON_DF] = { "device_feature", 4 },
	[VIRTIO_PCI_COMMON_GFSELECT] = { "driver_feature_select", 4 },
	[VIRTIO_PCI_COMMON_GF] = { "driver_feature", 4 },
	[VIRTIO_PCI_COMMON_MSIX] = { "config_msix_vector", 2 },
	[VIRTIO_PCI_COMMON_NUMQ] = { "num_queues", 2 },
	[VIRTIO_PCI_COMMON_STATUS] = { "device_status", 1 },
	[VIRTIO_PCI_COMMON_CFGGENERATION] = { "config_generation", 1 },
	[VIRTIO_PCI_COMMON_Q_SELECT] = { "queue_select", 2 },
	[VIRTIO_PCI_COMMON_Q_SIZE] = { "queue_size", 2 },
	[VIRTIO_PCI_COMMON_Q_MSIX] = { "queue_msix_vector", 2 },
	[VIRTIO_PCI_COMMON_Q_ENABLE] = { "queue_enable", 2 },
	[VIRTIO_PCI_COMMON_Q_NOFF] = { "queue_notify_off", 2 },
	[VIRTIO_PCI_COMMON_Q_DESCLO] = { "queue_desc", 4 },
	[VIRTIO_PCI_COMMON_Q_DESCHI] = { "queue_desc_hi", 4 },
	[VIRTIO_PCI_COMMON_Q_AVAILLO] = { "queue_driver", 4 },
	[VIRTIO_PCI_COMMON_Q_AVAILHI] = { "queue_driver_hi", 4 },
	[VIRTIO_PCI_COMMON_Q_USEDLO] = { "queue_device", 4 },
	[VIRTIO_PCI_COMMON_Q_USEDHI] = { "queue_device_hi", 4 },
	[VIRTIO_PCI_COMMON_Q_NDATA] = { "queue_notify_data", 2 },
	[VIRTIO_PCI_COMMON_Q_RESET] = { "queue_reset", 2 },
};

const char *virtio_pci_common_name(uint64_t offset)
{
	return offset < ARRAY_SIZE(common_fields) ? common_fields[offset].name : NULL;
}

static bool is_field(uint64_t offset, unsigned int size)
{
	return offset < ARRAY_SIZE(common_fields) && common_fields[offset].width == size;
}

static struct virtq *selected(struct virtio_pci *t)
{
	return virtio_queue(t->v, t->queue_sel);
}

static gpa_t *queue_area(struct virtq *q, uint64_t offset)
{
	switch (offset & ~7ULL) {
	case VIRTIO_PCI_COMMON_Q_DESCLO: return &q->desc_gpa;
	case VIRTIO_PCI_COMMON_Q_AVAILLO: return &q->avail_gpa;
	case VIRTIO_PCI_COMMON_Q_USEDLO: return &q->used_gpa;
	default: return NULL;
	}
}

static unsigned int half_shift(uint64_t offset)
{
	return offset & 4 ? 32 : 0;
}

/* Fields of the selected queue. */
static uint32_t read_queue(struct virtio_pci *t, uint64_t offset)
{
	struct virtq *q = selected(t);
	const gpa_t *area;

	if (!q)
		return offset == VIRTIO_PCI_COMMON_Q_MSIX ? VIRTIO_MSI_NO_VECTOR : 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE: return q->size;
	case VIRTIO_PCI_COMMON_Q_MSIX: return t->queue[q->index].vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE: return q->ready;
	case VIRTIO_PCI_COMMON_Q_NOFF: return q->index;
	/* A queue reset is over when the write of 1 returns, so nobody ever sees one going on. */
	case VIRTIO_PCI_COMMON_Q_RESET: return 0;
	default: break;
	}
	area = queue_area(q, offset);
	return area ? (uint32_t)(*area >> half_shift(offset)) : 0;
}

uint32_t virtio_pci_common_read(struct virtio_pci *t, uint64_t offset, unsigned int size)
{
	uint32_t sel = t->driver_features_sel;

	if (!is_field(offset, size))
		return 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT: return t->device_features_sel;
	case VIRTIO_PCI_COMMON_DF: return virtio_device_features(t->v, t->device_features_sel);
	case VIRTIO_PCI_COMMON_GFSELECT: return sel;
	case VIRTIO_PCI_COMMON_GF: return sel < 2 ? (uint32_t)(t->v->driver_features >> (32 * sel)) : 0;
	case VIRTIO_PCI_COMMON_MSIX: return t->config_vector;
	case VIRTIO_PCI_COMMON_NUMQ: return t->v->class->queue_count;
	case VIRTIO_PCI_COMMON_STATUS: return t->v->status;
	case VIRTIO_PCI_COMMON_CFGGENERATION: return (uint8_t)t->v->config_generation;
	case VIRTIO_PCI_COMMON_Q_SELECT: return t->queue_sel;
	default: return read_queue(t, offset);
	}
}

static void reset_queue(struct virtio_pci *t, struct virtq *q)
{
	if (!virtio_has_feature(t->v, VIRTIO_F_RING_RESET))
		return;
	virtio_queue_reset(t->v, q);
	/* Its vector is part of the state that goes back to its default (virtio 2.6.1). */
	virtio_pci_set_queue_vector(t, q, VIRTIO_MSI_NO_VECTOR);
}

/* The settings of a queue, which are frozen while it is enabled (R31). */
static void set_queue(struct virtio_pci *t, struct virtq *q, uint64_t offset, uint32_t value)
{
	gpa_t *area = queue_area(q, offset);

	if (!virtio_queue_open(t->v, q))
		return;
	/* 0 is refused by the start. */
	if (offset == VIRTIO_PCI_COMMON_Q_SIZE)
		q->size = value <= q->size_max ? (uint16_t)value : 0;
	if (area)
		*area = (*area & ~(0xffffffffULL << half_shift(offset))) | (uint64_t)value << half_shift(offset);
}

static void write_queue(struct virtio_pci *t, uint64_t offset, uint32_t value)
{
	struct virtq *q = selected(t);

	if (!q)
		return;
	switch (offset) {
	/* At any time: virtio does not tie it to a queue that is off. */
	case VIRTIO_PCI_COMMON_Q_MSIX: virtio_pci_set_queue_vector(t, q, value); break;
	/* virtio 4.1.4.3.2: a driver "MUST NOT write a 0"; a queue ends by a reset. */
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			virtio_queue_enable(t->v, q);
		break;
	case VIRTIO_PCI_COMMON_Q_RESET:
		if (value == 1)
			reset_queue(t, q);
		break;
	default: set_queue(t, q, offset, value); break;
	}
}

void virtio_pci_common_write(struct virtio_pci *t, uint64_t offset, unsigned int size, uint32_t value)
{
	if (!is_field(offset, size))
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT: t->device_features_sel = value; break;
	case VIRTIO_PCI_COMMON_GFSELECT: t->driver_features_sel = value; break;
	case VIRTIO_PCI_COMMON_GF: virtio_set_driver_features(t->v, t->driver_features_sel, value); break;
	case VIRTIO_PCI_COMMON_MSIX: virtio_pci_set_config_vector(t, value); break;
	case VIRTIO_PCI_COMMON_STATUS: virtio_set_status(t->v, (uint8_t)value); break;
	case VIRTIO_PCI_COMMON_Q_SELECT: t->queue_sel = (uint16_t)value; break;
	default: write_queue(t, offset, value); break;
	}
}

static void move_vector(struct virtio_pci *t, uint16_t *vector, uint32_t to)
{
	if (*vector != VIRTIO_MSI_NO_VECTOR)
		pci_msix_unuse(&t->pci, *vector);
	*vector = (uint16_t)to;
	if (*vector != VIRTIO_MSI_NO_VECTOR)
		pci_msix_use(&t->pci, *vector);
}

/* virtio 4.1.4.3.1: one that the table does not have is answered with VIRTIO_MSI_NO_VECTOR (R41). */
static uint32_t known_vector(const struct virtio_pci *t, uint32_t vector)
{
	return pci_has_vector(&t->pci, vector) ? vector : VIRTIO_MSI_NO_VECTOR;
}

void virtio_pci_set_config_vector(struct virtio_pci *t, uint32_t vector)
{
	vector = known_vector(t, vector);
	if (vector != t->config_vector)
		move_vector(t, &t->config_vector, vector);
}

static void tell_notifier(struct virtio_pci *t, struct virtq *q, bool masked)
{
	struct virtio_pci_queue *own = &t->queue[q->index];

	if (own->masked == masked)
		return;
	own->masked = masked;
	virtio_notifier_mask(t->v, q, masked);
}

void virtio_pci_mask_notifier(struct virtio_pci *t, struct virtq *q)
{
	tell_notifier(t, q, true);
}

void virtio_pci_renew_notifier(struct virtio_pci *t, struct virtq *q)
{
	uint16_t vector = t->queue[q->index].vector;

	tell_notifier(t, q, true);
	/* With MSI-X off there is nothing to mask: the interrupt goes through notify_queue and ISR. */
	if (!pci_msix_enabled(&t->pci) || vector == VIRTIO_MSI_NO_VECTOR || t->pci.msix.entry[vector].live)
		tell_notifier(t, q, false);
}

void virtio_pci_set_queue_vector(struct virtio_pci *t, struct virtq *q, uint32_t vector)
{
	struct virtio_pci_queue *own = &t->queue[q->index];

	vector = known_vector(t, vector);
	if (vector == own->vector)
		return;
	tell_notifier(t, q, true);
	move_vector(t, &own->vector, vector);
	/* What the device could not send by the old vector goes by the new one. */
	if (virtio_notifier_pending(t->v, q))
		virtio_pci_interrupt(t, own->vector, VIRTIO_PCI_ISR_QUEUE);
	virtio_pci_renew_notifier(t, q);
}
