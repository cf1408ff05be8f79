/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop source that can be idle, for the character streams over descriptors. Not for devices.
 *
 * epoll reports a hang-up even when nothing is asked for, and keeps reporting it: a stream that has been hung up but not
 * read to its end, by a device without room, would keep the loop busy. So a source that wants nothing and has been hung
 * up leaves the loop until somebody wants something again.
 */
#ifndef MINIVMM_CHARDEV_FD_H
#define MINIVMM_CHARDEV_FD_H

#include "chardev.h"

struct chardev_fd {
	struct loop_source source; /* fd -1: none; ready is the owner's */
	uint32_t events;
	bool added, hung_up;
	bool always; /* a regular file, which epoll refuses: always ready */
};

/* Watch for events (0: only for the peer's leaving). false when the descriptor cannot be watched: treat it as gone. */
bool chardev_fd_watch(struct chardev_fd *f, struct loop *loop, uint32_t events);
/* First thing in the owner's ready. */
void chardev_fd_note(struct chardev_fd *f, struct loop *loop, uint32_t events);
/* Out of the loop, and closed if close_it. */
void chardev_fd_drop(struct chardev_fd *f, struct loop *loop, bool close_it);

#endif
