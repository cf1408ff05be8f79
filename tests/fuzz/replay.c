/* SPDX-License-Identifier: Apache-2.0 */
/* See replay.h. */
#include "replay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "recording.h"

struct replay {
	struct recording *machine;
	struct replay_result *result;
};

/* Where it is not as it was. */
__attribute__((format(printf, 3, 4))) static bool differs(
	const struct replay *r, const struct fuzz_line *line, const char *format, ...)
{
	struct replay_result *result = r->result;
	int len = snprintf(result->how, sizeof(result->how), "line %u: ", line->number);
	va_list args;

	va_start(args, format);
	vsnprintf(result->how + len, sizeof(result->how) - (size_t)len, format, args);
	va_end(args);
	return false;
}

/* What came of devices until now was recorded, all of it. */
static bool none_is_left(const struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_line came;

	if (!recording_came(r->machine, &came))
		return true;
	if (came.kind == FUZZ_LINE_IRQ)
		return differs(r, line, "before it is %s, which was not recorded", fuzz_interrupt_text(&came.irq));
	return differs(r, line, "before it queue %u gives back %u with %" PRIu32 " bytes, which was not recorded",
		came.used.queue, came.used.head, came.used.len);
}

static bool run_step(const struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_op op = line->op;
	const char *why;

	/* The clock may have been written between what a device did and the interrupt of it (vmm/record_irq.c). */
	if (op.kind != FUZZ_CLOCK && !none_is_left(r, line))
		return false;
	why = recording_do(r->machine, &op);
	r->result->steps++;
	if (why)
		return differs(r, line, "%s", why);
	if (!line->answered)
		return true;
	r->result->answers++;
	return op.value == line->op.value ||
	       differs(r, line, "the answer is 0x%" PRIx64 ", recorded is 0x%" PRIx64, op.value, line->op.value);
}

static bool compare_used(const struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_line came;

	r->result->chains++;
	if (!recording_came(r->machine, &came))
		return differs(r, line, "nothing is given back there");
	if (came.kind == FUZZ_LINE_IRQ)
		return differs(r, line, "%s is where a chain was given back", fuzz_interrupt_text(&came.irq));
	return fuzz_line_alike(&came, line) || differs(r, line, "given back is %u of queue %u with %" PRIu32 " bytes",
						       came.used.head, came.used.queue, came.used.len);
}

static bool compare_irq(const struct replay *r, const struct fuzz_line *line)
{
	struct fuzz_line came;

	r->result->interrupts++;
	if (!recording_came(r->machine, &came))
		return differs(r, line, "there is no interrupt there");
	if (came.kind == FUZZ_LINE_USED)
		return differs(
			r, line, "queue %u gives back %u where an interrupt was", came.used.queue, came.used.head);
	return fuzz_line_alike(&came, line) || differs(r, line, "there is %s", fuzz_interrupt_text(&came.irq));
}

static bool take_comment(const struct replay *r, const struct fuzz_line *line)
{
	const char *why;

	if (!none_is_left(r, line))
		return false;
	why = recording_comment(r->machine, line->comment);
	return !why || differs(r, line, "%s", why);
}

static bool replay_line(const struct replay *r, const struct fuzz_line *line)
{
	switch (line->kind) {
	case FUZZ_LINE_OP: return run_step(r, line);
	case FUZZ_LINE_USED: return compare_used(r, line);
	case FUZZ_LINE_IRQ: return compare_irq(r, line);
	case FUZZ_LINE_COMMENT: return take_comment(r, line);
	}
	return true;
}

bool replay_is_recording(const struct fuzz_trace *trace)
{
	return trace->count && trace->line[0].kind == FUZZ_LINE_COMMENT &&
	       !strcmp(trace->line[0].comment, RECORDING_LIFE);
}

void replay_trace(const struct fuzz_trace *trace, struct replay_result *result)
{
	struct replay r = { .machine = recording_new(), .result = result };
	bool good = true;

	*result = (struct replay_result){ 0 };
	for (size_t i = 0; good && i < trace->count; i++)
		good = replay_line(&r, &trace->line[i]);
	if (good && trace->count)
		(void)none_is_left(&r, &trace->line[trace->count - 1]);
	recording_free(r.machine);
}
