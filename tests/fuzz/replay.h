/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace run again and compared: a recording on the machine that its first lines describe (recording.h), any other on its target's
 * (machine.h). For minivmm-fuzz, and for tests that it wrote.
 */
#ifndef MINIVMM_FUZZ_REPLAY_H
#define MINIVMM_FUZZ_REPLAY_H

#include "trace.h"

struct replay_result {
	size_t steps, answers, chains, interrupts;
	char how[2 * FUZZ_WHY]; /* the first difference: "line N: ..."; empty: there is none */
};

/* Whether the trace begins as one does that says what machine it wants. */
bool replay_is_recording(const struct fuzz_trace *trace);
void replay_trace(const struct fuzz_trace *trace, struct replay_result *result);

#define REPLAY_TARGET "target " /* the comment that a trace for a target begins with, before its name */

/* Runs a trace's steps on the machine of the target that was chosen, and what has to hold at the end of any. */
void replay_steps(const struct fuzz_trace *trace);
/* The first line of what was that is not the same in what is; NULL: all are. Comments count for nothing. */
const struct fuzz_line *replay_difference(const struct fuzz_trace *was, const struct fuzz_trace *is);
/*
 * A trace for a target, in this process: NULL, or the first difference, until the next call. A failure ends the process, as ever. All
 * calls are for one target.
 */
const char *replay_on_target(const char *text);

#endif
