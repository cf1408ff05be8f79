/* SPDX-License-Identifier: Apache-2.0 */
/* The host's clocks behind struct clock. Virtual clocks live with whoever advances them (tests, qtest). */
#include "clock.h"

#include <time.h>

static uint64_t host_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	/* Cannot fail: both clocks exist on every Linux and ts is ours. */
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t host_monotonic_ns(struct clock *clock)
{
	(void)clock;
	return host_ns(CLOCK_MONOTONIC);
}

static uint64_t host_realtime_ns(struct clock *clock)
{
	(void)clock;
	return host_ns(CLOCK_REALTIME);
}

struct clock clock_host = {
	.monotonic_ns = host_monotonic_ns,
	.realtime_ns = host_realtime_ns,
};
