/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is behind the devices: an entropy source, a disk and a character stream in memory, which do what FUZZ_HOST steps say they
 * do. They are the devices' contract too (backend headers): what a device asks that it must not is an oracle's finding.
 */
#ifndef MINIVMM_FUZZ_WORLD_H
#define MINIVMM_FUZZ_WORLD_H

#include "backend/block.h"
#include "backend/chardev.h"
#include "backend/entropy.h"
#include "core/loop.h"
#include "op.h"

#define FUZZ_DISK_SIZE	(128 * KiB)
#define FUZZ_WORLD_DATA 256 /* bytes of input or entropy that wait; more are dropped */

struct fuzz_world {
	struct loop *loop;
	/* What comes next. */
	int error; /* positive errno, once */
	uint64_t at_most; /* bytes, once; UINT64_MAX: all */
	uint32_t again; /* times */
	bool hold, gone, at_once;
	uint8_t data[FUZZ_WORLD_DATA];
	uint32_t data_len;

	struct entropy *entropy; /* NULL: none */
	int entropy_fd;

	struct block disk;
	struct loop_timer disk_soon;
	struct block_request *request[BLOCK_MAX_IN_FLIGHT];
	unsigned int requests;
	uint64_t disk_written[FUZZ_DISK_SIZE / 4096 / 64 + 1]; /* pieces of 4 KiB, a bit each */

	struct chardev *chardev; /* NULL: none */
	struct loop_timer chardev_soon;
};

extern struct fuzz_world *fuzz_world;

/* Once, in the arena. */
void fuzz_world_start(struct loop *loop);
struct entropy *fuzz_world_entropy(void);
struct block *fuzz_world_disk(void);
struct chardev *fuzz_world_chardev(void);
/* Before the arena is restored: puts back what is outside of it. */
void fuzz_world_reset(void);
void fuzz_world_host(const struct fuzz_op *op);
/* Healthy again: nothing held, nothing to fail. */
void fuzz_world_heal(void);

#endif
