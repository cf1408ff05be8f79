/* SPDX-License-Identifier: Apache-2.0 */
/* The fake function with MSI-X enabled, and its table. Included by a test program, which then has these as its own. */
#ifndef MINIVMM_TEST_MSIX_RIG_H
#define MINIVMM_TEST_MSIX_RIG_H

#include "fake_pci_rig.h"

#define CONTROL	 (FAKE_MSIX_CAP + PCI_MSIX_FLAGS)
#define ENABLE	 PCI_MSIX_FLAGS_ENABLE
#define MASK_ALL PCI_MSIX_FLAGS_MASKALL
#define DOORBELL 0x08090040ULL /* any address would do */

static gpa_t table, pba;

static inline void control(uint16_t value)
{
	wr(CONTROL, 2, value);
}

static inline void command(uint16_t value)
{
	wr(PCI_COMMAND, 2, value);
}

/* BARs are decoded, bus mastering and MSI-X enabled, every vector is masked. */
static inline void start_msix(void)
{
	start();
	command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	control(ENABLE);
	table = rig_pci_bar(&pci, 1, FAKE_MSIX_BAR);
	pba = table + FAKE_PBA;
	fake.log[0] = 0;
}

static inline void set_field(unsigned int vector, unsigned int field, uint32_t value)
{
	rig_write(&rig, table + vector * PCI_MSIX_ENTRY_SIZE + field, 4, value);
}

static inline void mask(unsigned int vector, bool masked)
{
	set_field(vector, PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

/* As a driver does, and unmasks it: the message of vector v is 0x100 + v. */
static inline void open_vector(unsigned int vector)
{
	set_field(vector, PCI_MSIX_ENTRY_LOWER_ADDR, (uint32_t)DOORBELL);
	set_field(vector, PCI_MSIX_ENTRY_UPPER_ADDR, 0);
	set_field(vector, PCI_MSIX_ENTRY_DATA, 0x100 + vector);
	mask(vector, false);
}

#endif
