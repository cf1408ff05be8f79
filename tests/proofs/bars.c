/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: base address registers, from every state that a function's can be in to another such state: what a register says and where
 * the bus has its BAR never differ, whatever is written and whatever else is there.
 */
#include "proof.h"

#include <errno.h>

#include "../../devices/pci/bar.c"

#define BOTH (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

static struct bus bus;
static struct pci_host host = { .config.bus = &bus };
static struct pci_device d;

/*
 * The bus as bus.c proves it: which BARs are on it, and where, and one region of somebody else's, anywhere. One is enough: an
 * access is refused once at most, and by one region; whichever that is, it is this one.
 */
static bool on_bus[PCI_BARS];
static gpa_t place[PCI_BARS];
static struct bus_region foreign;
static unsigned int room, calls;

static bool overlap(gpa_t a, uint64_t a_size, gpa_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

static int free_at(gpa_t base, uint64_t size)
{
	if (!size || size - 1 > UINT64_MAX - base)
		return -EINVAL;
	if (foreign.size && overlap(base, size, foreign.base, foreign.size))
		return -EEXIST;
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (on_bus[n] && overlap(base, size, place[n], d.bar[n].region.size))
			return -EEXIST;
	return 0;
}

static unsigned int which(const struct bus_region *region)
{
	unsigned int n = 0;

	while (n < PCI_BARS && region != &d.bar[n].region)
		n++;
	PROVE(n < PCI_BARS, "only a BAR comes and goes");
	return n;
}

int bus_check(const struct bus *b, gpa_t base, uint64_t size)
{
	(void)b;
	return free_at(base, size);
}

int bus_add(struct bus *b, struct bus_region *region)
{
	unsigned int n = which(region);
	int err = free_at(region->base, region->size);

	(void)b;
	calls++;
	PROVE(!on_bus[n], "no BAR is put on the bus twice");
	if (err)
		return err;
	if (!room)
		return -ENOSPC;
	room--;
	on_bus[n] = true;
	place[n] = region->base;
	return 0;
}

void bus_del(struct bus *b, struct bus_region *region)
{
	unsigned int n = which(region);

	(void)b;
	calls++;
	PROVE(on_bus[n] && place[n] == region->base, "what is taken off the bus is on it, where it was put");
	on_bus[n] = false;
	room++;
}

/* The device's hooks: what pci.h promises of each call. */

static unsigned int told;

static void bar_map(struct pci_device *dev, unsigned int n)
{
	told++;
	PROVE(dev == &d && n < PCI_BARS && on_bus[n] && d.bar[n].region.base == place[n],
		"a device hears of a BAR that is on the bus");
}

/* The six registers, of which pci_config.c proves the rest. */

static uint32_t reg[PCI_BARS];

void pci_config_set(struct pci_device *dev, unsigned int offset, unsigned int size, uint32_t value)
{
	unsigned int n = (offset - PCI_BASE_ADDRESS_0) / 4;

	PROVE(dev == &d && size == 4 && offset >= PCI_BASE_ADDRESS_0 && offset % 4 == 0 && n < PCI_BARS,
		"a whole register is set, and one of the six");
	reg[n] = value;
}

/* All that a device's maker may choose (pci_bars_assign asserts it). */
static bool bar_can_be(unsigned int n)
{
	const struct pci_bar *bar = &d.bar[n];
	uint64_t size = bar->region.size;

	switch (bar->kind) {
	case PCI_BAR_NONE: return !size && !bar->mapped;
	case PCI_BAR_IO: return size >= 4 && size <= 256 && !(size & (size - 1));
	case PCI_BAR_MEM32: return size >= 16 && size <= 2 * GiB && !(size & (size - 1));
	case PCI_BAR_MEM64:
		return size >= 16 && !(size & (size - 1)) && n + 1 < PCI_BARS && d.bar[n + 1].kind == PCI_BAR_NONE;
	default: return false;
	}
}

static bool shown_by(const struct pci_window *w, const struct pci_bar *bar, uint64_t addr, gpa_t cpu)
{
	return addr - w->bus_base < w->size && bar->region.size <= w->size - (addr - w->bus_base) &&
	       cpu == w->base + (addr - w->bus_base);
}

/* PCI 3.0, 6.2.5.1: address bits, or of a half that is sized those that there are, above the bits that say which kind it is. */
static uint32_t reads(const struct pci_bar *bar, bool high)
{
	uint64_t mask = ~(bar->region.size - 1);
	bool sized = bar->mapped && bar->written[high] == UINT32_MAX;
	uint64_t value = sized ? mask : bar->addr;
	uint32_t type =
		bar->kind == PCI_BAR_IO ? 1 : (bar->kind == PCI_BAR_MEM64 ? 4u : 0) | (bar->prefetchable ? 8u : 0);

	return high ? (uint32_t)(value >> 32) : (uint32_t)value | type;
}

/* The theorem, of BAR n: decoded and on the bus are one, where it is is where its address says, its register says so. */
static bool agrees(unsigned int n)
{
	const struct pci_bar *bar = &d.bar[n];
	const struct pci_host_config *c = &host.config;

	if (bar->mapped != on_bus[n])
		return false;
	if (bar->kind == PCI_BAR_NONE)
		return !bar->mapped;
	if (bar->addr & (bar->region.size - 1) || (bar->kind != PCI_BAR_MEM64 && bar->addr > UINT32_MAX))
		return false;
	if (reg[n] != reads(bar, false) || (bar->kind == PCI_BAR_MEM64 && reg[n + 1] != reads(bar, true)))
		return false;
	if (!bar->mapped)
		return true;
	if (place[n] != bar->region.base)
		return false;
	if (bar->kind == PCI_BAR_IO)
		return shown_by(&c->io, bar, bar->addr, place[n]);
	return shown_by(&c->mem32, bar, bar->addr, place[n]) || shown_by(&c->mem64, bar, bar->addr, place[n]);
}

static bool all_agree(void)
{
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (!agrees(n))
			return false;
	return true;
}

/* A machine's windows end below 2^64. */
static struct pci_window any_window(void)
{
	struct pci_window w = { .base = nondet_u64(), .size = nondet_u64(), .bus_base = nondet_u64() };

	ASSUME(w.size <= UINT64_MAX - w.base && w.size <= UINT64_MAX - w.bus_base);
	return w;
}

static void any_bars(void)
{
	static const struct pci_device_ops ops = { .bar_map = bar_map, .bar_unmap = bar_map };

	d.ops = &ops;
	d.host = &host;
	host.config.io = any_window();
	host.config.mem32 = any_window();
	host.config.mem64 = any_window();
	foreign.base = nondet_u64();
	foreign.size = nondet_u64();
	room = nondet_u8();
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		struct pci_bar *bar = &d.bar[n];

		reg[n] = nondet_u32();
		bar->kind = nondet_u8() % 4;
#ifdef HIGH
		if (!n)
			bar->kind = PCI_BAR_MEM64;
#endif
		bar->prefetchable = nondet_bool();
		bar->region.size = nondet_u64();
		bar->region.base = place[n] = nondet_u64();
		bar->mapped = on_bus[n] = nondet_bool();
		bar->addr = nondet_u64();
		bar->written[0] = nondet_u32();
		bar->written[1] = nondet_u32();
	}
	for (unsigned int n = 0; n < PCI_BARS; n++)
		ASSUME(bar_can_be(n) && agrees(n));
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		/* What bus.c proves: none over another, none past 2^64. */
		on_bus[n] = false;
		ASSUME(!d.bar[n].mapped || !free_at(place[n], d.bar[n].region.size));
		on_bus[n] = d.bar[n].mapped;
	}
}

/* The bus address that the two halves make which were written last, where one that is sized keeps what it has (pci.h). */
static uint64_t told_to(const struct pci_bar *was, bool high, uint32_t whole)
{
	uint64_t mask = ~(was->region.size - 1);
	uint32_t low = high ? was->written[0] : whole, up = high ? whole : was->written[1];

	if (was->kind != PCI_BAR_MEM64)
		return low == UINT32_MAX ? was->addr : low & mask & UINT32_MAX;
	return (low == UINT32_MAX ? (uint32_t)was->addr : low & (uint32_t)mask) |
	       ((up == UINT32_MAX ? was->addr : (uint64_t)up << 32 & mask) & ~(uint64_t)UINT32_MAX);
}

/* A write to one half, of which `whole` is what it then was told in all. */
static void prove_bar(const struct pci_bar *was, bool high, uint32_t whole)
{
	const struct pci_bar *bar = &d.bar[0];
	uint64_t mask = ~(was->region.size - 1), half = high ? ~(uint64_t)UINT32_MAX : UINT32_MAX;
	uint64_t value = (uint64_t)whole << (high ? 32 : 0);
	const uint32_t type = high ? 0 : was->kind == PCI_BAR_IO ? 3 : 15;

	PROVE(bar->mapped == was->mapped, "nothing is enabled or disabled by an address");
	if (was->kind == PCI_BAR_NONE || !was->mapped) {
		PROVE(!calls && !told, "what is not decoded is not on the bus");
		PROVE(was->kind == PCI_BAR_NONE || bar->addr == ((was->addr & ~half) | (value & mask & half)),
			"and its register holds what was written, as far as it has bits");
		return;
	}
	PROVE(bar->written[high] == whole && bar->written[!high] == was->written[!high], "what was written is kept");
	if (whole == UINT32_MAX) {
		PROVE((bar->addr & half) == (was->addr & half), "sizing a half does not move it");
		PROVE((reads(bar, high) & ~type) == ((uint32_t)(mask >> (high ? 32 : 0)) & ~type),
			"and it gives the size");
	}
	if (bar->addr == was->addr) {
		PROVE(!calls && !told && bar->region.base == was->region.base, "a BAR that stays is not touched");
	} else {
		PROVE(bar->addr == told_to(was, high, whole), "a BAR moves where it was told to, and nowhere else");
		PROVE(calls == 2 && told == 2, "and the device hears of it");
	}
}

/*
 * The first BAR, of any kind, or the upper half of it; the others are as they like. Which of the six it is, is a matter of the
 * register's offset and of nothing else. Width and place in the half are given, for the time it takes.
 */
#ifndef SIZE
#define SIZE 4
#define AT   0
#endif

void proof_bar_write(void)
{
#ifdef HIGH
	const bool high = true;
#else
	const bool high = false;
#endif
	const unsigned int size = SIZE, at = AT;
	uint32_t value = nondet_u32(), bits, whole;
	const struct pci_bar *bar = &d.bar[0];
	struct pci_bar before;

	any_bars();
	before = *bar;
	whole = bar->mapped ? bar->written[high] : (uint32_t)(bar->addr >> (high ? 32 : 0));
	bits = (size == 4 ? UINT32_MAX : (1u << size * 8) - 1) << at * 8;
	whole = (whole & ~bits) | (value << at * 8 & bits);
	pci_bar_write(&d, (high ? 4 : 0) + at, size, value);
	PROVE(agrees(0), "bus and register agree");
	prove_bar(&before, high, whole);
	REACHABLE(before.mapped && bar->addr != before.addr);
	REACHABLE(before.mapped && bar->addr == before.addr && whole != UINT32_MAX);
	REACHABLE(before.mapped && whole == UINT32_MAX && bar->region.size == (high ? 16 : 4) * GiB);
	REACHABLE(!before.mapped && bar->kind == (high ? PCI_BAR_MEM64 : PCI_BAR_IO));
}

static bool takes(unsigned int n, uint16_t space)
{
	return d.bar[n].kind != PCI_BAR_NONE && (space == PCI_COMMAND_IO) == (d.bar[n].kind == PCI_BAR_IO);
}

/* A space is enabled as a whole, and nothing else changes by it; what registers read is nothing of that. */
void proof_bars_map(void)
{
	uint16_t space = nondet_bool() ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	unsigned int n = nondet_uint(), before;
	uint32_t was[PCI_BARS];
	bool mapped, on;

	any_bars();
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		ASSUME(!takes(i, space) || !d.bar[i].mapped);
		was[i] = reg[i];
	}
	ASSUME(n < PCI_BARS);
	before = room;
	on = on_bus[n];
	mapped = pci_bars_map(&d, space);
	PROVE(all_agree(), "bus and registers agree");
	PROVE(on_bus[n] == (on || (mapped && takes(n, space))), "all of a space are on the bus, or none");
	PROVE(reg[n] == was[n], "what a register reads does not change");
	PROVE(mapped || (!told && room == before),
		"a device hears of it only when it is certain, and the bus is as it was");
	REACHABLE(mapped && told == PCI_BARS);
	REACHABLE(!mapped && calls == 2 * PCI_BARS - 1 && space == PCI_COMMAND_MEMORY);
}

void proof_bars_unmap(void)
{
	uint16_t space = nondet_bool() ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	unsigned int n = nondet_uint();
	uint32_t was[PCI_BARS];
	bool on;

	any_bars();
	for (unsigned int i = 0; i < PCI_BARS; i++)
		was[i] = reg[i];
	ASSUME(n < PCI_BARS);
	on = on_bus[n];
	pci_bars_unmap(&d, space);
	PROVE(all_agree(), "bus and registers agree");
	PROVE(on_bus[n] == (on && !takes(n, space)), "those of a space leave the bus, and no others");
	PROVE(reg[n] == was[n], "what a register reads does not change, not even a size");
	REACHABLE(told == PCI_BARS);
	REACHABLE(on && !on_bus[n] && d.bar[n].written[1] == UINT32_MAX && d.bar[n].region.size == 64 * KiB);
}
