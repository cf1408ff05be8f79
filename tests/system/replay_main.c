/* SPDX-License-Identifier: Apache-2.0 */
/* replay FILE: a recording on the machine it was made on, as minivmm-fuzz replay has it; without the fuzzer. */
#include "fuzz/replay.h"

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	struct replay_result result = { 0 };
	struct fuzz_trace trace = { 0 };
	char why[FUZZ_WHY] = "cannot be opened";

	if (!file || fuzz_trace_read(&trace, file, why) || !replay_is_recording(&trace)) {
		fprintf(stderr, "replay: no recording: %s\n", why);
		return 2;
	}
	fclose(file);
	replay_trace(&trace, &result);
	fuzz_trace_clear(&trace);
	if (*result.how)
		fprintf(stderr, "replay: %s\n", result.how);
	else
		printf("%zu steps; %zu answers, %zu used chains and %zu interrupts as recorded\n", result.steps,
			result.answers, result.chains, result.interrupts);
	return *result.how ? 1 : 0;
}
