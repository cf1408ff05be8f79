/* SPDX-License-Identifier: Apache-2.0 */
/* What record.c and record_host.c share; nobody else's. */
#ifndef MINIVMM_RECORD_INTERNAL_H
#define MINIVMM_RECORD_INTERNAL_H

#include "layout.h"
#include "record.h"

/* A piece of the file on its way. */
struct record_text {
	char *at;
	size_t len, room;
};

/* How often just these bytes were loaded. */
struct record_count {
	gpa_t gpa;
	uint32_t len; /* 0: free */
	uint32_t loads;
};

#define RECORD_DISKS 32

/* Of an SPI, in front of the accelerator's. */
struct record_line {
	struct irq irq;
	struct irq *inner; /* NULL: nobody asked for it */
	struct record *r;
};

struct record_disk;
struct record_console;

struct record {
	int fd;
	int error; /* of the file or of memory, 0: none; nothing is kept from then on */
	struct loop *loop;
	/* The step being recorded: what devices find while it runs, in front of it; the step; what came of it. */
	struct record_text before, step, after;
	struct record_text out; /* whole steps */
	struct virtq_watch watch;
	struct mem_hook hook;
	const struct mem *mem;
	struct record_count *counts; /* a hash table with room for a power of two */
	size_t count, count_room;
	uint64_t clock_ns; /* realtime as the recording has it */
	bool running; /* the guest: interrupts are written down */
	struct record_line line[LAYOUT_SPIS];
	const struct msi_ops *inner_msi;
	void *inner_msi_opaque;
	struct entropy entropy, *inner_entropy;
	struct record_disk *disks[RECORD_DISKS];
	unsigned int disk_count;
	struct record_console *console;
};

__attribute__((format(printf, 3, 4))) void record_put(
	struct record *r, struct record_text *text, const char *format, ...);
/* " 0x" and the bytes of iov, len of them at most; then a newline. */
void record_put_data(
	struct record *r, struct record_text *text, const struct iovec *iov, unsigned int count, size_t len);
/* The clock goes as far as it has to before something that depends on it. */
void record_step_clock(struct record *r, struct record_text *text);
/* The guest's address of what mem_ptr gave. */
gpa_t record_gpa(const struct record *r, const void *host);
/* Lets the console print what it still has, and frees what record_disk and record_console made. */
void record_free_host(struct record *r);

#endif
