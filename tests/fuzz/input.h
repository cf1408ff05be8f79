/* SPDX-License-Identifier: Apache-2.0 */
/* An input taken apart from its front: numbers, then what is left. Past the end everything is 0. */
#ifndef MINIVMM_FUZZ_INPUT_H
#define MINIVMM_FUZZ_INPUT_H

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/* At most len of the bytes that are left; *got says how many. */
static inline const uint8_t *fuzz_take(struct fuzz_input *in, size_t len, size_t *got)
{
	const uint8_t *data = in->data;

	*got = len < in->left ? len : in->left;
	in->data += *got;
	in->left -= *got;
	return data;
}

/* Little endian, of `size` bytes. */
static inline uint64_t fuzz_take_number(struct fuzz_input *in, unsigned int size)
{
	uint64_t value = 0;
	size_t got;
	const uint8_t *data = fuzz_take(in, size, &got);

	if (got)
		memcpy(&value, data, got);
	return value;
}

/* A copy in a block of just that size, so that a read behind its end is seen; the caller frees it. */
static inline void *fuzz_copy(const uint8_t *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		fuzz_failed("host", "no memory for %zu bytes", size);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The same with a NUL behind it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		fuzz_failed("host", "no memory for %zu bytes", size);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
