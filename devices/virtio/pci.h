/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-pci transport, modern only (virtio 4.1): a PCI function with the common, notify, ISR, device and PCI_CFG
 * capabilities, MSI-X with a vector for each queue and one for configuration changes, INTx when the driver leaves MSI-X
 * off. No legacy interface, no shared memory capability, and nothing of any device's.
 *
 * BARs are those of QEMU's modern devices: BAR 1, 4 KiB of 32-bit memory, MSI-X table and PBA; BAR 4, 16 KiB of 64-bit
 * prefetchable memory: common at 0, ISR at 0x1000, device at 0x2000, notify at 0x3000 with a doorbell every 4 bytes.
 * A device with more queues than BAR 1 has vectors for gets a larger BAR 1.
 */
#ifndef MINIVMM_VIRTIO_PCI_H
#define MINIVMM_VIRTIO_PCI_H

#include "pci/pci.h"
#include "virtio.h"

struct pci_host;

struct virtio_pci {
	struct pci_device pci;
	struct virtio *v;
	uint32_t device_features_sel, driver_features_sel;
	uint16_t queue_sel;
	uint16_t config_vector; /* VIRTIO_MSI_NO_VECTOR: none */
	uint16_t *queue_vector; /* v->class->queue_count of them */
	uint8_t isr; /* changed together with the INTx line */
	unsigned int pci_cfg; /* offset of VIRTIO_PCI_CAP_PCI_CFG */
};

/* Plugs v into a slot of host (1 to 31 or PCI_NO_SLOT). Both outlive t. 0, -ENOMEM or pci_host_plug's -errno. */
must_check int virtio_pci_init(struct virtio_pci *t, struct virtio *v, struct pci_host *host, unsigned int slot);
/* Resets the device and unplugs it. */
void virtio_pci_destroy(struct virtio_pci *t);

#endif
