/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-pci transport, modern only (virtio 4.1): a PCI function with the common, notify, ISR, device and PCI_CFG
 * capabilities, MSI-X with a vector for each queue and one for configuration changes, INTx when the driver leaves MSI-X
 * off. No legacy interface, no shared memory capability, and nothing of any device's.
 *
 * BARs are those of QEMU's modern devices: BAR 1, 4 KiB of 32-bit memory, MSI-X table and PBA; BAR 4, 16 KiB of 64-bit
 * prefetchable memory: common at 0, ISR at 0x1000, device at 0x2000, notify at 0x3000 with a doorbell every 4 bytes.
 * A device with more queues than BAR 1 has vectors for gets a larger BAR 1; where the host bridge sends no messages there
 * is neither MSI-X nor BAR 1.
 *
 * While Bus Master is clear the device is held (virtio_hold): it serves no queue, and the message of a configuration change
 * waits in its vector's pending bit.
 */
#ifndef MINIVMM_VIRTIO_PCI_H
#define MINIVMM_VIRTIO_PCI_H

#include "pci/pci.h"
#include "virtio.h"

struct pci_host;

#define VIRTIO_PCI_MSIX_BAR    1
#define VIRTIO_PCI_BAR	       4
/* Parts of VIRTIO_PCI_BAR, each VIRTIO_PCI_PART_SIZE bytes. */
#define VIRTIO_PCI_COMMON      0x0000
#define VIRTIO_PCI_ISR_STATUS  0x1000
#define VIRTIO_PCI_DEVICE      0x2000
#define VIRTIO_PCI_NOTIFY      0x3000
#define VIRTIO_PCI_PART_SIZE   0x1000
#define VIRTIO_PCI_NOTIFY_STEP 4 /* notify_off_multiplier */

#define VIRTIO_PCI_ISR_QUEUE 0x1 /* beside <linux/virtio_pci.h>'s VIRTIO_PCI_ISR_CONFIG */

/* What the transport keeps of a queue. */
struct virtio_pci_queue {
	uint16_t vector; /* VIRTIO_MSI_NO_VECTOR: none */
	bool masked; /* as the device was last told (virtio_notifier_mask) */
	int bell_fd; /* what a kick is to signal, -1: nothing now */
	bool bell; /* its doorbell is on the bus, at the address that the BAR has */
};

struct virtio_pci {
	struct pci_device pci;
	struct virtio *v;
	uint32_t device_features_sel, driver_features_sel;
	uint16_t queue_sel;
	uint16_t config_vector; /* VIRTIO_MSI_NO_VECTOR: none */
	struct virtio_pci_queue *queue; /* v->class->queue_count of them */
	uint8_t isr; /* changed together with the INTx line */
	bool loading; /* a snapshot: what runs and what waits is decided when all of it is there */
	unsigned int pci_cfg; /* offset of VIRTIO_PCI_CAP_PCI_CFG */
};

/* Plugs v into a slot of host (1 to 31 or PCI_NO_SLOT). Both outlive t. 0, -ENOMEM or pci_host_plug's -errno. */
must_check int virtio_pci_init(struct virtio_pci *t, struct virtio *v, struct pci_host *host, unsigned int slot);
/* Resets the device and unplugs it. */
void virtio_pci_destroy(struct virtio_pci *t);

#endif
