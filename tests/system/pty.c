/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user at a terminal, for the system tests: runs a program on a pseudo terminal of its own, waits for texts, types and
 * sends signals as told, and says in the end how the program ended and whether it left the terminal as it was.
 * Not an expect: no patterns, no branches.
 *
 *	pty STEP... -- PROGRAM [ARGUMENT...]
 *
 *	expect=TEXT	wait until it has printed TEXT, searched behind what the expect before found (60 s, or wait=SECONDS)
 *	send=TEXT	type TEXT; \n, \r, \e and \xHH as in C
 *	kill=SIGNAL	by number
 *	raw		fail unless the terminal is raw now
 *	sleep=MS
 *
 * What the program prints goes to standard output, followed by a line "pty: status N" or "pty: signal N" and one "pty: terminal
 * restored" or "pty: terminal changed". Exit status: 0 when every step was done, else 1 with "pty: STEP: why".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct session {
	int master, slave; /* the slave stays open, to look at its modes when the program is gone */
	pid_t pid;
	char *text; /* all that was printed */
	size_t len, found; /* found: end of the last text expected */
	bool eof;
	int wait_ms;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "pty: %s: %s\n", what, why);
	exit(1);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

/* Reads what has come within ms. False when there was nothing. */
static bool take_output(struct session *s, int ms)
{
	struct pollfd pfd = { .fd = s->master, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&pfd, 1, ms) <= 0)
		return false;
	n = read(s->master, buf, sizeof(buf));
	if (n <= 0) {
		s->eof = true;
		return false;
	}
	fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	s->text = realloc(s->text, s->len + (size_t)n + 1);
	if (!s->text)
		die("output", strerror(errno));
	memcpy(s->text + s->len, buf, (size_t)n);
	s->len += (size_t)n;
	s->text[s->len] = '\0';
	return true;
}

static void expect(struct session *s, const char *text)
{
	long deadline = now_ms() + s->wait_ms;

	for (;;) {
		const char *hit = s->text ? memmem(s->text + s->found, s->len - s->found, text, strlen(text)) : NULL;

		if (hit) {
			s->found = (size_t)(hit - s->text) + strlen(text);
			return;
		}
		if (s->eof || now_ms() > deadline)
			break;
		take_output(s, 100);
	}
	kill(s->pid, SIGKILL);
	die(text, "not printed in time");
}

/* \n, \r, \e, \\ and \xHH in place, NUL terminated. The length. */
static size_t unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from != '\\' || !from[1]) {
			*to++ = *from;
			continue;
		}
		switch (*++from) {
		case 'n': *to++ = '\n'; break;
		case 'r': *to++ = '\r'; break;
		case 'e': *to++ = '\033'; break;
		case 'x': {
			unsigned int byte = 0;

			if (sscanf(from + 1, "%2x", &byte) != 1)
				die(from, "not a number");
			*to++ = (char)byte;
			from += 2;
			break;
		}
		default: *to++ = *from; break;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void type(struct session *s, char *text)
{
	size_t len = unescape(text);

	while (len) {
		ssize_t n = write(s->master, text, len);

		if (n < 0)
			die("send", strerror(errno));
		text += n;
		len -= (size_t)n;
	}
}

static void check_raw(struct session *s)
{
	struct termios now;

	tcgetattr(s->slave, &now);
	if (now.c_lflag & (ICANON | ECHO | ISIG) || now.c_iflag & (ICRNL | IXON))
		die("raw", "the terminal is not raw");
}

static void step(struct session *s, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!strcmp(word, "raw"))
		check_raw(s);
	else if (!value)
		die(word, "unknown step");
	else if (!strcmp(word, "expect"))
		(void)unescape(value), expect(s, value);
	else if (!strcmp(word, "send"))
		type(s, value);
	else if (!strcmp(word, "kill"))
		kill(s->pid, atoi(value));
	else if (!strcmp(word, "wait"))
		s->wait_ms = atoi(value) * 1000;
	else if (!strcmp(word, "sleep"))
		usleep((useconds_t)atoi(value) * 1000);
	else
		die(word, "unknown step");
}

static void start(struct session *s, char **argv)
{
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->master < 0 || grantpt(s->master) || unlockpt(s->master))
		die("pty", strerror(errno));
	s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0)
		die("pty", strerror(errno));
	s->pid = fork();
	if (s->pid)
		return;
	setsid();
	ioctl(s->slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(s->slave, fd);
	execvp(argv[0], argv);
	die(argv[0], strerror(errno));
}

/* Waits for the program, its output read on so that it cannot block. */
static void finish(struct session *s, const struct termios *before)
{
	long deadline = now_ms() + s->wait_ms;
	struct termios after;
	int status;

	while (!waitpid(s->pid, &status, WNOHANG)) {
		take_output(s, 50);
		if (now_ms() > deadline) {
			kill(s->pid, SIGKILL);
			die("end", "the program did not end");
		}
	}
	while (take_output(s, 50))
		;
	tcgetattr(s->slave, &after);
	printf("\npty: %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	printf("pty: terminal %s\n", before->c_iflag == after.c_iflag && before->c_oflag == after.c_oflag &&
						     before->c_lflag == after.c_lflag &&
						     before->c_cflag == after.c_cflag
					     ? "restored"
					     : "changed");
}

int main(int argc, char **argv)
{
	struct session s = { .wait_ms = 60000 };
	struct termios before;
	int first = 1;

	while (first < argc && strcmp(argv[first], "--"))
		first++;
	if (first + 1 >= argc)
		die("usage", "pty STEP... -- PROGRAM [ARGUMENT...]");
	start(&s, argv + first + 1);
	tcgetattr(s.slave, &before);
	for (int i = 1; i < first; i++)
		step(&s, argv[i]);
	finish(&s, &before);
	free(s.text);
	return 0;
}
