/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port as a PCI function: a 16550A behind an 8-byte I/O BAR, its interrupt on INTA#. The same as QEMU's pci-serial
 * (1b36:0002, class 070002), which Linux's 8250_pci takes by its class. No MSI, no memory BAR, one port a function.
 */
#ifndef MINIVMM_PCI_SERIAL_H
#define MINIVMM_PCI_SERIAL_H

#include "backend/chardev.h"
#include "core/state.h"
#include "host.h"
#include "pci.h"
#include "platform/uart16550.h"

struct pci_serial {
	struct pci_device pci;
	struct uart16550 uart;
	struct irq irq; /* the UART's, which is INTA# */
};

/*
 * Plugs it into a slot of host (1 to 31 or PCI_NO_SLOT). chardev may be NULL; it and host outlive the device. 0 or
 * pci_host_plug's -errno.
 */
must_check int pci_serial_init(struct pci_serial *p, struct chardev *chardev, struct pci_host *host, unsigned int slot);
void pci_serial_destroy(struct pci_serial *p);
void pci_serial_state(struct pci_serial *p, struct state *s);

#endif
