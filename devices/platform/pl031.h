/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PrimeCell real time clock (PL031), ARM DDI 0224C: seconds since 1970 from the host's clock, one alarm. Setting it
 * moves only the guest's view. It runs from the start (RTCCR reads 1), as if firmware had enabled it.
 */
#ifndef MINIVMM_PL031_H
#define MINIVMM_PL031_H

#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "platform/primecell.h"

struct pl031 {
	struct bus *bus;
	struct bus_region region;
	struct irq *irq;
	struct loop *loop; /* its clock is the time */
	struct loop_timer alarm;
	uint32_t offset; /* guest's seconds minus the host's, modulo 2^32 */
	uint32_t mr, lr, imsc, ris, mis;
};

/* 0, or -errno of bus_add. */
must_check int pl031_init(struct pl031 *p, struct loop *loop, struct bus *bus, gpa_t base, struct irq *irq);
/* The alarm goes; the time the guest has set stays, as with a battery. */
void pl031_reset(struct pl031 *p);
void pl031_destroy(struct pl031 *p);

#endif
