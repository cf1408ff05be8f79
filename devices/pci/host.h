/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generic host bridge ("pci-host-ecam-generic"): bus 0 in an ECAM window, three windows for BARs, four INTx lines and
 * somebody who sends messages. The bridge itself answers as slot 0, as QEMU's does: vendor 1b36, device 0008, class 060000.
 *
 * Knows no device and no interrupt controller.
 */
#ifndef MINIVMM_PCI_HOST_H
#define MINIVMM_PCI_HOST_H

#include "pci.h"

#define PCI_ECAM_BUS_SIZE (1 * MiB) /* of one bus: 32 slots of 8 functions of 4 KiB */

/*
 * CPU addresses [base, base + size) reach the bus addresses that start at bus_base. size 0: no such window. A window holds
 * no RAM: the bus, which refuses a BAR over anything else, knows of none.
 */
struct pci_window {
	gpa_t base;
	uint64_t bus_base, size;
};

struct pci_host_config {
	struct bus *bus;
	gpa_t ecam;
	struct pci_window io, mem32, mem64;
	struct irq *intx[4]; /* level; pin of slot n goes to line (n + pin) % 4, INTA# being pin 0 */
	/* NULL: messages could not be sent, so pci_host_plug takes MSI-X away from devices that have it. */
	const struct msi_ops *msi;
	void *msi_opaque;
};

struct pci_host {
	struct pci_host_config config;
	struct bus_region ecam;
	struct pci_device bridge; /* slot 0 */
	struct pci_device *slot[PCI_SLOTS];
	uint32_t intx_slots[4]; /* slots that assert the line, a bit each */
};

/* Everything in config outlives host. 0 or bus_add's -errno. */
must_check int pci_host_init(struct pci_host *host, const struct pci_host_config *config);
/* After every device was unplugged. */
void pci_host_destroy(struct pci_host *host);

/*
 * Puts d into slot 1 to 31 or PCI_NO_SLOT, and assigns its BARs addresses, naturally aligned, from the start of the windows
 * (64-bit ones from mem64, or mem32 where there is no mem64), with decoding off. Bus addresses below 0x1000 are given to
 * none, but a guest may choose them. 0, -EEXIST: the slot is taken, -EINVAL: no such slot, -ENOSPC: no slot or no room in a
 * window.
 */
must_check int pci_host_plug(struct pci_host *host, struct pci_device *d, unsigned int slot);
/*
 * BARs off the bus (the device is told), line withdrawn, message interrupts and MSI-X table freed, vectors in use or not.
 * Harmless when not plugged; then only frees what pci_add_msix allocated.
 */
void pci_host_unplug(struct pci_device *d);

/* The line that INTA# of a slot is wired to, 0 to 3: for the device tree's interrupt-map. */
static inline unsigned int pci_intx_line(unsigned int slot, unsigned int pin)
{
	return (slot + pin) % 4;
}

#endif
