/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --trace and --boot-report keep of a run: the monitor's phases, every stay of a CPU in its guest and what it came out
 * for, and each virtio request's way from the kick to the interrupt. trace_json.c writes it, trace_report.c sums it up.
 *
 * Recording takes no lock, makes no system call and allocates nothing: each thread has a track of its own, a ring that keeps
 * the newest events and counts those it had to drop; devices share one, under the machine lock. Off means a NULL pointer and one
 * test of it. A track outlives a guest's reboot.
 */
#ifndef MINIVMM_TRACE_H
#define MINIVMM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "stats.h"
#include "virtio/virtio.h"

struct trace;
struct trace_track;

/* events: for trace_write; without, only the sums that trace_report prints are kept. NULL: out of memory. */
struct trace *trace_create(unsigned int cpus, bool events);
void trace_destroy(struct trace *trace);

/*
 * The main thread is now at `name`, a static string; what it was at before has ended. NULL: at nothing. trace may be NULL here and
 * below.
 */
void trace_phase(struct trace *trace, const char *name);
/* A machine is about to be built: the devices of the one before are gone, and the same ones will come in the same order. */
void trace_life(struct trace *trace);
/* Requests of this device, which has its transport, are to be recorded. Before the guest runs. */
void trace_watch(struct trace *trace, struct virtio *v);

/* The track of a CPU, written to by that CPU's thread only. */
struct trace_track *trace_cpu(struct trace *trace, unsigned int cpu);

/* Do the work behind the three inline functions; track is not NULL. */
void trace_do_enter(struct trace_track *track);
void trace_do_leave(struct trace_track *track, unsigned int reason);
void trace_do_mmio(struct trace_track *track, gpa_t gpa, bool write, unsigned int size, uint64_t value,
	const struct bus_region *region);

/* Goes to KVM_RUN: whatever it came out for last time has been dealt with. */
static inline void trace_enter(struct trace_track *track)
{
	if (__builtin_expect(track != NULL, 0))
		trace_do_enter(track);
}

/* Has come out of KVM_RUN, for the reason KVM_EXIT_x, or KVM_EXIT_INTR for EINTR. */
static inline void trace_leave(struct trace_track *track, unsigned int reason)
{
	if (__builtin_expect(track != NULL, 0))
		trace_do_leave(track, reason);
}

/* It was for this access to a device's register; region as bus_find has it. Between trace_leave and trace_enter. */
static inline void trace_mmio(struct trace_track *track, gpa_t gpa, bool write, unsigned int size, uint64_t value,
	const struct bus_region *region)
{
	if (__builtin_expect(track != NULL, 0))
		trace_do_mmio(track, gpa, write, size, value, region);
}

/*
 * Both once no CPU runs. JSON for Perfetto and chrome://tracing (the Trace Event Format); false when the file took less than
 * all of it.
 */
bool trace_write(const struct trace *trace, FILE *file);
/* The phases and how long they took, then the ten registers that took the monitor longest. */
void trace_report(const struct trace *trace, FILE *file);

#endif
