/* SPDX-License-Identifier: Apache-2.0 */
/* Sources, and runs of them in a process of their own, which may die. See tool.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "machine.h"
#include "tool.h"

#define TOO_LONG 20 /* seconds */
#define MAX_SAID 65536

__attribute__((noreturn, format(printf, 2, 3))) static void refuse(int status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "minivmm-fuzz: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

void tool_load(struct fuzz_trace *trace, const char *path)
{
	FILE *file = fopen(path, "re");
	char why[FUZZ_WHY];

	if (!file)
		refuse(TOOL_BAD_FILE, "%s: %s", path, strerror(errno));
	if (fuzz_trace_read(trace, file, why))
		refuse(TOOL_BAD_FILE, "%s: %s", path, why);
	fclose(file);
}

static void choose(struct tool_source *source, const char *name)
{
	source->target = fuzz_target_find(name);
	if (!source->target || !source->target->opaque)
		refuse(TOOL_USAGE, "%s is no target that traces run on", name);
	fuzz_target_choose(source->target);
}

static void load_trace(struct tool_source *source, const char *path)
{
	const struct fuzz_line *first;

	tool_load(&source->trace, path);
	first = source->trace.line;
	if (!source->trace.count || first->kind != FUZZ_LINE_COMMENT ||
		strncmp(first->comment, REPLAY_TARGET, strlen(REPLAY_TARGET)))
		refuse(TOOL_BAD_FILE, "%s: its first line is not \"# target NAME\"", path);
	choose(source, first->comment + strlen(REPLAY_TARGET));
}

static void load_input(struct tool_source *source, const char *path)
{
	FILE *file = fopen(path, "rbe");
	struct stat st;

	if (!file || fstat(fileno(file), &st))
		refuse(TOOL_BAD_FILE, "%s: %s", path, strerror(errno));
	source->input_len = (size_t)st.st_size;
	source->input = malloc(source->input_len + 1);
	if (!source->input || fread(source->input, 1, source->input_len, file) != source->input_len)
		refuse(TOOL_BAD_FILE, "%s: cannot be read", path);
	fclose(file);
}

void tool_source(struct tool_source *source, int argc, char **argv)
{
	*source = (struct tool_source){ 0 };
	if (argc == 2) {
		load_trace(source, argv[1]);
	} else if (argc == 3) {
		choose(source, argv[1]);
		load_input(source, argv[2]);
	} else {
		refuse(TOOL_USAGE, "write %s TRACE, or %s TARGET INPUT", argv[0], argv[0]);
	}
}

/* The child's: what it does goes to a file that always ends with the step under way. */
struct keeper {
	struct fuzz_watch watch;
	FILE *file;
	long end; /* of what is done */
	bool running;
	struct fuzz_op now;
	struct fuzz_used *used;
	size_t used_count, used_room;
};

static void keep_now(struct keeper *k)
{
	fflush(k->file);
	k->end = ftell(k->file);
	fuzz_op_write(&k->now, false, k->file);
	fflush(k->file);
}

static void back_to_end(struct keeper *k)
{
	fseek(k->file, k->end, SEEK_SET);
	if (ftruncate(fileno(k->file), k->end))
		_exit(1);
}

static void keep_before(struct fuzz_watch *watch, const struct fuzz_op *op)
{
	struct keeper *k = container_of(watch, struct keeper, watch);

	k->now = *op;
	k->running = true;
	keep_now(k);
}

static void keep_op(struct fuzz_watch *watch, const struct fuzz_op *op)
{
	struct keeper *k = container_of(watch, struct keeper, watch);
	/* One that a load made up, which stands before the step that made the device look. */
	bool fed = op->kind == FUZZ_LATE && k->now.kind != FUZZ_LATE;

	back_to_end(k);
	fuzz_op_write(op, op->kind == FUZZ_READ, k->file);
	if (fed) {
		keep_now(k);
		return;
	}
	for (size_t i = 0; i < k->used_count; i++)
		fprintf(k->file, "# used %u %u %u\n", k->used[i].queue, k->used[i].head, k->used[i].len);
	k->used_count = 0;
	fflush(k->file);
	k->running = false;
}

static void keep_used(struct fuzz_watch *watch, unsigned int queue, unsigned int head, uint32_t len)
{
	struct keeper *k = container_of(watch, struct keeper, watch);

	if (k->used_count == k->used_room) {
		k->used_room = k->used_room ? 2 * k->used_room : 64;
		k->used = reallocarray(k->used, k->used_room, sizeof(*k->used));
		if (!k->used)
			_exit(1);
	}
	k->used[k->used_count++] = (struct fuzz_used){ (uint16_t)queue, (uint16_t)head, len };
}

__attribute__((noreturn)) static void run_child(const struct tool_source *source, FILE *kept, int said)
{
	struct keeper keeper = {
		.watch = { .before = keep_before, .op = keep_op, .used = keep_used },
		.file = kept,
	};

	dup2(said, STDERR_FILENO);
	alarm(TOO_LONG);
	if (kept)
		fuzz_machine_watch(&keeper.watch);
	if (source->input)
		source->target->run(source->input, source->input_len);
	else
		replay_steps(&source->trace);
	_exit(0);
}

/* What is behind `word` in text, up to the end of the line. */
static const char *behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? at + strlen(word) : NULL;
}

/* One line of what was said, numbers made alike. */
static void put_words(struct tool_outcome *outcome, const char *line)
{
	size_t n = 0;

	for (; *line && *line != '\n' && n + 1 < sizeof(outcome->failure); line++) {
		if (!isdigit((unsigned char)*line))
			outcome->failure[n++] = *line;
		else if (!n || outcome->failure[n - 1] != '#')
			outcome->failure[n++] = '#';
	}
	outcome->failure[n] = '\0';
}

static void judge(struct tool_outcome *outcome, const char *said, int status)
{
	const char *line = behind(said, "minivmm-fuzz: ");
	char text[32];

	outcome->failed = status != 0;
	outcome->failure[0] = '\0';
	if (!outcome->failed)
		return;
	if (!line)
		line = behind(said, "ERROR: AddressSanitizer: ");
	if (!line)
		line = behind(said, "runtime error: ");
	if (!line)
		line = behind(said, "Assertion ");
	snprintf(text, sizeof(text), "%s %c", WIFSIGNALED(status) ? "signal" : "exit status",
		'A' + (WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)) % 26);
	put_words(outcome, line ? line : text);
}

/* All that the child says, and how it ended. */
static int hear(pid_t child, int fd, char said[MAX_SAID])
{
	size_t len = 0;
	ssize_t got;
	int status;

	while (len < MAX_SAID - 1 && (got = read(fd, said + len, MAX_SAID - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	close(fd);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			refuse(1, "waitpid: %s", strerror(errno));
	return status;
}

void tool_run(const struct tool_source *source, struct fuzz_trace *kept, bool loud, struct tool_outcome *outcome)
{
	static char said[MAX_SAID];
	FILE *file = kept ? tmpfile() : NULL;
	char why[FUZZ_WHY];
	int fds[2], status;
	pid_t child;

	fflush(stdout);
	if ((kept && !file) || pipe(fds))
		refuse(1, "%s", strerror(errno));
	child = fork();
	if (child < 0)
		refuse(1, "fork: %s", strerror(errno));
	if (!child)
		run_child(source, file, fds[1]);
	close(fds[1]);
	status = hear(child, fds[0], said);
	judge(outcome, said, status);
	if (loud && outcome->failed)
		fputs(said, stderr);
	if (!kept)
		return;
	rewind(file);
	if (fuzz_trace_read(kept, file, why))
		refuse(1, "what the run did cannot be read: %s", why);
	fclose(file);
}
