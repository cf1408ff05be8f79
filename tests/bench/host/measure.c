/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure - runs a monitor on the emulated host and writes down when its guest says what.
 *
 *	measure [--guest MIB] [--counters] [--entry] [--count N] [--until NAME] [--mark] -- COMMAND...
 *
 * A guest says "@name" or "@name value" on a line of its own. Printed for the process, times in ns from just before its exec:
 *
 *	at NAME NS			that was said
 *	value NAME VALUE		with a value
 *	counter NAME KIND NUMBER	KVM's counters at that time, with --counters
 *	memory NAME KIND KIB		of the monitor, guest RAM left out; with --guest
 *	threads NAME N, descriptors NAME N
 *	entry NS			the first time a vCPU entered its guest, with --entry
 *	exit NS STATUS
 *
 *	mark NAME, base ADDRESS		the marks given, "start" the first; where the monitor lies, with --mark
 *
 * --count N runs N at once: NAME counts when the last of them has said it, and memory is the mean. --until NAME kills them then.
 * --mark tells tests/bench/profile.c, which counts instructions, when the command begins and each time the guest says something.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COUNT 256
#define MAX_NAMES 16

struct child {
	pid_t pid;
	int fd;
	char line[256];
	size_t len;
};

/* What was said, and by how many. */
struct name {
	char text[32];
	unsigned int count;
};

struct run {
	uint64_t guest_size;
	uint64_t *start; /* shared with the first child, which sets it as it goes to exec */
	unsigned int count;
	bool counters, entry, mark, over;
	const char *until; /* NULL: to their end */
	char **command;
	struct name name[MAX_NAMES];
	struct child child[MAX_COUNT];
};

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A hint that no CPU knows: a NOP to all but the plugin. */
static void mark(const struct run *run)
{
	if (run->mark)
		__asm__ volatile("hint #95" : : : "memory");
}

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Addresses of the monitor are the same on every run: what its layout costs is not noise. */
static void start(struct run *run, struct child *child)
{
	int pipe_fd[2], null = open("/dev/null", O_RDONLY);

	if (pipe2(pipe_fd, O_CLOEXEC) || null < 0)
		die("cannot make a pipe");
	child->pid = fork();
	if (child->pid < 0)
		die("cannot fork");
	if (!child->pid) {
		personality(ADDR_NO_RANDOMIZE);
		dup2(null, STDIN_FILENO);
		dup2(pipe_fd[1], STDOUT_FILENO);
		dup2(pipe_fd[1], STDERR_FILENO);
		close(null);
		mark(run);
		if (!*run->start)
			*run->start = now();
		execv(run->command[0], run->command);
		die(run->command[0]);
	}
	close(null);
	close(pipe_fd[1]);
	child->fd = pipe_fd[0];
}

static void print_memory(const struct run *run, const char *name)
{
	struct memory sum = { .rss = 0 };

	for (unsigned int i = 0; i < run->count; i++) {
		struct memory one;

		if (!memory_of(run->child[i].pid, run->guest_size, &one))
			die("cannot read smaps");
		sum.rss += one.rss;
		sum.pss += one.pss;
		sum.anonymous += one.anonymous;
		sum.shared_file += one.shared_file;
		sum.guest_rss += one.guest_rss;
		sum.page_tables += one.page_tables;
	}
	printf("memory %s rss %" PRIu64 "\n", name, sum.rss / run->count);
	printf("memory %s pss %" PRIu64 "\n", name, sum.pss / run->count);
	printf("memory %s anonymous %" PRIu64 "\n", name, sum.anonymous / run->count);
	printf("memory %s file %" PRIu64 "\n", name, sum.shared_file / run->count);
	printf("memory %s guest %" PRIu64 "\n", name, sum.guest_rss / run->count);
	printf("memory %s tables %" PRIu64 "\n", name, sum.page_tables / run->count);
}

static struct name *find_name(struct run *run, const char *text)
{
	for (int i = 0; i < MAX_NAMES; i++) {
		struct name *name = &run->name[i];

		if (!name->count)
			snprintf(name->text, sizeof(name->text), "%s", text);
		if (!strcmp(name->text, text))
			return name;
	}
	die("too many names");
	return NULL;
}

static void print_facts(const struct run *run, const struct child *child, const char *name)
{
	uint64_t counter[COUNTERS];

	if (run->counters) {
		read_counters(counter);
		for (int i = 0; i < COUNTERS; i++)
			printf("counter %s %s %" PRIu64 "\n", name, counter_names[i], counter[i]);
	}
	if (run->guest_size) {
		print_memory(run, name);
		printf("threads %s %u\n", name, threads_of(child->pid));
		printf("descriptors %s %u\n", name, descriptors_of(child->pid));
	}
}

/* The clock first: the rest takes its time while the guest goes on. */
static void said(struct run *run, const struct child *child, char *text)
{
	uint64_t at = now();
	char *value = strchr(text, ' ');
	struct name *name;

	if (value)
		*value++ = '\0';
	name = find_name(run, text);
	if (++name->count != run->count)
		return;
	mark(run);
	printf("at %s %" PRIu64 "\n", name->text, at - *run->start);
	if (value)
		printf("value %s %s\n", name->text, value);
	print_facts(run, child, name->text);
	if (run->mark)
		printf("mark %s\nbase %" PRIx64 "\n", name->text, base_of(child->pid, run->command[0]));
	if (run->until && !strcmp(run->until, name->text))
		run->over = true;
}

static void take_bytes(struct run *run, struct child *child, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (c == '\r')
			continue;
		if (c != '\n') {
			if (child->len < sizeof(child->line) - 1)
				child->line[child->len++] = c;
			continue;
		}
		child->line[child->len] = '\0';
		child->len = 0;
		if (child->line[0] == '@')
			said(run, child, child->line + 1);
		else if (child->line[0])
			fprintf(stderr, "# %s\n", child->line);
	}
}

/* Until the commands end, or the last of them has said what was waited for. */
static void follow(struct run *run)
{
	struct pollfd poll_fd[MAX_COUNT];
	unsigned int open = run->count;
	char data[4096];

	for (unsigned int i = 0; i < run->count; i++)
		poll_fd[i] = (struct pollfd){ .fd = run->child[i].fd, .events = POLLIN };
	while (open && !run->over) {
		if (poll(poll_fd, run->count, -1) < 0)
			die("poll");
		for (unsigned int i = 0; i < run->count; i++) {
			ssize_t len;

			if (!poll_fd[i].revents)
				continue;
			len = read(poll_fd[i].fd, data, sizeof(data));
			if (len <= 0) {
				poll_fd[i].fd = -1;
				open--;
				continue;
			}
			take_bytes(run, &run->child[i], data, (size_t)len);
		}
	}
}

static void parse(struct run *run, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--entry"))
			run->entry = true;
		else if (!strcmp(argv[i], "--counters"))
			run->counters = true;
		else if (!strcmp(argv[i], "--mark"))
			run->mark = true;
		else if (!strcmp(argv[i], "--until") && i + 1 < argc)
			run->until = argv[++i];
		else if (!strcmp(argv[i], "--guest") && i + 1 < argc)
			run->guest_size = strtoull(argv[++i], NULL, 10) << 20;
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			run->count = (unsigned int)strtoul(argv[++i], NULL, 10);
		else
			break;
	}
	if (i + 1 >= argc || strcmp(argv[i], "--") || !run->count || run->count > MAX_COUNT) {
		fprintf(stderr, "usage: measure [--guest MIB] [--counters] [--entry] [--count N] [--until NAME] "
				"[--mark] -- COMMAND...\n");
		exit(64);
	}
	run->command = argv + i + 1;
}

int main(int argc, char **argv)
{
	static struct run run = { .count = 1 };
	uint64_t entry;
	int status = 0;

	parse(&run, argc, argv);
	if (run.entry && !watch_entry())
		die("cannot trace kvm_entry");
	run.start = mmap(NULL, sizeof(*run.start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.start == MAP_FAILED)
		die("no memory");
	if (run.mark)
		printf("mark start\n");
	fflush(stdout);
	for (unsigned int i = 0; i < run.count; i++)
		start(&run, &run.child[i]);
	follow(&run);
	for (unsigned int i = 0; i < run.count; i++) {
		if (run.until)
			kill(run.child[i].pid, SIGKILL);
		waitpid(run.child[i].pid, &status, 0);
	}
	printf("exit %" PRIu64 " %d\n", now() - *run.start, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	if (run.entry) {
		entry = first_entry();
		printf("entry %" PRIu64 "\n", entry ? entry - *run.start : 0);
	}
	return 0;
}
