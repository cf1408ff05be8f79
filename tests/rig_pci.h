/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI host bridge on a rig, with QEMU virt's windows, four counting INTx lines and a message controller that writes
 * down what is sent: no interrupt controller, no KVM. The windows are small or absent where a test says so.
 */
#ifndef MINIVMM_RIG_PCI_H
#define MINIVMM_RIG_PCI_H

#include "pci/host.h"
#include "rig.h"

#define RIG_ECAM       0x4010000000ULL
#define RIG_IO	       0x3eff0000ULL /* bus address 0 */
#define RIG_IO_SIZE    (64 * KiB)
#define RIG_MEM32      0x10000000ULL
#define RIG_MEM32_SIZE 0x2eff0000ULL
#define RIG_MEM64      0x8000000000ULL
#define RIG_MEM64_SIZE (512 * GiB)

#define RIG_MESSAGES 256 /* remembered; more are only counted */
#define RIG_MSIS     128 /* message interrupts at a time */

struct rig_message {
	uint32_t requester, data;
	uint64_t addr;
};

/* One message interrupt. */
struct rig_msi {
	struct irq irq;
	struct rig_pci *rig;
	bool used;
	struct rig_message message; /* what it sends */
	bool routed;
	unsigned int sent;
	int fd; /* an eventfd when rig_pci.with_fds was set at its allocation, else -1 */
};

struct rig_pci {
	struct rig *rig;
	struct pci_host host;
	struct rig_irq intx[4];
	struct rig_msi msi[RIG_MSIS];
	struct rig_message message[RIG_MESSAGES];
	unsigned int messages;
	unsigned int allocs, routes, frees; /* calls */
	/* Set by the test. */
	bool with_fds;
	unsigned int alloc_limit; /* at most this many at a time; RIG_MSIS by init */
	int route_error; /* what route answers; 0 by init */
};

/* The host bridge of above on rig, which outlives it. */
void rig_pci_init(struct rig_pci *p, struct rig *rig);
/* The same with windows and MSI as config says; its bus, lines and MSI operations are filled in, msi NULL stays NULL. */
void rig_pci_init_as(struct rig_pci *p, struct rig *rig, const struct pci_host_config *config);
/* What rig_pci_init uses, to be changed and given to rig_pci_init_as. */
struct pci_host_config rig_pci_config(void);
/* Every device was unplugged: fails the test when a message interrupt is still allocated. */
void rig_pci_destroy(struct rig_pci *p);

/* Turns signals of the eventfds into messages. The number of eventfds that were signalled. */
unsigned int rig_pci_poll(struct rig_pci *p);
/* Messages with this data so far, forgotten ones not counted. */
unsigned int rig_pci_count(const struct rig_pci *p, uint32_t data);

/* Configuration space of function 0 of a slot, through the bus. */
uint64_t rig_pci_read(struct rig_pci *p, unsigned int slot, unsigned int offset, unsigned int size);
void rig_pci_write(struct rig_pci *p, unsigned int slot, unsigned int offset, unsigned int size, uint64_t value);
/* CPU address at which a BAR's register says that it is, 64-bit ones by both halves; 0 when no window shows it. */
gpa_t rig_pci_bar(struct rig_pci *p, unsigned int slot, unsigned int bar);

#endif
