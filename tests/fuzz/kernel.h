/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few system calls that devices and their loop make (eventfd, epoll, and read, write and close of such descriptors), done in
 * memory: an execution of the fuzzer asks the host's kernel for nothing, and putting back the state of every descriptor is a
 * copy. The devices are those of the monitor, their loop too: calls are taken at link time (meson.build, --wrap).
 *
 * Not a kernel: a descriptor of the host's is passed on to the host, and nothing ever waits.
 */
#ifndef MINIVMM_FUZZ_KERNEL_H
#define MINIVMM_FUZZ_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/epoll.h>

/* No descriptor of the host's is that high. */
#define FUZZ_FD	     0x40000000
#define FUZZ_FDS_MAX 64

/* All of it: what a reset puts back. Masks have a bit for each descriptor. */
struct fuzz_kernel {
	bool on; /* eventfd and epoll_create1 are ours */
	uint64_t open, watched, edge; /* there is one; it is on the loop; and with EPOLLET */
	uint64_t ready; /* what epoll_wait would give: the edges that came, or the count is not 0 */
	uint64_t semaphore; /* ready whatever its count: fuzz_fd_stay_ready */
	struct {
		uint64_t count;
		struct epoll_event event;
	} fd[FUZZ_FDS_MAX];
};

extern struct fuzz_kernel fuzz_kernel;

/* A descriptor that is readable, level-triggered, while `ready`: a peer with something to say, or one that hung up. */
void fuzz_fd_stay_ready(int fd, bool ready);
/* How many are open. */
unsigned int fuzz_fds_open(void);

#endif
