/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm-fuzz minimize: leaves steps out, half of them, a quarter, ... one, as long as the failure stays the same. */
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* Whether it fails in the same way without lines [from, from + count). */
static bool still_fails(const struct tool_source *source, size_t from, size_t count, const char *failure)
{
	struct tool_source less = *source;
	struct tool_outcome outcome;

	less.trace.line = malloc(source->trace.count * sizeof(*less.trace.line));
	if (!less.trace.line)
		return false;
	memcpy(less.trace.line, source->trace.line, from * sizeof(*less.trace.line));
	memcpy(less.trace.line + from, source->trace.line + from + count,
		(source->trace.count - from - count) * sizeof(*less.trace.line));
	less.trace.count -= count;
	tool_run(&less, NULL, false, &outcome);
	free(less.trace.line);
	return outcome.failed && !strcmp(outcome.failure, failure);
}

/* Their data stays allocated: the process ends soon. */
static void leave_out(struct fuzz_trace *trace, size_t from, size_t count)
{
	memmove(trace->line + from, trace->line + from + count, (trace->count - from - count) * sizeof(*trace->line));
	trace->count -= count;
}

static void shrink(struct tool_source *source, const char *failure)
{
	bool again = true;

	/* From the end: what comes after the failure goes at once. */
	for (size_t piece = source->trace.count / 2; piece && again; piece = piece > 1 ? piece / 2 : again) {
		again = piece > 1;
		for (size_t at = source->trace.count; at;) {
			size_t n = piece < at ? piece : at;

			at -= n;
			if (!still_fails(source, at, n, failure))
				continue;
			leave_out(&source->trace, at, n);
			again = true;
		}
	}
}

int tool_minimize(int argc, char **argv)
{
	struct tool_source source;
	struct tool_outcome outcome;
	struct fuzz_trace kept = { 0 };
	size_t before;

	tool_source(&source, argc, argv);
	tool_run(&source, &kept, false, &outcome);
	if (!outcome.failed) {
		fprintf(stderr, "minivmm-fuzz: it does not fail\n");
		return TOOL_DIFFERS;
	}
	/* From here on it is a trace, whatever it was. */
	free(source.input);
	source.input = NULL;
	source.trace = kept;
	before = kept.count;
	tool_run(&source, NULL, false, &outcome);
	if (!outcome.failed) {
		fprintf(stderr, "minivmm-fuzz: as a trace it does not fail\n");
		return TOOL_DIFFERS;
	}
	shrink(&source, outcome.failure);
	printf("# target %s\n# %s\n", source.target->name, outcome.failure);
	fuzz_trace_write(&source.trace, stdout);
	fprintf(stderr, "minivmm-fuzz: %zu of %zu lines left: %s\n", source.trace.count, before, outcome.failure);
	return 0;
}
