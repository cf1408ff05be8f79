/* SPDX-License-Identifier: Apache-2.0 */
/* See qtest_peer.h. */
#include "qtest_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000

__attribute__((noreturn)) static void give_up(const char *what)
{
	printf("Bail out! qtest peer: %s\n", what);
	exit(1);
}

void peer_start(struct peer *p, const char *const *arguments)
{
	const char *argv[16] = { MINIVMM, "--qtest" };
	char where[16];
	int fds[2], n = 3;

	memset(p, 0, sizeof(*p));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		give_up(strerror(errno));
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	snprintf(where, sizeof(where), "fd:%d", fds[1]);
	argv[2] = where;
	while (arguments && *arguments && n < 15)
		argv[n++] = *arguments++;
	p->fd = fds[0];
	fflush(stdout);
	p->pid = fork();
	if (p->pid < 0)
		give_up(strerror(errno));
	if (!p->pid) {
		execv(MINIVMM, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
}

int peer_wait(struct peer *p)
{
	int status;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (waitpid(p->pid, &status, WNOHANG) == p->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(1000);
	}
	kill(p->pid, SIGKILL);
	give_up("the server does not end");
}

int peer_end(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	return peer_wait(p);
}

/* Reads while it cannot write: a server that waits for us to read would not go on. */
static void receive(struct peer *p)
{
	ssize_t got = 0;

	if (p->len < sizeof(p->buf))
		got = recv(p->fd, p->buf + p->len, sizeof(p->buf) - p->len, MSG_DONTWAIT);
	if (got > 0)
		p->len += (size_t)got;
}

void peer_send(struct peer *p, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		struct pollfd pfd = { p->fd, (short)(POLLOUT | (p->len < sizeof(p->buf) ? POLLIN : 0)), 0 };
		ssize_t done;

		if (poll(&pfd, 1, PATIENCE_MS) <= 0)
			give_up("the server takes nothing");
		if (pfd.revents & POLLIN)
			receive(p);
		done = send(p->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN)
			return; /* it has closed: peer_take says so */
		if (done > 0) {
			at += done;
			len -= (size_t)done;
		}
	}
}

/* Drops a line of n bytes and its newline. */
static void drop(struct peer *p, size_t n)
{
	p->len -= n + 1;
	memmove(p->buf, p->buf + n + 1, p->len);
}

bool peer_take(struct peer *p, char *line, size_t size)
{
	char *newline;

	while (!(newline = memchr(p->buf, '\n', p->len))) {
		struct pollfd pfd = { p->fd, POLLIN, 0 };
		ssize_t got;

		if (p->len == sizeof(p->buf))
			give_up("a line is too long for this client");
		if (poll(&pfd, 1, PATIENCE_MS) <= 0)
			give_up("no answer");
		got = recv(p->fd, p->buf + p->len, sizeof(p->buf) - p->len, 0);
		if (got <= 0)
			return false;
		p->len += (size_t)got;
	}
	snprintf(line, size, "%.*s", (int)(newline - p->buf), p->buf);
	drop(p, (size_t)(newline - p->buf));
	return true;
}

/* Takes "IRQ ..." note of; whether it was one. */
static bool note_irq(struct peer *p, const char *line)
{
	bool raise = !strncmp(line, "IRQ raise ", 10);
	unsigned long num;

	if (!raise && strncmp(line, "IRQ lower ", 10))
		return false;
	num = strtoul(line + 10, NULL, 10);
	if (num > 255 || p->level[num] == raise)
		give_up("an interrupt message says nothing new");
	p->level[num] = raise;
	p->raised[num] += raise;
	return true;
}

static char answer[65536];

static const char *take_answer(struct peer *p)
{
	do
		if (!peer_take(p, answer, sizeof(answer)))
			give_up("the server has closed");
	while (note_irq(p, answer));
	return answer;
}

const char *peer_ask(struct peer *p, const char *format, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len < 0 || len >= (int)sizeof(line) - 1)
		give_up("a line is too long for peer_ask");
	line[len] = '\n';
	peer_send(p, line, (size_t)len + 1);
	return take_answer(p);
}

static char letter(unsigned int size)
{
	return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
}

static void expect_ok(const char *got)
{
	if (strcmp(got, "OK"))
		give_up(got);
}

static uint64_t qtest_read(void *opaque, uint64_t addr, unsigned int size)
{
	const char *got = peer_ask(opaque, "read%c 0x%llx", letter(size), (unsigned long long)addr);

	if (strncmp(got, "OK 0x", 5))
		give_up(got);
	return strtoull(got + 3, NULL, 16);
}

static void qtest_write(void *opaque, uint64_t addr, unsigned int size, uint64_t value)
{
	expect_ok(peer_ask(
		opaque, "write%c 0x%llx 0x%llx", letter(size), (unsigned long long)addr, (unsigned long long)value));
}

static void qtest_mem_read(void *opaque, uint64_t addr, void *dst, size_t len)
{
	uint8_t *bytes = dst;

	while (len) {
		size_t n = len < 4096 ? len : 4096;
		const char *got = peer_ask(opaque, "read 0x%llx %zu", (unsigned long long)addr, n);

		if (strncmp(got, "OK 0x", 5) || strlen(got) != 5 + 2 * n)
			give_up(got);
		for (size_t i = 0; i < n; i++) {
			char digits[3] = { got[5 + 2 * i], got[6 + 2 * i], '\0' };

			*bytes++ = (uint8_t)strtoul(digits, NULL, 16);
		}
		addr += n;
		len -= n;
	}
}

static void qtest_mem_write(void *opaque, uint64_t addr, const void *src, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = src;

	while (len) {
		size_t n = len < 256 ? len : 256;
		char text[2 * 256 + 1] = "";

		for (size_t i = 0; i < n; i++) {
			text[2 * i] = digits[*bytes >> 4];
			text[2 * i + 1] = digits[*bytes++ & 15];
		}
		expect_ok(peer_ask(opaque, "write 0x%llx %zu 0x%s", (unsigned long long)addr, n, text));
		addr += n;
		len -= n;
	}
}

/* The server has done all that is due before each answer; this one only makes sure that it has heard everything. */
static int qtest_step(void *opaque)
{
	(void)peer_ask(opaque, "inb 0x0");
	return 0;
}

const struct driver_access driver_qtest_access = {
	.read = qtest_read,
	.write = qtest_write,
	.mem_read = qtest_mem_read,
	.mem_write = qtest_mem_write,
	.step = qtest_step,
};
