/* SPDX-License-Identifier: Apache-2.0 */
/* What trace.c and trace_read.c share; nobody else's. */
#ifndef MINIVMM_FUZZ_TRACE_HOST_H
#define MINIVMM_FUZZ_TRACE_HOST_H

#include "trace.h"

/* What follows the name of an event. */
enum fuzz_host_word { FUZZ_HOST_NOTHING, FUZZ_HOST_VALUE, FUZZ_HOST_DATA };
extern const enum fuzz_host_word fuzz_host_words[FUZZ_HOSTS];

/* A line at the end, an empty comment that the caller makes something of. */
struct fuzz_line *fuzz_trace_new(struct fuzz_trace *trace);

#endif
