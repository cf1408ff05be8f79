/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fake function in slot 1 of a host bridge on a rig: what the tests of the PCI core stand on. Included by a test program, which
 * then has these as its own.
 */
#ifndef MINIVMM_TEST_FAKE_PCI_RIG_H
#define MINIVMM_TEST_FAKE_PCI_RIG_H

#include <linux/pci_regs.h>

#include "fake_pci.h"
#include "rig_pci.h"
#include "test.h"

#define BAR(n)	  (PCI_BASE_ADDRESS_0 + (n)*4)
#define BOTH	  (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define MEM64_BIT (PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)

static struct rig rig;
static struct rig_pci pci;
static struct fake_pci fake;

static inline uint32_t rd(unsigned int offset, unsigned int size)
{
	return (uint32_t)rig_pci_read(&pci, 1, offset, size);
}

static inline void wr(unsigned int offset, unsigned int size, uint64_t value)
{
	rig_pci_write(&pci, 1, offset, size, value);
}

static inline void start_as(const struct pci_host_config *config)
{
	rig_init(&rig);
	rig_pci_init_as(&pci, &rig, config);
	fake_pci_init(&fake, "fake");
	CHECK_EQ(pci_host_plug(&pci.host, &fake.pci, 1), 0);
}

static inline void start(void)
{
	struct pci_host_config config = rig_pci_config();

	start_as(&config);
}

static inline void stop(void)
{
	CHECK_EQ(fake.mistakes, 0);
	pci_host_unplug(&fake.pci);
	CHECK_EQ(rig.bus.region_count, 1); /* the ECAM */
	rig_pci_destroy(&pci);
	rig_destroy(&rig);
}

/* Does BAR n of the fake answer at addr? */
static inline bool answers(unsigned int n, gpa_t addr)
{
	uint64_t v;

	return bus_read(&rig.bus, addr + 4, 4, &v) && (n == FAKE_MSIX_BAR ? v == 0 : v == ((n + 1) << 24 | 4));
}

static inline bool nobody_at(gpa_t addr)
{
	return !bus_find(&rig.bus, addr, 1);
}

#endif
