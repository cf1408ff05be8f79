/* SPDX-License-Identifier: Apache-2.0 */
/* What fake_pci.h promises. */
#include "fake_pci.h"

#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "pci/host.h"
#include "test.h"

static struct fake_pci *to_fake(struct pci_device *d)
{
	return container_of(d, struct fake_pci, pci);
}

static void note(struct fake_pci *f, const char *what, int number)
{
	size_t used = strlen(f->log);

	if (number < 0)
		snprintf(f->log + used, sizeof(f->log) - used, "%s ", what);
	else
		snprintf(f->log + used, sizeof(f->log) - used, "%s%d ", what, number);
}

static struct doorbell bell(const struct fake_pci *f)
{
	return (struct doorbell){
		.addr = f->pci.bar[FAKE_BAR].region.base + FAKE_DOORBELL,
		.size = 2,
		.any_value = true,
		.fd = f->bell_fd,
	};
}

/* On the bus where the register says: what every hook may rely on. */
static bool in_place(const struct pci_device *d, unsigned int n)
{
	const struct pci_bar *bar = &d->bar[n];

	return bar->mapped && bus_find(d->host->config.bus, bar->region.base, bar->region.size) == &bar->region;
}

static void fake_unmap(struct pci_device *d, unsigned int n)
{
	struct fake_pci *f = to_fake(d);
	struct doorbell b = bell(f);

	note(f, "unmap", (int)n);
	f->mistakes += !in_place(d, n) || f->mapped[n] != d->bar[n].region.base;
	f->mapped[n] = 0;
	if (n == FAKE_BAR && f->bell_fd >= 0)
		bus_del_doorbell(d->host->config.bus, &b);
}

static void fake_map(struct pci_device *d, unsigned int n)
{
	struct fake_pci *f = to_fake(d);
	struct doorbell b = bell(f);

	note(f, "map", (int)n);
	f->mistakes += !in_place(d, n) || f->mapped[n];
	f->mapped[n] = d->bar[n].region.base;
	if (n == FAKE_BAR && f->bell_fd >= 0)
		CHECK_EQ(bus_add_doorbell(d->host->config.bus, &b), 0);
}

static uint32_t fake_window_read(struct pci_device *d, unsigned int offset, unsigned int size)
{
	(void)size;
	return to_fake(d)->window >> (offset * 8);
}

static void fake_window_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	struct fake_pci *f = to_fake(d);
	uint32_t bits = (uint32_t)((1ULL << (size * 8)) - 1) << (offset * 8);

	f->mistakes += offset >= 4 || size > 4 - offset;
	f->window = (f->window & ~bits) | (value << (offset * 8) & bits);
	f->window_writes++;
}

static void fake_config_written(struct pci_device *d, unsigned int offset, unsigned int size)
{
	struct fake_pci *f = to_fake(d);

	f->mistakes += offset < FAKE_VENDOR_CAP || offset + size > FAKE_VENDOR_CAP + FAKE_VENDOR_SIZE - 4;
	note(f, "cap", (int)(offset - FAKE_VENDOR_CAP));
}

static void fake_vector_masked(struct pci_device *d, unsigned int vector, bool masked)
{
	note(to_fake(d), masked ? "mask" : "unmask", (int)vector);
}

static bool fake_vector_pending(struct pci_device *d, unsigned int vector)
{
	return to_fake(d)->signalled[vector];
}

static void fake_msix_enabled(struct pci_device *d, bool on)
{
	note(to_fake(d), on ? "msix+" : "msix-", -1);
}

static void fake_bus_master(struct pci_device *d, bool on)
{
	note(to_fake(d), on ? "master+" : "master-", -1);
}

static uint64_t io_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return (FAKE_IO_BAR + 1) << 24 | offset;
}

static uint64_t mem_bar_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return (FAKE_BAR + 1) << 24 | offset;
}

static uint64_t small_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return (FAKE_SMALL_BAR + 1) << 24 | offset;
}

static void bar_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct fake_pci *f = opaque;

	(void)size;
	f->offset = offset;
	f->value = value;
	f->writes++;
}

static uint64_t msix_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct fake_pci *f = opaque;

	if (offset < FAKE_PBA)
		return pci_msix_table_read(&f->pci, offset, size);
	return pci_msix_pba_read(&f->pci, offset - FAKE_PBA, size);
}

static void msix_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct fake_pci *f = opaque;

	if (offset < FAKE_PBA)
		pci_msix_table_write(&f->pci, offset, size, value);
}

static void add_bars(struct fake_pci *f)
{
	static const struct bus_ops io = { .read = io_read, .write = bar_write };
	static const struct bus_ops msix = { .read = msix_read, .write = msix_write };
	static const struct bus_ops mem = { .read = mem_bar_read, .write = bar_write };
	static const struct bus_ops small = { .read = small_read, .write = bar_write };
	const struct {
		unsigned int n;
		enum pci_bar_kind kind;
		const struct bus_ops *ops;
		uint64_t size;
	} bars[] = {
		{ FAKE_IO_BAR, PCI_BAR_IO, &io, FAKE_IO_SIZE },
		{ FAKE_MSIX_BAR, PCI_BAR_MEM32, &msix, FAKE_MSIX_SIZE },
		{ FAKE_BAR, PCI_BAR_MEM64, &mem, FAKE_SIZE },
		{ FAKE_SMALL_BAR, PCI_BAR_MEM32, &small, FAKE_SMALL_SIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bars); i++) {
		struct pci_bar *bar = &f->pci.bar[bars[i].n];

		bar->kind = bars[i].kind;
		bar->prefetchable = bars[i].n == FAKE_BAR;
		bar->region = (struct bus_region){ f->pci.name, bars[i].ops, f, 0, bars[i].size };
	}
}

void fake_pci_init(struct fake_pci *f, const char *name)
{
	static const struct pci_device_ops ops = {
		.bar_unmap = fake_unmap,
		.bar_map = fake_map,
		.window_read = fake_window_read,
		.window_write = fake_window_write,
		.config_written = fake_config_written,
		.vector_masked = fake_vector_masked,
		.vector_pending = fake_vector_pending,
		.bus_master = fake_bus_master,
		.msix_enabled = fake_msix_enabled,
	};
	static const uint8_t cap[FAKE_VENDOR_SIZE] = { 0, 0, FAKE_VENDOR_SIZE, 5 };
	static const uint8_t writable[FAKE_VENDOR_SIZE] = { [4] = 0xff };

	memset(f, 0, sizeof(*f));
	f->bell_fd = -1;
	f->pci.name = name;
	f->pci.ops = &ops;
	f->pci.vendor_id = 0x1234;
	f->pci.device_id = 0x5678;
	f->pci.subsystem_vendor_id = 0x9abc;
	f->pci.subsystem_id = 0xdef0;
	f->pci.revision = 7;
	f->pci.class_code = 0x020304;
	f->pci.intx = true;
	add_bars(f);
	CHECK_EQ(pci_add_capability(&f->pci, PCI_CAP_ID_VNDR, cap, writable, sizeof(cap)), FAKE_VENDOR_CAP);
	CHECK_EQ(pci_add_msix(&f->pci, FAKE_VECTORS, FAKE_MSIX_BAR, 0, FAKE_MSIX_BAR, FAKE_PBA), 0);
	CHECK_EQ(f->pci.msix.cap, FAKE_MSIX_CAP);
	f->pci.window = FAKE_VENDOR_CAP + 16;
	f->pci.window_size = 4;
}
