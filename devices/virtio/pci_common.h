/* SPDX-License-Identifier: Apache-2.0 */
/* The common configuration structure of virtio-pci (virtio 4.1.4.3), and interrupt vectors. Private to the transport. */
#ifndef MINIVMM_VIRTIO_PCI_COMMON_H
#define MINIVMM_VIRTIO_PCI_COMMON_H

#include "pci.h"

/* offset is inside the structure's part of the BAR. */
uint32_t virtio_pci_common_read(struct virtio_pci *t, uint64_t offset, unsigned int size);
void virtio_pci_common_write(struct virtio_pci *t, uint64_t offset, unsigned int size, uint32_t value);
/* The register's name, NULL where there is none. */
const char *virtio_pci_common_name(uint64_t offset);

/* The driver's choice of vector; one that does not exist is VIRTIO_MSI_NO_VECTOR. */
void virtio_pci_set_config_vector(struct virtio_pci *t, uint32_t vector);
void virtio_pci_set_queue_vector(struct virtio_pci *t, struct virtq *q, uint32_t vector);
/*
 * How q's interrupts reach the driver may have changed: a device that sends them itself (virtio_notifier_mask) stops, and
 * starts anew unless its vector is masked.
 */
void virtio_pci_renew_notifier(struct virtio_pci *t, struct virtq *q);
/* Before q's vector cannot be sent any more. */
void virtio_pci_mask_notifier(struct virtio_pci *t, struct virtq *q);
/* Interrupts for a vector by MSI-X, or where that is off by INTx with these bits in ISR. */
void virtio_pci_interrupt(struct virtio_pci *t, uint16_t vector, uint8_t isr);

#endif
