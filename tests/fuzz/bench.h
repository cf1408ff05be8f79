/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a target runs: for the plain program's --bench. */
#ifndef MINIVMM_FUZZ_BENCH_H
#define MINIVMM_FUZZ_BENCH_H

#include <stdint.h>
#include <stdio.h>

#include "fuzz.h"

struct fuzz_speed {
	double per_second; /* executions of bring-up, one request, reset */
	double reset_us; /* of one reset */
	uint64_t copied; /* bytes that a reset copies */
};

/* For about a second; target was started, and is one of a machine's (it has a device). */
struct fuzz_speed fuzz_bench(const struct fuzz_target *target);
/* Whether fuzz_bench knows what to do with it. */
int fuzz_can_bench(const struct fuzz_target *target);

#endif
