/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge on the board and what takes its devices' messages, placed only where some device is to be on it. See
 * board.h.
 */
#include "board.h"
#include "dt_nodes.h"
#include "layout.h"
#include "machine.h"

/* The bus as the guest finds it, in the device tree and on the bridge. */
struct windows {
	gpa_t ecam;
	struct pci_window mem64; /* size 0: none */
};

/* As on QEMU's board: high, or where the addresses do not reach so far low and without 64-bit memory. */
static struct windows windows_of(const struct accel *accel)
{
	if (accel->ipa_bits < LAYOUT_PCI_BITS)
		return (struct windows){ .ecam = LAYOUT_PCI_ECAM_LOW };
	return (struct windows){
		.ecam = LAYOUT_PCI_ECAM,
		.mem64 = { LAYOUT_PCI_MEM64, LAYOUT_PCI_MEM64, (1ULL << LAYOUT_PCI_BITS) - LAYOUT_PCI_MEM64 },
	};
}

static const struct pci_window mem32 = { LAYOUT_PCI_MEM32, LAYOUT_PCI_MEM32, LAYOUT_PCI_IO - LAYOUT_PCI_MEM32 };
static const struct pci_window io = { LAYOUT_PCI_IO, 0, LAYOUT_PCI_IO_SIZE };

void board_describe_msi(const struct board *board, struct dt_msi *msi)
{
	*msi = (struct dt_msi){ .its.size = 0 };
	if (!board->config->options->pci)
		return;
	if (board->accel->its)
		msi->its = (struct dt_range){ LAYOUT_ITS, LAYOUT_ITS_SIZE };
	else
		msi->v2m = (struct dt_range){ LAYOUT_GICV2M, GICV2M_SIZE };
}

/* The guest asks for it by a message; that the host has no descriptor left then is not worth more than its loss. */
static struct irq *message_line(void *opaque, uint32_t spi)
{
	struct error error = { .status = STATUS_OK };

	return board_spi(opaque, spi, &error);
}

static int place_v2m(struct board *board, struct error *error)
{
	const struct gicv2m_config config = {
		.bus = board->bus,
		.base = LAYOUT_GICV2M,
		.first_spi = LAYOUT_SPI_GICV2M,
		.line = message_line,
		.opaque = board,
	};

	if (board_placed(gicv2m_init(&board->v2m, &config), "GICv2M frame", error))
		return -1;
	board->v2m_up = true;
	record_device(board->config->record, "gicv2m");
	return 0;
}

/* Those to a GICv2M frame end as lines, which are recorded anyway. */
static void take_messages(struct board *board, struct pci_host_config *config)
{
	struct record *record = board->config->record;

	if (board->v2m_up) {
		config->msi = &gicv2m_msi_ops;
		config->msi_opaque = &board->v2m;
	} else if (record) {
		config->msi = record_msi(record, board->accel->msi, board->accel);
		config->msi_opaque = record;
	} else {
		config->msi = board->accel->msi;
		config->msi_opaque = board->accel;
	}
}

static int place_bridge(struct board *board, const struct windows *windows, struct error *error)
{
	struct pci_host_config config = {
		.bus = board->bus,
		.ecam = windows->ecam,
		.io = io,
		.mem32 = mem32,
		.mem64 = windows->mem64,
	};

	take_messages(board, &config);

	for (unsigned int i = 0; i < ARRAY_SIZE(config.intx); i++) {
		config.intx[i] = board_spi(board, LAYOUT_SPI_INTX + i, error);
		if (!config.intx[i])
			return -1;
	}
	if (board_placed(pci_host_init(&board->pci, &config), "PCI host bridge", error))
		return -1;
	board->pci_up = true;
	record_device(board->config->record, "pci ecam=0x%llx mem64=%d", (unsigned long long)windows->ecam,
		windows->mem64.size != 0);
	return 0;
}

int board_place_pci(struct board *board, struct error *error)
{
	struct windows windows = windows_of(board->accel);
	struct dt_msi msi;
	const struct dt_pcie node = {
		.ecam = { windows.ecam, PCI_ECAM_BUS_SIZE },
		.io = { io.base, io.size },
		.mem32 = { mem32.base, mem32.size },
		.mem64 = { windows.mem64.base, windows.mem64.size },
		.intx_spi = LAYOUT_SPI_INTX,
		.msi = &msi,
	};

	if (!board->config->options->pci)
		return 0;
	if ((!board->accel->its && place_v2m(board, error)) || place_bridge(board, &windows, error))
		return -1;
	board_describe_msi(board, &msi);
	dt_add_pcie(&board->dt, &node);
	return 0;
}

void board_destroy_pci(struct board *board)
{
	if (board->pci_up)
		pci_host_destroy(&board->pci);
	if (board->v2m_up)
		gicv2m_destroy(&board->v2m);
}
