/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in an array, for tests of devices: it does what it is told, when it is told to. Requests are done on the next turn
 * of the loop, or held until a test lets one go; they fail or fall short on demand. Not a file: block_file.h is that.
 */
#ifndef MINIVMM_TEST_BLOCK_MEMORY_H
#define MINIVMM_TEST_BLOCK_MEMORY_H

#include "backend/block.h"
#include "core/loop.h"

#define BLOCK_MEMORY_SIZE (256 * KiB)

struct block_memory {
	struct block block;
	struct loop *loop;
	struct loop_timer soon;
	struct block_request *queue[BLOCK_MAX_IN_FLIGHT]; /* submitted and not done, oldest first */
	unsigned int count;
	bool hold; /* until block_memory_release; a drain does not wait for it */
	int error; /* what the next requests fail with, 0: they work */
	bool still; /* moves no bytes but says so: to measure everything else */
	uint64_t at_most; /* bytes a request moves before the disk ends */
	/* What was asked of it. */
	unsigned int submitted, commits, most; /* most: in flight at a time */
	unsigned int calls[BLOCK_WRITE_ZEROES + 1];
	unsigned int synced; /* writes with sync */
	unsigned int unmapped;
	uint8_t data[BLOCK_MEMORY_SIZE];
};

/* 512 byte blocks, the bytes count up from 0 modulo 251. */
void block_memory_init(struct block_memory *m, struct loop *loop);
/* Finishes the request that is number i of those held. */
void block_memory_release(struct block_memory *m, unsigned int i);

#endif
