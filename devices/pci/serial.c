/* SPDX-License-Identifier: Apache-2.0 */
/* What serial.h promises: two devices put together, neither knows the other. */
#include "serial.h"

#include <string.h>

#define VERSION 1

static void intx_raise(struct irq *irq)
{
	pci_set_intx(&container_of(irq, struct pci_serial, irq)->pci, true);
}

static void intx_lower(struct irq *irq)
{
	pci_set_intx(&container_of(irq, struct pci_serial, irq)->pci, false);
}

/* Another process could not lower it. */
int pci_serial_init(struct pci_serial *p, struct chardev *chardev, struct pci_host *host, unsigned int slot)
{
	static const struct irq_ops irq_ops = { .raise = intx_raise, .lower = intx_lower, .fd = irq_no_fd };
	static const struct pci_device_ops pci_ops = { .bar_map = NULL };
	int err;

	memset(p, 0, sizeof(*p));
	p->irq.ops = &irq_ops;
	p->pci = (struct pci_device){
		.name = "pci-serial",
		.ops = &pci_ops,
		.vendor_id = 0x1b36,
		.device_id = 0x0002,
		.subsystem_vendor_id = 0x1af4,
		.subsystem_id = 0x1100,
		.revision = 1,
		.class_code = 0x070002, /* the interface is the UART's kind: 16550 compatible */
		.intx = true,
	};
	p->pci.bar[0].kind = PCI_BAR_IO;
	p->pci.bar[0].region = (struct bus_region){ "pci-serial", &uart16550_ops, &p->uart, 0, UART16550_SIZE };
	uart16550_init(&p->uart, chardev, &p->irq);
	err = pci_host_plug(host, &p->pci, slot);
	if (err)
		uart16550_destroy(&p->uart);
	return err;
}

void pci_serial_destroy(struct pci_serial *p)
{
	uart16550_destroy(&p->uart);
	pci_host_unplug(&p->pci);
}

void pci_serial_state(struct pci_serial *p, struct state *s)
{
	state_section(s, "pci-serial", VERSION);
	pci_device_state(&p->pci, s);
	uart16550_state(&p->uart, s);
	if (!state_loading(s))
		return;
	/* Half a state is none. */
	if (state_failed(s))
		pci_device_reset(&p->pci);
	/* Whatever level was saved with the function: the UART's is the one that counts. */
	pci_set_intx(&p->pci, p->uart.level);
}
