/* SPDX-License-Identifier: Apache-2.0 */
/* See cmdline.h. Splits as Linux does (lib/cmdline.c, next_arg): at white space outside double quotes. */
#include "cmdline.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Each is added unless the user's line has one of these parameters, by name, with or without a value. */
static const struct {
	const char *add; /* NULL: the console */
	const char *unless[2];
} defaults[] = {
	{ NULL, { "console" } },
	/* Through /chosen/stdout-path. Every character is an exit of its own, which a user who wants quiet is spared. */
	{ "earlycon", { "earlycon", "quiet" } },
	{ "panic=-1", { "panic" } },
	/* A panic then resets through SYSTEM_RESET2 (warm), which tells it from a reboot (Linux kernel/reboot.c). */
	{ "reboot=panic_warm", { "reboot" } },
};

/* One parameter, as it is written; what is behind it starts at next. */
struct parameter {
	const char *start;
	size_t len;
	const char *next;
};

static struct parameter parameter_at(const char *line)
{
	struct parameter found;
	bool quoted = false;

	while (isspace((unsigned char)*line))
		line++;
	found.start = line;
	for (; *line && (quoted || !isspace((unsigned char)*line)); line++)
		if (*line == '"')
			quoted = !quoted;
	found.len = (size_t)(line - found.start);
	found.next = line;
	return found;
}

static bool is_named(struct parameter parameter, const char *name)
{
	size_t len = strlen(name);

	/* "name=with space" may be quoted as a whole. */
	if (parameter.len && *parameter.start == '"') {
		parameter.start++;
		parameter.len--;
	}
	return parameter.len >= len && !memcmp(parameter.start, name, len) &&
	       (parameter.len == len || parameter.start[len] == '=' || parameter.start[len] == '"');
}

/* Where a lone "--" is, behind which nothing is the kernel's; the end of line without one. */
static const char *kernel_end(const char *line)
{
	struct parameter at = parameter_at(line);

	while (at.len && !(at.len == 2 && !memcmp(at.start, "--", 2)))
		at = parameter_at(at.next);
	return at.start;
}

static bool has(const char *line, const char *end, const char *name)
{
	for (struct parameter at = parameter_at(line); at.len && at.start < end; at = parameter_at(at.next))
		if (is_named(at, name))
			return true;
	return false;
}

/* Appends with a space between; counts on past the end of out so that the whole length is known. */
struct line {
	char *out;
	size_t len;
};

static void append(struct line *line, const char *text, size_t len)
{
	if (len == 0)
		return;
	if (line->len) {
		if (line->len < CMDLINE_SIZE)
			line->out[line->len] = ' ';
		line->len++;
	}
	if (line->len < CMDLINE_SIZE && len < CMDLINE_SIZE - line->len)
		memcpy(line->out + line->len, text, len);
	line->len += len;
}

int cmdline_build(char *out, const char *user, const char *extra, const char *console, struct error *error)
{
	const char *end = kernel_end(user);
	struct line line = { out, 0 };
	size_t own = (size_t)(end - user);

	while (own && isspace((unsigned char)user[own - 1]))
		own--;
	append(&line, user, own);
	if (extra)
		append(&line, extra, strlen(extra));
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		const char *add = defaults[i].add ? defaults[i].add : console;
		bool decided = false;

		for (size_t j = 0; j < ARRAY_SIZE(defaults[i].unless) && defaults[i].unless[j]; j++)
			decided |= has(user, end, defaults[i].unless[j]) ||
				   (extra && has(extra, extra + strlen(extra), defaults[i].unless[j]));
		if (!decided)
			append(&line, add, strlen(add));
	}
	append(&line, end, strlen(end));
	if (line.len >= CMDLINE_SIZE)
		return error_set(error, STATUS_USAGE,
			"the kernel command line is %zu characters with what minivmm adds, and Linux takes %d; shorten "
			"--cmdline",
			line.len, CMDLINE_SIZE - 1);
	out[line.len] = '\0';
	return 0;
}
