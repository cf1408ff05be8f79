/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output as a character stream. The terminal's modes are not touched here; that is the monitor's.
 *
 * Both descriptors are shared with whoever started us, so they stay blocking. Before each write poll says whether there
 * is room, and no more is written than then surely fits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev_fd.h"

/*
 * What fits when poll says that a descriptor is writable: a pipe has a free slot of a page (PIPE_BUF at least), a
 * terminal only promises some room, but takes its buffers in pieces of 256.
 */
#define PIPE_CHUNK     4096
#define TERMINAL_CHUNK 256

/* How often to look whether a terminal that is another job's for now is ours again; nothing announces it. */
#define BACKGROUND_NS 250000000ULL

struct chardev_stdio {
	struct chardev dev;
	struct chardev_fd in, out;
	bool (*may_read)(int fd);
	struct loop_timer file_in, file_out; /* stand for readiness where epoll knows none, or is not to be asked */
	size_t chunk; /* 0 before the first write */
};

static struct chardev_stdio *stdio_of(struct chardev *c)
{
	return container_of(c, struct chardev_stdio, dev);
}

/* Whether poll reports any of events (or that the descriptor is beyond waiting: then the call says what is wrong). */
static bool ready_now(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) > 0;
}

static ssize_t stdio_read(struct chardev *c, void *buf, size_t len)
{
	struct chardev_stdio *s = stdio_of(c);
	ssize_t got;

	if (s->in.source.fd < 0 || !ready_now(STDIN_FILENO, POLLIN))
		return -EAGAIN;
	got = read(STDIN_FILENO, buf, len);
	if (got > 0)
		return got;
	/* EIO: the terminal is gone, or we are in the background of a session without control. */
	if (!got || (errno != EAGAIN && errno != EINTR))
		chardev_fd_drop(&s->in, c->loop, false);
	return -EAGAIN;
}

static size_t chunk_of_output(void)
{
	struct stat st;

	return !fstat(STDOUT_FILENO, &st) && S_ISCHR(st.st_mode) ? TERMINAL_CHUNK : PIPE_CHUNK;
}

static ssize_t stdio_write(struct chardev *c, const void *buf, size_t len)
{
	struct chardev_stdio *s = stdio_of(c);
	size_t done = 0;

	if (!s->chunk)
		s->chunk = chunk_of_output();
	while (s->out.source.fd >= 0 && done < len) {
		size_t n = len - done < s->chunk ? len - done : s->chunk;
		ssize_t put;

		if (!ready_now(STDOUT_FILENO, POLLOUT))
			return done ? (ssize_t)done : -EAGAIN;
		put = write(STDOUT_FILENO, (const char *)buf + done, n);
		if (put >= 0)
			done += (size_t)put;
		else if (errno == EAGAIN || errno == EINTR)
			return done ? (ssize_t)done : -EAGAIN;
		else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
			return (ssize_t)len; /* room may come back; this output is lost */
		else
			chardev_fd_drop(&s->out, c->loop, false);
	}
	return (ssize_t)len;
}

static void stdio_watch(struct chardev *c, bool in, bool out)
{
	struct chardev_stdio *s = stdio_of(c);

	if (!chardev_fd_watch(&s->in, c->loop, in ? EPOLLIN : 0))
		chardev_fd_drop(&s->in, c->loop, false);
	if (!chardev_fd_watch(&s->out, c->loop, out ? EPOLLOUT : 0))
		chardev_fd_drop(&s->out, c->loop, false);
	if (in && s->in.always)
		loop_timer_set(c->loop, &s->file_in, 0);
	if (out && (s->out.always || s->out.source.fd < 0))
		loop_timer_set(c->loop, &s->file_out, 0);
}

static void stdin_ready(struct loop_source *source, uint32_t events)
{
	struct chardev_stdio *s = container_of(source, struct chardev_stdio, in.source);

	chardev_fd_note(&s->in, s->dev.loop, events);
	if (!s->dev.watch_in)
		return;
	if (s->may_read(STDIN_FILENO)) {
		chardev_readable(&s->dev);
		return;
	}
	/* What is typed is another job's. Reading would stop us (SIGTTIN), and waiting for it would spin. */
	if (chardev_fd_watch(&s->in, s->dev.loop, 0))
		loop_timer_set(
			s->dev.loop, &s->file_in, s->dev.loop->clock->monotonic_ns(s->dev.loop->clock) + BACKGROUND_NS);
}

static void stdout_ready(struct loop_source *source, uint32_t events)
{
	struct chardev_stdio *s = container_of(source, struct chardev_stdio, out.source);

	chardev_fd_note(&s->out, s->dev.loop, events);
	if (s->dev.watch_out)
		chardev_writable(&s->dev);
}

static void stdin_file_ready(struct loop_timer *timer)
{
	struct chardev_stdio *s = container_of(timer, struct chardev_stdio, file_in);

	if (!s->dev.watch_in)
		return;
	if (!s->in.always) {
		stdio_watch(&s->dev, true, s->dev.watch_out);
		return;
	}
	chardev_readable(&s->dev);
	if (s->dev.watch_in && s->in.source.fd >= 0)
		loop_timer_set(s->dev.loop, &s->file_in, 0);
}

static void stdout_file_ready(struct loop_timer *timer)
{
	chardev_writable(&container_of(timer, struct chardev_stdio, file_out)->dev);
}

static void stdio_destroy(struct chardev *c)
{
	struct chardev_stdio *s = stdio_of(c);

	loop_timer_cancel(c->loop, &s->file_in);
	loop_timer_cancel(c->loop, &s->file_out);
	chardev_fd_drop(&s->in, c->loop, false);
	chardev_fd_drop(&s->out, c->loop, false);
	free(s);
}

/* The descriptor if it is open in the wanted direction, else -1. */
static int usable(int fd, int wrong_mode)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == wrong_mode ? -1 : fd;
}

static bool always(int fd)
{
	(void)fd;
	return true;
}

int chardev_open_stdio(struct loop *loop, bool (*may_read)(int fd), struct chardev **c, const char **failed)
{
	static const struct chardev_ops ops = {
		.read = stdio_read,
		.write = stdio_write,
		.watch = stdio_watch,
		.destroy = stdio_destroy,
	};
	struct chardev_stdio *s = calloc(1, sizeof(*s));

	*failed = "needs memory";
	if (!s)
		return -ENOMEM;
	chardev_init(&s->dev, &ops, loop, "stdio");
	s->in.source = (struct loop_source){ .fd = usable(STDIN_FILENO, O_WRONLY), .ready = stdin_ready };
	s->out.source = (struct loop_source){ .fd = usable(STDOUT_FILENO, O_RDONLY), .ready = stdout_ready };
	s->may_read = may_read ? may_read : always;
	s->file_in.expired = stdin_file_ready;
	s->file_out.expired = stdout_file_ready;
	*c = &s->dev;
	return 0;
}
