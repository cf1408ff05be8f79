/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type 0 configuration space (PCI 3.0, 6.1 and 6.2): stored bytes, a mask of the bits that a plain write changes, and
 * the few registers where a write means more. What lies behind those registers is bar.c's and msix.c's.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "internal.h"

#define BAR_END (PCI_BASE_ADDRESS_0 + PCI_BARS * 4)

/*
 * QEMU's set: parity checking is not there to be enabled, SERR# is, though nothing ever asserts it. Status has no
 * plain bits, only some that a one clears (kvmtool 78771e7 let all of them be written).
 */
#define COMMAND_WRITABLE                                                                                               \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

uint32_t pci_config_get(const struct pci_device *d, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	assert(size <= 4 && offset <= PCI_CONFIG_STORED - size);
	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)d->config[offset + i] << (i * 8);
	return value;
}

void pci_config_set(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	assert(size <= 4 && offset <= PCI_CONFIG_STORED - size);
	for (unsigned int i = 0; i < size; i++)
		d->config[offset + i] = (uint8_t)(value >> (i * 8));
}

int pci_add_capability(struct pci_device *d, uint8_t id, const void *bytes, const uint8_t *writable, unsigned int len)
{
	unsigned int at = d->cap_end ? (unsigned int)ALIGN_UP(d->cap_end, 4) : PCI_STD_HEADER_SIZEOF;

	assert(!d->host && len >= PCI_CAP_SIZEOF / 2);
	if (at > PCI_CONFIG_STORED || len > PCI_CONFIG_STORED - at)
		return -ENOSPC;
	memcpy(d->config + at, bytes, len);
	if (writable)
		memcpy(d->writable + at, writable, len);
	d->config[at + PCI_CAP_LIST_ID] = id;
	d->config[at + PCI_CAP_LIST_NEXT] = 0;
	d->writable[at + PCI_CAP_LIST_ID] = d->writable[at + PCI_CAP_LIST_NEXT] = 0;
	d->config[d->cap_last ? d->cap_last + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST] = (uint8_t)at;
	d->cap_last = at;
	d->cap_end = at + len;
	return (int)at;
}

void pci_config_hide(struct pci_device *d, unsigned int cap, unsigned int len)
{
	unsigned int link = PCI_CAPABILITY_LIST;

	while (d->config[link] != cap) {
		assert(d->config[link]);
		link = d->config[link] + PCI_CAP_LIST_NEXT;
	}
	d->config[link] = d->config[cap + PCI_CAP_LIST_NEXT];
	memset(d->config + cap, 0, len);
	memset(d->writable + cap, 0, len);
}

void pci_config_init(struct pci_device *d)
{
	pci_config_set(d, PCI_VENDOR_ID, 2, d->vendor_id);
	pci_config_set(d, PCI_DEVICE_ID, 2, d->device_id);
	pci_config_set(d, PCI_REVISION_ID, 1, d->revision);
	pci_config_set(d, PCI_CLASS_PROG, 3, d->class_code);
	pci_config_set(d, PCI_SUBSYSTEM_VENDOR_ID, 2, d->subsystem_vendor_id);
	pci_config_set(d, PCI_SUBSYSTEM_ID, 2, d->subsystem_id);
	pci_config_set(d, PCI_INTERRUPT_PIN, 1, d->intx);
	pci_config_set(d, PCI_STATUS, 2, d->config[PCI_CAPABILITY_LIST] ? PCI_STATUS_CAP_LIST : 0);
	d->writable[PCI_COMMAND] = COMMAND_WRITABLE & 0xff;
	d->writable[PCI_COMMAND + 1] = COMMAND_WRITABLE >> 8;
	/* Software's notes to itself (6.2.4). */
	d->writable[PCI_CACHE_LINE_SIZE] = d->writable[PCI_INTERRUPT_LINE] = 0xff;
	assert(d->window % 4 == 0 && d->window_size % 4 == 0);
	assert(d->window_size <= PCI_CONFIG_STORED && d->window <= PCI_CONFIG_STORED - d->window_size);
}

bool pci_bus_master(const struct pci_device *d)
{
	return d->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* A window is made of whole words, an aligned access lies in one: it is inside or it is not. */
static bool in_window(const struct pci_device *d, unsigned int offset)
{
	return offset >= d->window && offset - d->window < d->window_size;
}

uint32_t pci_config_read(struct pci_device *d, unsigned int offset, unsigned int size)
{
	if (offset >= PCI_CONFIG_STORED)
		return 0;
	if (in_window(d, offset))
		return d->ops->window_read ? d->ops->window_read(d, offset - d->window, size) : 0;
	return pci_config_get(d, offset, size);
}

/* An enable bit is set only if everything that it enables can be; the rest of the write counts all the same. */
static void decode(struct pci_device *d, uint16_t before, uint16_t space)
{
	uint16_t now = (uint16_t)pci_config_get(d, PCI_COMMAND, 2);

	if (!((now ^ before) & space))
		return;
	if (!(now & space))
		pci_bars_unmap(d, space);
	else if (!pci_bars_map(d, space))
		pci_config_set(d, PCI_COMMAND, 2, now & ~(uint32_t)space);
}

static void tell_master(struct pci_device *d, bool on)
{
	if (d->ops->bus_master)
		d->ops->bus_master(d, on);
}

static void command_changed(struct pci_device *d, uint16_t before)
{
	bool master = pci_bus_master(d);

	decode(d, before, PCI_COMMAND_IO);
	decode(d, before, PCI_COMMAND_MEMORY);
	pci_intx_update(d);
	if (master == !!(before & PCI_COMMAND_MASTER))
		return;
	if (!master)
		tell_master(d, false);
	pci_msix_update(d);
	if (master)
		tell_master(d, true);
}

static void store(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	static const uint8_t status_w1c[2] = { PCI_STATUS_W1C & 0xff, PCI_STATUS_W1C >> 8 };

	for (unsigned int i = offset; i < offset + size; i++, value >>= 8) {
		uint8_t byte = (uint8_t)value;

		d->config[i] = (uint8_t)((d->config[i] & ~d->writable[i]) | (byte & d->writable[i]));
		if (i == PCI_STATUS || i == PCI_STATUS + 1)
			d->config[i] &= (uint8_t) ~(byte & status_w1c[i - PCI_STATUS]);
	}
}

static bool any_writable(const struct pci_device *d, unsigned int offset, unsigned int size)
{
	uint8_t bits = 0;

	for (unsigned int i = 0; i < size; i++)
		bits |= d->writable[offset + i];
	return bits;
}

/* Registers that share an aligned word with this access have a say in it. */
static bool same_word(unsigned int offset, unsigned int reg)
{
	return offset / 4 == reg / 4;
}

void pci_config_write(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value)
{
	uint16_t before;

	if (offset >= PCI_CONFIG_STORED)
		return;
	if (in_window(d, offset)) {
		if (d->ops->window_write)
			d->ops->window_write(d, offset - d->window, size, value);
	} else if (offset >= PCI_BASE_ADDRESS_0 && offset < BAR_END) {
		pci_bar_write(d, offset - PCI_BASE_ADDRESS_0, size, value);
	} else if (same_word(offset, PCI_COMMAND)) {
		before = (uint16_t)pci_config_get(d, PCI_COMMAND, 2);
		store(d, offset, size, value);
		command_changed(d, before);
	} else if (d->msix.count && same_word(offset, d->msix.cap)) {
		before = (uint16_t)pci_config_get(d, d->msix.cap + PCI_MSIX_FLAGS, 2);
		store(d, offset, size, value);
		pci_msix_control_changed(d, before);
	} else {
		store(d, offset, size, value);
		if (offset >= PCI_STD_HEADER_SIZEOF && any_writable(d, offset, size) && d->ops->config_written)
			d->ops->config_written(d, offset, size);
	}
}
