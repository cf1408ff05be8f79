/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace as JSON in the Trace Event Format ("Trace Event Format", the Chromium project): an object with the array traceEvents,
 * times in microseconds. The monitor is process 1 with a thread for its phases and one for each CPU; process 2 has a thread
 * for each queue of a device. A request is an async event of its own, from the kick to the interrupt.
 *
 * Every name is a static string of ours or made of such, so nothing needs escaping.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "trace_track.h"

#define PID_MONITOR 1
#define PID_DEVICES 2
#define TID_MAIN    1
#define TID_CPU	    10 /* the first */
#define TID_QUEUES  64 /* threads for each device */

struct writer {
	const struct trace *trace;
	FILE *file;
	bool comma;
};

/* A queue as the writer goes through its steps. */
struct queue_state {
	uint64_t kick; /* when the turn began; 0: before the oldest event */
	uint32_t last; /* number of the last request that began */
	uint32_t number[VIRTQ_SIZE_MAX]; /* by head: the request under way, 0: none */
	uint32_t used[VIRTQ_SIZE_MAX]; /* given back, and the driver not yet told or left untold */
	unsigned int used_count;
};

static void time_field(struct writer *w, const char *name, uint64_t ns)
{
	fprintf(w->file, ",\"%s\":%" PRIu64 ".%03u", name, ns / 1000, (unsigned int)(ns % 1000));
}

/* Opens an event: what every one has. ts is of trace_clock. */
static void event(struct writer *w, const char *phase, unsigned int pid, unsigned int tid, uint64_t ts)
{
	fprintf(w->file, "%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u", w->comma ? "," : "", phase, pid, tid);
	time_field(w, "ts", ts > w->trace->start ? ts - w->trace->start : 0);
	w->comma = true;
}

static void metadata(struct writer *w, const char *what, unsigned int pid, unsigned int tid, const char *name)
{
	event(w, "M", pid, tid, 0);
	fprintf(w->file, ",\"name\":\"%s\",\"args\":{\"name\":\"%s\"}}", what, name);
}

static void slice(struct writer *w, unsigned int tid, const char *category, uint64_t start, uint64_t end)
{
	event(w, "X", PID_MONITOR, tid, start);
	time_field(w, "dur", end > start ? end - start : 0);
	fprintf(w->file, ",\"cat\":\"%s\"", category);
}

static void write_phases(struct writer *w)
{
	const struct trace *trace = w->trace;

	metadata(w, "process_name", PID_MONITOR, TID_MAIN, "minivmm");
	metadata(w, "thread_name", PID_MONITOR, TID_MAIN, "main");
	for (unsigned int i = 0; i < trace->phases; i++) {
		const struct trace_phase *phase = &trace->phase[i];

		slice(w, TID_MAIN, "phase", phase->start, phase->end);
		fprintf(w->file, ",\"name\":\"%s\"}", phase->name);
	}
}

/* What a CPU came out for, and how long that took. */
static void write_exit(struct writer *w, const struct trace_track *track, unsigned int tid, const struct trace_event *e)
{
	const char *name = stats_exit_name(e->reason);
	const struct stats_access *access = e->name ? &track->names.access[e->name - 1] : NULL;

	slice(w, tid, "exit", e->exit, e->end ? e->end : e->exit);
	if (!access) {
		fprintf(w->file, ",\"name\":\"%s\",\"args\":{\"reason\":%u}}", name ? name : "exit", e->reason);
		return;
	}
	fprintf(w->file, ",\"name\":\"%s %s ", access->write ? "write" : "read",
		access->device[0] ? access->device : "unmapped");
	if (access->reg)
		fprintf(w->file, "%s\"", access->reg);
	else
		fprintf(w->file, "0x%" PRIx64 "\"", access->offset);
	fprintf(w->file, ",\"args\":{\"address\":\"0x%" PRIx64 "\",\"size\":%u,\"value\":\"0x%" PRIx64 "\"}}", e->gpa,
		track->size[e->name - 1], e->value);
}

static uint64_t first_kept(const struct trace_track *track)
{
	return track->count > TRACE_EVENTS ? track->count - TRACE_EVENTS : 0;
}

static void write_cpu(struct writer *w, unsigned int cpu)
{
	const struct trace_track *track = &w->trace->cpu[cpu];
	char name[16];

	snprintf(name, sizeof(name), "cpu%u", cpu);
	metadata(w, "thread_name", PID_MONITOR, TID_CPU + cpu, name);
	for (uint64_t i = first_kept(track); i < track->count; i++) {
		const struct trace_event *e = trace_slot(track, i);

		slice(w, TID_CPU + cpu, "run", e->start, e->exit);
		fprintf(w->file, ",\"name\":\"KVM_RUN\"}");
		if (e->exit)
			write_exit(w, track, TID_CPU + cpu, e);
	}
}

/* One step of the async event that a request is; numbers tell requests apart that had the same head. */
static void request(struct writer *w, const struct trace_event *e, uint32_t number, const char *phase, uint64_t ts)
{
	event(w, phase, PID_DEVICES, e->name * TID_QUEUES + e->queue, ts);
	fprintf(w->file, ",\"cat\":\"request\",\"id\":\"%u.%u.%u\",\"name\":\"request\"", e->name, e->queue, number);
}

static void write_told(struct writer *w, struct queue_state *q, const struct trace_event *e)
{
	bool told = e->reason == VIRTQ_TOLD;

	for (unsigned int i = 0; i < q->used_count; i++) {
		request(w, e, q->used[i], "e", e->start);
		fprintf(w->file, ",\"args\":{\"interrupt\":%s}}", told ? "true" : "false");
	}
	q->used_count = 0;
	if (!told)
		return;
	event(w, "i", PID_DEVICES, e->name * TID_QUEUES + e->queue, e->start);
	fprintf(w->file, ",\"s\":\"t\",\"cat\":\"device\",\"name\":\"interrupt\"}");
}

static void write_begin(struct writer *w, struct queue_state *q, const struct trace_event *e)
{
	q->kick = e->start;
	event(w, "i", PID_DEVICES, e->name * TID_QUEUES + e->queue, e->start);
	fprintf(w->file, ",\"s\":\"t\",\"cat\":\"device\",\"name\":\"kick\"}");
}

static void write_step(struct writer *w, struct queue_state *q, const struct trace_event *e)
{
	uint32_t *number = &q->number[e->head % VIRTQ_SIZE_MAX];

	switch ((enum virtq_step)e->reason) {
	case VIRTQ_BEGIN: write_begin(w, q, e); return;
	case VIRTQ_TOLD:
	case VIRTQ_NOT_TOLD: write_told(w, q, e); return;
	case VIRTQ_POPPED:
		*number = ++q->last;
		request(w, e, *number, "b", q->kick ? q->kick : e->start);
		fprintf(w->file, "}");
		return;
	case VIRTQ_UNPOPPED:
		if (*number) {
			request(w, e, *number, "e", e->start);
			fprintf(w->file, ",\"args\":{\"put back\":true}}");
		}
		break;
	case VIRTQ_USED:
		if (*number && q->used_count < VIRTQ_SIZE_MAX) {
			request(w, e, *number, "n", e->start);
			fprintf(w->file, ",\"args\":{\"used\":%" PRIu64 "}}", e->value);
			q->used[q->used_count++] = *number;
		}
		break;
	}
	/* 0 already for one whose beginning was dropped. */
	*number = 0;
}

/* All steps of one queue. */
static void write_queue(struct writer *w, unsigned int device, uint16_t queue, struct queue_state *q)
{
	const struct trace_track *track = &w->trace->requests;
	bool named = false;
	char name[STATS_NAME_LEN + 16];

	*q = (struct queue_state){ .kick = 0 };
	for (uint64_t i = first_kept(track); i < track->count; i++) {
		const struct trace_event *e = trace_slot(track, i);

		if (e->name != device || e->queue != queue)
			continue;
		if (!named) {
			snprintf(name, sizeof(name), "%s queue %u", w->trace->device[device].name, queue);
			metadata(w, "thread_name", PID_DEVICES, device * TID_QUEUES + queue, name);
			named = true;
		}
		write_step(w, q, e);
	}
}

static bool write_requests(struct writer *w)
{
	struct queue_state *q = malloc(sizeof(*q));

	if (!q)
		return false;
	metadata(w, "process_name", PID_DEVICES, 0, "devices");
	for (unsigned int device = 0; device < w->trace->devices_named; device++)
		for (uint16_t queue = 0; queue < w->trace->device[device].queues; queue++)
			write_queue(w, device, queue, q);
	free(q);
	return true;
}

bool trace_write(const struct trace *trace, FILE *file)
{
	struct writer w = { .trace = trace, .file = file };
	uint64_t dropped = first_kept(&trace->requests) + trace->phases_dropped;
	bool done;

	fprintf(file, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	write_phases(&w);
	for (unsigned int cpu = 0; cpu < trace->cpus; cpu++) {
		write_cpu(&w, cpu);
		dropped += first_kept(&trace->cpu[cpu]);
	}
	done = write_requests(&w);
	fprintf(file, "\n],\"otherData\":{\"events dropped\":%" PRIu64 "}}\n", dropped);
	return fflush(file) == 0 && !ferror(file) && done;
}
