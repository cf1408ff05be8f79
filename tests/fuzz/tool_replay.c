/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm-fuzz replay: see tool.h. */
#include <stdio.h>

#include "tool.h"

static int replay_recording(const char *path, const struct fuzz_trace *trace)
{
	struct replay_result result;

	replay_trace(trace, &result);
	if (*result.how) {
		fprintf(stderr, "minivmm-fuzz: %s: %s\n", path, result.how);
		return TOOL_DIFFERS;
	}
	printf("%s: %zu steps; %zu answers, %zu used chains and %zu interrupts as recorded\n", path, result.steps,
		result.answers, result.chains, result.interrupts);
	return 0;
}

static int replay_target(const char *path, int argc, char **argv)
{
	struct tool_source source;
	struct tool_outcome outcome;
	struct fuzz_trace kept = { 0 };
	const struct fuzz_line *line;

	tool_source(&source, argc, argv);
	tool_run(&source, &kept, true, &outcome);
	if (outcome.failed) {
		fprintf(stderr, "minivmm-fuzz: %s: it fails: %s\n", path, outcome.failure);
		return TOOL_DIFFERS;
	}
	line = replay_difference(&source.trace, &kept);
	if (line) {
		fprintf(stderr, "minivmm-fuzz: %s: line %u: the answer, or what was given back, is another one\n", path,
			line->number);
		return TOOL_DIFFERS;
	}
	printf("%s: %zu lines, all as they were\n", path, source.trace.count);
	return 0;
}

int tool_replay(int argc, char **argv)
{
	struct fuzz_trace trace = { 0 };
	bool recording;
	int status = 0;

	if (argc != 2) {
		fprintf(stderr, "minivmm-fuzz: write replay FILE\n");
		return TOOL_USAGE;
	}
	tool_load(&trace, argv[1]);
	recording = replay_is_recording(&trace);
	if (recording)
		status = replay_recording(argv[1], &trace);
	fuzz_trace_clear(&trace);
	return recording ? status : replay_target(argv[1], argc, argv);
}
