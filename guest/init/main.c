/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default init's life: mount, load modules, run one thing (the --exec command or a shell) while reaping children and
 * watching for reasons to stop, then stop the machine. Never returns: the kernel panics without process 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define TERM_WAIT_MS 2000 /* between asking processes to end and ending them */

/* Why the machine stops, as the argument of reboot(2); 0: not yet. */
struct init {
	pid_t child; /* the shell or the command */
	int status; /* of the command, for the monitor; -1 while it has none */
	int how;
	int signals; /* signalfd */
	int power_key;
};

ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0, got = 1;

	buf[0] = 0;
	if (fd < 0)
		return -1;
	while (got > 0 && (size_t)len < size - 1) {
		got = read(fd, buf + len, size - 1 - (size_t)len);
		len += got > 0 ? got : 0;
	}
	close(fd);
	buf[len] = 0;
	while (len > 0 && buf[len - 1] == '\n')
		buf[--len] = 0;
	return len;
}

/* As a shell tells it. */
static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void reap(struct init *init)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != init->child)
			continue;
		init->status = shell_status(status);
		init->how = init->how ? init->how : RB_POWER_OFF;
	}
}

/* The signals by which busybox's halt, poweroff and reboot ask process 1. */
static void take_signal(struct init *init)
{
	struct signalfd_siginfo info;

	if (read(init->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD: reap(init); break;
	case SIGTERM: init->how = RB_AUTOBOOT; break;
	/* A halted arm64 kernel spins for ever, which is of no use to anyone in a virtual machine. */
	case SIGUSR1:
	case SIGUSR2: init->how = RB_POWER_OFF; break;
	}
}

static void wait_event(struct init *init, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = init->signals, .events = POLLIN },
		{ .fd = init->power_key, .events = POLLIN },
	};

	if (poll(fds, 2, timeout_ms) <= 0)
		return;
	if (fds[0].revents)
		take_signal(init);
	if (fds[1].revents && power_key_pressed(init->power_key))
		init->how = RB_POWER_OFF;
	if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		init->power_key = -1;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: nobody is left. */
static bool reap_all(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid == 0;
}

/* Everything but process 1. Kernel threads are not children and do not count. */
static void end_processes(struct init *init)
{
	long end = now_ms() + TERM_WAIT_MS;

	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	while (reap_all()) {
		long left = end - now_ms();
		struct pollfd fd = { .fd = init->signals, .events = POLLIN };
		struct signalfd_siginfo info;

		if (left <= 0) {
			kill(-1, SIGKILL);
			left = TERM_WAIT_MS;
			end = now_ms() + 2 * TERM_WAIT_MS;
		}
		if (poll(&fd, 1, (int)left) > 0 && read(init->signals, &info, sizeof(info)) < 0)
			return;
	}
}

static void stop_machine(struct init *init, bool quiet)
{
	end_processes(init);
	unmount_all();
	tcdrain(STDERR_FILENO);
	if (quiet) {
		/* The kernel's "Power down" is no part of the command's output; syslog(2) cannot go below 1. */
		int fd = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "0", 1) == 1)
			close(fd);
	}
	reboot(init->how);
	say("cannot stop the machine: %s", strerror(errno));
	for (;;)
		pause();
}

__attribute__((noreturn)) static void run_program(const char *command)
{
	if (command)
		run_command(command);
	run_shell();
	_exit(127);
}

/*
 * Runs the program as the leader of the console's session. The leader is not the program itself: when a leader ends, the kernel
 * hangs up its terminal and drops what the UART's driver has not sent, and since Linux 6.5 the driver may be asleep and send
 * later. So the leader stays until all is out.
 */
__attribute__((noreturn)) static void lead_session(const char *command)
{
	pid_t child = fork();
	int status = 0;

	if (child <= 0)
		run_program(command);
	/* Typed at the program; and SIGTTOU would stop a leader in the background that waits for the terminal. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	tcdrain(STDOUT_FILENO);
	_exit(shell_status(status));
}

static pid_t start(const char *command, const sigset_t *old_mask)
{
	pid_t child = fork();

	if (child)
		return child;
	sigprocmask(SIG_SETMASK, old_mask, NULL);
	open_console(command);
	lead_session(command);
}

/* Until the child ends or somebody wants the machine stopped. */
static void supervise(struct init *init, const char *command, const sigset_t *old_mask)
{
	init->child = start(command, old_mask);
	if (init->child < 0) {
		say("fork: %s", strerror(errno));
		init->how = RB_POWER_OFF;
	}
	while (!init->how)
		wait_event(init, -1);
	/* Not before the command ended by itself: what a shutdown left of it is no result. */
	if (command && init->status >= 0)
		report_status(init->status);
}

int main(void)
{
	struct init init = { .status = -1, .power_key = -1 };
	sigset_t mask, old_mask;
	const char *command;

	if (getpid() != 1) {
		say("is process 1 of a minivmm guest and nothing else");
		return 1;
	}
	sigfillset(&mask);
	sigprocmask(SIG_SETMASK, &mask, &old_mask);
	init.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	reboot(RB_DISABLE_CAD);
	mount_all();
	command = read_command();
	if (command)
		klogctl(8, NULL, 4); /* SYSLOG_ACTION_CONSOLE_LEVEL: errors and worse, as with "quiet" */
	load_modules();
	init.power_key = open_power_key();
	if (!command)
		print_summary();
	if (command || !access(BUSYBOX_PATH, X_OK)) {
		supervise(&init, command, &old_mask);
	} else {
		say("no shell: start minivmm with --busybox FILE, a static arm64 one (Debian: busybox-static)");
		init.how = RB_POWER_OFF;
	}
	stop_machine(&init, command);
}
