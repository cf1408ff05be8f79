/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutator for files that have a header: it knows the formats by a table of their fields, makes a whole file of one, and gives a field
 * that is there another number of those that are at the edge of something: what is nearly right comes up at once.
 */
#ifndef MINIVMM_FUZZ_MUTATE_FILE_H
#define MINIVMM_FUZZ_MUTATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuzz_field {
	uint16_t offset;
	uint8_t size; /* 1, 2, 4 or 8 */
};

struct fuzz_format {
	/* Of its first `size` bytes: is it one? */
	bool (*is)(const uint8_t *data, size_t size);
	/* A good and small one, of at most max_size; its size, 0: there is no room. */
	size_t (*make)(uint8_t *data, size_t max_size);
	const struct fuzz_field *fields; /* little endian */
	size_t count;
};

size_t fuzz_mutate_file(const struct fuzz_format *formats, size_t count, uint8_t *data, size_t size, size_t max_size,
	unsigned int seed);

/* mutate_kernel.c: those of kernels. For struct fuzz_target. */
size_t fuzz_mutate_kernel(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
/* mutate_qtest.c: lines of the qtest protocol. */
size_t fuzz_mutate_qtest(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#endif
