/* SPDX-License-Identifier: Apache-2.0 */
/* See trace.h. trace_read.c has the way from text to lines. */
#include "trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_host.h"

const char *const fuzz_host_names[FUZZ_HOSTS] = {
	[FUZZ_HOST_ERROR] = "error",
	[FUZZ_HOST_SHORT] = "short",
	[FUZZ_HOST_AGAIN] = "again",
	[FUZZ_HOST_HOLD] = "hold",
	[FUZZ_HOST_RELEASE] = "release",
	[FUZZ_HOST_INPUT] = "input",
	[FUZZ_HOST_ENTROPY] = "entropy",
	[FUZZ_HOST_GONE] = "gone",
	[FUZZ_HOST_READ_ONLY] = "read_only",
	[FUZZ_HOST_AT_ONCE] = "at_once",
	[FUZZ_HOST_MEMORY] = "memory",
	[FUZZ_HOST_SAVED] = "saved",
	[FUZZ_HOST_POWER] = "power",
};

const enum fuzz_host_word fuzz_host_words[FUZZ_HOSTS] = {
	[FUZZ_HOST_ERROR] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_SHORT] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_AGAIN] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_RELEASE] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_INPUT] = FUZZ_HOST_DATA,
	[FUZZ_HOST_ENTROPY] = FUZZ_HOST_DATA,
	[FUZZ_HOST_READ_ONLY] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_AT_ONCE] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_MEMORY] = FUZZ_HOST_VALUE,
	[FUZZ_HOST_SAVED] = FUZZ_HOST_DATA,
};

bool fuzz_op_has_data(const struct fuzz_op *op)
{
	return op->kind == FUZZ_WRITE_BYTES || op->kind == FUZZ_LATE ||
	       (op->kind == FUZZ_HOST && fuzz_host_words[op->host] == FUZZ_HOST_DATA);
}

static bool op_alike(const struct fuzz_op *a, const struct fuzz_op *b)
{
	if (a->kind != b->kind || a->host != b->host || a->size != b->size || a->nth != b->nth || a->addr != b->addr ||
		a->len != b->len)
		return false;
	return !a->len || !memcmp(a->data, b->data, a->len);
}

static bool irq_alike(const struct fuzz_interrupt *a, const struct fuzz_interrupt *b)
{
	return a->what == b->what && a->num == b->num && a->addr == b->addr && a->data == b->data;
}

const char *fuzz_interrupt_text(const struct fuzz_interrupt *irq)
{
	static char text[64];

	if (irq->what == FUZZ_IRQ_MESSAGE)
		snprintf(text, sizeof(text), "IRQ message %" PRIu32 " 0x%" PRIx64 " 0x%" PRIx32, irq->num, irq->addr,
			irq->data);
	else
		snprintf(text, sizeof(text), "IRQ %s %" PRIu32, irq->what == FUZZ_IRQ_RAISE ? "raise" : "lower",
			irq->num);
	return text;
}

bool fuzz_line_alike(const struct fuzz_line *a, const struct fuzz_line *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == FUZZ_LINE_USED)
		return a->used.queue == b->used.queue && a->used.head == b->used.head && a->used.len == b->used.len;
	if (a->kind == FUZZ_LINE_IRQ)
		return irq_alike(&a->irq, &b->irq);
	if (a->kind != FUZZ_LINE_OP)
		return true;
	if (!op_alike(&a->op, &b->op))
		return false;
	return a->op.value == b->op.value || (a->op.kind == FUZZ_READ && !(a->answered && b->answered));
}

/* What a test program cannot go on without. */
static void *must_have(void *memory)
{
	if (!memory) {
		fprintf(stderr, "out of memory for a trace\n");
		exit(1);
	}
	return memory;
}

struct fuzz_line *fuzz_trace_new(struct fuzz_trace *trace)
{
	struct fuzz_line *line;

	if (trace->count == trace->room) {
		trace->room = trace->room ? 2 * trace->room : 64;
		trace->line = must_have(reallocarray(trace->line, trace->room, sizeof(*trace->line)));
	}
	line = &trace->line[trace->count++];
	*line = (struct fuzz_line){ .kind = FUZZ_LINE_COMMENT };
	return line;
}

void fuzz_trace_add_op(struct fuzz_trace *trace, const struct fuzz_op *op)
{
	struct fuzz_line *line = fuzz_trace_new(trace);
	uint8_t *data;

	line->kind = FUZZ_LINE_OP;
	line->op = *op;
	line->op.data = NULL;
	line->answered = op->kind == FUZZ_READ;
	if (!fuzz_op_has_data(op))
		return;
	data = must_have(malloc(op->len + 1));
	if (op->len)
		memcpy(data, op->data, op->len);
	line->op.data = data;
}

void fuzz_trace_add_used(struct fuzz_trace *trace, const struct fuzz_used *used)
{
	struct fuzz_line *line = fuzz_trace_new(trace);

	line->kind = FUZZ_LINE_USED;
	line->used = *used;
}

void fuzz_trace_add_comment(struct fuzz_trace *trace, const char *text)
{
	fuzz_trace_new(trace)->comment = must_have(strdup(text));
}

void fuzz_trace_clear(struct fuzz_trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		free((void *)(uintptr_t)trace->line[i].op.data);
		free(trace->line[i].comment);
	}
	free(trace->line);
	*trace = (struct fuzz_trace){ 0 };
}

static char letter(unsigned int size)
{
	return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
}

static void write_data(const struct fuzz_op *op, FILE *file)
{
	static const char digits[] = "0123456789abcdef";

	fputs(" 0x", file);
	for (size_t i = 0; i < op->len; i++) {
		putc(digits[op->data[i] >> 4], file);
		putc(digits[op->data[i] & 15], file);
	}
}

void fuzz_op_write(const struct fuzz_op *op, bool answered, FILE *file)
{
	switch (op->kind) {
	case FUZZ_READ:
		fprintf(file, "read%c 0x%" PRIx64, letter(op->size), op->addr);
		if (answered)
			fprintf(file, " = 0x%" PRIx64, op->value);
		break;
	case FUZZ_WRITE:
		fprintf(file, "write%c 0x%" PRIx64 " 0x%" PRIx64, letter(op->size), op->addr, op->value);
		break;
	case FUZZ_WRITE_BYTES: fprintf(file, "write 0x%" PRIx64 " %zu", op->addr, op->len); break;
	case FUZZ_CLOCK: fprintf(file, "clock_step %" PRIu64, op->value); break;
	case FUZZ_LATE: fprintf(file, "dma 0x%" PRIx64 " %zu %" PRIu32, op->addr, op->len, op->nth); break;
	case FUZZ_HOST:
		fprintf(file, "host %s", fuzz_host_names[op->host]);
		if (fuzz_host_words[op->host] == FUZZ_HOST_VALUE)
			fprintf(file, " %" PRIu64, op->value);
		break;
	}
	if (fuzz_op_has_data(op))
		write_data(op, file);
	putc('\n', file);
}

void fuzz_line_write(const struct fuzz_line *line, FILE *file)
{
	switch (line->kind) {
	case FUZZ_LINE_OP: fuzz_op_write(&line->op, line->answered, file); break;
	case FUZZ_LINE_USED:
		fprintf(file, "# used %u %u %" PRIu32 "\n", line->used.queue, line->used.head, line->used.len);
		break;
	case FUZZ_LINE_IRQ: fprintf(file, "%s\n", fuzz_interrupt_text(&line->irq)); break;
	case FUZZ_LINE_COMMENT: fprintf(file, "#%s%s\n", *line->comment ? " " : "", line->comment); break;
	}
}

void fuzz_trace_write(const struct fuzz_trace *trace, FILE *file)
{
	for (size_t i = 0; i < trace->count; i++)
		fuzz_line_write(&trace->line[i], file);
}
