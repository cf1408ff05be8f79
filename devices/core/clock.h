/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as devices see it. The host's clocks behind a monitor, a counter that a test or qtest's clock_step advances
 * otherwise; a device never asks the C library for the time.
 */
#ifndef MINIVMM_CLOCK_H
#define MINIVMM_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t (*monotonic_ns)(struct clock *clock); /* never goes back, any start */
	uint64_t (*realtime_ns)(struct clock *clock); /* since the Unix epoch */
};

/* CLOCK_MONOTONIC and CLOCK_REALTIME of the host. Holds no state. */
extern struct clock clock_host;

#endif
