/* SPDX-License-Identifier: Apache-2.0 */
/* The part of replay.h that needs the fuzzer's machine. */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "machine.h"
#include "replay.h"

void replay_steps(const struct fuzz_trace *trace)
{
	fuzz_machine_reset();
	for (size_t i = 0; i < trace->count; i++) {
		struct fuzz_op op = trace->line[i].op;

		if (trace->line[i].kind == FUZZ_LINE_OP)
			fuzz_do(&op);
	}
	/* Its steps are not the trace's. */
	fuzz_machine_watch(NULL);
	fuzz_machine_check();
}

const struct fuzz_line *replay_difference(const struct fuzz_trace *was, const struct fuzz_trace *is)
{
	size_t at = 0;

	for (size_t i = 0; i < was->count; i++) {
		const struct fuzz_line *line = &was->line[i];

		if (line->kind == FUZZ_LINE_COMMENT)
			continue;
		if (at == is->count || !fuzz_line_alike(line, &is->line[at++]))
			return line;
	}
	return NULL;
}

/* What is done now. Chains are told before the step that used them, and stand behind it. */
struct keeper {
	struct fuzz_watch watch;
	struct fuzz_trace trace, used;
};

static void keep_op(struct fuzz_watch *watch, const struct fuzz_op *op)
{
	struct keeper *k = container_of(watch, struct keeper, watch);

	fuzz_trace_add_op(&k->trace, op);
	for (size_t i = 0; i < k->used.count; i++)
		fuzz_trace_add_used(&k->trace, &k->used.line[i].used);
	fuzz_trace_clear(&k->used);
}

static void keep_used(struct fuzz_watch *watch, unsigned int queue, unsigned int head, uint32_t len)
{
	struct keeper *k = container_of(watch, struct keeper, watch);

	fuzz_trace_add_used(&k->used, &(struct fuzz_used){ (uint16_t)queue, (uint16_t)head, len });
}

static bool choose(const struct fuzz_trace *trace)
{
	static const struct fuzz_target *chosen;
	const struct fuzz_line *first = trace->line;
	size_t len = strlen(REPLAY_TARGET);

	if (!trace->count || first->kind != FUZZ_LINE_COMMENT || strncmp(first->comment, REPLAY_TARGET, len))
		return false;
	if (chosen)
		return !strcmp(chosen->name, first->comment + len);
	chosen = fuzz_target_find(first->comment + len);
	if (chosen)
		fuzz_target_choose(chosen);
	return chosen;
}

const char *replay_on_target(const char *text)
{
	static char how[FUZZ_WHY];
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct keeper keeper = { .watch = { .op = keep_op, .used = keep_used } };
	const struct fuzz_line *line = NULL;
	struct fuzz_trace trace = { 0 };

	how[0] = '\0';
	if (!file) {
		snprintf(how, sizeof(how), "%s", strerror(errno));
	} else if (!fuzz_trace_read(&trace, file, how)) {
		if (!choose(&trace))
			return "its first line is not \"# target NAME\"";
		fuzz_machine_watch(&keeper.watch);
		replay_steps(&trace);
		line = replay_difference(&trace, &keeper.trace);
	}
	if (line)
		snprintf(how, sizeof(how), "line %u: the answer, or what was given back, is another one", line->number);
	if (file)
		fclose(file);
	fuzz_trace_clear(&trace);
	fuzz_trace_clear(&keeper.trace);
	return *how ? how : NULL;
}
