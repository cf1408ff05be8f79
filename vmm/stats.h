/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --stats prints at the end: how often vCPUs came out of KVM_RUN and why, which device registers they came for, and
 * which of the costly calls were made. Counting only: no times, no locks, no allocation.
 *
 * Each thread counts in a struct stats of its own; they are merged once the threads are joined. Without --stats the pointer
 * is NULL and counting is one test of it. A zeroed struct stats is empty.
 */
#ifndef MINIVMM_STATS_H
#define MINIVMM_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/bus.h"

/*
 * Calls into KVM that irqfd is there to save, and what it costs (what ioeventfd saves shows as writes to QueueNotify);
 * printed even when zero, since that is what one looks for.
 */
enum stats_call {
	STATS_IRQ_LINE, /* KVM_IRQ_LINE: an interrupt that did not go through an irqfd */
	STATS_SIGNAL_MSI, /* KVM_SIGNAL_MSI: a message that did not */
	STATS_SET_GSI_ROUTING, /* KVM_SET_GSI_ROUTING: a guest has set up or changed a message */
	STATS_CALL_COUNT,
};

#define STATS_REASONS 64 /* exit reasons by number; the last slot is for all that are higher */
#define STATS_ACCESSES                                                                                                 \
	1024 /* distinct (address, direction) pairs: ten registers for each of ten devices, and PCI config space */
#define STATS_NAME_LEN 24

struct stats_access {
	uint64_t count; /* 0: free */
	uint64_t time; /* ns spent on it; only the trace's tables have it */
	gpa_t gpa;
	uint64_t offset; /* in its region, gpa if unmapped */
	const char *reg; /* static string of the device, NULL: show the offset */
	char device[STATS_NAME_LEN]; /* a copy: a reboot frees devices. Empty: unmapped */
	bool write;
};

struct stats {
	uint64_t exits[STATS_REASONS];
	uint64_t calls[STATS_CALL_COUNT];
	uint64_t other_accesses; /* found the table full */
	struct stats_access access[STATS_ACCESSES]; /* open addressing, hashed by gpa and direction */
};

/* Does the work behind stats_mmio; stats is not NULL. The access's slot, NULL when it was counted among other_accesses. */
struct stats_access *stats_add_access(struct stats *stats, gpa_t gpa, bool write, const struct bus_region *region);

/* One return from KVM_RUN. reason: KVM_EXIT_x of linux/kvm.h; KVM_EXIT_INTR for EINTR. */
static inline void stats_exit(struct stats *stats, unsigned int reason)
{
	if (stats)
		stats->exits[reason < STATS_REASONS ? reason : STATS_REASONS - 1]++;
}

/*
 * One MMIO access that came to user space. region is where it went (bus_find), NULL if nothing is there. An address keeps
 * the name of the first device seen at it.
 */
static inline void stats_mmio(struct stats *stats, gpa_t gpa, bool write, const struct bus_region *region)
{
	if (stats)
		(void)stats_add_access(stats, gpa, write, region);
}

static inline void stats_call(struct stats *stats, enum stats_call call)
{
	if (stats)
		stats->calls[call]++;
}

/* Adds from to into. */
void stats_merge(struct stats *into, const struct stats *from);

/*
 * A table, largest count first, with the columns
 *	count  kind (exit, read, write, call)  device, reason or call  register ("-": none)
 * No field has a space in it, so awk can take it apart. Accesses to nothing have the device "unmapped".
 */
void stats_print(const struct stats *stats, FILE *file);

/* "MMIO" for KVM_EXIT_MMIO, NULL for a number this file has no name for. */
const char *stats_exit_name(unsigned int reason);

#endif
