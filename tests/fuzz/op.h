/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of a trace: what a guest, its clock or the world behind a device did. Both input languages (raw.c, grammar.c), a
 * reproducer and a recording of a real guest come down to a list of these, and fuzz_do is all that ever runs one.
 *
 * As text a trace is qtest, one step a line, at the addresses of QEMU's virt board:
 *
 *	readb|readw|readl|readq ADDR [= VALUE]		VALUE: the answer it had; a replay compares (qtest ignores more words)
 *	writeb|writew|writel|writeq ADDR VALUE
 *	write ADDR SIZE 0xDATA				guest memory
 *	clock_step NS
 *	dma ADDR SIZE NTH 0xDATA			ours: the NTH load (from 0) a device makes of just these bytes finds DATA there
 *	host WHAT [VALUE] [0xDATA]			ours: what the world behind the device does next, by the names of fuzz_host_names
 *	IRQ raise|lower NUM				what a device did to its line, as qtest says it; a replay compares
 *	IRQ message NUM ADDR DATA			ours: a message of NUM's (bus, device, function), which qtest has no word for
 *	# anything					a comment; one like "# used 0 3 64" (queue, head, length) a replay compares
 */
#ifndef MINIVMM_FUZZ_OP_H
#define MINIVMM_FUZZ_OP_H

#include <stddef.h>
#include <stdint.h>

enum fuzz_op_kind {
	FUZZ_READ, /* addr, size; value is the answer once it ran */
	FUZZ_WRITE, /* addr, size, value */
	FUZZ_WRITE_BYTES, /* addr, data, len */
	FUZZ_CLOCK, /* value: ns to go forward */
	FUZZ_LATE, /* addr, len, nth, data */
	FUZZ_HOST, /* host, value, data, len */
};

enum fuzz_host {
	FUZZ_HOST_ERROR, /* the backend's next step fails with errno value */
	FUZZ_HOST_SHORT, /* it moves at most value bytes */
	FUZZ_HOST_AGAIN, /* it has nothing (room for nothing) now, value times */
	FUZZ_HOST_HOLD, /* what is asked of it stays undone until RELEASE */
	FUZZ_HOST_RELEASE, /* the value-th of those undone is done; there is none: all are, nothing is held any more, or will fail */
	FUZZ_HOST_INPUT, /* data arrives (a console's) */
	FUZZ_HOST_ENTROPY, /* data is what the entropy source gives next; without it, its seeded generator does */
	FUZZ_HOST_GONE, /* the peer is gone; it is back with the next event */
	FUZZ_HOST_READ_ONLY, /* a disk: value is whether it is; not while it has something to do */
	FUZZ_HOST_AT_ONCE, /* a disk: value is whether it answers before a kick is served, not on a later turn */
	FUZZ_HOST_MEMORY, /* value 1: there is memory at all addresses but the devices' */
	FUZZ_HOST_SAVED, /* the device is saved and loaded, data: with these changes (lifecycle.h) */
	FUZZ_HOST_POWER, /* it is as at power-on */
	FUZZ_HOSTS,
};

/* "error", "short", ... as in the text. */
extern const char *const fuzz_host_names[FUZZ_HOSTS];

struct fuzz_op {
	enum fuzz_op_kind kind;
	enum fuzz_host host;
	unsigned int size; /* 1, 2, 4, 8 */
	uint32_t nth;
	uint64_t addr, value;
	const uint8_t *data; /* not owned */
	size_t len;
};

/* Runs it, and adds it to the trace if one is being kept (trace.h). */
void fuzz_do(struct fuzz_op *op);

#endif
