/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal is raw while it is wanted and as before after every way to end or be suspended. Each case runs in a session
 * of its own on a new pty; the process that goes raw is a child of the session's leader, because the kernel resets a
 * terminal whose leader ends, which would make every case pass.
 */
#include "term.h"

#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "test.h"

#define TTY 0 /* the slave is stdin, as in real use */

static struct termios cooked;
static int ready[2];

/* Field by field: struct termios has padding. */
static bool is_cooked(void)
{
	struct termios now;

	return !tcgetattr(TTY, &now) && now.c_iflag == cooked.c_iflag && now.c_oflag == cooked.c_oflag &&
	       now.c_cflag == cooked.c_cflag && now.c_lflag == cooked.c_lflag &&
	       !memcmp(now.c_cc, cooked.c_cc, sizeof(now.c_cc));
}

static bool is_raw(void)
{
	struct termios now;

	return !tcgetattr(TTY, &now) && !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
}

static void wait_ready(void)
{
	char byte;

	if (read(ready[0], &byte, 1) != 1)
		TEST_FAIL_("the child went away");
}

static void say_ready(void)
{
	if (write(ready[1], "", 1) != 1)
		_exit(99);
}

static void die_by_abort(void)
{
	abort();
}

/* The fault itself, not what a sanitizer makes of it before it happens. */
__attribute__((no_sanitize("undefined"))) static void die_by_fault(void)
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

static void die_by_exit(void)
{
	exit(7);
}

static void wait_for_signal(void)
{
	for (;;)
		pause();
}

/* A child in the given process group that goes raw, says so and then does what is asked. */
static pid_t start(void (*then)(void), bool foreground)
{
	struct rlimit no_core = { 0, 0 };
	pid_t child = fork();

	if (!child) {
		setpgid(0, 0);
		if (foreground)
			tcsetpgrp(TTY, getpid());
		signal(SIGTTOU, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		alarm(20);
		if (term_raw(TTY))
			_exit(98);
		say_ready();
		/* Not to be overtaken by the leader, who looks at the raw terminal first. */
		if (then != wait_for_signal)
			raise(SIGSTOP);
		then();
		_exit(97);
	}
	wait_ready();
	return child;
}

static int end_of(pid_t child)
{
	int status = 0;

	waitpid(child, &status, 0);
	return status;
}

static bool wait_stopped(pid_t child)
{
	int status;

	return waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status);
}

/* The mode changes in the child's signal handler, some time after kill. */
static bool soon(bool (*condition)(void))
{
	for (int i = 0; i < 2000 && !condition(); i++)
		usleep(1000);
	return condition();
}

static void leader_killed_by(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t child = start(wait_for_signal, true);
		struct sigaction before;
		int status;

		CHECK(is_raw());
		kill(child, signals[i]);
		status = end_of(child);
		/* A sanitizer takes faults and ends the process its own way. */
		sigaction(signals[i], NULL, &before);
		if (before.sa_handler == SIG_DFL) {
			CHECK(WIFSIGNALED(status));
			CHECK_EQ(WTERMSIG(status), signals[i]);
		}
		CHECK(is_cooked());
	}
}

static void leader_dies_by_itself(void)
{
	static void (*const ways[])(void) = { die_by_abort, die_by_fault, die_by_exit };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		pid_t child = start(ways[i], true);

		CHECK(wait_stopped(child));
		CHECK(is_raw());
		kill(child, SIGCONT);
		CHECK(end_of(child) != 97 << 8);
		CHECK(is_cooked());
	}
}

/* What these cases see is real: nothing restores the terminal after SIGKILL. */
static void leader_sees_sigkill(void)
{
	pid_t child = start(wait_for_signal, true);

	kill(child, SIGKILL);
	end_of(child);
	CHECK(is_raw());
	tcsetattr(TTY, TCSANOW, &cooked);
}

static void leader_suspends(void)
{
	pid_t child = start(wait_for_signal, true);

	/* Twice: the handler has to be there again. */
	for (int i = 0; i < 2; i++) {
		CHECK(is_raw());
		kill(child, SIGTSTP);
		REQUIRE(wait_stopped(child));
		CHECK(is_cooked());
		kill(child, SIGCONT);
		CHECK(soon(is_raw));
	}
	/* A stop that cannot be seen, after which the shell sets the terminal as it likes it. */
	kill(child, SIGSTOP);
	REQUIRE(wait_stopped(child));
	tcsetattr(TTY, TCSANOW, &cooked);
	kill(child, SIGCONT);
	CHECK(soon(is_raw));
	kill(child, SIGTERM);
	end_of(child);
	CHECK(is_cooked());
}

/* In the background it neither stops nor touches the terminal; brought to the foreground it goes raw. */
static void leader_background(void)
{
	pid_t child = start(wait_for_signal, false);

	usleep(20000);
	CHECK_EQ(waitpid(child, NULL, WUNTRACED | WNOHANG), 0);
	CHECK(is_cooked());
	kill(child, SIGCONT);
	usleep(20000);
	CHECK(is_cooked());
	tcsetpgrp(TTY, child);
	kill(child, SIGCONT);
	CHECK(soon(is_raw));
	kill(child, SIGTERM);
	end_of(child);
	CHECK(is_cooked());
}

static void poll_may_read(void)
{
	while (!term_may_read(TTY))
		usleep(1000);
	wait_for_signal();
}

/* A shell's fg of a job that was never stopped sends no SIGCONT: asking before a read is enough. */
static void leader_foreground_unannounced(void)
{
	pid_t child = start(poll_may_read, false);

	CHECK(wait_stopped(child));
	kill(child, SIGCONT);
	usleep(20000);
	CHECK(is_cooked());
	tcsetpgrp(TTY, child);
	CHECK(soon(is_raw));
	kill(child, SIGTERM);
	end_of(child);
	CHECK(is_cooked());
}

/* Signals that somebody ignores or handles stay his. */
static void leader_leaves_handlers(void)
{
	struct sigaction action;

	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(term_raw(TTY), 0);
	CHECK(is_raw());
	CHECK_STR(term_newline(), "\r\n");
	CHECK(term_may_read(TTY));
	sigaction(SIGHUP, NULL, &action);
	CHECK(action.sa_handler == SIG_IGN);
	term_restore();
	CHECK(is_cooked());
	CHECK_STR(term_newline(), "\n");
	CHECK_EQ(term_raw(TTY), 0);
	CHECK(is_raw());
	term_restore();
	term_restore();
	CHECK(is_cooked());
}

static void run_in_session(void (*leader)(void))
{
	int master, slave, status;
	pid_t pid;

	REQUIRE(!openpty(&master, &slave, NULL, NULL, NULL) && !pipe(ready));
	/* Not the default, which a terminal could come back to by accident. */
	REQUIRE(!tcgetattr(slave, &cooked));
	cooked.c_cc[VINTR] = 7;
	cooked.c_lflag &= ~(tcflag_t)ECHOE;
	REQUIRE(!tcsetattr(slave, TCSANOW, &cooked) && !tcgetattr(slave, &cooked));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		setsid();
		dup2(slave, TTY);
		if (ioctl(TTY, TIOCSCTTY, 0))
			_exit(96);
		/* Sets the foreground from the background, as a shell does. */
		signal(SIGTTOU, SIG_IGN);
		alarm(60);
		leader();
		fflush(stdout);
		_exit(test_failed);
	}
	status = end_of(pid);
	CHECK_EQ(status, 0);
	close(master);
	close(slave);
	close(ready[0]);
	close(ready[1]);
}

#define SESSION(name)                                                                                                  \
	static void name(void)                                                                                         \
	{                                                                                                              \
		run_in_session(leader_##name);                                                                         \
	}
SESSION(killed_by)
SESSION(dies_by_itself)
SESSION(sees_sigkill)
SESSION(suspends)
SESSION(background)
SESSION(foreground_unannounced)
SESSION(leaves_handlers)

static void not_a_terminal(void)
{
	int fds[2];

	REQUIRE(!pipe(fds));
	CHECK_EQ(term_raw(fds[0]), 0);
	CHECK(term_may_read(fds[0]));
	CHECK_STR(term_newline(), "\n");
	close(fds[0]);
	close(fds[1]);
}

static const struct test tests[] = {
	TEST(not_a_terminal),
	TEST(killed_by),
	TEST(dies_by_itself),
	TEST(sees_sigkill),
	TEST(suspends),
	TEST(background),
	TEST(foreground_unannounced),
	TEST(leaves_handlers),
};
TEST_MAIN(tests)
