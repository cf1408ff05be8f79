/* SPDX-License-Identifier: Apache-2.0 */
/* What chardev_fd.h promises. */
#include "chardev_fd.h"

#include <errno.h>
#include <unistd.h>

bool chardev_fd_watch(struct chardev_fd *f, struct loop *loop, uint32_t events)
{
	int err;

	if (f->source.fd < 0)
		return false;
	f->events = events;
	if (f->always)
		return true;
	if (!events && f->hung_up) {
		if (f->added)
			loop_del(loop, &f->source);
		f->added = false;
		return true;
	}
	err = f->added ? loop_mod(loop, &f->source, events) : loop_add(loop, &f->source, events);
	if (err == -EPERM) {
		f->always = true;
		return true;
	}
	f->added = !err;
	return !err;
}

void chardev_fd_note(struct chardev_fd *f, struct loop *loop, uint32_t events)
{
	if (!(events & (EPOLLHUP | EPOLLERR)))
		return;
	f->hung_up = true;
	if (!f->events)
		(void)chardev_fd_watch(f, loop, 0);
}

void chardev_fd_drop(struct chardev_fd *f, struct loop *loop, bool close_it)
{
	if (f->added)
		loop_del(loop, &f->source);
	if (f->source.fd >= 0 && close_it)
		close(f->source.fd);
	*f = (struct chardev_fd){ .source = { .fd = -1, .ready = f->source.ready } };
}
