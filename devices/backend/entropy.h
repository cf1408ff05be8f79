/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where random bytes come from. Not the device that hands them to the guest (virtio/rng.c), and no generator: nothing is mixed
 * or stretched here.
 *
 * Of the kernel's generator, and of nothing else, some bytes are read ahead: a system call and a new key for each 64 bytes, which
 * is what Linux's driver asks for, cost the kernel more than the bytes do. It is what the getrandom of its vDSO does, with
 * the same care: a byte is wiped as it is handed out, so what a guest has got is nowhere else; what was not handed out is
 * part of no snapshot; and the monitor never forks after the first fill. A FIFO or a device may have little, wanted by others:
 * it is read when a guest asks, and no more of it than that.
 */
#ifndef MINIVMM_ENTROPY_H
#define MINIVMM_ENTROPY_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/util.h"

/* 16 requests of Linux's driver. With more, what is left of the cost is that of the bytes themselves. */
#define ENTROPY_AHEAD 1024

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
	uint8_t ahead[ENTROPY_AHEAD]; /* of the kernel's generator: the first ahead_left bytes, the rest is wiped */
	size_t ahead_left;
};

/* The kernel's generator. A piece of ENTROPY_AHEAD bytes or more comes straight from it. fill blocks only before it is seeded once at boot, and says -EAGAIN instead. */
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
