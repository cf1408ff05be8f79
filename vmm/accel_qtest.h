/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accelerator behind --qtest: no CPU runs, a client on a socket or on stdin and stdout reads and writes the machine
 * instead (qtest.h has the protocol). It needs no KVM and works on every host.
 *
 * The client's end of file, as its death, is the end of the machine; a run that ends so, or by a signal, is a success.
 */
#ifndef MINIVMM_ACCEL_QTEST_H
#define MINIVMM_ACCEL_QTEST_H

#include "accel.h"
#include "core/clock.h"

/* Stands still unless the client moves it: starts at 0, and at 2026-01-01 00:00:00 UTC as time of day. */
struct qtest_clock {
	struct clock clock;
	uint64_t now;
};
void qtest_clock_init(struct qtest_clock *clock);

/*
 * Connects to the client that options->qtest names. The loop runs on a qtest_clock. NULL with *error filled; freed by
 * ops->destroy.
 */
struct accel *accel_open_qtest(const struct options *options, struct accel_machine *machine, struct error *error);

#endif
