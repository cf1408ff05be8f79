/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON reader that keeps the fields of each trace event, and the rules they must keep. See trace_check.h. */
#include "trace_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN    64
#define MAX_THREADS 256
#define MAX_ASYNC   65536

struct fields {
	char ph[TEXT_LEN], name[TEXT_LEN], cat[TEXT_LEN], id[TEXT_LEN], s[TEXT_LEN], args_name[TEXT_LEN];
	bool has_pid, has_tid, has_ts, has_dur;
	double pid, tid, ts, dur;
};

struct thread {
	double pid, tid, end; /* of its last slice */
};

struct reader {
	const char *start, *at;
	struct trace_summary *summary;
	struct thread thread[MAX_THREADS];
	size_t threads;
	char (*open)[TEXT_LEN]; /* ids of async events under way */
	size_t open_count;
};

static bool wrong(struct reader *r, const char *what)
{
	if (!r->summary->why[0])
		snprintf(r->summary->why, sizeof(r->summary->why), "byte %zu, event %zu: %s: %.40s",
			(size_t)(r->at - r->start), r->summary->events, what, r->at);
	return false;
}

static void skip_space(struct reader *r)
{
	r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static bool read_string(struct reader *r, char text[TEXT_LEN])
{
	size_t len = 0;

	if (!take(r, '"'))
		return wrong(r, "no string");
	for (; *r->at != '"'; r->at++) {
		if ((unsigned char)*r->at < 0x20)
			return wrong(r, "a control character in a string, or no end");
		if (*r->at == '\\' && (!r->at[1] || !strchr("\"\\/bfnrtu", *++r->at)))
			return wrong(r, "an unknown escape");
		if (len < TEXT_LEN - 1)
			text[len++] = *r->at;
	}
	r->at++;
	text[len] = '\0';
	return true;
}

static bool read_number(struct reader *r, double *number)
{
	char *end;

	skip_space(r);
	/* What JSON has not and strtod takes: a leading +, hexadecimal, inf, nan. */
	if (!strchr("-0123456789", *r->at) || (r->at[0] == '0' && (r->at[1] == 'x' || r->at[1] == 'X')))
		return wrong(r, "no number");
	*number = strtod(r->at, &end);
	if (end == r->at)
		return wrong(r, "no number");
	r->at = end;
	return true;
}

typedef bool member_reader(struct reader *r, const char *key, void *opaque);

static bool read_object(struct reader *r, member_reader *member, void *opaque)
{
	char key[TEXT_LEN];

	if (!take(r, '{'))
		return wrong(r, "no object");
	if (take(r, '}'))
		return true;
	do {
		skip_space(r);
		if (!read_string(r, key) || (!take(r, ':') && !wrong(r, "no colon")) || !member(r, key, opaque))
			return false;
	} while (take(r, ','));
	return take(r, '}') || wrong(r, "an object without an end");
}

static bool skip_value(struct reader *r);

static bool skip_member(struct reader *r, const char *key, void *opaque)
{
	(void)key, (void)opaque;
	return skip_value(r);
}

/* No arrays: nothing but traceEvents is one. */
static bool skip_value(struct reader *r)
{
	static const char *const words[] = { "true", "false", "null" };
	char text[TEXT_LEN];
	double number;

	skip_space(r);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(r->at, words[i], strlen(words[i]))) {
			r->at += strlen(words[i]);
			return true;
		}
	if (*r->at == '"')
		return read_string(r, text);
	if (*r->at == '{')
		return read_object(r, skip_member, NULL);
	return read_number(r, &number);
}

static bool read_argument(struct reader *r, const char *key, void *opaque)
{
	struct fields *f = opaque;

	return strcmp(key, "name") ? skip_value(r) : read_string(r, f->args_name);
}

static bool read_field(struct reader *r, const char *key, void *opaque)
{
	struct fields *f = opaque;
	const struct {
		const char *key;
		char *text;
	} texts[] = { { "ph", f->ph }, { "name", f->name }, { "cat", f->cat }, { "id", f->id }, { "s", f->s } };
	const struct {
		const char *key;
		double *number;
		bool *has;
	} numbers[] = { { "pid", &f->pid, &f->has_pid }, { "tid", &f->tid, &f->has_tid }, { "ts", &f->ts, &f->has_ts },
		{ "dur", &f->dur, &f->has_dur } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(key, texts[i].key))
			return read_string(r, texts[i].text);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(key, numbers[i].key)) {
			*numbers[i].has = true;
			return read_number(r, numbers[i].number);
		}
	return strcmp(key, "args") ? wrong(r, "an unknown field") : read_object(r, read_argument, f);
}

/* Slices of one thread come one after the other. */
static bool check_slice(struct reader *r, const struct fields *f)
{
	struct thread *thread = NULL;

	if (!f->has_dur || f->dur < 0)
		return wrong(r, "a slice without a duration");
	for (size_t i = 0; i < r->threads && !thread; i++)
		if (r->thread[i].pid == f->pid && r->thread[i].tid == f->tid)
			thread = &r->thread[i];
	if (!thread) {
		if (r->threads == MAX_THREADS)
			return wrong(r, "too many threads");
		thread = &r->thread[r->threads++];
		*thread = (struct thread){ .pid = f->pid, .tid = f->tid };
	}
	/* Times have three digits behind the point; what adding them adds is less. */
	if (f->ts < thread->end - 0.0005)
		return wrong(r, "a slice begins before the one before it ends");
	thread->end = f->ts + f->dur;
	return true;
}

static bool check_async(struct reader *r, const struct fields *f)
{
	size_t i = 0;

	if (!f->id[0] || !f->cat[0])
		return wrong(r, "an async event without id or category");
	while (i < r->open_count && strcmp(r->open[i], f->id))
		i++;
	if (f->ph[0] == 'b') {
		if (i < r->open_count || r->open_count == MAX_ASYNC)
			return wrong(r, "an async event begins twice");
		memcpy(r->open[r->open_count++], f->id, TEXT_LEN);
		return true;
	}
	if (i == r->open_count)
		return wrong(r, "a step or end of an async event that has not begun");
	if (f->ph[0] == 'e')
		memcpy(r->open[i], r->open[--r->open_count], TEXT_LEN);
	return true;
}

static bool check_metadata(struct reader *r, const struct fields *f)
{
	if (strcmp(f->name, "process_name") && strcmp(f->name, "thread_name"))
		return wrong(r, "unknown metadata");
	return f->args_name[0] || wrong(r, "a name without a name");
}

static bool read_event(struct reader *r)
{
	struct fields f = { .ph = "" };

	if (!read_object(r, read_field, &f))
		return false;
	if (!f.ph[0] || f.ph[1] || (unsigned char)f.ph[0] > 127)
		return wrong(r, "a phase is one letter");
	if (!f.name[0] || !f.has_pid || !f.has_tid || !f.has_ts || f.ts < 0)
		return wrong(r, "no name, pid, tid or ts");
	r->summary->events++;
	r->summary->phase[(unsigned char)f.ph[0]]++;
	switch (f.ph[0]) {
	case 'X': return check_slice(r, &f);
	case 'b':
	case 'n':
	case 'e': return check_async(r, &f);
	case 'i': return (f.s[0] && strchr("gpt", f.s[0]) && !f.s[1]) || wrong(r, "an instant without its scope");
	case 'M': return check_metadata(r, &f);
	default: return wrong(r, "an unknown phase");
	}
}

static bool read_events(struct reader *r)
{
	if (!take(r, '['))
		return wrong(r, "no array");
	do {
		skip_space(r);
		if (!read_event(r))
			return false;
	} while (take(r, ','));
	return take(r, ']') || wrong(r, "an array without an end");
}

static bool read_dropped(struct reader *r, const char *key, void *opaque)
{
	double number;

	(void)opaque;
	if (strcmp(key, "events dropped"))
		return skip_value(r);
	if (!read_number(r, &number))
		return false;
	r->summary->dropped = (unsigned long long)number;
	return true;
}

static bool read_top(struct reader *r, const char *key, void *opaque)
{
	(void)opaque;
	if (!strcmp(key, "traceEvents"))
		return read_events(r);
	return strcmp(key, "otherData") ? skip_value(r) : read_object(r, read_dropped, NULL);
}

bool trace_check(const char *text, struct trace_summary *summary)
{
	struct reader *r = calloc(1, sizeof(*r));
	bool good;

	*summary = (struct trace_summary){ .events = 0 };
	if (r)
		r->open = calloc(MAX_ASYNC, sizeof(*r->open));
	if (!r || !r->open) {
		free(r);
		snprintf(summary->why, sizeof(summary->why), "out of memory");
		return false;
	}
	r->start = r->at = text;
	r->summary = summary;
	good = read_object(r, read_top, NULL);
	skip_space(r);
	if (good && *r->at)
		good = wrong(r, "something behind the end");
	if (good && !summary->events)
		good = wrong(r, "no events");
	summary->open = r->open_count;
	free(r->open);
	free(r);
	return good;
}
