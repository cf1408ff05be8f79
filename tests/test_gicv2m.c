/* SPDX-License-Identifier: Apache-2.0 */
/* The GICv2M frame: what it says of itself, which writes pulse which line, and messages that name no line of its. */
#include <errno.h>

#include "platform/gicv2m.h"
#include "rig.h"
#include "test.h"

#define BASE  0x08020000
#define FIRST 48
#define INTID (FIRST + 32)

struct board {
	struct rig rig;
	struct gicv2m frame;
	struct rig_irq line[GICV2M_SPIS];
	bool no_line; /* the host gives none */
};

static struct irq *line(void *opaque, uint32_t spi)
{
	struct board *b = opaque;

	if (spi < FIRST || spi >= FIRST + GICV2M_SPIS) {
		TEST_FAIL_("asked for SPI %u", spi);
		return NULL;
	}
	return b->no_line ? NULL : &b->line[spi - FIRST].irq;
}

static struct board *setup(void)
{
	static struct board b;
	const struct gicv2m_config config = {
		.bus = &b.rig.bus,
		.base = BASE,
		.first_spi = FIRST,
		.line = line,
		.opaque = &b,
	};

	memset(&b, 0, sizeof(b));
	rig_init(&b.rig);
	for (unsigned int i = 0; i < GICV2M_SPIS; i++)
		rig_irq_init(&b.line[i], FIRST + i);
	if (gicv2m_init(&b.frame, &config))
		TEST_FAIL_("gicv2m_init");
	return &b;
}

static void teardown(struct board *b)
{
	gicv2m_destroy(&b->frame);
	CHECK(!bus_find(&b->rig.bus, BASE, 4));
	rig_destroy(&b->rig);
}

static unsigned int pulses(const struct board *b)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < GICV2M_SPIS; i++) {
		CHECK_EQ(b->line[i].raised, b->line[i].lowered);
		sum += b->line[i].raised;
	}
	return sum;
}

static void registers(void)
{
	struct board *b = setup();

	CHECK_EQ(rig_read(&b->rig, BASE + GICV2M_TYPER, 4), INTID << 16 | 64);
	CHECK_EQ(rig_read(&b->rig, BASE + GICV2M_IIDR, 4), 0x05100000);
	CHECK_EQ(rig_read(&b->rig, BASE + GICV2M_TYPER, 1), 0);
	CHECK_EQ(rig_read(&b->rig, BASE + GICV2M_SETSPI_NS, 4), 0);
	CHECK_EQ(rig_read(&b->rig, BASE + 0xfe8, 4), 0);
	CHECK_STR(b->frame.region.ops->reg_name(GICV2M_TYPER), "MSI_TYPER");
	CHECK(!b->frame.region.ops->reg_name(0));
	teardown(b);
}

static void writes_pulse(void)
{
	struct board *b = setup();

	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 4, INTID);
	CHECK_EQ(b->line[0].raised, 1);
	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 2, INTID + 63);
	CHECK_EQ(b->line[63].raised, 1);
	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 4, 0xfffffc00 | INTID);
	CHECK_EQ(b->line[0].raised, 2);
	CHECK_EQ(pulses(b), 3);
	for (uint32_t id = 0; id < 1024; id++)
		if (id < INTID || id >= INTID + 64)
			rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 4, id);
	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 1, INTID);
	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS + 1, 4, INTID);
	rig_write(&b->rig, BASE + GICV2M_TYPER, 4, INTID);
	CHECK_EQ(pulses(b), 3);
	b->no_line = true;
	rig_write(&b->rig, BASE + GICV2M_SETSPI_NS, 4, INTID);
	CHECK_EQ(pulses(b), 3);
	rig_sweep(&b->rig, BASE, GICV2M_SIZE, 0x5a5a5a5a5a5a5a5a);
	teardown(b);
}

static void messages(void)
{
	struct board *b = setup();
	const struct msi_ops *ops = &gicv2m_msi_ops;
	struct irq *first = ops->alloc(&b->frame, 8), *second = ops->alloc(&b->frame, 8);

	REQUIRE(first && second);
	irq_raise(first);
	CHECK_EQ(first->ops->fd(first), -1);
	CHECK_EQ(pulses(b), 0);
	CHECK(!ops->route(&b->frame, first, BASE + GICV2M_SETSPI_NS, INTID + 5));
	b->line[5].fd = 42;
	CHECK_EQ(first->ops->fd(first), 42);
	irq_raise(first);
	irq_raise(first);
	irq_lower(first);
	CHECK_EQ(b->line[5].raised, 2);
	CHECK_EQ(first->num, FIRST + 5);
	CHECK(!ops->route(&b->frame, second, BASE + GICV2M_SETSPI_NS, INTID + 63));
	irq_raise(second);
	CHECK_EQ(b->line[63].raised, 1);
	CHECK_EQ(pulses(b), 3);
	/* The message moves, and with it the interrupt. */
	CHECK(!ops->route(&b->frame, first, BASE + GICV2M_SETSPI_NS, INTID + 6));
	irq_raise(first);
	CHECK_EQ(b->line[5].raised, 2);
	CHECK_EQ(b->line[6].raised, 1);
	ops->free(&b->frame, second);
	ops->free(&b->frame, first);
	teardown(b);
}

/* Whatever a guest writes into its table: nothing is sent, and the next good message is. */
static void bad_messages(void)
{
	static const struct {
		uint64_t addr;
		uint32_t data;
	} bad[] = {
		{ 0, 0 },
		{ BASE, INTID },
		{ BASE + GICV2M_SETSPI_NS + 4, INTID },
		{ BASE + GICV2M_SETSPI_NS + (1ULL << 32), INTID },
		{ RIG_RAM_BASE, INTID },
		{ UINT64_MAX, UINT32_MAX },
		{ BASE + GICV2M_SETSPI_NS, 0 },
		{ BASE + GICV2M_SETSPI_NS, INTID - 1 },
		{ BASE + GICV2M_SETSPI_NS, INTID + 64 },
		{ BASE + GICV2M_SETSPI_NS, 1023 },
	};
	struct board *b = setup();
	const struct msi_ops *ops = &gicv2m_msi_ops;
	struct irq *irq = ops->alloc(&b->frame, 8);

	REQUIRE(irq);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(!ops->route(&b->frame, irq, BASE + GICV2M_SETSPI_NS, INTID));
		CHECK_EQ(ops->route(&b->frame, irq, bad[i].addr, bad[i].data), -EINVAL);
		irq_raise(irq);
		CHECK_EQ(irq->ops->fd(irq), -1);
		CHECK_EQ(pulses(b), 0);
	}
	b->no_line = true;
	CHECK_EQ(ops->route(&b->frame, irq, BASE + GICV2M_SETSPI_NS, INTID), -EINVAL);
	irq_raise(irq);
	CHECK_EQ(pulses(b), 0);
	ops->free(&b->frame, irq);
	teardown(b);
}

static const struct test tests[] = { TEST(registers), TEST(writes_pulse), TEST(messages), TEST(bad_messages) };
TEST_MAIN(tests)
