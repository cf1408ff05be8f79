/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See term.h. Everything a handler does is async-signal-safe: tcgetpgrp, tcsetattr, sigaction, pthread_sigmask and raise are
 * on POSIX's list. Handlers may run on any thread; the steps are idempotent, so two at once do no harm.
 */
#include "term.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct {
	int fd;
	struct termios cooked, raw;
	volatile sig_atomic_t wanted; /* between term_raw and term_restore */
	volatile sig_atomic_t active; /* the terminal is raw because of us */
	bool hooked; /* handlers and atexit are in place */
	struct sigaction old[NSIG];
} term = { .fd = -1 };

static const int fatal_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

/* A terminal that does not control this process (tcgetpgrp fails) cannot stop it either. */
static bool in_background(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group >= 0 && group != getpgrp();
}

/* With SIGTTOU blocked, should the foreground have been lost since it was asked for. TCSADRAIN could wait for ever. */
static int set_mode(const struct termios *mode)
{
	sigset_t block, old;
	int ret;

	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	do
		ret = tcsetattr(term.fd, TCSANOW, mode) ? -errno : 0;
	while (ret == -EINTR);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static int enter(void)
{
	int ret;

	if (!term.wanted || in_background(term.fd))
		return 0;
	/* Before the deed: a signal in between restores once too often rather than not at all. */
	term.active = 1;
	ret = set_mode(&term.raw);
	if (ret)
		term.active = 0;
	return ret;
}

/* In the background the mode is that of whoever is in the foreground: not ours to undo. */
static void leave(void)
{
	if (!term.active)
		return;
	if (!in_background(term.fd))
		set_mode(&term.cooked);
	term.active = 0;
}

/*
 * The old action does the rest: a fault happens again when its instruction does, with all its details; a signal that was
 * sent is sent once more and delivered when this returns.
 */
static void on_death(int signal, siginfo_t *info, void *context)
{
	(void)context;
	leave();
	sigaction(signal, &term.old[signal], NULL);
	if (signal == SIGABRT || info->si_code <= 0)
		raise(signal);
}

/* No instruction repeats these, whoever sent them. */
static void on_fatal(int signal)
{
	leave();
	sigaction(signal, &term.old[signal], NULL);
	raise(signal);
}

static void on_suspend(int signal)
{
	struct sigaction ours;
	sigset_t unblock, old;
	int saved_errno = errno;

	leave();
	sigaction(signal, &term.old[signal], &ours);
	raise(signal);
	sigemptyset(&unblock);
	sigaddset(&unblock, signal);
	pthread_sigmask(SIG_UNBLOCK, &unblock, &old); /* stopped in here */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(signal, &ours, NULL);
	enter();
	errno = saved_errno;
}

/* Also after SIGSTOP, which nobody can see coming: the shell may have set the terminal as it likes it. */
static void on_continue(int signal)
{
	int saved_errno = errno;

	(void)signal;
	enter();
	errno = saved_errno;
}

static void hook(int signal, struct sigaction *action, bool only_default)
{
	sigaction(signal, NULL, &term.old[signal]);
	if (only_default && ((term.old[signal].sa_flags & SA_SIGINFO) || term.old[signal].sa_handler != SIG_DFL))
		return;
	sigaction(signal, action, NULL);
}

static int hook_all(void)
{
	/* Large enough for a frame with the longest SVE registers. */
	static char stack[64 * KiB];
	struct sigaction death = { .sa_sigaction = on_death, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction fatal = { .sa_handler = on_fatal, .sa_flags = SA_RESTART };
	struct sigaction suspend = { .sa_handler = on_suspend, .sa_flags = SA_RESTART };
	struct sigaction resume = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
	stack_t current, ours = { .ss_sp = stack, .ss_size = sizeof(stack) };

	if (term.hooked)
		return 0;
	if (atexit(term_restore))
		return -ENOMEM;
	/* A stack overflow of this thread can be survived for as long as it takes. */
	if (!sigaltstack(NULL, &current) && (current.ss_flags & SS_DISABLE))
		sigaltstack(&ours, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		hook(fault_signals[i], &death, false);
	for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		hook(fatal_signals[i], &fatal, true);
	hook(SIGTSTP, &suspend, true);
	hook(SIGCONT, &resume, true);
	term.hooked = true;
	return 0;
}

int term_raw(int fd)
{
	int ret;

	if (!isatty(fd))
		return 0;
	term_restore();
	if (tcgetattr(fd, &term.cooked))
		return -errno;
	term.fd = fd;
	term.raw = term.cooked;
	cfmakeraw(&term.raw);
	term.raw.c_cc[VMIN] = 1;
	term.raw.c_cc[VTIME] = 0;
	ret = hook_all();
	if (ret)
		return ret;
	term.wanted = 1;
	ret = enter();
	if (ret)
		term.wanted = 0;
	return ret;
}

void term_restore(void)
{
	int saved_errno = errno;

	term.wanted = 0;
	leave();
	errno = saved_errno;
}

bool term_may_read(int fd)
{
	if (in_background(fd)) {
		/* Whoever has the terminal now sets its mode; ours has to be set anew. */
		term.active = 0;
		return false;
	}
	if (term.wanted && !term.active)
		(void)!enter();
	return true;
}

const char *term_newline(void)
{
	return term.active ? "\r\n" : "\n";
}
