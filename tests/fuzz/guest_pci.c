/* SPDX-License-Identifier: Apache-2.0 */
/* The part of guest.h that finds a function where the monitor put it, whatever a trace has done to its configuration space. */
#include <linux/pci_regs.h>

#include "board.h"
#include "guest.h"
#include "machine.h"
#include "virtio/pci.h"

#define MESSAGE	     (FUZZ_GICV2M + 0x40)
#define FIRST_INTID  80
#define VECTORS_USED (1 + FUZZ_GUEST_QUEUES)

static const struct fuzz_guest *guest(void)
{
	return &fuzz_machine->guest;
}

static void place_bars(void)
{
	fuzz_guest_write(guest()->config + PCI_COMMAND, 2, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(guest()->bar); i++) {
		if (!guest()->bar[i])
			continue;
		fuzz_guest_write(guest()->config + PCI_BASE_ADDRESS_0 + 4 * i, 4, (uint32_t)guest()->bar[i]);
		if (guest()->bar[i] >> 32)
			fuzz_guest_write(guest()->config + PCI_BASE_ADDRESS_0 + 4 * i + 4, 4, guest()->bar[i] >> 32);
	}
	fuzz_guest_write(guest()->config + PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* As Linux: masked as a whole while the table is filled in. */
static void enable_msix(void)
{
	gpa_t flags = guest()->config + guest()->msix_cap + PCI_MSIX_FLAGS;

	fuzz_guest_write(flags, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned int i = 0; i < VECTORS_USED; i++) {
		gpa_t entry = guest()->bar[VIRTIO_PCI_MSIX_BAR] + (gpa_t)i * PCI_MSIX_ENTRY_SIZE;

		fuzz_guest_write(entry + PCI_MSIX_ENTRY_LOWER_ADDR, 8, MESSAGE);
		fuzz_guest_write(entry + PCI_MSIX_ENTRY_DATA, 8, FIRST_INTID + i);
	}
	fuzz_guest_write(flags, 2, PCI_MSIX_FLAGS_ENABLE);
}

void fuzz_guest_pci_bring_up(void)
{
	place_bars();
	if (!guest()->msix_cap)
		return;
	if (guest()->intx)
		fuzz_guest_write(guest()->config + guest()->msix_cap + PCI_MSIX_FLAGS, 2, 0);
	else
		enable_msix();
}
