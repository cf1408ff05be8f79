/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio-pci function shows in configuration space: its identity, its capabilities, and the window of
 * VIRTIO_PCI_CAP_PCI_CFG, through which a driver that cannot map BARs reaches their registers.
 */
#include "pci_config.h"

#include <errno.h>

#include <linux/pci_regs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#define VENDOR_VIRTIO	0x1af4 /* virtio 4.1.2: with the device ids from 0x1040 on */
#define DEVICE_ID_FIRST 0x1040
#define SUBSYSTEM_QEMU	0x1100 /* of QEMU's devices; drivers do not look at it */

/* Class, sub-class and interface, QEMU's for each kind: what lspci shows and firmware goes by. */
static uint32_t class_code(uint16_t virtio_id)
{
	switch (virtio_id) {
	case VIRTIO_ID_NET: return 0x020000;
	case VIRTIO_ID_BLOCK:
	case VIRTIO_ID_SCSI: return 0x010000;
	case VIRTIO_ID_FS: return 0x018000;
	case VIRTIO_ID_GPU: return 0x038000;
	case VIRTIO_ID_CONSOLE:
	case VIRTIO_ID_VSOCK: return 0x078000;
	case VIRTIO_ID_INPUT: return 0x098000;
	default: return 0x00ff00;
	}
}

/* virtio 4.1.4: each says where in the BAR its structure is. */
static int add_parts(struct virtio_pci *t)
{
	static const struct virtio_pci_cap parts[] = {
		{ .cfg_type = VIRTIO_PCI_CAP_COMMON_CFG, .offset = VIRTIO_PCI_COMMON },
		{ .cfg_type = VIRTIO_PCI_CAP_ISR_CFG, .offset = VIRTIO_PCI_ISR_STATUS },
		{ .cfg_type = VIRTIO_PCI_CAP_DEVICE_CFG, .offset = VIRTIO_PCI_DEVICE },
	};
	struct virtio_pci_notify_cap notify = {
		.cap = { .cfg_type = VIRTIO_PCI_CAP_NOTIFY_CFG, .offset = VIRTIO_PCI_NOTIFY },
		.notify_off_multiplier = VIRTIO_PCI_NOTIFY_STEP,
	};
	int at;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct virtio_pci_cap cap = parts[i];

		cap.cap_len = sizeof(cap);
		cap.bar = VIRTIO_PCI_BAR;
		cap.length = VIRTIO_PCI_PART_SIZE;
		at = pci_add_capability(&t->pci, PCI_CAP_ID_VNDR, &cap, NULL, sizeof(cap));
		if (at < 0)
			return at;
	}
	notify.cap.cap_len = sizeof(notify);
	notify.cap.bar = VIRTIO_PCI_BAR;
	notify.cap.length = VIRTIO_PCI_PART_SIZE;
	at = pci_add_capability(&t->pci, PCI_CAP_ID_VNDR, &notify, NULL, sizeof(notify));
	return at < 0 ? at : 0;
}

/* bar, offset and length are the driver's to choose, and so is the data behind them, which is the window. */
static int add_window(struct virtio_pci *t)
{
	static const struct virtio_pci_cfg_cap cap = {
		.cap = { .cfg_type = VIRTIO_PCI_CAP_PCI_CFG, .cap_len = sizeof(cap) },
	};
	static const struct virtio_pci_cfg_cap writable = {
		.cap = { .bar = UINT8_MAX, .offset = UINT32_MAX, .length = UINT32_MAX },
		.pci_cfg_data = { UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX },
	};
	int at = pci_add_capability(&t->pci, PCI_CAP_ID_VNDR, &cap, (const uint8_t *)&writable, sizeof(cap));

	if (at < 0)
		return at;
	t->pci_cfg = (unsigned int)at;
	t->pci.window = t->pci_cfg + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	t->pci.window_size = sizeof(cap.pci_cfg_data);
	return 0;
}

int virtio_pci_config_init(struct virtio_pci *t, unsigned int vectors)
{
	struct pci_device *d = &t->pci;
	const struct bus_region *msix = &d->bar[VIRTIO_PCI_MSIX_BAR].region;
	int ret;

	d->name = t->v->class->name;
	d->vendor_id = d->subsystem_vendor_id = VENDOR_VIRTIO;
	d->device_id = (uint16_t)(DEVICE_ID_FIRST + t->v->class->device_id);
	d->subsystem_id = SUBSYSTEM_QEMU;
	d->revision = 1; /* virtio 4.1.2.1: of a device without a legacy interface */
	d->class_code = class_code(t->v->class->device_id);
	d->intx = true;
	if (vectors) {
		ret = pci_add_msix(
			d, vectors, VIRTIO_PCI_MSIX_BAR, 0, VIRTIO_PCI_MSIX_BAR, (unsigned int)(msix->size / 2));
		if (ret < 0)
			return ret;
	}
	ret = add_parts(t);
	return ret < 0 ? ret : add_window(t);
}

/* One access through VIRTIO_PCI_CAP_PCI_CFG: where, and how wide. */
struct window {
	const struct bus_region *region;
	uint64_t offset;
	unsigned int size;
};

/*
 * What the driver chose with the capability's bar, offset and length (virtio 4.1.4.9). false: nothing that exists. The
 * target is a BAR's registers, never the bus and never configuration space (R43).
 */
static bool window_target(const struct virtio_pci *t, struct window *w)
{
	uint32_t bar = pci_config_get(&t->pci, t->pci_cfg + VIRTIO_PCI_CAP_BAR, 1);

	w->offset = pci_config_get(&t->pci, t->pci_cfg + VIRTIO_PCI_CAP_OFFSET, 4);
	w->size = pci_config_get(&t->pci, t->pci_cfg + VIRTIO_PCI_CAP_LENGTH, 4);
	if (bar >= PCI_BARS)
		return false;
	/* Of a BAR that is not there the size is 0. */
	w->region = &t->pci.bar[bar].region;
	return (w->size == 1 || w->size == 2 || w->size == 4) && w->offset % w->size == 0 &&
	       w->offset < w->region->size;
}

uint32_t virtio_pci_window_read(struct pci_device *d, unsigned int offset, unsigned int size)
{
	struct window w;

	if (window_target(container_of(d, struct virtio_pci, pci), &w))
		pci_config_set(d, d->window, w.size, (uint32_t)w.region->ops->read(w.region->opaque, w.offset, w.size));
	return pci_config_get(d, d->window + offset, size);
}

void virtio_pci_window_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	struct window w;

	pci_config_set(d, d->window + offset, size, value);
	if (window_target(container_of(d, struct virtio_pci, pci), &w))
		w.region->ops->write(w.region->opaque, w.offset, w.size, pci_config_get(d, d->window, w.size));
}
