/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel.h. */
#include "kernel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BIT(i) (1ULL << (i))

struct fuzz_kernel fuzz_kernel;

/* What the linker makes of --wrap: ours are called for those names, and the C library's under these. */
int __real_eventfd(unsigned int count, int flags);
int __real_eventfd_read(int fd, eventfd_t *value);
int __real_eventfd_write(int fd, eventfd_t value);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int __real_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout);
int __real_close(int fd);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __real_read(int fd, void *buf, size_t len);

int __wrap_eventfd(unsigned int count, int flags);
int __wrap_eventfd_read(int fd, eventfd_t *value);
int __wrap_eventfd_write(int fd, eventfd_t value);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout);
int __wrap_close(int fd);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);

static bool is_ours(int fd)
{
	return fd >= FUZZ_FD && fd < FUZZ_FD + FUZZ_FDS_MAX;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static int fd_new(uint64_t count)
{
	struct fuzz_kernel *k = &fuzz_kernel;
	unsigned int i = 0;

	while (i < FUZZ_FDS_MAX && k->open & BIT(i))
		i++;
	if (i == FUZZ_FDS_MAX)
		return fail(EMFILE);
	k->open |= BIT(i);
	k->fd[i].count = count;
	return FUZZ_FD + (int)i;
}

int __wrap_eventfd(unsigned int count, int flags)
{
	return fuzz_kernel.on ? fd_new(count) : __real_eventfd(count, flags);
}

int __wrap_epoll_create1(int flags)
{
	return fuzz_kernel.on ? fd_new(0) : __real_epoll_create1(flags);
}

static bool is_readable(unsigned int i)
{
	return fuzz_kernel.fd[i].count || fuzz_kernel.semaphore & BIT(i);
}

/* Level-triggered: as it is now. An edge stays until it is collected. */
static void settle(unsigned int i)
{
	struct fuzz_kernel *k = &fuzz_kernel;

	if (k->edge & BIT(i))
		return;
	k->ready &= ~BIT(i);
	if (k->watched & BIT(i) && is_readable(i))
		k->ready |= BIT(i);
}

static void unwatch(unsigned int i)
{
	fuzz_kernel.watched &= ~BIT(i);
	fuzz_kernel.edge &= ~BIT(i);
	fuzz_kernel.ready &= ~BIT(i);
}

static int watch(unsigned int i, const struct epoll_event *event)
{
	struct fuzz_kernel *k = &fuzz_kernel;

	unwatch(i);
	k->fd[i].event = *event;
	k->watched |= BIT(i);
	if (event->events & EPOLLET) {
		/* epoll_ctl(2): what is ready as it is added is an edge too. */
		k->edge |= BIT(i);
		k->ready |= is_readable(i) ? BIT(i) : 0;
	}
	settle(i);
	return 0;
}

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	unsigned int i = (unsigned int)(fd - FUZZ_FD);

	if (!is_ours(epfd))
		return __real_epoll_ctl(epfd, op, fd, event);
	if (!is_ours(fd) || !(fuzz_kernel.open & BIT(i)))
		return fail(EBADF);
	if (op == EPOLL_CTL_ADD && fuzz_kernel.watched & BIT(i))
		return fail(EEXIST);
	if (op != EPOLL_CTL_ADD && !(fuzz_kernel.watched & BIT(i)))
		return fail(ENOENT);
	if (op != EPOLL_CTL_DEL)
		return watch(i, event);
	unwatch(i);
	return 0;
}

int __wrap_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	struct fuzz_kernel *k = &fuzz_kernel;
	uint64_t ready = k->ready;
	int count = 0;

	if (!is_ours(epfd))
		return __real_epoll_wait(epfd, events, max, timeout);
	for (; ready && count < max; ready &= ready - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(ready);

		k->ready &= ~(k->edge & BIT(i));
		/* An edge whose count was read in the meantime is none. */
		if (!is_readable(i))
			continue;
		events[count] = k->fd[i].event;
		events[count++].events = EPOLLIN;
	}
	return count;
}

/* eventfd(2) wakes whoever watches it with each write, whatever the count. */
static void signal_fd(unsigned int i, uint64_t value)
{
	struct fuzz_kernel *k = &fuzz_kernel;

	k->fd[i].count += value;
	if (k->edge & BIT(i))
		k->ready |= BIT(i);
	settle(i);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	if (!is_ours(fd))
		return __real_eventfd_write(fd, value);
	signal_fd((unsigned int)(fd - FUZZ_FD), value);
	return 0;
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	unsigned int i = (unsigned int)(fd - FUZZ_FD);

	if (!is_ours(fd))
		return __real_eventfd_read(fd, value);
	if (!fuzz_kernel.fd[i].count)
		return fail(EAGAIN);
	*value = fuzz_kernel.fd[i].count;
	fuzz_kernel.fd[i].count = 0;
	settle(i);
	return 0;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	uint64_t value;

	if (!is_ours(fd))
		return __real_write(fd, buf, len);
	if (len != sizeof(value))
		return fail(EINVAL);
	memcpy(&value, buf, sizeof(value));
	signal_fd((unsigned int)(fd - FUZZ_FD), value);
	return sizeof(value);
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	eventfd_t value;

	if (!is_ours(fd))
		return __real_read(fd, buf, len);
	if (len != sizeof(value))
		return fail(EINVAL);
	if (__wrap_eventfd_read(fd, &value) < 0)
		return -1;
	memcpy(buf, &value, sizeof(value));
	return sizeof(value);
}

int __wrap_close(int fd)
{
	unsigned int i = (unsigned int)(fd - FUZZ_FD);

	if (!is_ours(fd))
		return __real_close(fd);
	unwatch(i);
	fuzz_kernel.open &= ~BIT(i);
	fuzz_kernel.semaphore &= ~BIT(i);
	fuzz_kernel.fd[i].count = 0;
	return 0;
}

void fuzz_fd_stay_ready(int fd, bool ready)
{
	unsigned int i = (unsigned int)(fd - FUZZ_FD);

	if (ready)
		fuzz_kernel.semaphore |= BIT(i);
	else
		fuzz_kernel.semaphore &= ~BIT(i);
	settle(i);
}

unsigned int fuzz_fds_open(void)
{
	return (unsigned int)__builtin_popcountll(fuzz_kernel.open);
}
