/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A character stream as a device sees it: bytes go in and out, never blocking, and the loop tells when more can move.
 * What the other end is (terminal, pty, file, socket) a device cannot tell. Not a device: registers and queues are in
 * platform/ and virtio/.
 *
 * The other end is a peer on the host. It may come, go, stall or break: then output is dropped or waits, input is
 * quiet, and nothing else happens to the machine. SIGPIPE has to be ignored by the program.
 *
 * Flow control is the device's. It asks for input while it has room (chardev_want_read) and for room while it has
 * output pending (chardev_want_write). Callbacks come from the loop only, never from inside a call the device makes.
 */
#ifndef MINIVMM_CHARDEV_H
#define MINIVMM_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/loop.h"
#include "core/util.h"

struct chardev;

struct chardev_ops {
	/* > 0 bytes moved, or -EAGAIN. No peer and end of file are -EAGAIN to read; to write they take everything. */
	ssize_t (*read)(struct chardev *c, void *buf, size_t len);
	ssize_t (*write)(struct chardev *c, const void *buf, size_t len);
	/* What to watch for from now on: call chardev_readable for in, chardev_writable for out, from the loop. */
	void (*watch)(struct chardev *c, bool in, bool out);
	/* Releases everything, the struct too if it was allocated. */
	void (*destroy)(struct chardev *c);
};

/* The device's end, embedded in it. Both may be called without need: read or write then says -EAGAIN. */
struct chardev_user {
	void (*readable)(struct chardev_user *user);
	void (*writable)(struct chardev_user *user);
};

/*
 * Sees all input before the device, changes it in place and returns how much is left (at most len). It sees input even
 * while the device has no room, so that an escape sequence always gets through; what is left is held meanwhile.
 */
struct chardev_filter {
	size_t (*input)(struct chardev_filter *filter, uint8_t *buf, size_t len);
};

#define CHARDEV_HELD 4096 /* bytes of filtered input held for a device without room; then reading stops */

struct chardev {
	const struct chardev_ops *ops;
	const char *name; /* what to tell the user: the pty's path, the socket's, ... */
	struct loop *loop;
	struct chardev_user *user;
	struct chardev_filter *filter;
	bool want_read, want_write;
	bool watch_in, watch_out; /* as last told to ops->watch */
	struct loop_timer soon; /* held input to deliver */
	size_t held_len;
	uint8_t held[CHARDEV_HELD];
};

/* For the device. One user at a time; NULL detaches it and forgets what it wanted. */
void chardev_attach(struct chardev *c, struct chardev_user *user);
/* > 0, or -EAGAIN: wait for readable or writable. write may take a part. len is not 0. */
ssize_t chardev_read(struct chardev *c, void *buf, size_t len);
ssize_t chardev_write(struct chardev *c, const void *buf, size_t len);
/* Whether readable is to be called while there is input, writable while there is room. Both are off at first. */
void chardev_want_read(struct chardev *c, bool want);
void chardev_want_write(struct chardev *c, bool want);

/* For the monitor. The filter stays the caller's and is set before input flows; NULL takes it out. */
void chardev_set_filter(struct chardev *c, struct chardev_filter *filter);
/* NULL is allowed. The user must be detached or gone. */
void chardev_destroy(struct chardev *c);

/*
 * Openers. 0 and *c, or -errno and in *failed what could not be done, as the second half of a sentence about the path:
 * "is not a socket". Paths are copied.
 *
 * stdio: descriptors 0 and 1, which stay open and keep their flags (O_NONBLOCK would also hit the user's shell, which
 * shares the open file description). Either may be closed, a file, /dev/null; end of input just stops input.
 * may_read is asked before each read whether the descriptor may be read now (a terminal of which we are a background job
 * may not); NULL: always.
 */
must_check int chardev_open_stdio(struct loop *loop, bool (*may_read)(int fd), struct chardev **c, const char **failed);
/* name is the path of the side to open. Output with nobody there is dropped; the other side may come and go. */
must_check int chardev_open_pty(struct loop *loop, struct chardev **c, const char **failed);
/* Output only, created or truncated. What cannot be written (disk full) is dropped. */
must_check int chardev_open_file(struct loop *loop, const char *path, struct chardev **c, const char **failed);
/*
 * A listening socket, one client at a time, others wait in its queue. Output without a client is dropped. A socket that
 * a dead process left at path is replaced; anything else there is refused. Unlinked at the end if it is still ours.
 */
must_check int chardev_open_unix(struct loop *loop, const char *path, struct chardev **c, const char **failed);

/* For implementations: set up the common part; report that watched-for input or room is there. */
void chardev_init(struct chardev *c, const struct chardev_ops *ops, struct loop *loop, const char *name);
void chardev_readable(struct chardev *c);
void chardev_writable(struct chardev *c);

#endif
