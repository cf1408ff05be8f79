/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request on a file as a series of system calls: what the next one is, and what follows from its result. Both engines
 * walk requests by these two functions; one makes the calls, the other has the kernel make them. Private to block_*.c.
 */
#ifndef MINIVMM_BLOCK_IO_H
#define MINIVMM_BLOCK_IO_H

#include "block_file.h"

/*
 * Unaligned requests with O_DIRECT go through these, one request a buffer: Linux guests align theirs, so a few are
 * enough.
 */
#define BLOCK_BOUNCES	  4
#define BLOCK_BOUNCE_SIZE (128 * KiB)

enum block_call { BLOCK_CALL_READV, BLOCK_CALL_WRITEV, BLOCK_CALL_SYNC, BLOCK_CALL_FALLOCATE };

struct block_step {
	enum block_call call;
	const struct iovec *iov; /* READV, WRITEV */
	unsigned int count;
	int flags; /* RWF_*, or the mode of fallocate */
	uint64_t offset, len; /* len: FALLOCATE */
};

/* Once for each request that was submitted. It then needs r->bounce set, if r->bounced, before its first step. */
void block_io_begin(const struct block_file *f, struct block_request *r);
void block_io_step(struct block_request *r, struct block_step *step);
/* What the step gave, bytes or -errno. Whether r is finished, r->result set; else it has another step. */
must_check bool block_io_finished(struct block_request *r, int64_t got);

/* The engines: set block.ops and engine, or -errno. */
must_check int block_uring_open(struct block_file *f);
must_check int block_threads_open(struct block_file *f);
must_check int block_sync_open(struct block_file *f);
/* For an engine's destroy: closes the file and frees f. */
void block_file_close(struct block_file *f);

#endif
