/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three functions whose configuration space and BARs are read and written at random, with values that are likely to mean
 * something, and after each step what has to be true whatever a guest does: read-only bits are what they were, a BAR is on
 * the bus if and only if it is decoded, where its register says and inside a window, nothing overlaps, hooks come in pairs.
 */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "fake_pci.h"
#include "rig_pci.h"
#include "test.h"

#define FUNCTIONS 3
#define STEPS	  1500000
#define BAR_END	  (PCI_BASE_ADDRESS_0 + PCI_BARS * 4)

static struct rig rig;
static struct rig_pci pci;
static struct fake_pci fake[FUNCTIONS];
static uint8_t before[FUNCTIONS][PCI_CONFIG_STORED];
static uint64_t seed = 0x4d595df4d0f33173;

/* xorshift64*: the same steps everywhere, and cheap. */
static uint64_t any(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1d;
}

static uint64_t below(uint64_t end)
{
	return (any() >> 11) % end;
}

/* Addresses near the edges of everything, and where the other functions are. */
static uint64_t address(void)
{
	static const uint64_t edges[] = { 0, 0x1000, RIG_IO_SIZE, RIG_MEM32, RIG_MEM32 + RIG_MEM32_SIZE, RIG_RAM_BASE,
		RIG_MEM64, RIG_MEM64 + RIG_MEM64_SIZE, RIG_ECAM, UINT32_MAX, UINT64_MAX };
	uint64_t base = edges[below(ARRAY_SIZE(edges))];

	switch (below(4)) {
	case 0: return base + below(8) * 16;
	case 1: return base + below(8) * FAKE_SIZE - 2 * FAKE_SIZE;
	case 2: return fake[below(FUNCTIONS)].pci.bar[below(PCI_BARS)].addr;
	default: return base;
	}
}

static unsigned int interesting_offset(void)
{
	static const unsigned int plain[] = { PCI_COMMAND, PCI_COMMAND, PCI_STATUS, FAKE_MSIX_CAP + PCI_MSIX_FLAGS,
		FAKE_VENDOR_CAP + 4, FAKE_VENDOR_CAP + 16, PCI_INTERRUPT_LINE, 0xffc };

	switch (below(8)) {
	case 0: return (unsigned int)below(PCI_CONFIG_SIZE);
	case 1: return (unsigned int)below(PCI_CONFIG_STORED);
	case 2:
	case 3: return plain[below(ARRAY_SIZE(plain))];
	default: return PCI_BASE_ADDRESS_0 + (unsigned int)below(PCI_BARS) * 4;
	}
}

static uint64_t value_for(unsigned int offset)
{
	if (offset >= PCI_BASE_ADDRESS_0 && offset < BAR_END && below(8))
		return below(2) ? address() : address() >> 32;
	return below(4) ? any() : UINT64_MAX;
}

static void config_step(void)
{
	unsigned int slot = 1 + (unsigned int)below(FUNCTIONS), offset = interesting_offset(), size = 1u << below(4);
	uint64_t value = value_for(offset);

	if (below(4))
		size = 4;
	rig_pci_write(&pci, slot, offset, size, value);
	if (!below(4))
		rig_pci_read(&pci, slot, offset, size);
}

/* A driver that puts a function in order, so that the next steps meet one that works. */
static void sensible_step(void)
{
	unsigned int i = (unsigned int)below(FUNCTIONS), slot = 1 + i;
	struct pci_device *d = &fake[i].pci;

	if (!below(8))
		pci_device_reset(d);
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (d->bar[n].kind != PCI_BAR_NONE)
			rig_pci_write(&pci, slot, PCI_BASE_ADDRESS_0 + n * 4, d->bar[n].kind == PCI_BAR_MEM64 ? 8 : 4,
				d->bar[n].assigned);
	rig_pci_write(&pci, slot, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	rig_pci_write(&pci, slot, FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

/* Mostly the MSI-X table, which every register of it decides about. */
static void bar_step(void)
{
	const struct pci_device *d = &fake[below(FUNCTIONS)].pci;
	const struct pci_bar *bar = &d->bar[below(4) ? FAKE_MSIX_BAR : below(PCI_BARS)];
	unsigned int size = below(2) ? 4 : 1u << below(4);
	uint64_t offset = below(FAKE_VECTORS * PCI_MSIX_ENTRY_SIZE + 16);

	if (below(2))
		offset &= ~7ULL;
	if (!below(8))
		offset += FAKE_PBA;
	rig_read(&rig, bar->region.base + offset, size);
	rig_write(&rig, bar->region.base + offset, size, below(2) ? below(2) : any());
}

static void device_step(void)
{
	struct fake_pci *f = &fake[below(FUNCTIONS)];
	unsigned int vector = (unsigned int)below(FAKE_VECTORS);

	switch (below(6)) {
	case 0: pci_set_intx(&f->pci, below(2)); break;
	case 1: f->signalled[vector] = below(2); break;
	case 2:
		if (f->pci.msix.entry[vector].users < 3)
			pci_msix_use(&f->pci, vector);
		break;
	case 3:
		if (f->pci.msix.entry[vector].users)
			pci_msix_unuse(&f->pci, vector);
		break;
	case 4: pci_msix_fd(&f->pci, vector); break;
	default: pci_msix_notify(&f->pci, vector); break;
	}
}

static uint64_t register_of(const struct pci_device *d, unsigned int n)
{
	uint64_t value = pci_config_get(d, PCI_BASE_ADDRESS_0 + n * 4, 4);

	if (d->bar[n].kind == PCI_BAR_MEM64)
		value |= (uint64_t)pci_config_get(d, PCI_BASE_ADDRESS_0 + n * 4 + 4, 4) << 32;
	return value;
}

/* Where the CPU sees what the register says; ~0 outside of the windows. */
static gpa_t place_of(const struct pci_bar *bar, uint64_t addr)
{
	if (bar->kind == PCI_BAR_IO)
		return addr < RIG_IO_SIZE ? RIG_IO + addr : UINT64_MAX;
	if (addr >= RIG_MEM32 && addr - RIG_MEM32 < RIG_MEM32_SIZE)
		return addr;
	return addr >= RIG_MEM64 && addr - RIG_MEM64 < RIG_MEM64_SIZE ? addr : UINT64_MAX;
}

static bool bar_holds(const struct fake_pci *f, unsigned int n)
{
	const struct pci_bar *bar = &f->pci.bar[n];
	uint16_t space = bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	bool decoded = pci_config_get(&f->pci, PCI_COMMAND, 2) & space;
	uint64_t mask = ~(bar->region.size - 1);
	bool sized = bar->written[0] == UINT32_MAX || (bar->kind == PCI_BAR_MEM64 && bar->written[1] == UINT32_MAX);

	if (bar->mapped != decoded || (f->mapped[n] != 0) != decoded)
		return false;
	if (!decoded)
		return true;
	if (bus_find(&rig.bus, bar->region.base, bar->region.size) != &bar->region || f->mapped[n] != bar->region.base)
		return false;
	if (place_of(bar, bar->addr) != bar->region.base)
		return false;
	/* A half that is being sized reads as its size: the other one still tells. */
	return sized || (register_of(&f->pci, n) & mask) == bar->addr;
}

static bool read_only_holds(unsigned int i)
{
	const struct pci_device *d = &fake[i].pci;

	for (unsigned int at = 0; at < PCI_CONFIG_STORED; at++) {
		uint8_t changed = before[i][at] ^ d->config[at];

		if (at == PCI_STATUS)
			changed &= (uint8_t)~PCI_STATUS_INTERRUPT;
		if (at >= PCI_BASE_ADDRESS_0 && at < BAR_END)
			continue;
		if (changed & ~d->writable[at])
			return false;
	}
	return true;
}

/* Three or fewer functions share no line here: each has its own. */
static bool line_holds(unsigned int i)
{
	const struct pci_device *d = &fake[i].pci;
	bool disabled = pci_config_get(d, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;

	if (!!(d->config[PCI_STATUS] & PCI_STATUS_INTERRUPT) != d->intx_level)
		return false;
	return pci.intx[d->slot % 4].level == (d->intx_level && !disabled && !pci_msix_enabled(d));
}

static bool vectors_hold(const struct pci_device *d)
{
	uint16_t control = (uint16_t)pci_config_get(d, d->msix.cap + PCI_MSIX_FLAGS, 2);
	bool on = (control & PCI_MSIX_FLAGS_ENABLE) && !(control & PCI_MSIX_FLAGS_MASKALL) && pci_bus_master(d);

	for (unsigned int v = 0; v < d->msix.count; v++) {
		const struct pci_msix_entry *e = &d->msix.entry[v];

		if (e->control > 1 || e->live != (on && e->users && !e->control))
			return false;
		if (e->live && (e->pending || !e->routed || e->route_addr != e->addr || e->route_data != e->data))
			return false;
		if (e->pending && !e->users)
			return false;
	}
	return true;
}

static bool bus_holds(void)
{
	for (unsigned int i = 1; i < rig.bus.region_count; i++) {
		const struct bus_region *low = rig.bus.region[i - 1], *high = rig.bus.region[i];

		if (high->base < low->base || high->base - low->base < low->size)
			return false;
	}
	return true;
}

static bool everything_holds(void)
{
	unsigned int mapped = 0;

	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		fake[i].log[0] = 0;
		for (unsigned int n = 0; n < PCI_BARS; n++) {
			if (fake[i].pci.bar[n].kind == PCI_BAR_NONE)
				continue;
			if (!bar_holds(&fake[i], n))
				return false;
			mapped += fake[i].pci.bar[n].mapped;
		}
		if (!read_only_holds(i) || !line_holds(i) || !vectors_hold(&fake[i].pci) || fake[i].mistakes)
			return false;
	}
	return rig.bus.region_count == 1 + mapped && bus_holds();
}

static void r44_r45_a_million_writes(void)
{
	unsigned int decoded = 0;

	rig_init(&rig);
	rig_pci_init(&pci, &rig);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		fake_pci_init(&fake[i], "fake");
		CHECK_EQ(pci_host_plug(&pci.host, &fake[i].pci, 1 + i), 0);
		memcpy(before[i], fake[i].pci.config, PCI_CONFIG_STORED);
	}
	for (unsigned int step = 0; step < STEPS && !test_failed; step++) {
		uint64_t kind = below(16);

		if (!below(32))
			sensible_step();
		else if (kind < 8)
			config_step();
		else if (kind < 12)
			bar_step();
		else
			device_step();
		if (!everything_holds())
			TEST_FAIL_("something does not hold after step %u", step);
		decoded += rig.bus.region_count - 1;
	}
	/* That it was no walk past closed doors: BARs were decoded, moved and sent messages. */
	CHECK(decoded > STEPS / 2);
	CHECK(pci.messages > STEPS / 1000);
	printf("# %u BARs decoded on average, %u messages, %u routes\n", decoded / STEPS, pci.messages, pci.routes);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		pci_device_reset(&fake[i].pci);
		CHECK(everything_holds());
		rig_pci_write(&pci, 1 + i, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
		CHECK_EQ(rig_pci_read(&pci, 1 + i, PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	}
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		pci_host_unplug(&fake[i].pci);
	rig_pci_destroy(&pci);
	rig_destroy(&rig);
}

static const struct test tests[] = {
	TEST(r44_r45_a_million_writes),
};
TEST_MAIN(tests)
