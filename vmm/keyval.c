/* SPDX-License-Identifier: Apache-2.0 */
/* See keyval.h. No allocation: lists are cut up where they stand. */
#include "keyval.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Digits of text in the given base up to *end; -EINVAL when there is none. */
static int parse_digits(const char *text, unsigned int base, uint64_t *number, const char **end)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = text;
	uint64_t sum = 0;

	for (; *p; p++) {
		/* Not tolower: it depends on the locale. */
		char lower = *p >= 'A' && *p <= 'F' ? (char)(*p - 'A' + 'a') : *p;
		const char *found = strchr(digits, lower);
		unsigned int digit = found ? (unsigned int)(found - digits) : base;

		if (digit >= base)
			break;
		if (sum > (UINT64_MAX - digit) / base)
			return -ERANGE;
		sum = sum * base + digit;
	}
	if (p == text)
		return -EINVAL;
	*number = sum;
	*end = p;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const struct {
		char upper, lower;
		unsigned int shift;
	} suffixes[] = { { 'K', 'k', 10 }, { 'M', 'm', 20 }, { 'G', 'g', 30 } };
	unsigned int shift = 0;
	uint64_t number;
	const char *end;
	int ret = parse_digits(text, 10, &number, &end);

	if (ret)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (*end && (*end == suffixes[i].upper || *end == suffixes[i].lower))
			shift = suffixes[i].shift;
	if (end[shift ? 1 : 0])
		return -EINVAL;
	if (number > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = number << shift;
	return 0;
}

int parse_number(const char *text, uint64_t *number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end;
	uint64_t value;
	int ret = parse_digits(hex ? text + 2 : text, hex ? 16 : 10, &value, &end);

	if (ret)
		return ret;
	if (*end)
		return -EINVAL;
	*number = value;
	return 0;
}

int parse_switch(const char *text, bool *on)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		return -EINVAL;
	*on = !strcmp(text, "on");
	return 0;
}

const char *size_text(uint64_t bytes, char buf[SIZE_TEXT_LEN])
{
	static const char suffixes[][2] = { "", "K", "M", "G" };
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(suffixes) && bytes && bytes % KiB == 0) {
		bytes /= KiB;
		i++;
	}
	snprintf(buf, SIZE_TEXT_LEN, "%" PRIu64 "%s", bytes, suffixes[i]);
	return buf;
}

#define NAME_MAX_LEN 32 /* longer ones are not compared: no option or key is that long */

/* Levenshtein's distance, one row of his table at a time. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], b_len = strlen(b);

	assert(b_len <= NAME_MAX_LEN);
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b_len; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (best > row[j] + 1)
				best = row[j] + 1;
			if (best > row[j + 1] + 1)
				best = row[j + 1] + 1;
			row[j + 1] = best;
		}
	}
	return row[b_len];
}

const char *nearest_name(const char *typed, const char *const *names, size_t count)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX, typed_len = strlen(typed);

	if (!typed_len || typed_len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]), limit = len < 6 ? 1 : len / 3, distance;

		if (len > NAME_MAX_LEN)
			continue;
		if (!strncmp(names[i], typed, typed_len))
			return names[i];
		distance = edit_distance(typed, names[i]);
		if (distance <= limit && distance < best_distance) {
			best = names[i];
			best_distance = distance;
		}
	}
	return best;
}

/* Whether the comma at p ends a value: not before a sign, which begins another word of a list ("features=+a,-b"). */
static bool ends_value(const char *p)
{
	return p[1] != '+' && p[1] != '-';
}

/* Takes the text up to a lone comma, which becomes the end of the string, and moves *cursor behind it (NULL: that was all). */
static char *take_pair(char **cursor)
{
	char *pair = *cursor, *to = pair, *from = pair;

	*cursor = NULL;
	for (; *from; from++) {
		if (*from == ',' && ends_value(from)) {
			if (from[1] != ',') {
				*cursor = from + 1;
				break;
			}
			from++;
		}
		*to++ = *from;
	}
	*to = '\0';
	return pair;
}

/* "source, speed" */
static const char *list_keys(const struct keyval_key *keys, size_t count, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", keys[i].name);
	return buf;
}

static int set_value(
	const char *option, const struct keyval_key *key, const char *value, void *field, struct error *error)
{
	static const char *const forms[] = {
		[KEYVAL_FLAG] = "on or off, or nothing",
		[KEYVAL_SWITCH] = "on or off",
		[KEYVAL_STRING] = "a text that is not empty",
		[KEYVAL_SIZE] = "a size like 512M (K, M or G; a plain number is bytes)",
		[KEYVAL_NUMBER] = "a number",
	};
	int ret = -EINVAL;

	assert((size_t)key->kind < ARRAY_SIZE(forms));

	switch (key->kind) {
	case KEYVAL_FLAG:
		ret = value ? parse_switch(value, field) : 0;
		if (!value)
			*(bool *)field = true;
		break;
	case KEYVAL_SWITCH: ret = value ? parse_switch(value, field) : -EINVAL; break;
	case KEYVAL_SIZE: ret = value ? parse_size(value, field) : -EINVAL; break;
	case KEYVAL_NUMBER: ret = value ? parse_number(value, field) : -EINVAL; break;
	case KEYVAL_STRING:
		if (value && *value) {
			*(const char **)field = value;
			ret = 0;
		}
		break;
	}
	if (ret)
		return error_set(error, STATUS_USAGE, "%s: %s=%s: write %s%s", option, key->name, value ? value : "",
			forms[key->kind], ret == -ERANGE ? "; this one is too large" : "");
	return 0;
}

static int unknown_key(
	const char *option, const char *name, const struct keyval_key *keys, size_t key_count, struct error *error)
{
	const char *names[KEYVAL_MAX_KEYS] = { NULL }, *near;
	char list[200];

	for (size_t i = 0; i < key_count; i++)
		names[i] = keys[i].name;
	list_keys(keys, key_count, list, sizeof(list));
	near = nearest_name(name, names, key_count);
	if (near && key_count > 1)
		return error_set(error, STATUS_USAGE, "%s: unknown key \"%s\", did you mean %s? It takes %s", option,
			name, near, list);
	return error_set(error, STATUS_USAGE, "%s: unknown key \"%s\"; it takes %s", option, name, list);
}

int keyval_parse(
	const char *option, char *text, const struct keyval_key *keys, size_t key_count, void *out, struct error *error)
{
	char *cursor = text;
	uint32_t seen = 0;

	assert(key_count <= KEYVAL_MAX_KEYS);
	while (cursor) {
		char *name = take_pair(&cursor), *value = strchr(name, '=');
		size_t i;

		if (value)
			*value++ = '\0';
		for (i = 0; i < key_count && strcmp(name, keys[i].name); i++)
			;
		if (i == key_count)
			return unknown_key(option, name, keys, key_count, error);
		if (seen & 1u << i)
			return error_set(error, STATUS_USAGE, "%s: %s is given twice", option, name);
		seen |= 1u << i;
		if (set_value(option, &keys[i], value, (char *)out + keys[i].offset, error))
			return -1;
	}
	for (size_t i = 0; i < key_count; i++)
		if (keys[i].required && !(seen & 1u << i))
			return error_set(error, STATUS_USAGE, "%s: %s=... is missing", option, keys[i].name);
	return 0;
}
