/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm-fuzz replay: see tool.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"
#include "tool.h"

/* How far it is. */
struct replay {
	struct recording *machine;
	const char *path;
	size_t steps, answers, chains;
};

void tool_load(struct fuzz_trace *trace, const char *path)
{
	FILE *file = fopen(path, "re");
	char why[FUZZ_WHY];

	if (!file || fuzz_trace_read(trace, file, why)) {
		fprintf(stderr, "minivmm-fuzz: %s: %s\n", path, file ? why : strerror(errno));
		exit(TOOL_BAD_FILE);
	}
	fclose(file);
}

/* Where it is not as it was. */
static bool differs(const struct replay *r, const struct fuzz_line *line, const char *how)
{
	fprintf(stderr, "minivmm-fuzz: %s: line %u: %s\n", r->path, line->number, how);
	return false;
}

/* What was given back until now was recorded, all of it. */
static bool none_is_left(const struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_used used;
	char how[FUZZ_WHY];

	if (!recording_used(r->machine, &used))
		return true;
	snprintf(how, sizeof(how), "before it queue %u gives back %u with %" PRIu32 " bytes, which was not recorded",
		used.queue, used.head, used.len);
	return differs(r, line, how);
}

static bool run_step(struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_op op = line->op;
	const char *why;
	char how[FUZZ_WHY];

	if (!none_is_left(r, line))
		return false;
	why = recording_do(r->machine, &op);
	r->steps++;
	if (why)
		return differs(r, line, why);
	if (!line->answered)
		return true;
	r->answers++;
	if (op.value == line->op.value)
		return true;
	snprintf(how, sizeof(how), "the answer is 0x%" PRIx64 ", recorded is 0x%" PRIx64, op.value, line->op.value);
	return differs(r, line, how);
}

static bool compare_used(struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_used used;
	char how[FUZZ_WHY];

	r->chains++;
	if (!recording_used(r->machine, &used))
		return differs(r, line, "nothing is given back there");
	if (used.queue == line->used.queue && used.head == line->used.head && used.len == line->used.len)
		return true;
	snprintf(how, sizeof(how), "given back is %u of queue %u with %" PRIu32 " bytes", used.head, used.queue,
		used.len);
	return differs(r, line, how);
}

static bool take_comment(struct replay *r, const struct fuzz_line *line)
{
	const char *why;

	if (!none_is_left(r, line))
		return false;
	why = recording_comment(r->machine, line->comment);
	return why ? differs(r, line, why) : true;
}

static bool replay_line(struct replay *r, const struct fuzz_line *line)
{
	switch (line->kind) {
	case FUZZ_LINE_OP: return run_step(r, line);
	case FUZZ_LINE_USED: return compare_used(r, line);
	case FUZZ_LINE_COMMENT: return take_comment(r, line);
	}
	return true;
}

static int replay_recording(const char *path, const struct fuzz_trace *trace)
{
	struct replay r = { .machine = recording_new(), .path = path };
	bool good = true;

	for (size_t i = 0; good && i < trace->count; i++)
		good = replay_line(&r, &trace->line[i]);
	if (good && trace->count)
		good = none_is_left(&r, &trace->line[trace->count - 1]);
	recording_free(r.machine);
	if (good)
		printf("%s: %zu steps; %zu answers and %zu used chains as recorded\n", path, r.steps, r.answers,
			r.chains);
	return good ? 0 : TOOL_DIFFERS;
}

static bool is_recording(const struct fuzz_trace *trace)
{
	return trace->count && trace->line[0].kind == FUZZ_LINE_COMMENT &&
	       !strcmp(trace->line[0].comment, RECORDING_LIFE);
}

int tool_replay(int argc, char **argv)
{
	struct fuzz_trace trace = { 0 };
	int status;

	if (argc != 2) {
		fprintf(stderr, "minivmm-fuzz: write replay FILE\n");
		return TOOL_USAGE;
	}
	tool_load(&trace, argv[1]);
	if (!is_recording(&trace)) {
		fprintf(stderr, "minivmm-fuzz: %s: no recording: its first line is not \"# " RECORDING_LIFE "\"\n",
			argv[1]);
		return TOOL_BAD_FILE;
	}
	status = replay_recording(argv[1], &trace);
	fuzz_trace_clear(&trace);
	return status;
}
