/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading a PCI function. What can be written is loaded by writing it, as the guest would, to a function that
 * was reset; what cannot has to be what it is here already.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "internal.h"

#define BAR_END (PCI_BASE_ADDRESS_0 + PCI_BARS * 4)

/* Bits that neither a write nor the device's make decides: the level of its INTx, and errors that it reported. */
static uint8_t loose_bits(unsigned int offset)
{
	switch (offset) {
	case PCI_STATUS: return PCI_STATUS_INTERRUPT;
	case PCI_STATUS + 1: return PCI_STATUS_W1C >> 8;
	default: return offset >= PCI_BASE_ADDRESS_0 && offset < BAR_END ? 0xff : 0;
	}
}

static void check_same_function(const struct pci_device *d, const uint8_t *config, struct state *s)
{
	for (unsigned int i = 0; i < PCI_CONFIG_STORED; i++)
		if ((config[i] ^ d->config[i]) & ~(d->writable[i] | loose_bits(i)))
			state_fail(s, "it is of a different PCI function");
}

static uint32_t word(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Command and MSI-X Control come last, BARs on their own; behind a window there are registers and no bytes. */
static bool plain_word(const struct pci_device *d, unsigned int offset)
{
	if (!word(d->writable + offset) || offset == PCI_COMMAND)
		return false;
	if (d->msix.count && offset == d->msix.cap)
		return false;
	return offset < d->window || offset - d->window >= d->window_size;
}

static void load_config(struct pci_device *d, const uint8_t *config)
{
	for (unsigned int i = 0; i < PCI_CONFIG_STORED; i += 4)
		if (plain_word(d, i))
			pci_config_write(d, i, 4, word(config + i));
	d->config[PCI_STATUS + 1] = config[PCI_STATUS + 1];
}

static void bars_state(struct pci_device *d, struct state *s)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		struct pci_bar *bar = &d->bar[n];
		uint64_t addr = bar->addr;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		state_u64(s, &addr);
		state_u32(s, &bar->written[0]);
		state_u32(s, &bar->written[1]);
		if (!state_loading(s) || state_failed(s))
			continue;
		pci_bar_write(d, n * 4, 4, (uint32_t)addr);
		if (bar->kind == PCI_BAR_MEM64)
			pci_bar_write(d, n * 4 + 4, 4, (uint32_t)(addr >> 32));
		if (bar->addr != addr)
			state_fail(s, "a BAR has an address that its register cannot hold");
	}
}

static void msix_state(struct pci_device *d, struct state *s)
{
	for (unsigned int i = 0; i < d->msix.count; i++) {
		struct pci_msix_entry *e = &d->msix.entry[i];
		bool masked = e->control, pending = pci_msix_pending(d, i);

		state_u64(s, &e->addr);
		state_u32(s, &e->data);
		state_bool(s, &masked);
		state_bool(s, &pending);
		e->control = masked;
		if (state_loading(s))
			e->pending = pending;
	}
}

/* Now that it is known where everything is and what it sends. */
static void load_enables(struct pci_device *d, const uint8_t *config, struct state *s)
{
	uint32_t written[PCI_BARS][2];
	uint16_t command = (uint16_t)word(config + PCI_COMMAND);

	for (unsigned int n = 0; n < PCI_BARS; n++)
		memcpy(written[n], d->bar[n].written, sizeof(written[n]));
	pci_config_write(d, PCI_COMMAND, 2, command);
	if (pci_config_get(d, PCI_COMMAND, 2) != command) {
		state_fail(s, "a BAR is decoded where it cannot be");
		return;
	}
	for (unsigned int n = 0; n < PCI_BARS; n++)
		pci_bar_set_written(d, n, written[n]);
	if (d->msix.count)
		pci_config_write(d, d->msix.cap, 4, word(config + d->msix.cap));
}

void pci_device_state(struct pci_device *d, struct state *s)
{
	uint8_t config[PCI_CONFIG_STORED];
	bool level = d->intx_level;

	if (state_loading(s))
		pci_device_reset(d);
	memcpy(config, d->config, sizeof(config));
	state_bytes(s, config, sizeof(config));
	state_bool(s, &level);
	if (state_loading(s) && !state_failed(s))
		check_same_function(d, config, s);
	bars_state(d, s);
	msix_state(d, s);
	if (!state_loading(s))
		return;
	if (!state_failed(s)) {
		load_config(d, config);
		load_enables(d, config, s);
		pci_set_intx(d, level);
	}
	/* Half a state is none. */
	if (state_failed(s))
		pci_device_reset(d);
}
