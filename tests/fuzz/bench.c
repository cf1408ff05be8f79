/* SPDX-License-Identifier: Apache-2.0 */
/* See bench.h. */
#include "bench.h"

#include <time.h>

#include "arena.h"
#include "language.h"
#include "machine.h"
#include "raw.h"

#define ROUND 1000

/* Of this process: what others do on the machine at the time does not count. */
static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int fuzz_can_bench(const struct fuzz_target *target)
{
	return target->run == fuzz_language_run;
}

struct fuzz_speed fuzz_bench(const struct fuzz_target *target)
{
	/* Bring-up, then one request and its kick: raw.h. */
	static const uint8_t input[] = { 0, 0, 16, FUZZ_RAW_REQUEST, 0, 20, 1, 1 };
	double begin = seconds(), now = begin, resets = 0;
	uint64_t runs = 0, reset = 0;

	do {
		for (unsigned int i = 0; i < ROUND; i++)
			target->run(input, sizeof(input));
		runs += ROUND;
		now = seconds();
	} while (now - begin < 1);
	/* Of a machine that has just run, as each is. */
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < ROUND; i++) {
			double before;

			target->run(input, sizeof(input));
			before = seconds();
			fuzz_machine_reset();
			resets += seconds() - before;
			reset++;
		}
	}
	return (struct fuzz_speed){
		.per_second = (double)runs / (now - begin),
		.reset_us = resets / (double)reset * 1e6,
		.copied = fuzz_arena_copied(),
	};
}
