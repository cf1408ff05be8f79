/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening UNIX socket as a character stream. While a client is there the listener is not watched: the next one waits
 * in the kernel's queue until the first has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev_fd.h"

#define QUEUED_CLIENTS 4
#define RETRY_NS       1000000000ULL /* until accept is tried again after this process ran out of descriptors */

struct chardev_unix {
	struct chardev dev;
	struct chardev_fd listener, client;
	bool input_ended; /* the client will send nothing more but still listens, as "printf x | nc -U" does */
	struct loop_timer retry;
	struct loop_timer room; /* output without a client is dropped, so whoever waits for room has it at once */
	dev_t node_dev; /* what we made at the path, so that only that is unlinked */
	ino_t node_ino;
	bool bound;
	struct sockaddr_un addr;
};

static struct chardev_unix *unix_of(struct chardev *c)
{
	return container_of(c, struct chardev_unix, dev);
}

static uint32_t wanted(const struct chardev_unix *u)
{
	return (u->dev.watch_in && !u->input_ended ? EPOLLIN : 0) | (u->dev.watch_out ? EPOLLOUT : 0);
}

static void listen_again(struct loop_timer *timer)
{
	struct chardev_unix *u = container_of(timer, struct chardev_unix, retry);

	(void)chardev_fd_watch(&u->listener, u->dev.loop, EPOLLIN);
}

static void stop_listening(struct chardev_unix *u)
{
	loop_del(u->dev.loop, &u->listener.source);
	u->listener.added = false;
}

static void drop_client(struct chardev_unix *u)
{
	chardev_fd_drop(&u->client, u->dev.loop, true);
	(void)chardev_fd_watch(&u->listener, u->dev.loop, EPOLLIN);
	if (u->dev.watch_out)
		loop_timer_set(u->dev.loop, &u->room, 0);
}

/* Whether a client that has left, or does not listen, still has something for us to read. */
static bool has_input(const struct chardev_unix *u)
{
	char byte;

	return !u->input_ended && recv(u->client.source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void watch_client(struct chardev_unix *u)
{
	if (u->client.source.fd >= 0 && !chardev_fd_watch(&u->client, u->dev.loop, wanted(u)))
		drop_client(u);
}

static void accept_client(struct loop_source *source, uint32_t events)
{
	struct chardev_unix *u = container_of(source, struct chardev_unix, listener.source);
	int fd = accept4(u->listener.source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* It stays in the queue, and the loop would be told so again at once. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			stop_listening(u);
			loop_timer_set(u->dev.loop, &u->retry,
				u->dev.loop->clock->monotonic_ns(u->dev.loop->clock) + RETRY_NS);
		}
		return;
	}
	stop_listening(u);
	u->client.source.fd = fd;
	u->input_ended = false;
	watch_client(u);
}

static ssize_t unix_read(struct chardev *c, void *buf, size_t len)
{
	struct chardev_unix *u = unix_of(c);
	ssize_t got;

	if (u->client.source.fd < 0 || u->input_ended)
		return -EAGAIN;
	got = recv(u->client.source.fd, buf, len, MSG_DONTWAIT);
	if (got > 0)
		return got;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	u->input_ended = true;
	if (got < 0 || u->client.hung_up)
		drop_client(u);
	else
		watch_client(u);
	return -EAGAIN;
}

static ssize_t unix_write(struct chardev *c, const void *buf, size_t len)
{
	struct chardev_unix *u = unix_of(c);
	ssize_t put;

	if (u->client.source.fd < 0)
		return (ssize_t)len;
	put = send(u->client.source.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (put >= 0)
		return put ? put : -EAGAIN;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return -EAGAIN;
	if (!has_input(u))
		drop_client(u);
	return (ssize_t)len;
}

static void unix_watch(struct chardev *c, bool in, bool out)
{
	struct chardev_unix *u = unix_of(c);

	(void)in;
	if (u->client.source.fd >= 0)
		watch_client(u);
	else if (out)
		loop_timer_set(c->loop, &u->room, 0);
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct chardev_unix *u = container_of(source, struct chardev_unix, client.source);

	chardev_fd_note(&u->client, u->dev.loop, events);
	if (u->client.hung_up && !has_input(u)) {
		drop_client(u);
		return;
	}
	/* What it sent before it left is read first; the read after it says that it left. */
	if (u->dev.watch_in && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		chardev_readable(&u->dev);
	if (u->dev.watch_out && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		chardev_writable(&u->dev);
}

static void room(struct loop_timer *timer)
{
	chardev_writable(&container_of(timer, struct chardev_unix, room)->dev);
}

static void unix_destroy(struct chardev *c)
{
	struct chardev_unix *u = unix_of(c);
	struct stat st;

	loop_timer_cancel(c->loop, &u->retry);
	loop_timer_cancel(c->loop, &u->room);
	chardev_fd_drop(&u->client, c->loop, true);
	chardev_fd_drop(&u->listener, c->loop, true);
	if (u->bound && !lstat(u->addr.sun_path, &st) && st.st_dev == u->node_dev && st.st_ino == u->node_ino)
		unlink(u->addr.sun_path);
	free(u);
}

/* Something is at the path. 0 when it was a socket nobody serves any more and is now gone. */
static int remove_stale(const struct sockaddr_un *addr, const char **failed)
{
	struct stat st;
	int fd, err;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	*failed = "exists and is not a socket";
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	*failed = "cannot be tried";
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	/* Only a refusal says that nobody listens. A full queue (EAGAIN) or a datagram socket is somebody's. */
	*failed = "is in use by another process";
	if (err != ECONNREFUSED)
		return -EADDRINUSE;
	*failed = "is left over and cannot be removed";
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_and_listen(struct chardev_unix *u, const char **failed)
{
	const struct sockaddr *addr = (const struct sockaddr *)&u->addr;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	*failed = "cannot be created";
	if (fd < 0)
		return -errno;
	u->listener.source.fd = fd;
	if (bind(fd, addr, sizeof(u->addr)) < 0) {
		if (errno != EADDRINUSE)
			return -errno;
		err = remove_stale(&u->addr, failed);
		if (err)
			return err;
		*failed = "cannot be created";
		if (bind(fd, addr, sizeof(u->addr)) < 0)
			return -errno;
	}
	if (!lstat(u->addr.sun_path, &st)) {
		u->node_dev = st.st_dev;
		u->node_ino = st.st_ino;
		u->bound = true;
	}
	*failed = "cannot be listened on";
	if (listen(fd, QUEUED_CLIENTS) < 0)
		return -errno;
	return loop_add(u->dev.loop, &u->listener.source, EPOLLIN);
}

int chardev_open_unix(struct loop *loop, const char *path, struct chardev **c, const char **failed)
{
	static const struct chardev_ops ops = {
		.read = unix_read,
		.write = unix_write,
		.watch = unix_watch,
		.destroy = unix_destroy,
	};
	struct chardev_unix *u;
	int err;

	*failed = "is empty"; /* which would be an abstract name of the kernel's choice */
	if (!*path)
		return -EINVAL;
	*failed = "is longer than a socket's path may be (107 bytes)";
	if (strlen(path) >= sizeof(u->addr.sun_path))
		return -ENAMETOOLONG;
	*failed = "needs memory";
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->addr.sun_family = AF_UNIX;
	strcpy(u->addr.sun_path, path);
	chardev_init(&u->dev, &ops, loop, u->addr.sun_path);
	u->listener.source = (struct loop_source){ .fd = -1, .ready = accept_client };
	u->client.source = (struct loop_source){ .fd = -1, .ready = client_ready };
	u->retry.expired = listen_again;
	u->room.expired = room;
	err = bind_and_listen(u, failed);
	if (err) {
		unix_destroy(&u->dev);
		return err;
	}
	u->listener.added = true;
	*c = &u->dev;
	return 0;
}
