/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GICv2M frame (Arm Server Base System Architecture, appendix E): a register whose writes pulse SPIs, which makes messages of
 * them. For GICs without an ITS, and without KVM: it needs nothing but lines. The register values are those of QEMU's board.
 *
 * Not the interrupt controller: the SPIs are lines of somebody else's, edge-triggered as the frame's users configure them.
 */
#ifndef MINIVMM_PLATFORM_GICV2M_H
#define MINIVMM_PLATFORM_GICV2M_H

#include "core/bus.h"
#include "core/irq.h"
#include "core/util.h"

#define GICV2M_SIZE (4 * KiB)
#define GICV2M_SPIS 64

#define GICV2M_TYPER	 0x008 /* INTID of the first SPI in bits 25:16, their number in 9:0 */
#define GICV2M_SETSPI_NS 0x040 /* an INTID written here pulses its SPI: where devices send their messages */
#define GICV2M_IIDR	 0xfcc

struct gicv2m_config {
	struct bus *bus;
	gpa_t base;
	uint32_t first_spi; /* of GICV2M_SPIS */
	/* The line of an SPI, asked for when the first message names it and again later; NULL: the host has none to give. */
	struct irq *(*line)(void *opaque, uint32_t spi);
	void *opaque;
};

struct gicv2m {
	struct gicv2m_config config;
	struct bus_region region;
};

/* 0 or bus_add's -errno. */
must_check int gicv2m_init(struct gicv2m *frame, const struct gicv2m_config *config);
/* After every message interrupt was freed. */
void gicv2m_destroy(struct gicv2m *frame);

/*
 * Messages to the frame; opaque is the frame. -EINVAL: the message is for another address, or no SPI of the frame's. fd() is
 * the eventfd of the SPI's line, so the next route may change it.
 */
extern const struct msi_ops gicv2m_msi_ops;

#endif
