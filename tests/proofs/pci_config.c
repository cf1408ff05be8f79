/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: the guest's accesses to a function's configuration space, of any offset, width and value, in any state. BARs are
 * bars.c's, which proves what is taken for granted of them here: a space is decoded as a whole or not at all.
 */
#include "proof.h"

#include "../../devices/pci/config.c"

#define BOTH (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

static struct pci_device d;
static uint16_t decoded; /* the spaces whose BARs are on the bus */
static unsigned int calls;

bool pci_bars_map(struct pci_device *dev, uint16_t space)
{
	bool can = nondet_bool();

	calls++;
	PROVE(dev == &d && (space == PCI_COMMAND_IO || space == PCI_COMMAND_MEMORY),
		"one of the two spaces is decoded");
	PROVE(!(decoded & space), "which was not before");
	if (can)
		decoded |= space;
	return can;
}

void pci_bars_unmap(struct pci_device *dev, uint16_t space)
{
	calls++;
	PROVE(dev == &d && decoded & space, "what is decoded no more was before");
	decoded &= (uint16_t)~space;
}

void pci_bar_write(struct pci_device *dev, unsigned int offset, unsigned int size, uint32_t value)
{
	(void)value;
	calls++;
	PROVE(dev == &d && offset < PCI_BARS * 4 && size <= 4 && offset % size == 0,
		"all of an access is in one register");
}

static uint32_t window_read(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	PROVE(offset < dev->window_size && size <= dev->window_size - offset, "all of an access is in the window");
	return nondet_u32();
}

static void window_write(struct pci_device *dev, unsigned int offset, unsigned int size, uint32_t value)
{
	(void)value;
	PROVE(offset < dev->window_size && size <= dev->window_size - offset, "all of an access is in the window");
}

static void config_written(struct pci_device *dev, unsigned int offset, unsigned int size)
{
	(void)dev;
	PROVE(offset >= PCI_STD_HEADER_SIZEOF && offset + size <= PCI_CONFIG_STORED, "a device hears of its own bytes");
}

/* Interrupts may do what they like to the one bit of Status that shows their level. */
void pci_intx_update(struct pci_device *dev)
{
	dev->config[PCI_STATUS] ^= nondet_bool() ? PCI_STATUS_INTERRUPT : 0;
}

void pci_msix_update(struct pci_device *dev)
{
	(void)dev;
}

void pci_msix_control_changed(struct pci_device *dev, uint16_t before)
{
	(void)before;
	PROVE(dev->msix.count, "there is MSI-X whose control changes");
}

/* What pci_config_init says can be written of the header, and whatever capabilities say behind it. */
static void any_function(void)
{
	static const struct pci_device_ops ops = {
		.window_read = window_read,
		.window_write = window_write,
		.config_written = config_written,
	};
	struct pci_device any;

	d = any;
	d.ops = &ops;
	for (unsigned int i = 0; i < PCI_STD_HEADER_SIZEOF; i++)
		d.writable[i] = 0;
	d.writable[PCI_COMMAND] = COMMAND_WRITABLE & 0xff;
	d.writable[PCI_COMMAND + 1] = COMMAND_WRITABLE >> 8;
	d.writable[PCI_CACHE_LINE_SIZE] = d.writable[PCI_INTERRUPT_LINE] = 0xff;
	ASSUME(d.window % 4 == 0 && d.window_size % 4 == 0 && d.window >= PCI_STD_HEADER_SIZEOF);
	ASSUME(d.window_size <= PCI_CONFIG_STORED && d.window <= PCI_CONFIG_STORED - d.window_size);
	ASSUME(d.msix.cap % 4 == 0 && d.msix.cap >= PCI_STD_HEADER_SIZEOF &&
		d.msix.cap <= PCI_CONFIG_STORED - PCI_CAP_MSIX_SIZEOF);
	decoded = d.config[PCI_COMMAND] & BOTH;
}

static uint32_t mask_of(unsigned int size)
{
	return size == 4 ? UINT32_MAX : (1u << size * 8) - 1;
}

/* PCI 3.0, 6.2.3: what a one clears of Status' upper half. */
#define CLEARED_BY_ONE 0xf9

/* A case for each width and place, so that CBMC knows which bytes they are. */
static void any_access(unsigned int at, unsigned int size, uint32_t value)
{
	switch (size << 4 | at) {
	case 0x10: pci_config_write(&d, PCI_COMMAND, 1, value); break;
	case 0x11: pci_config_write(&d, PCI_COMMAND + 1, 1, value); break;
	case 0x12: pci_config_write(&d, PCI_STATUS, 1, value); break;
	case 0x13: pci_config_write(&d, PCI_STATUS + 1, 1, value); break;
	case 0x20: pci_config_write(&d, PCI_COMMAND, 2, value); break;
	case 0x22: pci_config_write(&d, PCI_STATUS, 2, value); break;
	default: pci_config_write(&d, PCI_COMMAND, 4, value); break;
	}
}

void proof_config_command(void)
{
	unsigned int size = 1u << nondet_u8() % 3, at = nondet_uint(), other = nondet_uint();
	uint32_t value = nondet_u32(), bits, was, asked, now;
	uint8_t before;

	any_function();
	ASSUME(at < 4 && at % size == 0 && other < PCI_CONFIG_STORED && other / 4 != PCI_COMMAND / 4);
	before = d.config[other];
	was = pci_config_get(&d, PCI_COMMAND, 4);
	any_access(at, size, value);
	now = pci_config_get(&d, PCI_COMMAND, 4);
	bits = mask_of(size) << at * 8;
	value = value << at * 8 & bits;
	asked = (was & ~(bits & COMMAND_WRITABLE)) | (value & COMMAND_WRITABLE);
	PROVE((now & BOTH) == decoded, "enabled and decoded are one");
	PROVE((now & 0xffff & ~BOTH) == (asked & 0xffff & ~BOTH),
		"Command is what was written, but for what cannot be had");
	PROVE(!(now & BOTH & ~asked), "nothing is enabled that was not asked for");
	PROVE(!(asked & was & BOTH & ~now), "what was enabled stays so until it is disabled");
	PROVE((was ^ asked) & BOTH || !calls, "no other write comes near a BAR");
	PROVE(!((now ^ was) & 0xff0000 & ~(PCI_STATUS_INTERRUPT << 16)),
		"the lower half of Status is nobody's to write");
	PROVE(now >> 24 == (was >> 24 & ~(value >> 24 & CLEARED_BY_ONE)),
		"of the upper one a one clears, and nothing sets");
	PROVE(d.config[other] == before, "no other register changes");
	REACHABLE((now & ~was & BOTH) == BOTH);
	REACHABLE(
		(asked & ~now) == PCI_COMMAND_MEMORY && now & ~was & PCI_COMMAND_IO && now & ~was & PCI_COMMAND_MASTER);
	REACHABLE(now >> 24 != was >> 24 && size == 1);
}

void proof_config_read(void)
{
	unsigned int size = 1u << nondet_u8() % 3, offset = nondet_uint(), i = nondet_uint();
	uint32_t value;

	any_function();
	ASSUME(offset % size == 0 && offset < PCI_CONFIG_SIZE && i < size);
	value = pci_config_read(&d, offset, size);
	PROVE(offset < PCI_CONFIG_STORED || !value, "what is not stored reads 0");
	if (offset < PCI_CONFIG_STORED && !in_window(&d, offset)) {
		PROVE((uint8_t)(value >> i * 8) == d.config[offset + i], "what is stored reads as it is");
		PROVE(!(value & ~mask_of(size)), "and no wider than it was asked for");
	}
	REACHABLE(offset == PCI_CONFIG_STORED - 4 && size == 4 && value == 0x12345678);
	REACHABLE(offset == PCI_CONFIG_SIZE - 2 && size == 2);
}
