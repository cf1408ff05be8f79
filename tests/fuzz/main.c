/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program without an engine: gives a target files, one after another, and does what needs no target. Built by any compiler,
 * with any sanitizer. An engine brings a main of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "engine.h"
#include "machine.h"
#include "tool.h"

#define STATUS_USAGE	64
#define STATUS_BAD_FILE 65

/* An input takes microseconds. One that takes this many seconds is a finding. */
#define TOO_LONG 60

#define LARGEST_INPUT (64U << 20)

extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* What was given to the target last, for what is said when the process dies of it. */
static char now[4096];
static unsigned int inputs;
static bool twice; /* each of them, and the second time has to be the first */

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

/* Only calls that a signal handler may make. */
static void say_input(void)
{
	if (!now[0])
		return;
	say("minivmm-fuzz: the input was ");
	say(now);
	say("\n");
}

static void died(int number)
{
	if (number == SIGALRM)
		say("minivmm-fuzz: hang: an input takes more than 60 s\n");
	say_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void watch(void)
{
	static const int always[] = { SIGABRT, SIGALRM }, without_sanitizer[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

	for (size_t i = 0; i < 2; i++)
		signal(always[i], died);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_input);
	else
		for (size_t i = 0; i < 4; i++)
			signal(without_sanitizer[i], died);
}

static int bad_file(const char *path, const char *why)
{
	fprintf(stderr, "minivmm-fuzz: %s: %s\n", path, why);
	return STATUS_BAD_FILE;
}

/* The whole file in memory of just its size, so that a read behind the end is seen. NULL with *why. */
static uint8_t *load(const char *path, size_t size, const char **why)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *file = fopen(path, "rbe");
	bool good = data && file && fread(data, 1, size, file) == size;

	*why = data ? strerror(errno) : "no memory";
	if (file)
		fclose(file);
	if (good)
		return data;
	free(data);
	return NULL;
}

/* Of the targets that have a machine: the others have nothing to tell two runs by. */
static void run_again(const uint8_t *data, size_t size)
{
	uint64_t first = fuzz_machine ? fuzz_machine_hash() : 0;

	LLVMFuzzerTestOneInput(data, size);
	if (fuzz_machine && fuzz_machine_hash() != first)
		fuzz_failed("same", "the same input does something else the second time");
}

static int run_file(const char *path, size_t size)
{
	const char *why = "more than 64 MiB";
	uint8_t *data = size > LARGEST_INPUT ? NULL : load(path, size, &why);

	if (!data)
		return bad_file(path, why);
	snprintf(now, sizeof(now), "%s", path);
	alarm(TOO_LONG);
	LLVMFuzzerTestOneInput(data, size);
	if (twice)
		run_again(data, size);
	alarm(0);
	now[0] = '\0';
	inputs++;
	free(data);
	return 0;
}

static int run_path(const char *path);

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* What is in a folder, in the order of its names. */
static int run_folder(const char *path)
{
	struct dirent **entry;
	int count = scandir(path, &entry, not_hidden, alphasort), status = 0;

	if (count < 0)
		return bad_file(path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *inside;

		if (!status) {
			if (asprintf(&inside, "%s/%s", path, entry[i]->d_name) < 0)
				abort();
			status = run_path(inside);
			free(inside);
		}
		free(entry[i]);
	}
	free(entry);
	return status;
}

static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return bad_file(path, strerror(errno));
	return S_ISDIR(st.st_mode) ? run_folder(path) : run_file(path, (size_t)st.st_size);
}

static int list(int argc, char **argv)
{
	(void)argc, (void)argv;
	fuzz_target_list(stdout);
	return 0;
}

static int dictionary(int argc, char **argv)
{
	const struct fuzz_target *target = argc > 1 ? fuzz_target_find(argv[1]) : NULL;

	if (!target) {
		fprintf(stderr, "minivmm-fuzz: dictionary needs the name of a target; --list knows them\n");
		return STATUS_USAGE;
	}
	fuzz_target_dictionary(target, stdout);
	return 0;
}

/* A process runs one target: the others have one of their own. */
static int bench(int argc, char **argv)
{
	const struct fuzz_target *target = argc > 1 ? fuzz_target_find(argv[1]) : NULL;
	struct fuzz_speed speed;

	if (!target || !fuzz_can_bench(target)) {
		fprintf(stderr, "minivmm-fuzz: --bench needs the name of a device's target; --list knows them\n");
		return STATUS_USAGE;
	}
	fuzz_target_choose(target);
	speed = fuzz_bench(target);
	printf("%-20s %9.0f executions/s  reset %.2f us, %llu bytes\n", target->name, speed.per_second, speed.reset_us,
		(unsigned long long)speed.copied);
	return 0;
}

static int help(int argc, char **argv);

/* What the first argument may be besides a target's name: argv[0] is it. */
static const struct command {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "--list", "", "the targets' names", list },
	{ "dictionary", "TARGET", "entries for an engine, of the tables of registers, features and requests",
		dictionary },
	{ "--bench", "TARGET", "how fast one of the devices' targets runs", bench },
	{ "replay", "FILE", "run a trace, or a recording (minivmm --record), again and compare", tool_replay },
	{ "trace", "SOURCE", "what an input does, as text; SOURCE is a trace, or TARGET INPUT", tool_trace },
	{ "minimize", "SOURCE", "its trace without what its failure does not need", tool_minimize },
	{ "emit-qtest", "SOURCE", "for minivmm --qtest stdio and QEMU's -qtest stdio", tool_emit_qtest },
	{ "emit-c", "SOURCE", "a unit test to commit", tool_emit_c },
	{ "--help", "", "this", help },
};

static int help(int argc, char **argv)
{
	(void)argc, (void)argv;
	printf("usage: minivmm-fuzz TARGET FILE|FOLDER...\n"
	       "                                  give TARGET each input; also minivmm-fuzz-TARGET FILE|FOLDER...\n");
	printf("       minivmm-fuzz --twice TARGET FILE|FOLDER...\n"
	       "                                  the same, each twice: both times it has to do the same\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		printf("       minivmm-fuzz %-20s %s\n", c->name, c->what);
		if (*c->arguments)
			printf("                    %s\n", c->arguments);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "--twice")) {
		twice = true;
		memmove(argv + 1, argv + 2, ((size_t)argc - 1) * sizeof(char *));
		argc--;
	}
	LLVMFuzzerInitialize(&argc, &argv);
	if (argc < 2) {
		fprintf(stderr, "minivmm-fuzz: give it files or folders to run; \"minivmm-fuzz --help\"\n");
		return STATUS_USAGE;
	}
	watch();
	for (int i = 1; i < argc && !status; i++)
		status = run_path(argv[i]);
	if (!status)
		printf("%u inputs, no crash\n", inputs);
	return status;
}
