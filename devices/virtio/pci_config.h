/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio-pci function in configuration space. Private to the transport. */
#ifndef MINIVMM_VIRTIO_PCI_CONFIG_H
#define MINIVMM_VIRTIO_PCI_CONFIG_H

#include "pci.h"

/* Identity and capabilities of t->pci, whose BARs are set; vectors 0: no MSI-X. 0, -ENOMEM or -ENOSPC. */
must_check int virtio_pci_config_init(struct virtio_pci *t, unsigned int vectors);

/* pci_device_ops' hooks of that name. */
uint32_t virtio_pci_window_read(struct pci_device *d, unsigned int offset, unsigned int size);
void virtio_pci_window_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value);

#endif
