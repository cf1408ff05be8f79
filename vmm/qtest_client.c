/* SPDX-License-Identifier: Apache-2.0 */
/* See qtest_client.h. */
#include "qtest_client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keyval.h"

static int open_unix(struct qtest_client *client, const char *path, struct error *error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(error, STATUS_USAGE, "--qtest unix:%s: the path of a socket has at most %zu bytes",
			path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	client->in = client->out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client->close = true;
	if (client->in < 0 || connect(client->in, (const struct sockaddr *)&addr, sizeof(addr)))
		return error_set(error, STATUS_HOST,
			"--qtest unix:%s: cannot connect: %s; the client has to listen there before minivmm starts",
			path, strerror(errno));
	return 0;
}

static int open_fd(struct qtest_client *client, const char *text, struct error *error)
{
	uint64_t number;

	if (parse_number(text, &number) || number > INT_MAX)
		return error_set(error, STATUS_USAGE, "--qtest fd:%s: not the number of a descriptor", text);
	client->in = client->out = (int)number;
	if (fcntl(client->in, F_GETFD) < 0)
		return error_set(error, STATUS_USAGE,
			"--qtest fd:%s: no such descriptor; open it before minivmm starts, without close-on-exec",
			text);
	return 0;
}

int qtest_client_open(struct qtest_client *client, const char *where, struct error *error)
{
	*client = (struct qtest_client){ .in = -1, .out = -1 };
	if (!strncmp(where, "unix:", 5))
		return open_unix(client, where + 5, error);
	if (!strncmp(where, "fd:", 3))
		return open_fd(client, where + 3, error);
	client->in = STDIN_FILENO;
	client->out = STDOUT_FILENO;
	return 0;
}

void qtest_client_close(struct qtest_client *client)
{
	if (client->close && client->in >= 0)
		close(client->in);
	client->in = client->out = -1;
}

ssize_t qtest_client_read(struct qtest_client *client, void *buf, size_t len)
{
	ssize_t got = read(client->in, buf, len);

	if (got >= 0)
		return got;
	/* Of what else can go wrong with a stream, nothing will go right again. */
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
}

ssize_t qtest_client_write(struct qtest_client *client, const void *buf, size_t len)
{
	ssize_t done;

	if (client->gone)
		return (ssize_t)len;
	done = send(client->out, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* A pipe that poll calls writable takes this much at once (pipe(7)), and a terminal is there to be written to. */
	if (done < 0 && errno == ENOTSOCK)
		done = write(client->out, buf, len < PIPE_BUF ? len : PIPE_BUF);
	if (done >= 0)
		return done;
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	client->gone = true;
	return (ssize_t)len;
}
