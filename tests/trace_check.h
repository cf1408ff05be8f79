/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this a trace as Perfetto and chrome://tracing take it? Knows JSON and the rules of the Trace Event Format that a viewer
 * relies on; nothing of how the monitor records.
 */
#ifndef MINIVMM_TRACE_CHECK_H
#define MINIVMM_TRACE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* What was in it, by phase letter: slices X, async begin b, step n and end e, instants i, metadata M. */
struct trace_summary {
	size_t events;
	size_t phase[128];
	size_t open; /* async events that have no end: under way when the trace ended */
	unsigned long long dropped;
	char why[160]; /* what is wrong and where; empty when nothing is */
};

/* text is NUL-terminated. true: nothing is wrong. */
bool trace_check(const char *text, struct trace_summary *summary);

#endif
