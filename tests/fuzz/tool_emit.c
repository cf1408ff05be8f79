/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm-fuzz trace, emit-qtest and emit-c: see tool.h. */
#include <stdlib.h>

#include "memory.h"
#include "tool.h"

/* What a source does; the process ends when it cannot be had. */
static void trace_of(struct fuzz_trace *kept, struct tool_source *source, int argc, char **argv)
{
	struct tool_outcome outcome;

	tool_source(source, argc, argv);
	*kept = (struct fuzz_trace){ 0 };
	tool_run(source, kept, false, &outcome);
	if (outcome.failed)
		fprintf(stderr, "minivmm-fuzz: it fails: %s\n", outcome.failure);
}

int tool_trace(int argc, char **argv)
{
	struct tool_source source;
	struct fuzz_trace kept;

	trace_of(&kept, &source, argc, argv);
	printf("# target %s\n", source.target->name);
	fuzz_trace_write(&kept, stdout);
	fuzz_trace_clear(&kept);
	return 0;
}

/* Stored before the step that loads it. Of two values for the same bytes the first load's is the one that stays: later loads of a double
 * fetch cannot be had in qtest. */
static void hoist(const struct fuzz_trace *trace, size_t from, size_t to)
{
	for (size_t i = to; i-- > from;) {
		const struct fuzz_line *line = &trace->line[i];
		struct fuzz_op store = line->op;

		if (line->kind != FUZZ_LINE_OP || line->op.kind != FUZZ_LATE)
			continue;
		store.kind = FUZZ_WRITE_BYTES;
		fuzz_op_write(&store, false, stdout);
	}
}

static void emit_qtest_line(const struct fuzz_line *line)
{
	/* There is no such world, and what comes of a step is for the server to say. */
	if (line->kind == FUZZ_LINE_IRQ || (line->kind == FUZZ_LINE_OP && line->op.kind == FUZZ_HOST))
		printf("# ");
	fuzz_line_write(line, stdout);
}

int tool_emit_qtest(int argc, char **argv)
{
	struct tool_source source;
	struct fuzz_trace kept;
	size_t late = 0;

	trace_of(&kept, &source, argc, argv);
	/* Memory as the fuzzer's machine has it: the monitor leaves its device tree there. */
	printf("# target %s\nmemset 0x%llx 0x%llx 0\n", source.target->name, FUZZ_RAM_BASE, FUZZ_RAM_SIZE);
	for (size_t i = 0; i < kept.count; i++) {
		const struct fuzz_line *line = &kept.line[i];

		if (line->kind == FUZZ_LINE_OP && line->op.kind == FUZZ_LATE)
			continue;
		hoist(&kept, late, i);
		late = i + 1;
		emit_qtest_line(line);
	}
	fuzz_trace_clear(&kept);
	return 0;
}

/* A text as the inside of a C string. */
static void put_quoted(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void put_line(const struct fuzz_line *line)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	if (!file)
		exit(1);
	fuzz_line_write(line, file);
	fclose(file);
	text[len - 1] = '\0';
	printf("\t\"");
	put_quoted(text);
	printf("\\n\"\n");
	free(text);
}

int tool_emit_c(int argc, char **argv)
{
	struct tool_source source;
	struct fuzz_trace kept;

	trace_of(&kept, &source, argc, argv);
	printf("/* SPDX-License-Identifier: Apache-2.0 */\n"
	       "/* What minivmm-fuzz %s found, step for step; the answers are those of before the step that failed. "
	       "*/\n"
	       "#include \"fuzz/replay.h\"\n"
	       "#include \"test.h\"\n\n"
	       "static const char steps[] =\n",
		source.target->name);
	printf("\t\"# " REPLAY_TARGET "%s\\n\"\n", source.target->name);
	for (size_t i = 0; i < kept.count; i++)
		put_line(&kept.line[i]);
	printf("\t;\n\nstatic void reproducer(void)\n{\n\tconst char *differs = replay_on_target(steps);\n\n"
	       "\tif (differs)\n\t\tprintf(\"# %%s\\n\", differs);\n\tCHECK(!differs);\n}\n\n"
	       "static const struct test tests[] = { TEST(reproducer) };\nTEST_MAIN(tests)\n");
	fuzz_trace_clear(&kept);
	return 0;
}
