/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What minivmm-fuzz does beside running inputs: commands on traces, and on inputs that become traces. argv[0] is the command's
 * name; the result is the exit status: 0, 1 when what was asked about is not so, 64 and 65 as sysexits(3) has them.
 *
 * A SOURCE is a trace, whose first line names its target ("# target rng-mmio"), or a target's name and an input of it.
 */
#ifndef MINIVMM_FUZZ_TOOL_H
#define MINIVMM_FUZZ_TOOL_H

#include "fuzz.h"
#include "replay.h"
#include "trace.h"

#define TOOL_DIFFERS  1
#define TOOL_USAGE    64
#define TOOL_BAD_FILE 65

/* replay FILE: runs a trace and compares. Recordings run on the machine they were made on, others on their target's. */
int tool_replay(int argc, char **argv);
/* trace SOURCE: as text, with the answers; that of a crash ends with the step that crashes. */
int tool_trace(int argc, char **argv);
/* emit-qtest SOURCE: for minivmm --qtest stdio, and QEMU's; what a load finds is written before the step that makes it. */
int tool_emit_qtest(int argc, char **argv);
/* emit-c SOURCE: a unit test. */
int tool_emit_c(int argc, char **argv);
/* minimize SOURCE: the trace without the steps that its failure does not need. */
int tool_minimize(int argc, char **argv);

/* For the commands. */

/* The trace in a file. Ends the process with one line when it is none. */
void tool_load(struct fuzz_trace *trace, const char *path);

/* What a SOURCE in the arguments is. The target is chosen, its machine built. */
struct tool_source {
	const struct fuzz_target *target;
	struct fuzz_trace trace; /* a trace, or none: */
	uint8_t *input;
	size_t input_len;
};
/* Ends the process with one line when there is none. */
void tool_source(struct tool_source *source, int argc, char **argv);

/* What became of a run. */
struct tool_outcome {
	bool failed;
	char failure[FUZZ_WHY]; /* of what, without the numbers in it: the same failure has the same words */
};
/*
 * Runs a source in a process of its own. kept: what it did, added to it; NULL: nobody wants to know. A failure's output is shown on
 * standard error when loud.
 */
void tool_run(const struct tool_source *source, struct fuzz_trace *kept, bool loud, struct tool_outcome *outcome);

#endif
