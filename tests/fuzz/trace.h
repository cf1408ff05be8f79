/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces as text, in the form that op.h describes: a list of lines read from a file, or kept while steps run and written out.
 * Reading is strict: what is not of that form is refused by its line, so that a trace that was cut or edited by mistake
 * is not taken for another one. Nothing is run here.
 */
#ifndef MINIVMM_FUZZ_TRACE_H
#define MINIVMM_FUZZ_TRACE_H

#include <stdbool.h>
#include <stdio.h>

#include "op.h"

#define FUZZ_WHY 160 /* bytes of a message */

/* What a device gave back to its driver. */
struct fuzz_used {
	uint16_t queue, head;
	uint32_t len;
};

enum fuzz_interrupt_what { FUZZ_IRQ_RAISE, FUZZ_IRQ_LOWER, FUZZ_IRQ_MESSAGE };

/* What a device did to its line, or the message that it sent. */
struct fuzz_interrupt {
	enum fuzz_interrupt_what what;
	uint32_t num; /* SPI; of a message who sends it */
	uint64_t addr; /* of a message, 0 else */
	uint32_t data;
};

enum fuzz_line_kind {
	FUZZ_LINE_OP,
	FUZZ_LINE_IRQ, /* "IRQ raise|lower NUM" as in qtest, or "IRQ message NUM ADDR DATA": likewise */
	FUZZ_LINE_USED, /* "# used QUEUE HEAD LEN": the steps before it, since the one before that, gave this back */
	FUZZ_LINE_COMMENT,
};

struct fuzz_line {
	enum fuzz_line_kind kind;
	unsigned int number; /* in the file it came from, from 1; 0: from none */
	bool answered; /* a FUZZ_READ whose answer is known: op.value */
	struct fuzz_op op; /* its data is the line's */
	struct fuzz_used used;
	struct fuzz_interrupt irq;
	char *comment; /* what follows "# "; the line's */
};

/* Begins zeroed: no lines. */
struct fuzz_trace {
	struct fuzz_line *line;
	size_t count, room;
};

/*
 * Adds all lines of the file; empty ones are left out. 0, or -EINVAL with one message in why: the line's number and what is
 * wrong with it. -EIO: reading failed.
 */
int fuzz_trace_read(struct fuzz_trace *trace, FILE *file, char why[FUZZ_WHY]);
/* Copies what op and text point to. An op that has run: a read's value is its answer. */
void fuzz_trace_add_op(struct fuzz_trace *trace, const struct fuzz_op *op);
void fuzz_trace_add_used(struct fuzz_trace *trace, const struct fuzz_used *used);
void fuzz_trace_add_comment(struct fuzz_trace *trace, const char *text);
/* Back to no lines. */
void fuzz_trace_clear(struct fuzz_trace *trace);

void fuzz_trace_write(const struct fuzz_trace *trace, FILE *file);
void fuzz_line_write(const struct fuzz_line *line, FILE *file);
/* One step as a line; answered: with a read's value. */
void fuzz_op_write(const struct fuzz_op *op, bool answered, FILE *file);

/* As text, for a message; until the next call. */
const char *fuzz_interrupt_text(const struct fuzz_interrupt *irq);
/* The same step with the same answer, where both have one; the same chain given back; the same interrupt. Comments are not compared. */
bool fuzz_line_alike(const struct fuzz_line *a, const struct fuzz_line *b);
/* Whether op takes data as its last word. */
bool fuzz_op_has_data(const struct fuzz_op *op);

#endif
