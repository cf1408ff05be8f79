/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pseudo terminal as a character stream; we hold its master. While nobody has the other side open the master is hung
 * up, which no event ends, so a slow timer looks whether somebody came. Output in the meantime is dropped, not kept: a
 * guest must not stall because nobody watches it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "chardev_fd.h"

#define LOOK_NS 250000000ULL /* short enough for a human who just opened the terminal */

struct chardev_pty {
	struct chardev dev;
	struct chardev_fd master;
	bool connected;
	struct loop_timer look;
	struct loop_timer room; /* output is dropped, so whoever waits for room has it at once */
	char path[64];
};

static struct chardev_pty *pty_of(struct chardev *c)
{
	return container_of(c, struct chardev_pty, dev);
}

static uint32_t wanted(const struct chardev_pty *p)
{
	return (p->dev.watch_in ? EPOLLIN : 0) | (p->dev.watch_out ? EPOLLOUT : 0);
}

static void look_again_later(struct chardev_pty *p)
{
	struct clock *clock = p->dev.loop->clock;

	loop_timer_set(p->dev.loop, &p->look, clock->monotonic_ns(clock) + LOOK_NS);
}

static void disconnect(struct chardev_pty *p)
{
	p->connected = false;
	if (p->master.added)
		loop_del(p->dev.loop, &p->master.source);
	p->master.added = false;
	look_again_later(p);
	if (p->dev.watch_out)
		loop_timer_set(p->dev.loop, &p->room, 0);
}

/* Whether somebody has the other side open; notices who has just come. */
static bool connected(struct chardev_pty *p)
{
	struct pollfd pfd = { .fd = p->master.source.fd, .events = POLLIN };

	if (p->connected)
		return true;
	/* Hung up but with input: somebody wrote a line and left between two looks. */
	if (poll(&pfd, 1, 0) < 0 || ((pfd.revents & POLLHUP) && !(pfd.revents & POLLIN)))
		return false;
	p->connected = true;
	p->master.hung_up = false;
	loop_timer_cancel(p->dev.loop, &p->look);
	(void)chardev_fd_watch(&p->master, p->dev.loop, wanted(p));
	return true;
}

static void look(struct loop_timer *timer)
{
	struct chardev_pty *p = container_of(timer, struct chardev_pty, look);

	if (!connected(p))
		look_again_later(p);
}

static void room(struct loop_timer *timer)
{
	chardev_writable(&container_of(timer, struct chardev_pty, room)->dev);
}

static ssize_t pty_read(struct chardev *c, void *buf, size_t len)
{
	struct chardev_pty *p = pty_of(c);
	ssize_t got = read(p->master.source.fd, buf, len);

	if (got > 0)
		return got;
	/* EIO: the last one on the other side has gone. */
	if (p->connected && (!got || (errno != EAGAIN && errno != EINTR)))
		disconnect(p);
	return -EAGAIN;
}

static ssize_t pty_write(struct chardev *c, const void *buf, size_t len)
{
	struct chardev_pty *p = pty_of(c);
	ssize_t put;

	if (!connected(p))
		return (ssize_t)len;
	put = write(p->master.source.fd, buf, len);
	if (put > 0)
		return put;
	return put < 0 && errno != EAGAIN && errno != EINTR ? (ssize_t)len : -EAGAIN;
}

static void pty_watch(struct chardev *c, bool in, bool out)
{
	struct chardev_pty *p = pty_of(c);

	(void)in;
	if (p->connected)
		(void)chardev_fd_watch(&p->master, c->loop, wanted(p));
	else if (out)
		loop_timer_set(c->loop, &p->room, 0);
}

static void pty_ready(struct loop_source *source, uint32_t events)
{
	struct chardev_pty *p = container_of(source, struct chardev_pty, master.source);

	chardev_fd_note(&p->master, p->dev.loop, events);
	/* What was typed before the other side left is read first; the read after it says that it left. */
	if (p->dev.watch_in && (events & (EPOLLIN | EPOLLHUP)))
		chardev_readable(&p->dev);
	else if (events & EPOLLHUP)
		disconnect(p);
	if (p->connected && p->dev.watch_out && (events & EPOLLOUT))
		chardev_writable(&p->dev);
}

static void pty_destroy(struct chardev *c)
{
	struct chardev_pty *p = pty_of(c);

	loop_timer_cancel(c->loop, &p->look);
	loop_timer_cancel(c->loop, &p->room);
	chardev_fd_drop(&p->master, c->loop, true);
	free(p);
}

/*
 * Raw from the start, or the line discipline would echo the guest's output back as input. Opening and closing the other
 * side once also puts the master into its hung-up state; before the first open it looks connected.
 */
static int prepare_other_side(const char *path)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) < 0) {
		err = -errno;
	} else {
		cfmakeraw(&t);
		if (tcsetattr(fd, TCSANOW, &t) < 0)
			err = -errno;
	}
	close(fd);
	return err;
}

static int open_master(struct chardev_pty *p, const char **failed)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	p->master.source.fd = fd;
	*failed = "cannot be had from /dev/ptmx";
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
		return -errno;
	*failed = "has no name under /dev/pts";
	if (ptsname_r(fd, p->path, sizeof(p->path)))
		return -errno;
	*failed = "cannot be set up";
	return prepare_other_side(p->path);
}

int chardev_open_pty(struct loop *loop, struct chardev **c, const char **failed)
{
	static const struct chardev_ops ops = {
		.read = pty_read,
		.write = pty_write,
		.watch = pty_watch,
		.destroy = pty_destroy,
	};
	struct chardev_pty *p = calloc(1, sizeof(*p));
	int err;

	*failed = "needs memory";
	if (!p)
		return -ENOMEM;
	chardev_init(&p->dev, &ops, loop, p->path);
	p->master.source = (struct loop_source){ .fd = -1, .ready = pty_ready };
	p->look.expired = look;
	p->room.expired = room;
	err = open_master(p, failed);
	if (err) {
		pty_destroy(&p->dev);
		return err;
	}
	look_again_later(p);
	*c = &p->dev;
	return 0;
}
