/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets pci-config and gicv2m: a host bridge with a virtio and a serial function, whose configuration spaces, BARs and messages are
 * what is tried; in the second the messages go to a GICv2M frame.
 */
#include <linux/pci_regs.h>

#include "arena.h"
#include "board.h"
#include "device_virtio.h"
#include "language.h"
#include "pci/serial.h"
#include "platform/gicv2m.h"
#include "virtio/pci.h"
#include "virtio/rng.h"
#include "world.h"

#define FUNCTION(slot) (FUZZ_ECAM + (slot)*0x8000ULL)
#define VIRTIO	       1
#define SERIAL	       2
#define FIRST_SPI      48
#define FIRST_LINE     4 /* the bridge has those before */

/* In the arena; the machine's `own`. */
struct beside {
	struct pci_serial serial;
	struct gicv2m frame;
	bool with_frame;
};

static struct beside *beside(struct fuzz_machine *m)
{
	if (!m->own)
		m->own = fuzz_arena_alloc(sizeof(struct beside));
	return m->own;
}

static void build_functions(struct fuzz_machine *m)
{
	struct virtio_rng *d = fuzz_arena_alloc(sizeof(*d));

	fuzz_must(!virtio_rng_init(d, &m->loop, &fuzz_memory.mem, fuzz_world_entropy()), "no virtio-rng");
	fuzz_virtio_place(m, &d->v);
	fuzz_must(!pci_serial_init(&beside(m)->serial, fuzz_world_chardev(), m->host, SERIAL), "no pci-serial");
	m->dev = d;
}

static void build_plain(struct fuzz_machine *m, const struct fuzz_device *device)
{
	(void)device;
	build_functions(m);
}

/* A few of the frame's SPIs; the host has no more lines. */
static struct irq *spi_line(void *opaque, uint32_t spi)
{
	struct fuzz_machine *m = opaque;
	uint32_t n = spi - FIRST_SPI;

	return n < FUZZ_LINES - FIRST_LINE ? &m->line[FIRST_LINE + n].irq : NULL;
}

static void build_gicv2m(struct fuzz_machine *m, const struct fuzz_device *device)
{
	const struct gicv2m_config config = {
		.bus = &m->bus, .base = FUZZ_GICV2M, .first_spi = FIRST_SPI, .line = spi_line, .opaque = m
	};
	struct gicv2m *frame = &beside(m)->frame;

	(void)device;
	for (unsigned int i = FIRST_LINE; i < FUZZ_LINES; i++)
		(void)fuzz_machine_line(i, FIRST_SPI + i - FIRST_LINE);
	fuzz_must(!gicv2m_init(frame, &config), "no GICv2M frame");
	beside(m)->with_frame = true;
	fuzz_pci_build(m, &gicv2m_msi_ops, frame);
	build_functions(m);
}

static void state(struct fuzz_machine *m, struct state *s)
{
	pci_serial_state(&beside(m)->serial, s);
}

static void destroy(struct fuzz_machine *m)
{
	virtio_pci_destroy(m->v->transport_state);
	virtio_rng_destroy(m->dev);
	pci_serial_destroy(&beside(m)->serial);
	pci_host_destroy(m->host);
	if (beside(m)->with_frame)
		gicv2m_destroy(&beside(m)->frame);
}

static void request(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4])
{
	const struct fuzz_buf buf = { FUZZ_DATA + choice[0] * 0x100ULL, choice[1], true };

	(void)m;
	if (!queue)
		fuzz_guest_add(0, &buf, 1, choice[2] & 1);
}

static const char *works(struct fuzz_machine *m)
{
	const struct fuzz_buf buf = { FUZZ_DATA, 64, true };
	uint32_t head, len;

	/* Where our BARs are to be the other function's may be, moved there by what was before. */
	fuzz_guest_write(FUNCTION(SERIAL) + PCI_COMMAND, 2, 0);
	m->guest.intx = true;
	fuzz_guest_bring_up(1ULL << 40, 8);
	fuzz_guest_add(0, &buf, 1, false);
	fuzz_guest_kick(0);
	if (!fuzz_guest_used(0, &head, &len))
		return "a request is not answered";
	return len == 64 ? NULL : "a request is answered wrong";
}

/* An INTx line is as the functions that drive it say (virtio 4.1.5.1: no INTx with MSI-X on). */
static const char *check(struct fuzz_machine *m)
{
	for (unsigned int i = 0; i < 4; i++)
		if (m->line[i].level != (m->host->intx_slots[i] != 0))
			return "an INTx line is not at the level of its functions";
	return NULL;
}

#define CONFIG(slot, name, offset, bytes)                                                                              \
	{                                                                                                              \
#slot " " name, FUNCTION(slot) + (offset), bytes                                                       \
	}

static const struct fuzz_reg regs[] = {
	CONFIG(VIRTIO, "COMMAND", PCI_COMMAND, 2),
	CONFIG(VIRTIO, "STATUS", PCI_STATUS, 2),
	CONFIG(VIRTIO, "BAR 0", PCI_BASE_ADDRESS_0, 4),
	CONFIG(VIRTIO, "BAR 1", PCI_BASE_ADDRESS_1, 4),
	CONFIG(VIRTIO, "BAR 4", PCI_BASE_ADDRESS_4, 4),
	CONFIG(VIRTIO, "BAR 5", PCI_BASE_ADDRESS_5, 4),
	CONFIG(VIRTIO, "ROM", PCI_ROM_ADDRESS, 4),
	CONFIG(VIRTIO, "INTERRUPT", PCI_INTERRUPT_LINE, 2),
	CONFIG(VIRTIO, "CAP 0x40", 0x40, 4),
	CONFIG(VIRTIO, "CAP 0x4c", 0x4c, 4),
	CONFIG(VIRTIO, "CAP 0x84", 0x84, 4),
	CONFIG(VIRTIO, "CAP 0x88", 0x88, 4),
	CONFIG(VIRTIO, "CAP 0x8c", 0x8c, 4),
	CONFIG(VIRTIO, "CAP 0x90", 0x90, 4),
	CONFIG(VIRTIO, "CAP 0x94", 0x94, 4),
	CONFIG(VIRTIO, "CAP 0x98", 0x98, 4),
	CONFIG(VIRTIO, "CAP 0x9a", 0x9a, 2),
	CONFIG(SERIAL, "COMMAND", PCI_COMMAND, 2),
	CONFIG(SERIAL, "BAR 0", PCI_BASE_ADDRESS_0, 4),
	CONFIG(SERIAL, "BAR 1", PCI_BASE_ADDRESS_1, 4),
	{ "bridge COMMAND", FUNCTION(0) + PCI_COMMAND, 2 },
	{ "bridge BAR 0", FUNCTION(0) + PCI_BASE_ADDRESS_0, 4 },
	{ "TABLE 0 address", FUZZ_MEM32, 8 },
	{ "TABLE 0 data", FUZZ_MEM32 + 8, 4 },
	{ "TABLE 0 control", FUZZ_MEM32 + 12, 4 },
	{ "TABLE 1 address", FUZZ_MEM32 + 16, 8 },
	{ "TABLE 1 data", FUZZ_MEM32 + 24, 4 },
	{ "TABLE 1 control", FUZZ_MEM32 + 28, 4 },
	{ "PBA", FUZZ_MEM32 + 0x800, 8 },
	{ "config vector", FUZZ_MEM64 + 0x10, 2 },
	{ "queue vector", FUZZ_MEM64 + 0x1a, 2 },
	{ "notify", FUZZ_MEM64 + 0x3000, 2 },
	{ "serial IER", FUZZ_IO + 0x1001, 1 },
	{ "MSI_TYPER", FUZZ_GICV2M + GICV2M_TYPER, 4 },
	{ "MSI_SETSPI_NS", FUZZ_GICV2M + GICV2M_SETSPI_NS, 4 },
	{ 0 },
};

static const struct fuzz_range ranges[] = {
	{ FUNCTION(VIRTIO), PCI_CONFIG_STORED },
	{ FUNCTION(VIRTIO) + 0x80, 0x40 },
	{ FUNCTION(SERIAL), PCI_CONFIG_STORED },
	{ FUZZ_MEM64, 0x4000 },
	{ FUZZ_MEM32, 0x1000 },
	{ FUNCTION(0), 3 * 0x8000 },
	{ FUZZ_ECAM, PCI_ECAM_BUS_SIZE },
	{ FUZZ_IO, FUZZ_IO_SIZE },
	{ FUZZ_GICV2M, GICV2M_SIZE },
	{ 0 },
};

#define PCI                                                                                                            \
	.state = state, .destroy = destroy, .request = request, .works = works, .check = check, .regs = regs,          \
	.ranges = ranges, .on_pci = true

static const struct fuzz_device plain = { .name = "pci-config", PCI, .build = build_plain };
static const struct fuzz_device with_gicv2m = { .name = "gicv2m", PCI, .build = build_gicv2m };

const struct fuzz_target fuzz_pci_config = {
	.name = "pci-config",
	.what = "configuration space, BARs and MSI-X of a virtio and a serial function",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &plain,
};
const struct fuzz_target fuzz_gicv2m = {
	.name = "gicv2m",
	.what = "the same with messages to a GICv2M frame",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &with_gicv2m,
};
