/* SPDX-License-Identifier: Apache-2.0 */
/* Base address registers (PCI 3.0, 6.2.5.1): where they may be, sizing, mapping, moving. The promise is in pci.h. */
#include <assert.h>
#include <errno.h>

#include <linux/pci_regs.h>

#include "internal.h"

/* Bus addresses below are given to nobody: 0 reads as "never assigned", and I/O ports up here are ISA's. */
#define ASSIGN_FROM 0x1000

static uint16_t space_of(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

static unsigned int halves_of(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_MEM64 ? 2 : 1;
}

static uint32_t half_of(uint64_t value, unsigned int half)
{
	return (uint32_t)(value >> (half * 32));
}

/* Address bits that the register has. In 64 bits, so that no size shifts by a register's width (crosvm 872c5102b). */
static uint32_t half_mask(const struct pci_bar *bar, unsigned int half)
{
	return half_of(~(bar->region.size - 1), half);
}

static uint32_t type_bits(const struct pci_bar *bar)
{
	uint32_t bits = bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;

	if (bar->kind == PCI_BAR_IO)
		return PCI_BASE_ADDRESS_SPACE_IO;
	return bits | (bar->kind == PCI_BAR_MEM64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : PCI_BASE_ADDRESS_MEM_TYPE_32);
}

/* Only while mapped: an unmapped BAR's register simply holds what was written. */
static bool sizing(const struct pci_bar *bar, unsigned int half)
{
	return bar->mapped && bar->written[half] == UINT32_MAX;
}

/* Makes the register read what it has to. */
static void show(struct pci_device *d, unsigned int n)
{
	const struct pci_bar *bar = &d->bar[n];

	for (unsigned int half = 0; half < halves_of(bar); half++) {
		uint32_t value = sizing(bar, half) ? half_mask(bar, half) : half_of(bar->addr, half);

		if (half == 0)
			value |= type_bits(bar);
		pci_config_set(d, PCI_BASE_ADDRESS_0 + (n + half) * 4, 4, value);
	}
}

static bool in_window(const struct pci_window *w, uint64_t addr, uint64_t size, gpa_t *cpu)
{
	/* Of an address below the window it is more than any window's size. */
	uint64_t offset = addr - w->bus_base;

	if (offset >= w->size || size > w->size - offset)
		return false;
	*cpu = w->base + offset;
	return true;
}

/* Where the CPU sees bus address addr of this BAR, if a window shows all of it. Windows hold no RAM and no ECAM. */
static bool cpu_address(const struct pci_host *host, const struct pci_bar *bar, uint64_t addr, gpa_t *cpu)
{
	const struct pci_host_config *c = &host->config;

	if (bar->kind == PCI_BAR_IO)
		return in_window(&c->io, addr, bar->region.size, cpu);
	return in_window(&c->mem32, addr, bar->region.size, cpu) || in_window(&c->mem64, addr, bar->region.size, cpu);
}

/* The two halves written last, but for one that was written to size it. */
static uint64_t wanted(const struct pci_bar *bar)
{
	uint64_t addr = 0;

	for (unsigned int half = 0; half < halves_of(bar); half++) {
		uint32_t value =
			sizing(bar, half) ? half_of(bar->addr, half) : bar->written[half] & half_mask(bar, half);

		addr |= (uint64_t)value << (half * 32);
	}
	return addr;
}

static void tell(struct pci_device *d, unsigned int n, bool mapped)
{
	void (*hook)(struct pci_device *, unsigned int) = mapped ? d->ops->bar_map : d->ops->bar_unmap;

	if (hook)
		hook(d, n);
}

/* Checked before anything is touched. Old and new place are multiples of the size, so they cannot overlap each other. */
static void move(struct pci_device *d, unsigned int n, uint64_t addr)
{
	struct pci_bar *bar = &d->bar[n];
	struct bus *bus = d->host->config.bus;
	gpa_t cpu;
	int err;

	if (!cpu_address(d->host, bar, addr, &cpu) || bus_check(bus, cpu, bar->region.size))
		return;
	tell(d, n, false);
	bus_del(bus, &bar->region);
	bar->addr = addr;
	bar->region.base = cpu;
	err = bus_add(bus, &bar->region);
	assert(!err);
	(void)err;
	tell(d, n, true);
}

void pci_bar_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	unsigned int n = offset / 4, half = 0, shift = offset % 4 * 8;
	uint32_t bits = (uint32_t)((1ULL << (size * 8)) - 1) << shift, whole;
	struct pci_bar *bar;

	if (n && d->bar[n - 1].kind == PCI_BAR_MEM64) {
		n--;
		half = 1;
	}
	bar = &d->bar[n];
	if (bar->kind == PCI_BAR_NONE)
		return;
	whole = bar->mapped ? bar->written[half] : half_of(bar->addr, half);
	whole = (whole & ~bits) | (value << shift & bits);
	if (bar->mapped) {
		bar->written[half] = whole;
		if (wanted(bar) != bar->addr)
			move(d, n, wanted(bar));
	} else {
		bar->addr &= ~((uint64_t)UINT32_MAX << (half * 32));
		bar->addr |= (uint64_t)(whole & half_mask(bar, half)) << (half * 32);
	}
	show(d, n);
}

void pci_bar_set_written(struct pci_device *d, unsigned int n, const uint32_t written[2])
{
	struct pci_bar *bar = &d->bar[n];

	if (!bar->mapped)
		return;
	bar->written[0] = written[0];
	bar->written[1] = written[1];
	show(d, n);
}

static bool map_one(struct pci_device *d, struct pci_bar *bar)
{
	if (!cpu_address(d->host, bar, bar->addr, &bar->region.base) || bus_add(d->host->config.bus, &bar->region))
		return false;
	bar->written[0] = half_of(bar->addr, 0);
	bar->written[1] = half_of(bar->addr, 1);
	bar->mapped = true;
	return true;
}

static void unmap_one(struct pci_device *d, struct pci_bar *bar)
{
	/* The register goes on reading what it read. */
	for (unsigned int half = 0; half < halves_of(bar); half++)
		if (sizing(bar, half))
			bar->addr |= (uint64_t)half_mask(bar, half) << (half * 32);
	bus_del(d->host->config.bus, &bar->region);
	bar->mapped = false;
}

static bool takes_part(const struct pci_bar *bar, uint16_t space)
{
	return bar->kind != PCI_BAR_NONE && space_of(bar) == space;
}

bool pci_bars_map(struct pci_device *d, uint16_t space)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		if (!takes_part(&d->bar[n], space) || map_one(d, &d->bar[n]))
			continue;
		while (n--)
			if (takes_part(&d->bar[n], space))
				unmap_one(d, &d->bar[n]);
		return false;
	}
	/* The device hears of it when it is certain. */
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (takes_part(&d->bar[n], space))
			tell(d, n, true);
	return true;
}

void pci_bars_unmap(struct pci_device *d, uint16_t space)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		if (!takes_part(&d->bar[n], space) || !d->bar[n].mapped)
			continue;
		tell(d, n, false);
		unmap_one(d, &d->bar[n]);
	}
}

void pci_bars_reset(struct pci_device *d)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		if (d->bar[n].kind == PCI_BAR_NONE)
			continue;
		d->bar[n].addr = d->bar[n].assigned;
		show(d, n);
	}
}

/* Moves *addr behind the BARs of d, in the same space as bar, that it would touch. false when it touches none. */
static bool skip_bars(const struct pci_device *d, const struct pci_bar *bar, uint64_t *addr)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *other = &d->bar[n];

		/* A BAR that has no address yet stands at 0. */
		if (other == bar || !other->addr || !takes_part(other, space_of(bar)))
			continue;
		if (*addr < other->addr ? other->addr - *addr >= bar->region.size
					: *addr - other->addr >= other->region.size)
			continue;
		*addr = ALIGN_UP(other->addr + other->region.size, bar->region.size);
		return true;
	}
	return false;
}

/* First fit: there are few BARs, and this is done once. */
static int assign(struct pci_host *host, struct pci_device *d, struct pci_bar *bar, const struct pci_window *w)
{
	uint64_t addr = ALIGN_UP(w->bus_base < ASSIGN_FROM ? ASSIGN_FROM : w->bus_base, bar->region.size);
	gpa_t cpu;
	bool moved;

	do {
		if (!in_window(w, addr, bar->region.size, &cpu))
			return -ENOSPC;
		moved = skip_bars(d, bar, &addr);
		for (unsigned int slot = 0; slot < PCI_SLOTS && !moved; slot++)
			if (host->slot[slot])
				moved = skip_bars(host->slot[slot], bar, &addr);
	} while (moved);
	bar->addr = bar->assigned = addr;
	return 0;
}

int pci_bars_assign(struct pci_host *host, struct pci_device *d)
{
	const struct pci_host_config *c = &host->config;

	for (unsigned int n = 0; n < PCI_BARS; n++) {
		struct pci_bar *bar = &d->bar[n];
		const struct pci_window *w = bar->kind == PCI_BAR_IO			   ? &c->io
					     : bar->kind == PCI_BAR_MEM64 && c->mem64.size ? &c->mem64
											   : &c->mem32;
		uint64_t size = bar->region.size;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		assert(size >= (bar->kind == PCI_BAR_IO ? 4 : 16) && !(size & (size - 1)));
		assert(bar->kind != PCI_BAR_IO || size <= 256);
		assert(bar->kind == PCI_BAR_MEM64 || size <= 2 * GiB);
		assert(bar->kind != PCI_BAR_MEM64 || (n + 1 < PCI_BARS && d->bar[n + 1].kind == PCI_BAR_NONE));
		if (assign(host, d, bar, w))
			return -ENOSPC;
		show(d, n);
	}
	return 0;
}
