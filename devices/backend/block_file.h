/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw file or a block device of the host as a disk: opening, checking and locking it. How bytes move is an engine's,
 * chosen once: plain calls for a file in memory (tmpfs, hugetlbfs, ramfs), else io_uring, or threads where the host refuses
 * that.
 */
#ifndef MINIVMM_BLOCK_FILE_H
#define MINIVMM_BLOCK_FILE_H

#include "block.h"
#include "core/loop.h"

#define BLOCK_WHY_LEN 320

/* SYNC holds up the loop, and so all devices, while the disk moves: see block_sync.c. */
enum block_aio { BLOCK_AIO_AUTO, BLOCK_AIO_URING, BLOCK_AIO_THREADS, BLOCK_AIO_SYNC };

struct block_file_config {
	const char *path; /* outlives the block */
	bool read_only;
	bool direct; /* O_DIRECT: past the host's page cache */
	enum block_aio aio;
	uint64_t logical, physical; /* block sizes shown to the guest; 0: what suits the file */
};

struct block_file {
	struct block block;
	struct loop *loop;
	int fd;
	bool device; /* a block device, not a file */
	enum block_aio aio; /* the engine in use, never AUTO */
	uint32_t align; /* of offsets and lengths: 1 without direct */
	uint32_t mem_align; /* of host addresses: 1 without direct */
	uint64_t tail; /* bytes at the end of the file that fill no block: the guest does not see them */
	uint8_t *bounce; /* BLOCK_BOUNCES buffers, with direct */
	void *engine; /* the engine's own */
};

/*
 * 0 and *block, or -errno and in why what is wrong and what to do, as the second half of a sentence about the path.
 * Missing, a directory, no permission, empty, locked by another process (a lock is held while it is open, shared for
 * read_only), a block size that does not fit, no O_DIRECT: the file's fault; -ENOMEM, -EMFILE, -ENOSYS, -EPERM: the
 * host's.
 */
must_check int block_file_open(
	struct loop *loop, const struct block_file_config *config, struct block_file **file, char why[BLOCK_WHY_LEN]);

#endif
