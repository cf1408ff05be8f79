/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where random bytes come from, as a device sees it: one function that fills buffers, and a descriptor to wait on.
 */
#ifndef MINIVMM_ENTROPY_H
#define MINIVMM_ENTROPY_H

#include <sys/types.h>
#include <sys/uio.h>

struct entropy {
	/* Writes 1 byte or more into iov: how many. -EAGAIN: none now, fd becomes readable when there are; else -errno. */
	ssize_t (*fill)(struct entropy *entropy, const struct iovec *iov, int count);
	int fd; /* -1 when fill never says -EAGAIN */
};

#endif
