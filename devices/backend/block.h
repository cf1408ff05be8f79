/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk as a device sees it: requests go in, and come back done from the loop, in any order. What is behind it (a
 * file, a block device, a test's array) a device cannot tell. Not a device: rings and status bytes are
 * virtio/blk.c's.
 *
 * A request is the user's memory and nothing is allocated for it; between block_submit and done it belongs to the
 * backend. All calls are made under the machine lock.
 */
#ifndef MINIVMM_BLOCK_H
#define MINIVMM_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/util.h"

#define BLOCK_SECTOR	    512ULL
/* Requests a backend holds at a time; who submits counts them. */
#define BLOCK_MAX_IN_FLIGHT 128

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

struct block_request {
	/* The user's. */
	enum block_op op;
	bool sync; /* WRITE: on stable storage before it is done */
	bool unmap; /* WRITE_ZEROES: the space behind it may be given up */
	struct iovec *iov; /* READ, WRITE: len bytes in all, none empty; the backend cuts them up as it goes */
	unsigned int count;
	uint64_t offset, len; /* bytes, multiples of block.logical inside block.size; FLUSH has neither */
	/* The backend's. */
	struct block_request *next;
	uint64_t moved; /* bytes done so far */
	int64_t result;
	struct iovec piece; /* what a step moves when it is not iov */
	uint8_t *bounce;
	bool bounced; /* moves by way of an aligned buffer */
	bool writing_zeroes; /* the file knows no other way of clearing a range */
};

/* The device's end, embedded in it. */
struct block_user {
	/*
	 * r is the user's again: the bytes moved (READ, WRITE: fewer than len when the disk ended early; else len or
	 * 0) or -errno. From the loop, from block_drain, or from block_commit where the disk answers at once; never from
	 * inside block_submit. May submit, and what it submits out of block_commit is committed with it.
	 */
	void (*done)(struct block_user *user, struct block_request *r, int64_t result);
	/* After some calls of done from the loop, none from block_commit and block_drain: the time to tell the driver, and to submit more. */
	void (*settled)(struct block_user *user);
};

struct block;

struct block_ops {
	void (*submit)(struct block *b, struct block_request *r);
	void (*commit)(struct block *b);
	void (*drain)(struct block *b);
	void (*destroy)(struct block *b);
};

struct block {
	const struct block_ops *ops;
	struct block_user *user;
	const char *name; /* what to tell the user: the path */
	uint64_t size; /* bytes, a multiple of logical */
	bool read_only; /* nothing but READ and FLUSH may be submitted */
	uint32_t logical,
		physical; /* block sizes in bytes, powers of two, logical >= BLOCK_SECTOR, physical >= logical */
};

/* For the device. One user at a time, with nothing in flight when it changes. */
static inline void block_attach(struct block *b, struct block_user *user)
{
	b->user = user;
}

/* Takes r, which may wait for block_commit before it moves. Fewer than BLOCK_MAX_IN_FLIGHT are in flight. */
static inline void block_submit(struct block *b, struct block_request *r)
{
	b->ops->submit(b, r);
}

/* All that was submitted gets on its way: once for a batch. */
static inline void block_commit(struct block *b)
{
	b->ops->commit(b);
}

/*
 * Waits until nothing is in flight, what `done` submits meanwhile included. Afterwards neither backend nor kernel
 * touches the iovecs of any request.
 */
static inline void block_drain(struct block *b)
{
	b->ops->drain(b);
}

/* For the monitor. Nothing is in flight. */
static inline void block_destroy(struct block *b)
{
	b->ops->destroy(b);
}

#endif
