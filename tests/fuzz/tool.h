/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What minivmm-fuzz does beside running inputs: commands on traces and on inputs that become traces. argv[0] is the command's
 * name; the result is the exit status: 0, 1 when what was asked about is not so, 64 and 65 as sysexits(3) has them.
 */
#ifndef MINIVMM_FUZZ_TOOL_H
#define MINIVMM_FUZZ_TOOL_H

#include "trace.h"

#define TOOL_DIFFERS  1
#define TOOL_USAGE    64
#define TOOL_BAD_FILE 65

/* replay FILE: runs a trace and compares. Recordings run on the machine they were made on, others on the one of "# target NAME". */
int tool_replay(int argc, char **argv);

/* For the commands: the trace in a file. Ends the process with one line when it is none. */
void tool_load(struct fuzz_trace *trace, const char *path);

#endif
