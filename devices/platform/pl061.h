/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PrimeCell GPIO (PL061), ARM DDI 0190B: eight lines. The monitor drives them as inputs, line 3 as the power key at
 * the same place as QEMU's virt board. What the guest drives out goes nowhere.
 */
#ifndef MINIVMM_PL061_H
#define MINIVMM_PL061_H

#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "platform/primecell.h"

#define PL061_LINES	8
#define PL061_POWER_KEY 3

struct pl061 {
	struct bus *bus;
	struct bus_region region;
	struct irq *irq;
	struct loop *loop;
	struct loop_timer release;
	uint8_t pressed; /* lines that release lets go */
	uint8_t in, out; /* outside and driven levels, one bit a line */
	uint8_t dir, is, ibe, iev, ie, afsel;
	uint8_t edges; /* edge interrupts seen and not cleared */
	uint32_t mis; /* as the interrupt line last saw it */
};

/* 0, or -errno of bus_add. */
must_check int pl061_init(struct pl061 *p, struct loop *loop, struct bus *bus, gpa_t base, struct irq *irq);
/* Inputs keep their levels. */
void pl061_reset(struct pl061 *p);
void pl061_destroy(struct pl061 *p);

/* line below PL061_LINES. */
void pl061_set_input(struct pl061 *p, unsigned int line, bool level);
/*
 * A key pressed on the line for 100 ms: long enough for Linux's gpio-keys, which looks at the level again 5 ms after an
 * edge, whatever the host's load. Pressing it while it is down holds it longer.
 */
void pl061_press(struct pl061 *p, unsigned int line);

#endif
