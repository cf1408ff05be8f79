/* SPDX-License-Identifier: Apache-2.0 */
/* The ECAM window, slots and INTx lines of a generic host bridge, and coming and going of devices. */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "internal.h"

/* PCI Express Base 7.2.2: bits 19:15 of the address are the device, 14:12 the function, 11:0 the register. */
static struct pci_device *decode_address(const struct pci_host *host, uint64_t offset)
{
	unsigned int slot = (unsigned int)(offset >> 15) % PCI_SLOTS, function = (offset >> 12) % 8;

	return function ? NULL : host->slot[slot];
}

/*
 * Any access is a sequence of naturally aligned ones of at most 4 bytes, in rising order: each then lies in one register
 * of one function.
 */
static unsigned int piece(uint64_t offset, unsigned int left)
{
	unsigned int size = 4;

	while (offset % size || size > left)
		size /= 2;
	return size;
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_host *host = opaque;
	uint64_t value = 0;

	assert(size <= 8);
	for (unsigned int done = 0, n; done < size; done += n) {
		struct pci_device *d = decode_address(host, offset + done);
		uint64_t part;

		n = piece(offset + done, size - done);
		/* Nobody answers: the pattern that means "no such function" (PCI 3.0, 6.1). */
		part = d ? pci_config_read(d, (offset + done) % PCI_CONFIG_SIZE, n) : UINT32_MAX;
		value |= (part & ((1ULL << (n * 8)) - 1)) << (done * 8);
	}
	return value;
}

static void ecam_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_host *host = opaque;

	assert(size <= 8);
	for (unsigned int done = 0, n; done < size; done += n) {
		struct pci_device *d = decode_address(host, offset + done);
		uint32_t part;

		n = piece(offset + done, size - done);
		part = (uint32_t)(value >> (done * 8) & ((1ULL << (n * 8)) - 1));
		if (d)
			pci_config_write(d, (offset + done) % PCI_CONFIG_SIZE, n, part);
	}
}

static const char *ecam_reg_name(uint64_t offset)
{
	static const char *const words[] = { "Vendor/Device ID", "Command/Status", "Revision/Class", "Cache Line Size",
		"BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5", "CardBus CIS", "Subsystem ID", "Expansion ROM",
		"Capabilities Pointer", NULL, "Interrupt Line/Pin" };
	unsigned int reg = offset % PCI_CONFIG_SIZE;

	return reg < PCI_STD_HEADER_SIZEOF ? words[reg / 4] : reg < PCI_CONFIG_STORED ? "capabilities" : NULL;
}

int pci_host_init(struct pci_host *host, const struct pci_host_config *config)
{
	static const struct bus_ops ops = { .read = ecam_read, .write = ecam_write, .reg_name = ecam_reg_name };
	static const struct pci_device_ops bridge_ops = { .bar_map = NULL };

	memset(host, 0, sizeof(*host));
	host->config = *config;
	host->bridge = (struct pci_device){
		.name = "pci-host",
		.ops = &bridge_ops,
		.vendor_id = 0x1b36,
		.device_id = 0x0008,
		.subsystem_vendor_id = 0x1af4,
		.subsystem_id = 0x1100,
		.class_code = 0x060000,
		.host = host,
	};
	pci_config_init(&host->bridge);
	host->slot[0] = &host->bridge;
	host->ecam = (struct bus_region){ "pci-ecam", &ops, host, config->ecam, PCI_ECAM_BUS_SIZE };
	return bus_add(config->bus, &host->ecam);
}

void pci_host_destroy(struct pci_host *host)
{
	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++)
		assert(!host->slot[slot]);
	bus_del(host->config.bus, &host->ecam);
}

static unsigned int free_slot(const struct pci_host *host)
{
	unsigned int slot = 1;

	while (slot < PCI_SLOTS && host->slot[slot])
		slot++;
	return slot;
}

int pci_host_plug(struct pci_host *host, struct pci_device *d, unsigned int slot)
{
	int err;

	if (slot == PCI_NO_SLOT) {
		slot = free_slot(host);
		if (slot == PCI_SLOTS)
			return -ENOSPC;
	}
	if (!slot || slot >= PCI_SLOTS)
		return -EINVAL;
	if (host->slot[slot])
		return -EEXIST;
	if (d->msix.count && !host->config.msi) {
		pci_config_hide(d, d->msix.cap, PCI_CAP_MSIX_SIZEOF);
		pci_msix_free(d);
	}
	pci_config_init(d);
	err = pci_bars_assign(host, d);
	if (err)
		return err;
	d->host = host;
	d->slot = slot;
	host->slot[slot] = d;
	pci_intx_update(d);
	return 0;
}

void pci_host_unplug(struct pci_device *d)
{
	if (d->host) {
		pci_bars_unmap(d, PCI_COMMAND_IO);
		pci_bars_unmap(d, PCI_COMMAND_MEMORY);
		pci_set_intx(d, false);
	}
	pci_msix_free(d);
	if (d->host)
		d->host->slot[d->slot] = NULL;
	d->host = NULL;
}

void pci_device_reset(struct pci_device *d)
{
	const unsigned int cap = d->msix.cap;

	/* As the guest would: the device is told what it loses. */
	if (d->msix.count)
		pci_config_write(d, cap + PCI_MSIX_FLAGS, 2, 0);
	pci_config_write(d, PCI_COMMAND, 2, 0);
	pci_msix_reset(d);
	pci_bars_reset(d);
	for (unsigned int i = 0; i < PCI_CONFIG_STORED; i++)
		d->config[i] &= (uint8_t)~d->writable[i];
}

/* Many slots share a line: it is up while any of them asserts it. */
static void drive_line(struct pci_host *host, unsigned int line, unsigned int slot, bool level)
{
	uint32_t before = host->intx_slots[line], bit = 1u << slot;

	host->intx_slots[line] = level ? before | bit : before & ~bit;
	if (!before && host->intx_slots[line])
		irq_raise(host->config.intx[line]);
	else if (before && !host->intx_slots[line])
		irq_lower(host->config.intx[line]);
}

void pci_intx_update(struct pci_device *d)
{
	bool disabled = pci_config_get(d, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
	bool level = d->intx && d->intx_level;

	/* Interrupt Status shows the device's own level, whatever becomes of it (PCI 3.0, 6.2.3). */
	if (level)
		d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		d->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
	if (d->host)
		drive_line(d->host, pci_intx_line(d->slot, 0), d->slot, level && !disabled && !pci_msix_enabled(d));
}

void pci_set_intx(struct pci_device *d, bool level)
{
	d->intx_level = level;
	pci_intx_update(d);
}
