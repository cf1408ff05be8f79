/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minivmm's own register block for how the guest's work ended. It does not end the machine; PSCI does that, and the
 * monitor then asks for the status. The default init hands --exec's status over here, bare-metal programs theirs.
 *
 *	0x0	STATUS	read, write	bits 7:0: exit status after the next power-off; the rest is zero
 *	0x4	ID	read		EXIT_ID: magic in bits 31:8, version of this layout in bits 7:0
 *
 * A register takes accesses of any width at its first byte: reads are cut to the width, writes have zeros above it.
 * Anywhere else reads give 0 and writes do nothing.
 */
#ifndef MINIVMM_EXIT_H
#define MINIVMM_EXIT_H

#include "core/bus.h"

#define EXIT_STATUS   0x0
#define EXIT_ID_REG   0x4
#define EXIT_ID	      0x4d564d01u /* "MVM", 1 */
#define EXIT_REG_SIZE 0x1000 /* a page, so that a guest can map it alone */

struct exit_reg {
	struct bus *bus;
	struct bus_region region;
	bool written; /* since the last reset */
	uint8_t status;
};

/* 0, or -errno of bus_add. */
must_check int exit_reg_init(struct exit_reg *e, struct bus *bus, gpa_t base);
void exit_reg_reset(struct exit_reg *e);
void exit_reg_destroy(struct exit_reg *e);

#endif
