/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of devices/pci tell each other. Devices see pci.h, machines host.h. */
#ifndef MINIVMM_PCI_INTERNAL_H
#define MINIVMM_PCI_INTERNAL_H

#include <linux/pci_regs.h>

#include "host.h"

/* Bits of Status that a one clears (PCI 3.0, 6.2.3). */
#define PCI_STATUS_W1C                                                                                                 \
	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT | \
		PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

/* config.c: the type 0 header of a device about to be plugged. */
void pci_config_init(struct pci_device *d);
/* The guest's access: size is 1, 2 or 4, offset a multiple of it below PCI_CONFIG_SIZE. */
uint32_t pci_config_read(struct pci_device *d, unsigned int offset, unsigned int size);
void pci_config_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value);
/* Takes a capability of len bytes out of the list again and leaves zeros. */
void pci_config_hide(struct pci_device *d, unsigned int cap, unsigned int len);

/* host.c: withdraws or drives the device's line by intx_level, MSI-X Enable and Interrupt Disable. */
void pci_intx_update(struct pci_device *d);

/* bar.c: gives every BAR an address that no device of the host has, decoding off. 0 or -ENOSPC. */
must_check int pci_bars_assign(struct pci_host *host, struct pci_device *d);
/* Puts all BARs of a space on the bus, or none. space is PCI_COMMAND_IO or PCI_COMMAND_MEMORY. */
must_check bool pci_bars_map(struct pci_device *d, uint16_t space);
void pci_bars_unmap(struct pci_device *d, uint16_t space);
/* Back to the addresses that were assigned. None is mapped. */
void pci_bars_reset(struct pci_device *d);
/* The guest's write to the six registers; offset counts from the first. */
void pci_bar_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value);
/* For loading: the halves written last to a BAR that is mapped. */
void pci_bar_set_written(struct pci_device *d, unsigned int n, const uint32_t written[2]);

/* msix.c: something changed that decides whether vectors can be sent. */
void pci_msix_update(struct pci_device *d);
/* Message Control changed from this. */
void pci_msix_control_changed(struct pci_device *d, uint16_t before);
/* Every entry masked and empty. MSI-X is off. */
void pci_msix_reset(struct pci_device *d);
/* The vector's bit in the PBA. */
bool pci_msix_pending(struct pci_device *d, unsigned int vector);
/* Frees interrupts and table. */
void pci_msix_free(struct pci_device *d);

#endif
