/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines, answers and the table of commands. What QEMU asserts of a line is answered by ERR here: a fuzzer's client must not
 * be able to end the server.
 */
#include "qtest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qtest_data.h"

#define MAX_WORDS   6
#define FIRST_LINE  4096
#define KEEP_LINE   (64 * KiB) /* a larger buffer is given back after its line */
#define MAX_TOLD    64 /* bytes of a client's word that an answer repeats */
#define IRQ_MESSAGE 24 /* "IRQ raise 255\n" and some */

/* Puts text into the buffer, sending whatever does not fit. Outside of callbacks only. */
static void put(struct qtest *q, const char *text, size_t len)
{
	while (len) {
		size_t n = sizeof(q->out) - q->out_len;

		if (n > len)
			n = len;
		memcpy(q->out + q->out_len, text, n);
		q->out_len += n;
		text += n;
		len -= n;
		if (q->out_len == sizeof(q->out)) {
			q->out_len = 0;
			q->ops->send(q->opaque, q->out, sizeof(q->out));
		}
	}
}

static void tell_irq(struct qtest *q, uint32_t num)
{
	if (q->told[num] == q->level[num] || q->replying || sizeof(q->out) - q->out_len < IRQ_MESSAGE)
		return;
	q->told[num] = q->level[num];
	q->out_len += (size_t)snprintf(
		q->out + q->out_len, IRQ_MESSAGE, "IRQ %s %u\n", q->level[num] ? "raise" : "lower", (unsigned int)num);
}

void qtest_irq(struct qtest *q, uint32_t num, bool level)
{
	if (!q->intercepting || num >= QTEST_IRQS)
		return;
	q->level[num] = level;
	tell_irq(q, num);
}

void qtest_flush(struct qtest *q)
{
	size_t len;

	for (;;) {
		for (uint32_t num = 0; num < QTEST_IRQS; num++)
			tell_irq(q, num);
		len = q->out_len;
		if (!len)
			return;
		/* Sending may let devices work, and they may have more to tell behind this. */
		q->replying = true;
		q->out_len = 0;
		q->ops->send(q->opaque, q->out, len);
		q->replying = false;
	}
}

/* Lets devices work, so that what they have to say comes first, and begins a line. */
static bool begin_reply(struct qtest *q)
{
	bool go_on = q->ops->settle(q->opaque);

	qtest_flush(q);
	q->replying = true;
	return go_on;
}

static bool end_reply(struct qtest *q, bool go_on)
{
	put(q, "\n", 1);
	q->replying = false;
	qtest_flush(q);
	return go_on;
}

/* One line; the text has no newline. */
__attribute__((format(printf, 2, 3))) static bool reply(struct qtest *q, const char *format, ...)
{
	bool go_on = begin_reply(q);
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(q, text, strlen(text));
	return end_reply(q, go_on);
}

/* A client's word as an answer may repeat it. */
static const char *printable(const char *word, char text[MAX_TOLD + 1])
{
	size_t n = 0;

	for (; n < MAX_TOLD && word[n]; n++)
		text[n] = word[n] >= ' ' && word[n] <= '~' ? word[n] : '?';
	text[n] = '\0';
	return text;
}

/* All of the word is a number of 64 bits. As strtoull has it a minus sign is the two's complement. */
static bool number(const char *word, uint64_t *value)
{
	char *end;

	if (!*word || strspn(word, " \t\n\v\f\r"))
		return false;
	errno = 0;
	*value = strtoull(word, &end, 0);
	return !*end && !errno;
}

/* What a command takes, in the order of its words. */
struct arguments {
	const char *command;
	uint64_t n[3]; /* numbers */
	char *word[MAX_WORDS]; /* after the command, as they came; NULL: not given */
};

struct command {
	const char *name;
	bool (*run)(struct qtest *q, struct arguments *a);
	unsigned int numbers; /* that have to be there, first */
	unsigned int words; /* of any kind that have to be there, the numbers among them */
	const char *usage;
};

/* The width in bytes that the last letter of readb, outw, writel, readq says. */
static unsigned int width(const char *command)
{
	switch (command[strlen(command) - 1]) {
	case 'b': return 1;
	case 'w': return 2;
	case 'l': return 4;
	default: return 8;
	}
}

static bool do_read(struct qtest *q, struct arguments *a)
{
	uint64_t value = q->ops->read(q->opaque, a->n[0], width(a->command));

	return reply(q, "OK 0x%016llx", (unsigned long long)value);
}

static bool do_write(struct qtest *q, struct arguments *a)
{
	q->ops->write(q->opaque, a->n[0], width(a->command), a->n[1]);
	return reply(q, "OK");
}

/* Nothing is at any port: reads float. Clients also use inb to wait for IRQ lines, so that it has to be answered. */
static bool do_in(struct qtest *q, struct arguments *a)
{
	if (a->n[0] > UINT16_MAX)
		return reply(q, "ERR PORT is at most 0xffff");
	return reply(q, "OK 0x%04x", (unsigned int)(UINT64_MAX >> (64 - 8 * width(a->command))));
}

static bool do_out(struct qtest *q, struct arguments *a)
{
	return a->n[0] > UINT16_MAX ? reply(q, "ERR PORT is at most 0xffff") : reply(q, "OK");
}

/* Room for SIZE bytes, and one so that it is never none. NULL: answered already, in *go_on. */
static uint8_t *data_room(struct qtest *q, uint64_t size, bool *go_on)
{
	uint8_t *data = NULL;

	if (size > QTEST_MAX_DATA) {
		*go_on = reply(q, "ERR SIZE is at most %llu", QTEST_MAX_DATA);
		return NULL;
	}
	data = malloc(size + 1);
	if (!data)
		*go_on = reply(q, "ERR out of memory");
	return data;
}

static bool do_block_read(struct qtest *q, struct arguments *a)
{
	bool base64 = a->command[0] == 'b', go_on;
	uint64_t size = a->n[1];
	uint8_t *data;
	char text[DATA_TEXT];

	if (!size && !base64)
		return reply(q, "ERR SIZE is 0");
	data = data_room(q, size, &go_on);
	if (!data)
		return go_on;
	q->ops->read_bytes(q->opaque, a->n[0], data, size);
	go_on = begin_reply(q);
	put(q, "OK ", 3);
	if (!base64)
		put(q, "0x", 2);
	for (uint64_t done = 0; done < size;) {
		size_t n = size - done < DATA_STEP ? (size_t)(size - done) : DATA_STEP;

		put(q, text, base64 ? data_to_base64(text, data + done, n) : data_to_hex(text, data + done, n));
		done += n;
	}
	free(data);
	return end_reply(q, go_on);
}

static bool do_block_write(struct qtest *q, struct arguments *a)
{
	bool base64 = a->command[0] == 'b', go_on, good;
	uint64_t size = a->n[1];
	const char *text = a->word[2];
	uint8_t *data;

	if (strlen(text) < 3)
		return reply(q, "ERR invalid argument size");
	data = data_room(q, size, &go_on);
	if (!data)
		return go_on;
	good = base64 ? data_from_base64(data, size, text) : data_from_hex(data, size, text);
	if (good)
		q->ops->write_bytes(q->opaque, a->n[0], data, size);
	free(data);
	return good ? reply(q, "OK") : reply(q, "ERR DATA is not %s", base64 ? "base64" : "0x and hexadecimal digits");
}

static bool do_memset(struct qtest *q, struct arguments *a)
{
	bool go_on;
	uint8_t *data = data_room(q, a->n[1], &go_on);

	if (!data)
		return go_on;
	memset(data, (int)(a->n[2] & 0xff), a->n[1]);
	q->ops->write_bytes(q->opaque, a->n[0], data, a->n[1]);
	free(data);
	return reply(q, "OK");
}

/* Time is an int64_t in QEMU: what its clients can express and no more. */
static void advance(struct qtest *q, uint64_t ns)
{
	if (ns <= INT64_MAX && ns > q->ops->now(q->opaque))
		q->ops->advance(q->opaque, ns);
}

static bool do_clock_step(struct qtest *q, struct arguments *a)
{
	uint64_t old = q->ops->now(q->opaque), step = 0, to, now;

	if (a->word[0] && !number(a->word[0], &step))
		return reply(q, "ERR NS is not a number");
	to = a->word[0] ? old + step : q->ops->deadline(q->opaque);
	if (to == UINT64_MAX)
		return reply(q, "FAIL cannot advance clock to the next deadline because there is no pending deadline");
	/* Backwards, by a negative step, is not a direction; beyond the end of time is none either. */
	if (step <= INT64_MAX)
		advance(q, to);
	now = q->ops->now(q->opaque);
	return now > old ? reply(q, "OK %llu", (unsigned long long)now) : reply(q, "FAIL could not advance time");
}

static bool do_clock_set(struct qtest *q, struct arguments *a)
{
	uint64_t now;

	advance(q, a->n[0]);
	now = q->ops->now(q->opaque);
	return reply(q, "%s %llu", now == a->n[0] ? "OK" : "FAIL", (unsigned long long)now);
}

static bool do_intercept(struct qtest *q, struct arguments *a)
{
	bool out = !strcmp(a->command, "irq_intercept_out");

	if (!q->ops->is_gic(q->opaque, a->word[0]))
		return reply(q, "FAIL Unknown device");
	if (a->word[1] && !out)
		return reply(q, "FAIL Interception of named in-GPIOs not yet supported");
	if (!q->intercepting && out)
		return reply(q, "FAIL No intercepts installed");
	q->intercepting = true;
	return reply(q, "OK");
}

static bool do_set_irq(struct qtest *q, struct arguments *a)
{
	uint64_t num, level;

	if (!q->ops->is_gic(q->opaque, a->word[0]))
		return reply(q, "FAIL Unknown device");
	if (strcmp(a->word[1], "unnamed-gpio-in"))
		return reply(q, "FAIL Unknown input");
	if (!number(a->word[2], &num) || num >= QTEST_IRQS || !number(a->word[3], &level))
		return reply(q, "ERR NUM is below %d and LEVEL a number", QTEST_IRQS);
	qtest_irq(q, (uint32_t)num, level != 0);
	return reply(q, "OK");
}

static bool do_endianness(struct qtest *q, struct arguments *a)
{
	(void)a;
	return reply(q, "OK little");
}

static const struct command commands[] = {
	{ "readb", do_read, 1, 1, "ADDR" },
	{ "readw", do_read, 1, 1, "ADDR" },
	{ "readl", do_read, 1, 1, "ADDR" },
	{ "readq", do_read, 1, 1, "ADDR" },
	{ "writeb", do_write, 2, 2, "ADDR VALUE" },
	{ "writew", do_write, 2, 2, "ADDR VALUE" },
	{ "writel", do_write, 2, 2, "ADDR VALUE" },
	{ "writeq", do_write, 2, 2, "ADDR VALUE" },
	{ "read", do_block_read, 2, 2, "ADDR SIZE" },
	{ "write", do_block_write, 2, 3, "ADDR SIZE 0xDATA" },
	{ "b64read", do_block_read, 2, 2, "ADDR SIZE" },
	{ "b64write", do_block_write, 2, 3, "ADDR SIZE DATA" },
	{ "memset", do_memset, 3, 3, "ADDR SIZE VALUE" },
	{ "inb", do_in, 1, 1, "PORT" },
	{ "inw", do_in, 1, 1, "PORT" },
	{ "inl", do_in, 1, 1, "PORT" },
	{ "outb", do_out, 2, 2, "PORT VALUE" },
	{ "outw", do_out, 2, 2, "PORT VALUE" },
	{ "outl", do_out, 2, 2, "PORT VALUE" },
	{ "clock_step", do_clock_step, 0, 0, "[NS]" },
	{ "clock_set", do_clock_set, 1, 1, "NS" },
	{ "irq_intercept_in", do_intercept, 0, 1, "DEVICE" },
	{ "irq_intercept_out", do_intercept, 0, 1, "DEVICE [NAME]" },
	{ "set_irq_in", do_set_irq, 0, 4, "DEVICE NAME NUM LEVEL" },
	{ "endianness", do_endianness, 0, 0, "" },
};

static bool run_command(struct qtest *q, const struct command *command, struct arguments *a)
{
	char told[MAX_TOLD + 1];

	for (unsigned int i = 0; i < command->words; i++) {
		if (!a->word[i])
			return reply(q, "ERR write %s %s", command->name, command->usage);
		if (i < command->numbers && !number(a->word[i], &a->n[i]))
			return reply(q, "ERR '%s' is not a number; write %s %s", printable(a->word[i], told),
				command->name, command->usage);
	}
	return command->run(q, a);
}

/* One line, which is cut up in place. */
static bool run_line(struct qtest *q, char *line, size_t len)
{
	char told[MAX_TOLD + 1], *rest = line;
	struct arguments a = { .command = strsep(&rest, " ") };

	if (memchr(line, '\0', len) && strlen(line) + (rest ? strlen(rest) + 1 : 0) != len)
		return reply(q, "ERR the line has a NUL byte");
	if (!*a.command)
		return reply(q, "ERR no command");
	for (unsigned int i = 0; i < MAX_WORDS && rest; i++)
		a.word[i] = strsep(&rest, " ");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(a.command, commands[i].name))
			return run_command(q, &commands[i], &a);
	return reply(q, "FAIL Unknown command '%s'", printable(a.command, told));
}

/* Appends to the line, or gives it up. */
static void keep(struct qtest *q, const char *bytes, size_t len)
{
	size_t room = q->line_room ? q->line_room : FIRST_LINE;
	char *line;

	if (q->too_long)
		return;
	if (len > QTEST_MAX_LINE - q->line_len) {
		q->too_long = true;
		return;
	}
	while (room < q->line_len + len + 1)
		room *= 2;
	if (room > q->line_room) {
		line = realloc(q->line, room);
		if (!line) {
			q->too_long = true;
			return;
		}
		q->line = line;
		q->line_room = room;
	}
	memcpy(q->line + q->line_len, bytes, len);
	q->line_len += len;
}

static bool finish_line(struct qtest *q)
{
	bool go_on;

	if (q->too_long) {
		go_on = reply(q, "ERR the line is longer than %llu bytes", QTEST_MAX_LINE);
	} else {
		q->line[q->line_len] = '\0';
		go_on = run_line(q, q->line, q->line_len);
	}
	q->line_len = 0;
	q->too_long = false;
	if (q->line_room > KEEP_LINE) {
		free(q->line);
		q->line = NULL;
		q->line_room = 0;
	}
	return go_on;
}

bool qtest_input(struct qtest *q, const char *bytes, size_t len)
{
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t n = newline ? (size_t)(newline - bytes) : len;

		keep(q, bytes, n);
		if (!newline)
			return true;
		bytes += n + 1;
		len -= n + 1;
		if (!finish_line(q))
			return false;
	}
	return true;
}

void qtest_init(struct qtest *q, const struct qtest_ops *ops, void *opaque)
{
	*q = (struct qtest){ .ops = ops, .opaque = opaque };
}

void qtest_destroy(struct qtest *q)
{
	free(q->line);
	q->line = NULL;
}
