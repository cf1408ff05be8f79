/* SPDX-License-Identifier: Apache-2.0 */
/* How a trace is kept, for those who make it, write it and sum it up. The rest of the monitor has trace.h. */
#ifndef MINIVMM_TRACE_TRACK_H
#define MINIVMM_TRACE_TRACK_H

#include "trace.h"

#define TRACE_EVENTS  (1u << 17) /* of each track; 6 MiB of memory that is used as it fills */
#define TRACE_PHASES  256 /* of the first lives of a guest that reboots a lot */
#define TRACE_DEVICES 64

/* A stay of a CPU in the guest and what followed, or a step of a request. Times are in ns of trace_clock. */
struct trace_event {
	uint64_t start; /* went in; of a request's step: when */
	uint64_t exit; /* came out; 0: did not */
	uint64_t end; /* had dealt with it; 0: did not */
	gpa_t gpa;
	uint64_t value; /* read or written; used length */
	uint16_t reason; /* KVM_EXIT_x; of a step: enum virtq_step */
	uint16_t name; /* 1 + slot in names, 0: no register; of a step: the device */
	uint16_t queue, head;
};

struct trace_phase {
	const char *name;
	uint64_t start, end;
};

struct trace_track {
	struct trace_event *ring; /* TRACE_EVENTS; NULL: only sums */
	struct trace_event last; /* in place of the ring when there is none */
	uint64_t count; /* events begun; the ring has the newest */
	struct stats names; /* the registers that events name, with counts and times */
	uint8_t size[STATS_ACCESSES]; /* of the access, by slot: drivers use one size for one register */
};

struct trace_device {
	struct virtq_watch watch; /* what its queues point to */
	struct trace *trace;
	char name[STATS_NAME_LEN];
	uint16_t queues;
};

struct trace {
	bool events;
	unsigned int cpus;
	uint64_t start; /* the trace's time 0 */
	struct trace_phase phase[TRACE_PHASES];
	unsigned int phases;
	uint64_t phases_dropped;
	struct trace_device device[TRACE_DEVICES];
	unsigned int devices; /* of this life, from the first on */
	unsigned int devices_named; /* of any life */
	struct trace_track requests; /* under the machine lock */
	struct trace_track cpu[]; /* cpus of them */
};

static inline struct trace_event *trace_slot(const struct trace_track *track, uint64_t number)
{
	return &track->ring[number % TRACE_EVENTS];
}

/* CLOCK_MONOTONIC in ns, which the C library reads without a system call. */
uint64_t trace_clock(void);

#endif
