/* SPDX-License-Identifier: Apache-2.0 */
/* See gicv2m.h. */
#include "gicv2m.h"

#include <errno.h>
#include <stdlib.h>

#define SPI_BASE   32 /* INTID of SPI 0 */
#define INTID_MASK 0x3ff /* of what is written: the rest is reserved, devices write 16 or 32 bits */

/* What TYPER's reader has to know this one by: Arm has no implementer code for it, product "Q" as QEMU has it. */
#define IIDR (0x51u << 20)

struct gicv2m_msi {
	struct irq irq; /* num: the SPI, once routed */
	struct irq *line; /* NULL: sends nothing */
};

/* The line that a message of value raises, or NULL. */
static struct irq *line_of(struct gicv2m *frame, uint64_t value)
{
	uint64_t index = (value & INTID_MASK) - SPI_BASE - frame->config.first_spi;

	if (index >= GICV2M_SPIS)
		return NULL;
	return frame->config.line(frame->config.opaque, frame->config.first_spi + (uint32_t)index);
}

static void pulse(struct irq *line)
{
	irq_raise(line);
	irq_lower(line);
}

static uint64_t gicv2m_read(void *opaque, uint64_t offset, unsigned int size)
{
	const struct gicv2m *frame = opaque;

	if (size != 4)
		return 0;
	switch (offset) {
	case GICV2M_TYPER: return (uint64_t)(SPI_BASE + frame->config.first_spi) << 16 | GICV2M_SPIS;
	case GICV2M_IIDR: return IIDR;
	default: return 0;
	}
}

static void gicv2m_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct irq *line;

	if (offset != GICV2M_SETSPI_NS || (size != 2 && size != 4))
		return;
	line = line_of(opaque, value);
	if (line)
		pulse(line);
}

static const char *gicv2m_name(uint64_t offset)
{
	switch (offset) {
	case GICV2M_TYPER: return "MSI_TYPER";
	case GICV2M_SETSPI_NS: return "MSI_SETSPI_NS";
	case GICV2M_IIDR: return "MSI_IIDR";
	default: return NULL;
	}
}

int gicv2m_init(struct gicv2m *frame, const struct gicv2m_config *config)
{
	static const struct bus_ops ops = { gicv2m_read, gicv2m_write, gicv2m_name };

	frame->config = *config;
	frame->region = (struct bus_region){ "gicv2m", &ops, frame, config->base, GICV2M_SIZE };
	return bus_add(config->bus, &frame->region);
}

void gicv2m_destroy(struct gicv2m *frame)
{
	bus_del(frame->config.bus, &frame->region);
}

static void msi_raise(struct irq *irq)
{
	const struct gicv2m_msi *msi = container_of(irq, struct gicv2m_msi, irq);

	if (msi->line)
		pulse(msi->line);
}

static int msi_fd(struct irq *irq)
{
	const struct gicv2m_msi *msi = container_of(irq, struct gicv2m_msi, irq);

	return msi->line ? msi->line->ops->fd(msi->line) : -1;
}

static struct irq *msi_alloc(void *opaque, uint32_t requester)
{
	static const struct irq_ops ops = { .raise = msi_raise, .lower = irq_no_level, .fd = msi_fd };
	struct gicv2m_msi *msi = calloc(1, sizeof(*msi));

	(void)opaque, (void)requester; /* the frame tells nobody from another */
	if (!msi)
		return NULL;
	msi->irq.ops = &ops;
	return &msi->irq;
}

static int msi_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct gicv2m *frame = opaque;
	struct gicv2m_msi *msi = container_of(irq, struct gicv2m_msi, irq);

	msi->line = addr == frame->config.base + GICV2M_SETSPI_NS ? line_of(frame, data) : NULL;
	if (!msi->line)
		return -EINVAL;
	msi->irq.num = msi->line->num;
	return 0;
}

static void msi_free(void *opaque, struct irq *irq)
{
	(void)opaque;
	free(container_of(irq, struct gicv2m_msi, irq));
}

const struct msi_ops gicv2m_msi_ops = { .alloc = msi_alloc, .route = msi_route, .free = msi_free };
