/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a UNIX socket, for the system tests: what the socket says goes to standard output, standard input to it. Ends with
 * the socket, status 0, or with a line that says what failed.
 *
 *	dial PATH
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int die(const char *what)
{
	perror(what);
	return 1;
}

/* Hands on what there is: the number of bytes, 0 at the end, -1. */
static ssize_t hand_on(int from, int to)
{
	char buf[4096];
	ssize_t got = read(from, buf, sizeof(buf));

	for (ssize_t at = 0, n; at < got; at += n) {
		n = write(to, buf + at, (size_t)(got - at));
		if (n < 0)
			return -1;
	}
	return got;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd[] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "usage: dial PATH\n");
		return 2;
	}
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return die(argv[1]);
	while (poll(pfd, 2, -1) > 0) {
		if (pfd[0].revents) {
			ssize_t got = hand_on(fd, STDOUT_FILENO);

			if (got <= 0)
				return got ? die("socket") : 0;
		}
		if (pfd[1].revents) {
			ssize_t got = hand_on(STDIN_FILENO, fd);

			if (got < 0)
				return die("standard input");
			if (!got)
				pfd[1].fd = -1;
		}
	}
	return die("poll");
}
