/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X (PCI 3.0, 6.8.2 and 6.8.3). A vector is live while its message can be sent: MSI-X enabled, neither function nor
 * vector masked, bus mastering on, and the machine takes the message. Whatever may change that ends in update().
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "internal.h"

#define ENTRY_SIZE PCI_MSIX_ENTRY_SIZE

int pci_add_msix(struct pci_device *d, unsigned int count, unsigned int table_bar, unsigned int table_offset,
	unsigned int pba_bar, unsigned int pba_offset)
{
	uint8_t cap[PCI_CAP_MSIX_SIZEOF] = { 0 }, writable[PCI_CAP_MSIX_SIZEOF] = { 0 };
	const uint32_t table = table_offset | table_bar, pba = pba_offset | pba_bar;
	struct pci_msix_entry *entry;
	int at;

	assert(count && count <= PCI_MSIX_MAX && !d->msix.entry && table_offset % 8 == 0 && pba_offset % 8 == 0);
	cap[PCI_MSIX_FLAGS] = (uint8_t)(count - 1);
	cap[PCI_MSIX_FLAGS + 1] = (uint8_t)((count - 1) >> 8);
	writable[PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	for (unsigned int i = 0; i < 4; i++) {
		cap[PCI_MSIX_TABLE + i] = (uint8_t)(table >> (i * 8));
		cap[PCI_MSIX_PBA + i] = (uint8_t)(pba >> (i * 8));
	}
	entry = calloc(count, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	at = pci_add_capability(d, PCI_CAP_ID_MSIX, cap, writable, sizeof(cap));
	if (at < 0) {
		free(entry);
		return at;
	}
	d->msix = (struct pci_msix){ entry, count, (unsigned int)at, table_bar, table_offset, pba_bar, pba_offset };
	pci_msix_reset(d);
	return 0;
}

static uint16_t control(const struct pci_device *d)
{
	return d->msix.count ? (uint16_t)pci_config_get(d, d->msix.cap + PCI_MSIX_FLAGS, 2) : 0;
}

bool pci_msix_enabled(const struct pci_device *d)
{
	/* The one byte: every interrupt asks. */
	return d->msix.count && d->config[d->msix.cap + PCI_MSIX_FLAGS + 1] & PCI_MSIX_FLAGS_ENABLE >> 8;
}

static bool allowed(const struct pci_device *d, const struct pci_msix_entry *e)
{
	return e->users && (control(d) & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)) == PCI_MSIX_FLAGS_ENABLE &&
	       !(e->control & PCI_MSIX_ENTRY_CTRL_MASKBIT) && pci_bus_master(d);
}

/* Makes the interrupt send what the entry says. Costs nothing when it does already. */
static bool route(struct pci_device *d, struct pci_msix_entry *e)
{
	const struct pci_host_config *c = &d->host->config;

	if (!e->irq)
		e->irq = c->msi->alloc(c->msi_opaque, d->slot << 3);
	if (!e->irq)
		return false;
	if (e->routed && e->route_addr == e->addr && e->route_data == e->data)
		return true;
	e->routed = !c->msi->route(c->msi_opaque, e->irq, e->addr, e->data);
	e->route_addr = e->addr;
	e->route_data = e->data;
	return e->routed;
}

bool pci_msix_pending(struct pci_device *d, unsigned int vector)
{
	const struct pci_msix_entry *e = &d->msix.entry[vector];

	return e->pending || (e->users && !e->live && d->ops->vector_pending && d->ops->vector_pending(d, vector));
}

static void tell(struct pci_device *d, unsigned int vector, bool masked)
{
	if (d->ops->vector_masked)
		d->ops->vector_masked(d, vector, masked);
}

static void update(struct pci_device *d, unsigned int vector)
{
	struct pci_msix_entry *e = &d->msix.entry[vector];
	bool live = allowed(d, e) && route(d, e);

	if (live == e->live)
		return;
	if (!live) {
		tell(d, vector, true);
		e->live = false;
		return;
	}
	if (pci_msix_pending(d, vector))
		irq_raise(e->irq);
	e->pending = false;
	e->live = true;
	tell(d, vector, false);
}

void pci_msix_update(struct pci_device *d)
{
	for (unsigned int i = 0; i < d->msix.count; i++)
		update(d, i);
}

void pci_msix_control_changed(struct pci_device *d, uint16_t before)
{
	uint16_t now = control(d);
	bool toggled = (now ^ before) & PCI_MSIX_FLAGS_ENABLE, on = now & PCI_MSIX_FLAGS_ENABLE;

	if (now == before)
		return;
	/* A source of interrupts is never without both kinds of them, as far as the device can tell. */
	if (toggled && on && d->ops->msix_enabled)
		d->ops->msix_enabled(d, true);
	pci_intx_update(d);
	pci_msix_update(d);
	if (toggled && !on && d->ops->msix_enabled)
		d->ops->msix_enabled(d, false);
}

void pci_msix_use(struct pci_device *d, unsigned int vector)
{
	struct pci_msix_entry *e = &d->msix.entry[vector];

	assert(pci_has_vector(d, vector));
	e->users++;
	if (e->live || !allowed(d, e) || !route(d, e))
		return;
	e->live = true;
	/* Nobody used it, so this came with a snapshot. */
	if (e->pending)
		irq_raise(e->irq);
	e->pending = false;
}

void pci_msix_unuse(struct pci_device *d, unsigned int vector)
{
	struct pci_msix_entry *e = &d->msix.entry[vector];

	assert(pci_has_vector(d, vector) && e->users);
	if (--e->users)
		return;
	/* The interrupt is kept: whoever uses the vector next gets it back for nothing. */
	e->live = e->pending = false;
}

void pci_msix_notify(struct pci_device *d, unsigned int vector)
{
	struct pci_msix_entry *e = &d->msix.entry[vector];

	assert(pci_has_vector(d, vector));
	if (e->live)
		irq_raise(e->irq);
	else if (e->users && pci_msix_enabled(d))
		e->pending = true;
}

int pci_msix_fd(struct pci_device *d, unsigned int vector)
{
	struct pci_msix_entry *e = &d->msix.entry[vector];

	assert(pci_has_vector(d, vector));
	return e->live ? e->irq->ops->fd(e->irq) : -1;
}

static uint64_t table_byte(const struct pci_device *d, uint64_t offset)
{
	const struct pci_msix_entry *e = &d->msix.entry[offset / ENTRY_SIZE];
	unsigned int at = offset % ENTRY_SIZE;

	if (at < PCI_MSIX_ENTRY_DATA)
		return e->addr >> (at * 8) & 0xff;
	return (at < PCI_MSIX_ENTRY_VECTOR_CTRL ? e->data : e->control) >> (at % 4 * 8) & 0xff;
}

uint64_t pci_msix_table_read(struct pci_device *d, uint64_t offset, unsigned int size)
{
	uint64_t value = 0, end = (uint64_t)d->msix.count * ENTRY_SIZE;

	for (unsigned int i = 0; i < size && offset < end && i < end - offset; i++)
		value |= table_byte(d, offset + i) << (i * 8);
	return value;
}

static void write_word(struct pci_msix_entry *e, unsigned int at, uint32_t value)
{
	switch (at) {
	case PCI_MSIX_ENTRY_LOWER_ADDR: e->addr = (e->addr & ~(uint64_t)UINT32_MAX) | value; break;
	case PCI_MSIX_ENTRY_UPPER_ADDR: e->addr = (uint32_t)e->addr | (uint64_t)value << 32; break;
	case PCI_MSIX_ENTRY_DATA: e->data = value; break;
	default: e->control = value & PCI_MSIX_ENTRY_CTRL_MASKBIT; break;
	}
}

/* Whole words and double words; anything else is undefined (6.8.2), and here nothing. */
void pci_msix_table_write(struct pci_device *d, uint64_t offset, unsigned int size, uint64_t value)
{
	unsigned int vector, at = offset % ENTRY_SIZE;

	if ((size != 4 && size != 8) || offset % size || offset / ENTRY_SIZE >= d->msix.count)
		return;
	vector = (unsigned int)(offset / ENTRY_SIZE);
	write_word(&d->msix.entry[vector], at, (uint32_t)value);
	if (size == 8)
		write_word(&d->msix.entry[vector], at + 4, (uint32_t)(value >> 32));
	update(d, vector);
}

uint64_t pci_msix_pba_read(struct pci_device *d, uint64_t offset, unsigned int size)
{
	uint64_t value = 0, end = d->msix.count;

	/* A bit each, so eight vectors a byte. The rest of the last word is reserved. */
	for (unsigned int i = 0; i < size * 8 && offset < end / 8 + 1; i++)
		if (offset * 8 + i < end && pci_msix_pending(d, (unsigned int)(offset * 8) + i))
			value |= 1ULL << i;
	return value;
}

void pci_msix_reset(struct pci_device *d)
{
	for (unsigned int i = 0; i < d->msix.count; i++) {
		struct pci_msix_entry *e = &d->msix.entry[i];

		e->addr = e->data = 0;
		e->control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		e->pending = false;
	}
}

void pci_msix_free(struct pci_device *d)
{
	for (unsigned int i = 0; i < d->msix.count; i++)
		if (d->msix.entry[i].irq)
			d->host->config.msi->free(d->host->config.msi_opaque, d->msix.entry[i].irq);
	free(d->msix.entry);
	memset(&d->msix, 0, sizeof(d->msix));
}
