/* SPDX-License-Identifier: Apache-2.0 */
/* The common part of character streams: who wants what, and input held back behind a filter. No descriptors here. */
#include "chardev.h"

#include <errno.h>
#include <string.h>

/* Tell the implementation when what it has to watch for has changed. */
static void update_watch(struct chardev *c)
{
	bool in = c->filter ? c->held_len < sizeof(c->held) : c->want_read;
	bool out = c->want_write;

	if (in == c->watch_in && out == c->watch_out)
		return;
	c->watch_in = in;
	c->watch_out = out;
	c->ops->watch(c, in, out);
}

/* Held input has no descriptor that becomes ready, so the next turn of the loop delivers it. */
static void update_soon(struct chardev *c)
{
	if (c->held_len && c->want_read) {
		if (!c->soon.armed)
			loop_timer_set(c->loop, &c->soon, 0);
	} else {
		loop_timer_cancel(c->loop, &c->soon);
	}
}

static void deliver_held(struct loop_timer *timer)
{
	struct chardev *c = container_of(timer, struct chardev, soon);

	c->user->readable(c->user);
	update_soon(c);
}

void chardev_init(struct chardev *c, const struct chardev_ops *ops, struct loop *loop, const char *name)
{
	memset(c, 0, offsetof(struct chardev, held));
	c->ops = ops;
	c->loop = loop;
	c->name = name;
	c->soon.expired = deliver_held;
}

void chardev_attach(struct chardev *c, struct chardev_user *user)
{
	c->user = user;
	c->want_read = false;
	c->want_write = false;
	update_soon(c);
	update_watch(c);
}

void chardev_set_filter(struct chardev *c, struct chardev_filter *filter)
{
	c->filter = filter;
	update_watch(c);
}

void chardev_destroy(struct chardev *c)
{
	if (!c)
		return;
	loop_timer_cancel(c->loop, &c->soon);
	c->ops->destroy(c);
}

static ssize_t read_held(struct chardev *c, void *buf, size_t len)
{
	size_t n = len < c->held_len ? len : c->held_len;

	memcpy(buf, c->held, n);
	c->held_len -= n;
	memmove(c->held, c->held + n, c->held_len);
	update_watch(c);
	return (ssize_t)n;
}

ssize_t chardev_read(struct chardev *c, void *buf, size_t len)
{
	if (c->held_len)
		return read_held(c, buf, len);
	/* With a filter the stream is read in chardev_readable only: nothing may pass it. */
	return c->filter ? -EAGAIN : c->ops->read(c, buf, len);
}

ssize_t chardev_write(struct chardev *c, const void *buf, size_t len)
{
	return c->ops->write(c, buf, len);
}

void chardev_want_read(struct chardev *c, bool want)
{
	c->want_read = want;
	update_soon(c);
	update_watch(c);
}

void chardev_want_write(struct chardev *c, bool want)
{
	c->want_write = want;
	update_watch(c);
}

void chardev_readable(struct chardev *c)
{
	if (c->filter && c->held_len < sizeof(c->held)) {
		uint8_t *end = c->held + c->held_len;
		ssize_t got = c->ops->read(c, end, sizeof(c->held) - c->held_len);

		if (got > 0)
			c->held_len += c->filter->input(c->filter, end, (size_t)got);
		update_watch(c);
		if (!c->held_len)
			return;
	}
	if (c->want_read)
		c->user->readable(c->user);
	update_soon(c);
}

void chardev_writable(struct chardev *c)
{
	if (c->want_write)
		c->user->writable(c->user);
}
