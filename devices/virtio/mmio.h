/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-mmio transport, version 2 (virtio 4.2): registers to calls of the virtio core and back. No legacy
 * interface, and nothing of any device's.
 */
#ifndef MINIVMM_VIRTIO_MMIO_H
#define MINIVMM_VIRTIO_MMIO_H

#include "core/bus.h"
#include "core/irq.h"
#include "core/mirror.h"
#include "virtio.h"

#define VIRTIO_MMIO_SIZE   0x200
#define VIRTIO_MMIO_VENDOR 0x564d4e4d /* "MNMV" in memory order: whose device it is, as virtio 4.2.2 asks for */

struct virtio_mmio {
	struct virtio *v;
	struct bus *bus;
	struct irq *irq;
	struct bus_region region;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t interrupt_status; /* changed by mmio_set_interrupt alone */
	struct mirror *mirror; /* NULL: the guest's reads come by the bus */
	uint32_t *shown; /* our registers in it */
};

/* Puts v at base. All four outlive t. 0 or bus_add's -errno. */
must_check int virtio_mmio_init(struct virtio_mmio *t, struct virtio *v, struct bus *bus, gpa_t base, struct irq *irq);
/*
 * From now on the registers are kept in mirror too, which holds all of t's addresses and outlives t. Before the guest runs, once
 * v's features are settled. Control registers then answer to reads of any width with the bytes that are there; drivers use
 * 32 bit (virtio 4.2.2.2).
 */
void virtio_mmio_mirror(struct virtio_mmio *t, struct mirror *mirror);
/* Resets the device and takes it off the bus, and out of the mirror. */
void virtio_mmio_destroy(struct virtio_mmio *t);

#endif
