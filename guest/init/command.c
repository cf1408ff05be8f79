/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest is there for: busybox's shell on the console, or the --exec command. Without busybox a command is split into words
 * and run by itself; the handful of commands below are then known here. This is no shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define MAX_WORDS 64

char *read_command(void)
{
	struct stat st;
	int fd = open(EXEC_PATH, O_RDONLY | O_CLOEXEC);
	char *command = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st))
		command = calloc(1, (size_t)st.st_size + 1);
	if (!command || read(fd, command, (size_t)st.st_size) != st.st_size)
		say("%s: %s", EXEC_PATH, strerror(errno));
	close(fd);
	return command;
}

static void set_environment(void)
{
	const char *term = getenv("TERM");

	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	/* "linux" is what the kernel gives its first process, for a screen that is not there. */
	if (!term || !strcmp(term, "linux"))
		setenv("TERM", "vt220", 1);
	sethostname("minivmm", 7);
	if (chdir("/root"))
		say("/root: %s", strerror(errno));
}

/* Links for busybox's commands in /bin, /sbin and /usr, for scripts and whoever looks at PATH. */
static void install_busybox(void)
{
	pid_t child = fork();

	if (!child) {
		execl(BUSYBOX_PATH, "busybox", "--install", "-s", (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

void run_shell(void)
{
	set_environment();
	install_busybox();
	execl(BUSYBOX_PATH, "-sh", (char *)NULL);
	say("%s: %s", BUSYBOX_PATH, strerror(errno));
	_exit(126);
}

/* Splits text in place at blanks; '...' and "..." hold a word together. False: it needs a shell. */
static bool split(char *text, char **words)
{
	static const char special[] = "|&;<>()$`\\*?[]{}~#!\n";
	size_t count = 0;
	char *in = text, *out = text;

	while (*in) {
		in += strspn(in, " \t");
		if (!*in)
			break;
		if (count == MAX_WORDS - 1)
			return false;
		words[count++] = out;
		while (*in && *in != ' ' && *in != '\t') {
			char quote = *in == '\'' || *in == '"' ? *in++ : 0;

			if (!quote && strchr(special, *in))
				return false;
			while (quote && *in && *in != quote) {
				if (quote == '"' && strchr("$`\\", *in))
					return false;
				*out++ = *in++;
			}
			if (quote && !*in)
				return false;
			if (quote)
				in++;
			else
				*out++ = *in++;
		}
		in += *in != 0; /* before out writes over it */
		*out++ = 0;
	}
	words[count] = NULL;
	return true;
}

static int write_all(const char *bytes, size_t len)
{
	while (len) {
		ssize_t wrote = write(STDOUT_FILENO, bytes, len);

		if (wrote < 0)
			return -1;
		bytes += wrote;
		len -= (size_t)wrote;
	}
	return 0;
}

static int copy_out(int fd)
{
	char buf[4096];
	ssize_t len;

	while ((len = read(fd, buf, sizeof(buf))) > 0)
		if (write_all(buf, (size_t)len))
			return -1;
	return (int)len;
}

static int builtin_cat(char **words)
{
	int status = 0;

	if (!words[1])
		return copy_out(STDIN_FILENO) ? 1 : 0;
	for (size_t i = 1; words[i]; i++) {
		int fd = open(words[i], O_RDONLY);

		if (fd < 0 || copy_out(fd)) {
			text_print(STDERR_FILENO, "cat: %s: %s\n", words[i], strerror(errno));
			status = 1;
		}
		if (fd >= 0)
			close(fd);
	}
	return status;
}

static int builtin_echo(char **words)
{
	for (size_t i = 1; words[i]; i++)
		if (write_all(words[i], strlen(words[i])) || write_all(words[i + 1] ? " " : "", words[i + 1] != NULL))
			return 1;
	return write_all("\n", 1) ? 1 : 0;
}

static int builtin_true(char **words)
{
	(void)words;
	return 0;
}

static int builtin_false(char **words)
{
	(void)words;
	return 1;
}

static int builtin_exit(char **words)
{
	return words[1] ? atoi(words[1]) & 255 : 0;
}

static const struct {
	const char *name;
	int (*run)(char **words);
} builtins[] = {
	{ "cat", builtin_cat },
	{ "echo", builtin_echo },
	{ "true", builtin_true },
	{ "false", builtin_false },
	{ "exit", builtin_exit },
};

static int run_words(char **words)
{
	if (!words[0])
		return 0;
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		if (!strcmp(words[0], builtins[i].name))
			return builtins[i].run(words);
	execvp(words[0], words);
	say("--exec: %s: %s; without busybox there are cat, echo, true, false, exit (see --busybox)", words[0],
		strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

void run_command(const char *command)
{
	char *copy, *words[MAX_WORDS];

	set_environment();
	if (!access(BUSYBOX_PATH, X_OK)) {
		install_busybox();
		execl(BUSYBOX_PATH, "sh", "-c", command, (char *)NULL);
		say("%s: %s", BUSYBOX_PATH, strerror(errno));
		_exit(126);
	}
	copy = strdup(command);
	if (!copy || !split(copy, words)) {
		say("--exec: this command needs a shell; give minivmm a static arm64 one with --busybox");
		_exit(127);
	}
	_exit(run_words(words));
}
