/* SPDX-License-Identifier: Apache-2.0 */
/* --boot-report: the monitor's phases and the registers that cost most. See trace.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "trace_track.h"

#define REPORT_REGISTERS 10

static int compare_time(const void *a_access, const void *b_access)
{
	const struct stats_access *a = a_access, *b = b_access;

	if (a->time != b->time)
		return a->time < b->time ? 1 : -1;
	/* Free slots behind those whose one access is still under way. */
	return a->count == b->count ? 0 : a->count < b->count ? 1 : -1;
}

static void report_phases(const struct trace *trace, FILE *file)
{
	fprintf(file, "%12s  %12s  %s\n", "from ms", "took ms", "phase");
	for (unsigned int i = 0; i < trace->phases; i++) {
		const struct trace_phase *phase = &trace->phase[i];

		fprintf(file, "%12.3f  %12.3f  %s\n", (double)(phase->start - trace->start) / 1e6,
			(double)(phase->end - phase->start) / 1e6, phase->name);
	}
	if (trace->phases_dropped)
		fprintf(file, "%12s  %12s  %" PRIu64 " more phases\n", "", "", trace->phases_dropped);
}

/* Sorts the table, which is then one no longer. */
static void report_registers(struct stats *sum, FILE *file)
{
	qsort(sum->access, STATS_ACCESSES, sizeof(sum->access[0]), compare_time);
	fprintf(file, "%12s  %12s  %12s  %s\n", "count", "total us", "us each", "register");
	for (size_t i = 0; i < REPORT_REGISTERS && sum->access[i].count; i++) {
		const struct stats_access *a = &sum->access[i];

		fprintf(file, "%12" PRIu64 "  %12.3f  %12.3f  %s %s ", a->count, (double)a->time / 1e3,
			(double)a->time / 1e3 / (double)a->count, a->write ? "write" : "read",
			a->device[0] ? a->device : "unmapped");
		if (a->reg)
			fprintf(file, "%s\n", a->reg);
		else
			fprintf(file, "0x%" PRIx64 "\n", a->offset);
	}
}

void trace_report(const struct trace *trace, FILE *file)
{
	struct stats *sum = calloc(1, sizeof(*sum));

	report_phases(trace, file);
	if (!sum)
		return;
	for (unsigned int cpu = 0; cpu < trace->cpus; cpu++)
		stats_merge(sum, &trace->cpu[cpu].names);
	report_registers(sum, file);
	free(sum);
}
