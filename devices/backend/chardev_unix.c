/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening UNIX socket (unix_listener.h) as a character stream. While a client is there the listener is not watched: the next one waits
 * in the kernel's queue until the first has gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev_fd.h"
#include "unix_listener.h"

#define RETRY_NS 1000000000ULL /* until accept is tried again after this process ran out of descriptors */

struct chardev_unix {
	struct chardev dev;
	struct chardev_fd listener, client;
	bool input_ended; /* the client will send nothing more but still listens, as "printf x | nc -U" does */
	struct loop_timer retry;
	struct loop_timer room; /* output without a client is dropped, so whoever waits for room has it at once */
	struct unix_listener socket; /* whose descriptor the listener has */
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

	loop_timer_cancel(c->loop, &u->retry);
	loop_timer_cancel(c->loop, &u->room);
	chardev_fd_drop(&u->client, c->loop, true);
	chardev_fd_drop(&u->listener, c->loop, false);
	unix_listener_close(&u->socket);
	free(u);
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

	*failed = "needs memory";
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	chardev_init(&u->dev, &ops, loop, u->socket.addr.sun_path);
	u->listener.source = (struct loop_source){ .fd = -1, .ready = accept_client };
	u->client.source = (struct loop_source){ .fd = -1, .ready = client_ready };
	u->retry.expired = listen_again;
	u->room.expired = room;
	err = unix_listener_open(&u->socket, path, failed);
	u->listener.source.fd = u->socket.fd;
	if (!err)
		err = loop_add(loop, &u->listener.source, EPOLLIN);
	if (err) {
		unix_destroy(&u->dev);
		return err;
	}
	u->listener.added = true;
	*c = &u->dev;
	return 0;
}
