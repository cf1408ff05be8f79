/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of measure share. It runs on the emulated host, beside a monitor, and knows nothing of any monitor: what it
 * sees is a process, what that prints, and what the host's kernel says about it.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nanoseconds of CLOCK_MONOTONIC: instructions, under the instruction clock. */
uint64_t now(void);

/* A file of /proc or /sys whole, as a string; NULL when it cannot be read. The caller frees it. */
char *read_text(const char *path);

/* Memory of one process in KiB: guest RAM left out, and guest RAM by itself. */
struct memory {
	uint64_t rss, pss, anonymous, shared_file;
	uint64_t guest_rss;
	uint64_t page_tables; /* the process's, guest RAM's included */
};

/*
 * guest_size: bytes of guest RAM, to find it by: the largest mapping, and what adjoins it as long as it is not more than that
 * (a monitor may map files into guest RAM, and a little more than the guest sees, to align it).
 */
bool memory_of(pid_t pid, uint64_t guest_size, struct memory *memory);
/* Threads and open descriptors. */
unsigned int threads_of(pid_t pid);
unsigned int descriptors_of(pid_t pid);

/* Where its program lies. */
uint64_t base_of(pid_t pid, const char *program);

/* How often all guests came out, by kind: KVM's counters in debugfs. */
#define COUNTERS 6
extern const char *const counter_names[COUNTERS];
void read_counters(uint64_t counter[COUNTERS]);

/* When any vCPU first entered its guest, by KVM's trace point. 0 when it was not seen. */
bool watch_entry(void);
uint64_t first_entry(void);

#endif
