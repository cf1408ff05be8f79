/* SPDX-License-Identifier: Apache-2.0 */
/* The part of guest.h that finds a function where the monitor put it, whatever a trace has done to its configuration space. */
#include <stddef.h>

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

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

/* virtio 4.1.4.9. */
void fuzz_guest_window(uint8_t bar, uint32_t offset, uint32_t length, bool write, uint32_t value)
{
	uint64_t cap = fuzz_machine->guest.config + fuzz_machine->guest.window_cap;

	fuzz_guest_write(cap + offsetof(struct virtio_pci_cap, bar), 1, bar);
	fuzz_guest_write(cap + offsetof(struct virtio_pci_cap, offset), 4, offset);
	fuzz_guest_write(cap + offsetof(struct virtio_pci_cap, length), 4, length);
	if (write)
		fuzz_guest_write(cap + sizeof(struct virtio_pci_cap), 4, value);
	else
		(void)fuzz_guest_read(cap + sizeof(struct virtio_pci_cap), 4);
}

void fuzz_guest_move_bar(unsigned int bar, uint64_t addr, bool wide)
{
	uint64_t reg = fuzz_machine->guest.config + PCI_BASE_ADDRESS_0 + 4ULL * bar;

	fuzz_guest_write(reg, 4, (uint32_t)addr);
	if (wide)
		fuzz_guest_write(reg + 4, 4, addr >> 32);
}
