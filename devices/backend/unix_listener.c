/* SPDX-License-Identifier: Apache-2.0 */
/* See unix_listener.h. */
#include "unix_listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUED_CLIENTS 4

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

static int bind_and_listen(struct unix_listener *l, const char **failed)
{
	const struct sockaddr *addr = (const struct sockaddr *)&l->addr;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	*failed = "cannot be created";
	if (fd < 0)
		return -errno;
	l->fd = fd;
	if (bind(fd, addr, sizeof(l->addr)) < 0) {
		if (errno != EADDRINUSE)
			return -errno;
		err = remove_stale(&l->addr, failed);
		if (err)
			return err;
		*failed = "cannot be created";
		if (bind(fd, addr, sizeof(l->addr)) < 0)
			return -errno;
	}
	if (!lstat(l->addr.sun_path, &st)) {
		l->node_dev = st.st_dev;
		l->node_ino = st.st_ino;
		l->bound = true;
	}
	*failed = "cannot be listened on";
	return listen(fd, QUEUED_CLIENTS) < 0 ? -errno : 0;
}

int unix_listener_open(struct unix_listener *l, const char *path, const char **failed)
{
	int err;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	*failed = "is empty"; /* which would be an abstract name of the kernel's choice */
	if (!*path)
		return -EINVAL;
	*failed = "is longer than a socket's path may be (107 bytes)";
	if (strlen(path) >= sizeof(l->addr.sun_path))
		return -ENAMETOOLONG;
	l->addr.sun_family = AF_UNIX;
	strcpy(l->addr.sun_path, path);
	err = bind_and_listen(l, failed);
	if (err)
		unix_listener_close(l);
	return err;
}

void unix_listener_close(struct unix_listener *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
	if (l->bound && !lstat(l->addr.sun_path, &st) && st.st_dev == l->node_dev && st.st_ino == l->node_ino)
		unlink(l->addr.sun_path);
}
