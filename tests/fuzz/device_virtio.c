/* SPDX-License-Identifier: Apache-2.0 */
/* What virtio devices have in common as targets: their place on either transport, and its registers. */
#include "device_virtio.h"

#include <linux/pci_regs.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>

#include "arena.h"
#include "board.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"

#define M(reg)                                                                                                         \
	{                                                                                                              \
#reg, FUZZ_MMIO + VIRTIO_MMIO_##reg, 4                                                                 \
	}
#define CONFIG FUZZ_MMIO + VIRTIO_MMIO_CONFIG

const struct fuzz_reg fuzz_mmio_regs[] = {
	M(MAGIC_VALUE),
	M(VERSION),
	M(DEVICE_ID),
	M(VENDOR_ID),
	M(DEVICE_FEATURES),
	M(DEVICE_FEATURES_SEL),
	M(DRIVER_FEATURES),
	M(DRIVER_FEATURES_SEL),
	M(QUEUE_SEL),
	M(QUEUE_NUM_MAX),
	M(QUEUE_NUM),
	M(QUEUE_READY),
	M(QUEUE_NOTIFY),
	M(INTERRUPT_STATUS),
	M(INTERRUPT_ACK),
	M(STATUS),
	M(QUEUE_DESC_LOW),
	M(QUEUE_DESC_HIGH),
	M(QUEUE_AVAIL_LOW),
	M(QUEUE_AVAIL_HIGH),
	M(QUEUE_USED_LOW),
	M(QUEUE_USED_HIGH),
	M(CONFIG_GENERATION),
	{ "QUEUE_RESET", FUZZ_MMIO + VIRTIO_MMIO_REG_QUEUE_RESET, 4 },
	{ "CONFIG", CONFIG, 4 },
	{ "CONFIG + 8", CONFIG + 8, 1 },
	{ "CONFIG + 32", CONFIG + 32, 1 },
	{ 0 },
};

const struct fuzz_range fuzz_mmio_ranges[] = { { FUZZ_MMIO, VIRTIO_MMIO_SIZE }, { 0 } };

/* Its slot, and BAR 1 and BAR 4 as pci_host_plug places the first function there. */
#define SLOT   1
#define ECAM   (FUZZ_ECAM + SLOT * 0x8000ULL)
#define TABLE  FUZZ_MEM32
#define COMMON FUZZ_MEM64

#define C(reg, bytes)                                                                                                  \
	{                                                                                                              \
#reg, COMMON + VIRTIO_PCI_COMMON_##reg, bytes                                                          \
	}

const struct fuzz_reg fuzz_pci_regs[] = {
	C(DFSELECT, 4),
	C(DF, 4),
	C(GFSELECT, 4),
	C(GF, 4),
	C(MSIX, 2),
	C(NUMQ, 2),
	C(STATUS, 1),
	C(CFGGENERATION, 1),
	C(Q_SELECT, 2),
	C(Q_SIZE, 2),
	C(Q_MSIX, 2),
	C(Q_ENABLE, 2),
	C(Q_NOFF, 2),
	C(Q_DESCLO, 4),
	C(Q_DESCHI, 4),
	C(Q_AVAILLO, 4),
	C(Q_AVAILHI, 4),
	C(Q_USEDLO, 4),
	C(Q_USEDHI, 4),
	{ "Q_NDATA", COMMON + 56, 2 },
	{ "Q_RESET", COMMON + 58, 2 },
	{ "ISR", COMMON + VIRTIO_PCI_ISR_STATUS, 1 },
	{ "DEVICE", COMMON + VIRTIO_PCI_DEVICE, 4 },
	{ "DEVICE + 32", COMMON + VIRTIO_PCI_DEVICE + 32, 1 },
	{ "NOTIFY 0", COMMON + VIRTIO_PCI_NOTIFY, 2 },
	{ "NOTIFY 1", COMMON + VIRTIO_PCI_NOTIFY + 4, 2 },
	{ "TABLE 0 address", TABLE, 4 },
	{ "TABLE 0 data", TABLE + 8, 4 },
	{ "TABLE 0 control", TABLE + 12, 4 },
	{ "TABLE 1 address", TABLE + 16, 4 },
	{ "TABLE 1 data", TABLE + 24, 4 },
	{ "TABLE 1 control", TABLE + 28, 4 },
	{ "PBA", TABLE + 0x800, 4 },
	{ "COMMAND", ECAM + PCI_COMMAND, 2 },
	{ "PCI STATUS", ECAM + PCI_STATUS, 2 },
	{ "BAR 1", ECAM + PCI_BASE_ADDRESS_1, 4 },
	{ "BAR 4", ECAM + PCI_BASE_ADDRESS_4, 4 },
	{ "BAR 5", ECAM + PCI_BASE_ADDRESS_5, 4 },
	{ 0 },
};

const struct fuzz_range fuzz_pci_ranges[] = {
	{ COMMON, 0x4000 },
	{ TABLE, 0x1000 },
	{ ECAM, PCI_CONFIG_STORED },
	{ 0 },
};

/* Every feature that there is: what a driver leaves out is its own to say. */
#define EVERYTHING UINT64_MAX

struct pci_host *fuzz_pci_build(struct fuzz_machine *m, const struct msi_ops *msi, void *msi_opaque)
{
	struct pci_host_config config = {
		.bus = &m->bus,
		.ecam = FUZZ_ECAM,
		.io = { FUZZ_IO, 0, FUZZ_IO_SIZE },
		.mem32 = { FUZZ_MEM32, FUZZ_MEM32, FUZZ_MEM32_SIZE },
		.mem64 = { FUZZ_MEM64, FUZZ_MEM64, FUZZ_MEM64_SIZE },
		.msi = msi,
		.msi_opaque = msi_opaque,
	};

	m->host = fuzz_arena_alloc(sizeof(*m->host));
	for (unsigned int i = 0; i < 4; i++)
		config.intx[i] = fuzz_machine_line(i, 3 + i);
	fuzz_must(!pci_host_init(m->host, &config), "no host bridge");
	return m->host;
}

static void place_on_pci(struct fuzz_machine *m, struct virtio *v)
{
	struct virtio_pci *t = fuzz_arena_alloc(sizeof(*t));

	if (!m->host)
		fuzz_pci_build(m, &fuzz_msi_ops, NULL);
	fuzz_must(!virtio_pci_init(t, v, m->host, SLOT), "no PCI function");
	m->guest.pci = true;
	m->guest.config = ECAM;
	for (unsigned int i = 0; i < PCI_BARS; i++)
		m->guest.bar[i] = t->pci.bar[i].addr;
	m->guest.msix_cap = t->pci.msix.cap;
	m->guest.window_cap = t->pci_cfg;
	m->guest.base = m->guest.bar[VIRTIO_PCI_BAR];
	fuzz_must(m->guest.base == COMMON && m->guest.bar[VIRTIO_PCI_MSIX_BAR] == TABLE, "its BARs are elsewhere");
}

void fuzz_virtio_place(struct fuzz_machine *m, struct virtio *v)
{
	struct virtio_mmio *t;

	m->v = v;
	v->features_on = EVERYTHING;
	if (m->device->on_pci) {
		place_on_pci(m, v);
		return;
	}
	t = fuzz_arena_alloc(sizeof(*t));
	fuzz_must(!virtio_mmio_init(t, v, &m->bus, FUZZ_MMIO, fuzz_machine_line(0, FUZZ_MMIO_SPI)), "no virtio-mmio");
	m->guest.base = FUZZ_MMIO;
}

void fuzz_virtio_remove(struct fuzz_machine *m)
{
	if (!m->device->on_pci) {
		virtio_mmio_destroy(m->v->transport_state);
		return;
	}
	virtio_pci_destroy(m->v->transport_state);
	pci_host_destroy(m->host);
}

void fuzz_virtio_start(const struct fuzz_target *target)
{
	fuzz_machine_start(target->opaque);
}
