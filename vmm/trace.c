/* SPDX-License-Identifier: Apache-2.0 */
/* Recording; see trace.h. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "trace_track.h"

uint64_t trace_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool create_ring(struct trace_track *track)
{
	void *ring = mmap(NULL, TRACE_EVENTS * sizeof(*track->ring), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ring == MAP_FAILED)
		return false;
	track->ring = ring;
	return true;
}

static void destroy_ring(struct trace_track *track)
{
	if (track->ring)
		munmap(track->ring, TRACE_EVENTS * sizeof(*track->ring));
}

struct trace *trace_create(unsigned int cpus, bool events)
{
	struct trace *trace = calloc(1, sizeof(*trace) + cpus * sizeof(trace->cpu[0]));
	bool created = trace != NULL;

	if (!trace)
		return NULL;
	trace->events = events;
	trace->cpus = cpus;
	trace->start = trace_clock();
	for (unsigned int i = 0; created && events && i < cpus; i++)
		created = create_ring(&trace->cpu[i]);
	if (!created || (events && !create_ring(&trace->requests))) {
		trace_destroy(trace);
		return NULL;
	}
	return trace;
}

void trace_destroy(struct trace *trace)
{
	if (!trace)
		return;
	for (unsigned int i = 0; i < trace->cpus; i++)
		destroy_ring(&trace->cpu[i]);
	destroy_ring(&trace->requests);
	free(trace);
}

void trace_phase(struct trace *trace, const char *name)
{
	uint64_t now;

	if (!trace)
		return;
	now = trace_clock();
	if (trace->phases && !trace->phase[trace->phases - 1].end)
		trace->phase[trace->phases - 1].end = now;
	if (!name)
		return;
	if (trace->phases == TRACE_PHASES)
		trace->phases_dropped++;
	else
		trace->phase[trace->phases++] = (struct trace_phase){ .name = name, .start = now };
}

struct trace_track *trace_cpu(struct trace *trace, unsigned int cpu)
{
	return trace ? &trace->cpu[cpu] : NULL;
}

static struct trace_event *current(struct trace_track *track)
{
	return track->ring ? trace_slot(track, track->count - 1) : &track->last;
}

static struct trace_event *next(struct trace_track *track)
{
	track->count++;
	return current(track);
}

void trace_do_enter(struct trace_track *track)
{
	uint64_t now = trace_clock();
	struct trace_event *event;

	if (track->count) {
		event = current(track);
		event->end = now;
		if (event->name)
			track->names.access[event->name - 1].time += now - event->exit;
	}
	event = next(track);
	*event = (struct trace_event){ .start = now };
}

void trace_do_leave(struct trace_track *track, unsigned int reason)
{
	struct trace_event *event = current(track);

	event->exit = trace_clock();
	event->reason = (uint16_t)reason;
}

void trace_do_mmio(struct trace_track *track, gpa_t gpa, bool write, unsigned int size, uint64_t value,
	const struct bus_region *region)
{
	struct trace_event *event = current(track);
	const struct stats_access *access = stats_add_access(&track->names, gpa, write, region);

	event->gpa = gpa;
	event->value = value;
	if (!access)
		return;
	event->name = (uint16_t)(access - track->names.access + 1);
	track->size[event->name - 1] = (uint8_t)size;
}

/* For a queue's turn, or for what a backend has finished: under the machine lock either way. */
static void step(struct virtq_watch *watch, const struct virtq *q, enum virtq_step what, uint16_t head, uint32_t len)
{
	struct trace_device *device = container_of(watch, struct trace_device, watch);

	*next(&device->trace->requests) = (struct trace_event){
		.start = trace_clock(),
		.value = len,
		.reason = (uint16_t)what,
		.name = (uint16_t)(device - device->trace->device),
		.queue = q->index,
		.head = head,
	};
}

void trace_life(struct trace *trace)
{
	if (trace)
		trace->devices = 0;
}

void trace_watch(struct trace *trace, struct virtio *v)
{
	struct trace_device *device;
	unsigned int alike = 0;

	if (!trace || !trace->events || trace->devices == TRACE_DEVICES)
		return;
	device = &trace->device[trace->devices++];
	for (const struct trace_device *other = trace->device; other < device; other++)
		alike += !strncmp(other->name, v->class->name, strlen(v->class->name));
	device->watch.step = step;
	device->trace = trace;
	device->queues = v->class->queue_count;
	snprintf(device->name, sizeof(device->name), "%s %u", v->class->name, alike);
	if (trace->devices > trace->devices_named)
		trace->devices_named = trace->devices;
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		v->queue[i].watch = &device->watch;
}
