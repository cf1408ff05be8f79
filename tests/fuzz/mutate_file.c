/* SPDX-License-Identifier: Apache-2.0 */
/* See mutate_file.h. */
#include "mutate_file.h"

#include <string.h>

#include "fuzz.h"
#include "random.h"

static uint64_t get(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void put(uint8_t *at, unsigned int bytes, uint64_t value)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Near what it was, near the file's end, near the end of what a number can be; another one of the file's; any. */
static uint64_t another(const struct fuzz_format *f, const uint8_t *data, size_t size, uint64_t was, uint64_t *state)
{
	const struct fuzz_field *other = &f->fields[fuzz_below(state, f->count)];
	uint64_t near = fuzz_below(state, 17) - 8ULL;

	switch (fuzz_below(state, 6)) {
	case 0: return was + near;
	case 1: return size + near;
	case 2: return near;
	case 3: return 1ULL << fuzz_below(state, 64);
	case 4:
		return (size_t)other->offset + other->size <= size ? get(data + other->offset, other->size) + near
								   : near;
	default: return fuzz_random(state);
	}
}

static void change_field(const struct fuzz_format *f, uint8_t *data, size_t size, uint64_t *state)
{
	const struct fuzz_field *field = &f->fields[fuzz_below(state, f->count)];
	uint64_t was;

	if ((size_t)field->offset + field->size > size)
		return;
	was = get(data + field->offset, field->size);
	put(data + field->offset, field->size, another(f, data, size, was, state));
}

size_t fuzz_mutate_file(
	const struct fuzz_format *formats, size_t count, uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint64_t state = fuzz_random_begin(seed);

	if (size < 4 || !fuzz_below(&state, 64)) {
		size_t made = formats[fuzz_below(&state, count)].make(data, max_size);

		size = made ? made : size;
	}
	for (size_t i = 0; i < count && fuzz_below(&state, 4); i++) {
		if (!formats[i].is(data, size))
			continue;
		for (size_t n = 1 + fuzz_below(&state, 2); n; n--)
			change_field(&formats[i], data, size, &state);
		return size;
	}
	return fuzz_mutate_bytes(data, size, max_size);
}
