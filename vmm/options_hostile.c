/* SPDX-License-Identifier: Apache-2.0 */
/* See options_hostile.h. */
#include "options_hostile.h"

#include <stdio.h>
#include <string.h>

#include "keyval.h"
#include "virtio/hostile.h"

#define RATE                                                                                                           \
	16 /* a request in three or so meets a lie of some kind: enough to see them all in a boot, and to get through it */

static int unknown_kind(const char *name, size_t len, struct error *error)
{
	char list[160] = "";
	size_t used = 0;

	for (int i = 0; i < HOSTILE_KINDS; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
			hostile_kind_name((enum hostile_kind)i));
	return error_set(error, STATUS_USAGE, "--hostile: only: no \"%.*s\"; write some of %s, with a + between two",
		(int)(len < 64 ? len : 64), name, list);
}

static int parse_kinds(const char *text, uint32_t *kinds, struct error *error)
{
	*kinds = 0;
	for (;;) {
		size_t len = strcspn(text, "+");
		int kind = hostile_find_kind(text, len);

		if (kind < 0)
			return unknown_kind(text, len, error);
		*kinds |= 1u << kind;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

int hostile_options_parse(char *value, struct hostile_options *hostile, struct error *error)
{
	struct hostile_text {
		const char *only;
		uint64_t rate;
		bool log;
	} text = { .rate = RATE };
	static const struct keyval_key keys[] = {
		{ "rate", KEYVAL_NUMBER, offsetof(struct hostile_text, rate) },
		{ "only", KEYVAL_STRING, offsetof(struct hostile_text, only) },
		{ "log", KEYVAL_FLAG, offsetof(struct hostile_text, log) },
	};
	char *rest = value + strcspn(value, ",");
	bool more = *rest;

	*rest = '\0';
	*hostile = (struct hostile_options){ .on = true, .kinds = (1u << HOSTILE_KINDS) - 1 };
	if (parse_number(value, &hostile->seed))
		return error_set(error, STATUS_USAGE,
			"--hostile %s: begin with a seed, a number like 42: the same one makes the same lies", value);
	if (more && keyval_parse("--hostile", rest + 1, keys, ARRAY_SIZE(keys), &text, error))
		return -1;
	if (text.rate < 1 || text.rate > UINT32_MAX)
		return error_set(error, STATUS_USAGE,
			"--hostile: rate=%llu: write a number from 1, which is always, up",
			(unsigned long long)text.rate);
	hostile->rate = text.rate;
	hostile->log = text.log;
	return text.only ? parse_kinds(text.only, &hostile->kinds, error) : 0;
}
