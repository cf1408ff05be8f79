/* SPDX-License-Identifier: Apache-2.0 */
/* What recording.c and recording_host.c share; nobody else's. */
#ifndef MINIVMM_FUZZ_RECORDING_INTERNAL_H
#define MINIVMM_FUZZ_RECORDING_INTERNAL_H

#include "backend/block.h"
#include "backend/chardev.h"
#include "backend/entropy.h"
#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "layout.h"
#include "pci/host.h"
#include "platform/exit.h"
#include "platform/gicv2m.h"
#include "platform/pl011.h"
#include "platform/pl031.h"
#include "platform/pl061.h"
#include "recording.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "virtio/rng.h"

#define RECORDING_DEVICES 32
#define RECORDING_LINES	  LAYOUT_SPIS

/* A virtio device on its transport. */
struct recording_virtio {
	struct virtio_rng rng; /* one of the two */
	struct virtio_blk blk;
	struct virtio *v;
	struct virtio_mmio mmio; /* one of these two */
	struct virtio_pci pci;
	struct block *disk;
	bool on_pci;
};

/* What the host does next, by FUZZ_HOST steps; the oldest of each is used first. */
struct recording_host {
	int error;
	uint64_t at_most; /* UINT64_MAX: all */
	unsigned int again;
	uint8_t *data; /* entropy */
	size_t data_len;
};

struct recording {
	struct mem mem;
	struct mem_hook hook;
	struct bus bus;
	struct loop loop;
	struct clock clock;
	uint64_t now;
	struct irq line[RECORDING_LINES];
	struct pl011 pl011;
	struct pl031 pl031;
	struct pl061 pl061;
	struct exit_reg exit;
	struct gicv2m v2m;
	struct pci_host pci;
	bool pl011_up, pl031_up, pl061_up, exit_up, v2m_up, pci_up;
	struct recording_virtio *virtio[RECORDING_DEVICES];
	unsigned int virtio_count;
	struct virtq_watch watch;
	struct recording_host host;
	struct entropy entropy;
	struct chardev console;
	uint8_t *typed; /* not read yet */
	size_t typed_len;
	struct fuzz_line *came; /* of devices: chains given back, interrupts */
	size_t came_count, came_taken, came_room;
	int64_t known; /* loads that are to come */
	char *why; /* the first difference */
};

/* Ends the process unless good. */
void recording_must(bool good, const char *what);

/* recording_irq.c */
/* The line of an SPI, whoever asks. */
struct irq *recording_line(struct recording *r, uint32_t num);
extern const struct msi_ops recording_msi_ops; /* opaque: the recording */
/* Something that a device gave back or did to its line. */
void recording_add_came(struct recording *r, const struct fuzz_line *line);

/* recording_host.c */
void recording_host_start(struct recording *r);
void recording_host_end(struct recording *r);
void recording_host_step(struct recording *r, const struct fuzz_op *op);
/* A disk of that size, zeroed, which is freed by block_destroy. */
struct block *recording_disk(struct recording *r, const struct block *shape);

#endif
