/* SPDX-License-Identifier: Apache-2.0 */
/* Output into a file. Never has input. A FIFO or a terminal given as the file is written without blocking, too. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chardev_fd.h"

struct chardev_file {
	struct chardev dev;
	struct chardev_fd out;
	struct loop_timer always; /* stands for readiness where epoll knows none */
	char path[];
};

static ssize_t file_read(struct chardev *c, void *buf, size_t len)
{
	(void)c;
	(void)buf;
	(void)len;
	return -EAGAIN;
}

static ssize_t file_write(struct chardev *c, const void *buf, size_t len)
{
	struct chardev_file *f = container_of(c, struct chardev_file, dev);
	ssize_t put = write(f->out.source.fd, buf, len);

	if (put > 0)
		return put;
	/* Disk full and the like: lost, and tried again with the next output. */
	return put < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : (ssize_t)len;
}

static void file_watch(struct chardev *c, bool in, bool out)
{
	struct chardev_file *f = container_of(c, struct chardev_file, dev);

	(void)in;
	(void)chardev_fd_watch(&f->out, c->loop, out ? EPOLLOUT : 0);
	if (out && !f->out.added)
		loop_timer_set(c->loop, &f->always, 0);
}

static void file_ready(struct loop_source *source, uint32_t events)
{
	struct chardev_file *f = container_of(source, struct chardev_file, out.source);

	chardev_fd_note(&f->out, f->dev.loop, events);
	chardev_writable(&f->dev);
}

static void file_always_ready(struct loop_timer *timer)
{
	chardev_writable(&container_of(timer, struct chardev_file, always)->dev);
}

static void file_destroy(struct chardev *c)
{
	struct chardev_file *f = container_of(c, struct chardev_file, dev);

	loop_timer_cancel(c->loop, &f->always);
	chardev_fd_drop(&f->out, c->loop, true);
	free(f);
}

int chardev_open_file(struct loop *loop, const char *path, struct chardev **c, const char **failed)
{
	static const struct chardev_ops ops = {
		.read = file_read,
		.write = file_write,
		.watch = file_watch,
		.destroy = file_destroy,
	};
	size_t size = strlen(path) + 1;
	struct chardev_file *f = calloc(1, sizeof(*f) + size);

	*failed = "needs memory";
	if (!f)
		return -ENOMEM;
	memcpy(f->path, path, size);
	chardev_init(&f->dev, &ops, loop, f->path);
	f->always.expired = file_always_ready;
	f->out.source.ready = file_ready;
	f->out.source.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	if (f->out.source.fd < 0) {
		int err = -errno;

		/* Opening a FIFO for writing without blocking needs a reader. */
		*failed = err == -ENXIO ? "is a FIFO that nobody reads" : "cannot be created or written";
		free(f);
		return err;
	}
	*c = &f->dev;
	return 0;
}
