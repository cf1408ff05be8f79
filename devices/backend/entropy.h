/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where random bytes come from. Not the device that hands them to the guest (virtio/rng.c), and no pool: every fill goes
 * to the source.
 */
#ifndef MINIVMM_ENTROPY_H
#define MINIVMM_ENTROPY_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/util.h"

struct entropy {
	/*
	 * Puts bytes into the iovecs, first to last: how many (> 0, maybe fewer than fit), -EAGAIN: none now, or another
	 * -errno: the source is broken. count is at least 1 and the iovecs hold at least one byte. Never blocks.
	 */
	ssize_t (*fill)(struct entropy *e, const struct iovec *iov, int count);
	/* After -EAGAIN: becomes readable when there is more. -1: only a later try can tell. */
	int fd;
	int file; /* what is read, -1 if there is none; fd is the same where waiting on it makes sense */
	uint64_t state; /* the seeded generator's */
};

/* The kernel's generator. fill blocks only before it is seeded once at boot, and says -EAGAIN instead. */
void entropy_init_host(struct entropy *e);
/*
 * A file: character device, FIFO or socket-like stream as it comes; a regular file is a repeatable source and starts over
 * at its end. A FIFO without writers gives -EAGAIN, a device at its end (/dev/null) -ENODATA. 0 or -errno and in *failed what is wrong, as the second half of a
 * sentence about the path.
 */
must_check int entropy_init_file(struct entropy *e, const char *path, const char **failed);
/* The same bytes for the same seed, on every host (splitmix64, little endian). For tests; not random. */
void entropy_init_seeded(struct entropy *e, uint64_t seed);

void entropy_destroy(struct entropy *e);

#endif
