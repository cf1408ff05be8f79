/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of traces: each line is one step with just the words it takes, or a comment. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "trace_host.h"

#define MAX_WORDS 6

/* One line on its way: its words, those not looked at yet from next on. */
struct words {
	char *word[MAX_WORDS];
	unsigned int count, next;
	char *why;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct words *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->why, FUZZ_WHY, format, args);
	va_end(args);
	return false;
}

static char *next_word(struct words *w)
{
	return w->next < w->count ? w->word[w->next++] : NULL;
}

static bool number(struct words *w, const char *what, uint64_t most, uint64_t *value)
{
	char *word = next_word(w), *end;

	if (!word)
		return refuse(w, "%s is missing", what);
	errno = 0;
	*value = strtoull(word, &end, 0);
	if (*word < '0' || *word > '9' || *end || errno)
		return refuse(w, "%s is '%.32s', not a number", what, word);
	return *value <= most || refuse(w, "%s is more than %llu", what, (unsigned long long)most);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* 0xDATA, all of it; len is set. The line's to free once it is in op. */
static bool data(struct words *w, struct fuzz_op *op)
{
	const char *word = next_word(w);
	size_t digits;
	uint8_t *bytes;

	if (!word || strncmp(word, "0x", 2))
		return refuse(w, "the data, 0x and two digits a byte, is missing");
	word += 2;
	digits = strlen(word);
	if (digits % 2)
		return refuse(w, "the data ends in half a byte");
	bytes = malloc(digits / 2 + 1);
	if (!bytes)
		return refuse(w, "out of memory");
	op->data = bytes;
	op->len = digits / 2;
	for (size_t i = 0; i < op->len; i++) {
		int high = digit(word[2 * i]), low = digit(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return refuse(w, "the data has a character that is no hexadecimal digit");
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* SIZE before the data that has to have it. */
static bool sized_data(struct words *w, struct fuzz_op *op, uint64_t size)
{
	if (!data(w, op))
		return false;
	return op->len == size ||
	       refuse(w, "SIZE is %llu and the data has %zu bytes", (unsigned long long)size, op->len);
}

static unsigned int width(const char *name)
{
	switch (name[strlen(name) - 1]) {
	case 'b': return 1;
	case 'w': return 2;
	case 'l': return 4;
	default: return 8;
	}
}

static bool parse_read(struct words *w, struct fuzz_line *line)
{
	const char *equals;

	line->op.kind = FUZZ_READ;
	line->op.size = width(w->word[0]);
	if (!number(w, "ADDR", UINT64_MAX, &line->op.addr))
		return false;
	equals = next_word(w);
	if (!equals)
		return true;
	line->answered = true;
	if (strcmp(equals, "="))
		return refuse(w, "'%.32s' is where '= VALUE' may be", equals);
	return number(w, "VALUE", UINT64_MAX >> (64 - 8 * line->op.size), &line->op.value);
}

static bool parse_write(struct words *w, struct fuzz_line *line)
{
	line->op.kind = FUZZ_WRITE;
	line->op.size = width(w->word[0]);
	return number(w, "ADDR", UINT64_MAX, &line->op.addr) && number(w, "VALUE", UINT64_MAX, &line->op.value);
}

static bool parse_write_bytes(struct words *w, struct fuzz_line *line)
{
	uint64_t size;

	line->op.kind = FUZZ_WRITE_BYTES;
	return number(w, "ADDR", UINT64_MAX, &line->op.addr) && number(w, "SIZE", SIZE_MAX, &size) &&
	       sized_data(w, &line->op, size);
}

static bool parse_clock(struct words *w, struct fuzz_line *line)
{
	line->op.kind = FUZZ_CLOCK;
	return number(w, "NS", UINT64_MAX, &line->op.value);
}

static bool parse_late(struct words *w, struct fuzz_line *line)
{
	uint64_t size, nth;

	line->op.kind = FUZZ_LATE;
	if (!number(w, "ADDR", UINT64_MAX, &line->op.addr) || !number(w, "SIZE", SIZE_MAX, &size) ||
		!number(w, "NTH", UINT32_MAX, &nth))
		return false;
	line->op.nth = (uint32_t)nth;
	return sized_data(w, &line->op, size);
}

static bool parse_host(struct words *w, struct fuzz_line *line)
{
	const char *what = next_word(w);
	unsigned int i = 0;

	line->op.kind = FUZZ_HOST;
	if (!what)
		return refuse(w, "WHAT is missing");
	while (i < FUZZ_HOSTS && strcmp(what, fuzz_host_names[i]))
		i++;
	if (i == FUZZ_HOSTS)
		return refuse(w, "'%.32s' is nothing that a host does", what);
	line->op.host = (enum fuzz_host)i;
	switch (fuzz_host_words[i]) {
	case FUZZ_HOST_VALUE: return number(w, "VALUE", UINT64_MAX, &line->op.value);
	case FUZZ_HOST_DATA: return data(w, &line->op);
	case FUZZ_HOST_NOTHING: break;
	}
	return true;
}

static bool parse_irq(struct words *w, struct fuzz_line *line)
{
	static const char *const names[] = { "raise", "lower", "message" };
	const char *what = next_word(w);
	uint64_t num, data = 0;
	unsigned int i = 0;

	line->kind = FUZZ_LINE_IRQ;
	while (what && i < 3 && strcmp(what, names[i]))
		i++;
	if (!what || i == 3)
		return refuse(w, "'%.32s' is nothing that an interrupt does", what ? what : "");
	line->irq.what = (enum fuzz_interrupt_what)i;
	if (!number(w, "NUM", UINT32_MAX, &num))
		return false;
	if (line->irq.what == FUZZ_IRQ_MESSAGE &&
		(!number(w, "ADDR", UINT64_MAX, &line->irq.addr) || !number(w, "DATA", UINT32_MAX, &data)))
		return false;
	line->irq.num = (uint32_t)num;
	line->irq.data = (uint32_t)data;
	return true;
}

static const struct step {
	const char *name;
	bool (*parse)(struct words *w, struct fuzz_line *line);
} steps[] = {
	{ "readb", parse_read },
	{ "readw", parse_read },
	{ "readl", parse_read },
	{ "readq", parse_read },
	{ "writeb", parse_write },
	{ "writew", parse_write },
	{ "writel", parse_write },
	{ "writeq", parse_write },
	{ "write", parse_write_bytes },
	{ "clock_step", parse_clock },
	{ "dma", parse_late },
	{ "host", parse_host },
	{ "IRQ", parse_irq },
};

static bool parse_used(struct words *w, struct fuzz_line *line)
{
	uint64_t queue, head, len;

	line->kind = FUZZ_LINE_USED;
	if (!number(w, "QUEUE", UINT16_MAX, &queue) || !number(w, "HEAD", UINT16_MAX, &head) ||
		!number(w, "LEN", UINT32_MAX, &len))
		return false;
	line->used = (struct fuzz_used){ (uint16_t)queue, (uint16_t)head, (uint32_t)len };
	return true;
}

static bool parse_step(struct words *w, struct fuzz_line *line)
{
	const char *name = w->word[w->next++];

	line->kind = FUZZ_LINE_OP;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(name, steps[i].name))
			return steps[i].parse(w, line);
	return refuse(w, "'%.32s' is no step", name);
}

/* Cuts text into words at single spaces. */
static bool cut(struct words *w, char *text)
{
	for (char *word = strsep(&text, " "); word; word = strsep(&text, " ")) {
		if (w->count == MAX_WORDS)
			return refuse(w, "there are more words than any step takes");
		if (!*word)
			return refuse(w, "there is a space too many");
		w->word[w->count++] = word;
	}
	return true;
}

static bool parse_line(struct fuzz_line *line, char *text, char *why)
{
	struct words w = { .why = why };
	bool used = !strncmp(text, "# used ", 7);

	if (*text == '#' && !used) {
		line->comment = strdup(text + 1 + (text[1] == ' '));
		return line->comment || refuse(&w, "out of memory");
	}
	if (!cut(&w, used ? text + 7 : text) || !(used ? parse_used(&w, line) : parse_step(&w, line)))
		return false;
	return w.next == w.count || refuse(&w, "'%.32s' is a word too many", w.word[w.next]);
}

/* Takes the newline off. An empty line is none. */
static int read_line(struct fuzz_trace *trace, char *text, size_t len, unsigned int n, char why[FUZZ_WHY])
{
	struct fuzz_line *line;
	char what[FUZZ_WHY];

	if (!len || text[len - 1] != '\n') {
		/* A recorder that was killed leaves one: half an address is an address too. */
		snprintf(why, FUZZ_WHY, "line %u: the file ends in the middle of it", n);
		return -EINVAL;
	}
	text[len - 1] = '\0';
	if (len == 1)
		return 0;
	line = fuzz_trace_new(trace);
	line->number = n;
	if (strlen(text) != len - 1)
		snprintf(what, sizeof(what), "there is a NUL byte");
	else if (parse_line(line, text, what))
		return 0;
	snprintf(why, FUZZ_WHY, "line %u: %.120s", n, what);
	return -EINVAL;
}

int fuzz_trace_read(struct fuzz_trace *trace, FILE *file, char why[FUZZ_WHY])
{
	char *text = NULL;
	size_t room = 0;
	unsigned int n = 0;
	int ret = 0;
	ssize_t len;

	while (!ret && (len = getline(&text, &room, file)) >= 0)
		ret = read_line(trace, text, (size_t)len, ++n, why);
	free(text);
	if (!ret && ferror(file)) {
		snprintf(why, FUZZ_WHY, "cannot be read: %s", strerror(errno));
		ret = -EIO;
	}
	return ret;
}
