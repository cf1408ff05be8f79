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

#define VIRTIO_MMIO_SIZE	    0x200
/* QueueReset; newer than the header of the oldest distribution we build on. */
#define VIRTIO_MMIO_REG_QUEUE_RESET 0x0c0
#define VIRTIO_MMIO_VENDOR	    0x564d4e4d /* "MNMV" in memory order: whose device it is, as virtio 4.2.2 asks for */

struct virtio_mmio {
	struct virtio *v;
	struct bus *bus;
	struct irq *irq;
	struct bus_region region;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t interrupt_status; /* changed by mmio_set_interrupt alone */
	struct {
		bool lazy; /* asked for by the owner */
		bool active; /* in force: the doorbell is set */
		bool by_level; /* it cannot be, for this driver */
		int fd; /* of the doorbell; nobody reads it */
	} ack;
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
/*
 * From DRIVER_OK on, the acknowledgement of used buffers (InterruptACK = 1) is a doorbell that rings for nobody: no exit, and
 * InterruptStatus bit 0, once set, stays set until reset. Every interrupt for used buffers still raises the line, after the bit:
 * a driver that is interrupted finds it set and looks at its queues, whenever its last acknowledgement arrived. So none can be
 * lost, which an acknowledgement taken late by the loop could not promise: it might clear the bit of a newer buffer. Bit 1
 * is exact, since an acknowledgement that has it is no match for the doorbell.
 *
 * Not within virtio 4.2.2.1 ("Bits which do not represent events which took place MUST be zero"), hence never unasked: what a
 * driver can see is a used buffer announced that it has taken already. Needs a receiver that takes edges, as the device tree
 * says; when the line turns out to be taken by its level (irq.h, sensed), acknowledgements are exact until the next reset.
 *
 * Before the guest runs.
 */
void virtio_mmio_lazy_ack(struct virtio_mmio *t);
/* Resets the device and takes it off the bus, and out of the mirror. */
void virtio_mmio_destroy(struct virtio_mmio *t);

/* virtio 4.2.2's name of the register at offset; NULL: none is there. */
const char *virtio_mmio_reg_name(uint64_t offset);

#endif
