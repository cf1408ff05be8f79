/* SPDX-License-Identifier: Apache-2.0 */
/* The PL061's registers, edge and level detection. */
#include "pl061.h"

#include <assert.h>
#include <string.h>

#define PRESS_NS 100000000ULL

/* DDI 0190B table 3-1. Below DIR is DATA, whose address bits 9:2 are the mask of the lines that take part. */
enum {
	GPIODIR = 0x400,
	GPIOIS = 0x404,
	GPIOIBE = 0x408,
	GPIOIEV = 0x40c,
	GPIOIE = 0x410,
	GPIORIS = 0x414,
	GPIOMIS = 0x418,
	GPIOIC = 0x41c,
	GPIOAFSEL = 0x420,
};

static const uint8_t pl061_id[8] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint8_t pins(const struct pl061 *p)
{
	return (uint8_t)((p->in & ~p->dir) | (p->out & p->dir));
}

/* Level interrupts are not latched: they last as long as the level does. */
static uint8_t raw(const struct pl061 *p)
{
	return (uint8_t)((p->edges & ~p->is) | (~(pins(p) ^ p->iev) & p->is));
}

static void update_irq(struct pl061 *p, uint32_t again)
{
	primecell_irq(p->irq, &p->mis, raw(p) & p->ie, again);
}

/* Anything that may have moved a pin: `before` is what pins() was. */
static void detect_edges(struct pl061 *p, uint8_t before)
{
	uint8_t after = pins(p), changed = before ^ after;
	/* One edge asked for: the level after it is IEV's. */
	uint8_t hit = changed & ~p->is & (p->ibe | (uint8_t) ~(after ^ p->iev));

	p->edges |= hit;
	update_irq(p, hit);
}

static uint64_t pl061_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl061 *p = opaque;

	(void)size;
	if (!primecell_aligned(offset))
		return 0;
	if (offset < GPIODIR)
		return pins(p) & (offset >> 2);
	switch (offset) {
	case GPIODIR: return p->dir;
	case GPIOIS: return p->is;
	case GPIOIBE: return p->ibe;
	case GPIOIEV: return p->iev;
	case GPIOIE: return p->ie;
	case GPIORIS: return raw(p);
	case GPIOMIS: return raw(p) & p->ie;
	case GPIOAFSEL: return p->afsel;
	default: return primecell_id(pl061_id, offset);
	}
}

static void pl061_write(void *opaque, uint64_t offset, unsigned int size, uint64_t data)
{
	struct pl061 *p = opaque;
	uint8_t value = (uint8_t)data, before = pins(p), mask;

	(void)size;
	if (!primecell_aligned(offset))
		return;
	if (offset < GPIODIR) {
		/* Only lines that are outputs take the value (2.2.1). */
		mask = (uint8_t)(offset >> 2) & p->dir;
		p->out = (uint8_t)((p->out & ~mask) | (value & mask));
		detect_edges(p, before);
		return;
	}
	switch (offset) {
	case GPIODIR: p->dir = value; break;
	case GPIOIS: p->is = value; break;
	case GPIOIBE: p->ibe = value; break;
	case GPIOIEV: p->iev = value; break;
	case GPIOIE: p->ie = value; break;
	case GPIOIC:
		p->edges &= (uint8_t)~value;
		/* A level that is still there interrupts again. */
		update_irq(p, p->is & value);
		return;
	case GPIOAFSEL: p->afsel = value; return;
	default: return; /* read-only or nothing there */
	}
	detect_edges(p, before);
}

static const char *pl061_reg_name(uint64_t offset)
{
	static const char *const names[] = { "GPIODIR", "GPIOIS", "GPIOIBE", "GPIOIEV", "GPIOIE", "GPIORIS", "GPIOMIS",
		"GPIOIC", "GPIOAFSEL" };

	if (offset < GPIODIR)
		return "GPIODATA";
	/* The identification registers lie at the same place in the whole page, not in what is left of it. */
	return primecell_name(names, ARRAY_SIZE(names), offset < PRIMECELL_ID ? offset - GPIODIR : offset);
}

static void release_expired(struct loop_timer *timer)
{
	struct pl061 *p = container_of(timer, struct pl061, release);
	uint8_t before = pins(p);

	p->in &= (uint8_t)~p->pressed;
	p->pressed = 0;
	detect_edges(p, before);
}

int pl061_init(struct pl061 *p, struct loop *loop, struct bus *bus, gpa_t base, struct irq *irq)
{
	static const struct bus_ops ops = { .read = pl061_read, .write = pl061_write, .reg_name = pl061_reg_name };

	memset(p, 0, sizeof(*p));
	p->bus = bus;
	p->region = (struct bus_region){ "pl061", &ops, p, base, PRIMECELL_SIZE };
	p->irq = irq;
	p->loop = loop;
	p->release.expired = release_expired;
	return bus_add(bus, &p->region);
}

void pl061_reset(struct pl061 *p)
{
	p->out = p->dir = p->is = p->ibe = p->iev = p->ie = p->afsel = p->edges = 0;
	update_irq(p, 0);
}

void pl061_destroy(struct pl061 *p)
{
	loop_timer_cancel(p->loop, &p->release);
	bus_del(p->bus, &p->region);
}

void pl061_set_input(struct pl061 *p, unsigned int line, bool level)
{
	uint8_t before = pins(p);

	assert(line < PL061_LINES);
	p->in = (uint8_t)((p->in & ~(1u << line)) | ((unsigned int)level << line));
	detect_edges(p, before);
}

void pl061_press(struct pl061 *p, unsigned int line)
{
	assert(line < PL061_LINES);
	p->pressed |= (uint8_t)(1u << line);
	pl061_set_input(p, line, true);
	loop_timer_set(p->loop, &p->release, p->loop->clock->monotonic_ns(p->loop->clock) + PRESS_NS);
}
