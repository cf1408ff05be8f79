/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the qtest protocol, whole: a command, and for each of its words one that fits or nearly fits. Data is as long as it should
 * be, or longer, or shorter.
 */
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "fuzz.h"
#include "mutate_file.h"
#include "random.h"

/* What words there are: an address, a size, a value, data as hex and as base64, a name, an input's name. */
static const struct {
	const char *name, *words;
} commands[] = {
	{ "readb", "a" },
	{ "readw", "a" },
	{ "readl", "a" },
	{ "readq", "a" },
	{ "writeb", "av" },
	{ "writew", "av" },
	{ "writel", "av" },
	{ "writeq", "av" },
	{ "read", "as" },
	{ "write", "ash" },
	{ "b64read", "as" },
	{ "b64write", "asb" },
	{ "memset", "asv" },
	{ "inb", "v" },
	{ "outl", "vv" },
	{ "clock_step", "v" },
	{ "clock_step", "" },
	{ "clock_set", "v" },
	{ "irq_intercept_in", "d" },
	{ "irq_intercept_out", "d" },
	{ "set_irq_in", "divv" },
	{ "endianness", "" },
};

#define LINE 200

struct line {
	char text[LINE];
	size_t len;
	size_t size; /* the last word that was one: of the data that follows */
};

static void add(struct line *l, const char *text)
{
	size_t len = strlen(text), room = sizeof(l->text) - l->len - 1;

	len = len < room ? len : room;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void add_number(struct line *l, uint64_t value, uint64_t *state)
{
	char text[24];

	snprintf(text, sizeof(text), fuzz_below(state, 2) ? "0x%llx" : "%llu", (unsigned long long)value);
	add(l, text);
}

static uint64_t some_value(uint64_t *state)
{
	uint64_t edge = 1ULL << fuzz_below(state, 64);

	switch (fuzz_below(state, 4)) {
	case 0: return fuzz_below(state, 9);
	case 1: return edge - fuzz_below(state, 3);
	case 2: return edge + fuzz_below(state, 3);
	default: return fuzz_random(state);
	}
}

/* Of digits, that many; now and then one that is none. */
static void add_digits(struct line *l, const char *digits, size_t count, uint64_t *state)
{
	char text[2] = { 0 };

	for (size_t i = 0; i < count; i++) {
		text[0] = fuzz_below(state, 200) ? digits[fuzz_below(state, strlen(digits))] : '!';
		add(l, text);
	}
}

static void add_data(struct line *l, bool hex, uint64_t *state)
{
	size_t bytes = l->size < LINE ? l->size : LINE, digits;

	if (fuzz_below(state, 2))
		bytes = fuzz_below(state, 2 * bytes + 4);
	digits = hex ? 2 * bytes : (bytes * 4 + 2) / 3;
	if (hex)
		add(l, "0x");
	add_digits(l,
		hex ? "0123456789abcdefABCDEF" : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		digits, state);
	if (!hex && digits % 4 && fuzz_below(state, 4))
		add(l, &"=="[digits % 2]);
}

static void add_word(struct line *l, char kind, uint64_t *state)
{
	switch (kind) {
	case 'a': add_number(l, fuzz_below(state, 8) ? fuzz_below(state, 4200) : some_value(state), state); break;
	case 's':
		l->size = fuzz_below(state, 64) ? fuzz_below(state, 40) : (size_t)some_value(state);
		add_number(l, l->size, state);
		break;
	case 'h':
	case 'b': add_data(l, kind == 'h', state); break;
	case 'd': add(l, fuzz_below(state, 8) ? "gic" : "other"); break;
	case 'i': add(l, "unnamed-gpio-in"); break;
	default: add_number(l, some_value(state), state); break;
	}
}

static void invent(struct line *l, uint64_t *state)
{
	size_t which = fuzz_below(state, ARRAY_SIZE(commands));

	*l = (struct line){ .size = 8 };
	add(l, commands[which].name);
	for (const char *word = commands[which].words; *word; word++) {
		/* A word is missing, or there are two spaces. */
		if (!fuzz_below(state, 60))
			continue;
		add(l, fuzz_below(state, 60) ? " " : "  ");
		add_word(l, *word, state);
	}
	l->text[l->len++] = '\n';
}

/* Where some line begins. */
static size_t some_line(const uint8_t *data, size_t size, uint64_t *state)
{
	size_t at = size ? fuzz_below(state, size + 1) : 0;

	while (at && data[at - 1] != '\n')
		at--;
	return at;
}

size_t fuzz_mutate_qtest(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint64_t state = fuzz_random_begin(seed);
	size_t at = some_line(data, size, &state), end = at;
	struct line line;

	if (size && !fuzz_below(&state, 3))
		return fuzz_mutate_bytes(data, size, max_size);
	/* In the place of one, or before it. */
	while (end < size && fuzz_below(&state, 2) && data[end++] != '\n')
		while (end < size && data[end - 1] != '\n')
			end++;
	invent(&line, &state);
	if (size - (end - at) + line.len > max_size)
		return fuzz_mutate_bytes(data, size, max_size);
	memmove(data + at + line.len, data + end, size - end);
	memcpy(data + at, line.text, line.len);
	return size - (end - at) + line.len;
}
