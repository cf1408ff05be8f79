/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: every device of the machine, placed on the bus at layout.h's addresses and described in the device tree on
 * adjacent lines, so that the tree cannot drift from the machine. Not the machine's life, its RAM or its CPUs (machine.h).
 *
 * board.c has the platform's devices and the tree, board_virtio.c virtio devices and the transport each is reached by,
 * board_vhost_user.c those that other programs serve, board_pci.c the PCI host bridge, board_serial.c the console and other serial ports.
 */
#ifndef MINIVMM_BOARD_H
#define MINIVMM_BOARD_H

#include "accel.h"
#include "boot.h"
#include "core/bus.h"
#include "core/mem.h"
#include "core/mirror.h"
#include "dt.h"
#include "dt_nodes.h"
#include "error.h"
#include "pci/host.h"
#include "pci/serial.h"
#include "platform/exit.h"
#include "platform/gicv2m.h"
#include "platform/pl011.h"
#include "platform/pl031.h"
#include "platform/pl061.h"
#include "platform/uart16550.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "virtio/rng.h"
#include "virtio/vhost_user.h"

struct hostile_device;
struct machine_config;

/* Where a virtio device is reached by its driver. */
struct board_transport {
	struct hostile_device *hostile; /* its device lies; NULL: it does not */
	enum transport up; /* TRANSPORT_DEFAULT: none yet */
	union {
		struct virtio_mmio mmio;
		struct virtio_pci pci;
	};
};

struct board_disk {
	struct virtio_blk blk;
	struct board_transport transport;
	bool up;
};

struct board_vhost_user {
	struct virtio_vhost_user d;
	struct board_transport transport;
	bool up;
};

/* Zeroed, then filled in up to `dt` before board_build. */
struct board {
	/* All of it outlives the board. */
	const struct machine_config *config;
	struct accel *accel;
	struct bus *bus;
	struct mem *mem;
	const struct boot_info *boot;

	struct dt dt; /* in guest RAM at boot->dtb */
	int dtb_size;
	bool pl011_up, uart_up, pl031_up, pl061_up, exit_up, v2m_up, pci_up, rng_up;
	struct pl011 pl011; /* or uart: the console */
	struct uart16550 uart;
	struct pl031 pl031;
	struct pl061 pl061;
	struct exit_reg exit;
	struct gicv2m v2m; /* for PCI devices where the accelerator takes no messages */
	struct pci_host pci;
	struct pci_serial serials[OPTIONS_MAX_SERIALS];
	unsigned int serial_count; /* up */
	struct virtio_rng rng;
	struct board_transport rng_transport;
	struct board_disk *disks; /* as many as there are options for */
	struct board_vhost_user *vhost_users; /* likewise */
	struct mirror *mirror; /* of all virtio-mmio registers; NULL: reads exit */
	unsigned int mmio_count; /* virtio-mmio transports handed out, from the highest slot down */
};

/* Devices and their description, written into guest RAM as they come up. 0, or -1 with *error; board_destroy either way. */
must_check int board_build(struct board *board, struct error *error);
/* Takes down whatever came up; harmless on a zeroed board. CPUs do not run any more. */
void board_destroy(struct board *board);
/* Does the host still work for a device? See accel_machine.busy. */
bool board_busy(const struct board *board);

/* For the board's own files. */
/* The line of an SPI; NULL with *error. */
struct irq *board_spi(struct board *board, uint32_t spi, struct error *error);
/* ret as every device's init gives it, 0 or -errno, made 0 or -1 with *error: it failed for want of memory or descriptors. */
must_check int board_placed(int ret, const char *what, struct error *error);
/* What the tree says takes messages: nothing where there is no PCI. */
void board_describe_msi(const struct board *board, struct dt_msi *msi);
/* The console, and the node that is its. */
must_check int board_place_console(struct board *board, struct error *error);
const char *board_stdout_path(const struct board *board);
void board_destroy_console(struct board *board);
/* Serial ports on the PCI bus, once it is there. */
must_check int board_place_serials(struct board *board, struct error *error);
void board_destroy_serials(struct board *board);
/* Nothing when no device is on the bus; else before the first of them. */
must_check int board_place_pci(struct board *board, struct error *error);
void board_destroy_pci(struct board *board);
/* In the order of the command line, which is the order of the guest's names for them. */
must_check int board_place_virtio(struct board *board, struct error *error);
void board_destroy_virtio(struct board *board);
/* v on the bus that place says. */
must_check int board_place_transport(struct board *board, struct board_transport *transport, struct virtio *v,
	const struct place_options *place, const struct feature_options *features, struct error *error);
void board_destroy_transport(struct board_transport *transport);
must_check int board_place_vhost_user(struct board *board, unsigned int i, struct error *error);
void board_destroy_vhost_user(struct board *board, unsigned int i);

#endif
