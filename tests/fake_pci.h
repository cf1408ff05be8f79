/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function that does nothing, and writes down what it is told: BARs of each kind, MSI-X, a vendor capability with a
 * window, a doorbell that follows its BAR.
 */
#ifndef MINIVMM_FAKE_PCI_H
#define MINIVMM_FAKE_PCI_H

#include "pci/pci.h"

#define FAKE_IO_BAR	 0 /* FAKE_IO_SIZE bytes */
#define FAKE_MSIX_BAR	 1 /* 32 bits, FAKE_MSIX_SIZE bytes */
#define FAKE_BAR	 2 /* and 3: 64 bits, FAKE_SIZE bytes */
#define FAKE_SMALL_BAR	 4 /* 32 bits, FAKE_SMALL_SIZE bytes */
#define FAKE_IO_SIZE	 64
#define FAKE_MSIX_SIZE	 4096
#define FAKE_SIZE	 (16 * KiB)
#define FAKE_SMALL_SIZE	 16
#define FAKE_VECTORS	 10
#define FAKE_PBA	 0x800 /* in FAKE_MSIX_BAR; the table is at 0 */
#define FAKE_VENDOR_CAP	 0x40
#define FAKE_VENDOR_SIZE 20 /* byte 4 can be written, and bytes 16 to 19 are the window */
#define FAKE_MSIX_CAP	 0x54
#define FAKE_DOORBELL	 0x3000 /* in FAKE_BAR, 2 bytes of any value */

struct fake_pci {
	struct pci_device pci;
	/* Hooks since it was last cleared, in order, a space after each: "map2 unmap2 mask0 unmask0 msix+ msix- master+ cap". */
	char log[512];
	uint64_t offset, value; /* of the last write to a BAR that is not MSI-X */
	unsigned int writes, window_writes;
	uint32_t window;
	int bell_fd; /* -1: no doorbell */
	bool signalled[FAKE_VECTORS]; /* what vector_pending answers */
	gpa_t mapped[PCI_BARS]; /* where it was told to be; 0: nowhere */
	unsigned int mistakes; /* hooks that contradict what came before them, or the registers */
};

/* Ready to be plugged. A read of a BAR gives (number + 1) << 24 | offset. */
void fake_pci_init(struct fake_pci *f, const char *name);

#endif
