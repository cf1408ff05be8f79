/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be fuzzed, by name. An engine (engine.c under libFuzzer or AFL++, main.c without any) chooses one target by its program's name
 * or its first argument, and hands it one input after another. A target leaves nothing behind: the same input does the same
 * thing whatever came before it.
 */
#ifndef MINIVMM_FUZZ_H
#define MINIVMM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct fuzz_target {
	const char *name; /* "rng-mmio"; the program is minivmm-fuzz-NAME */
	const char *what; /* one line for --list */
	void (*start)(const struct fuzz_target *target); /* once in a process, before the first input; may be NULL */
	void (*run)(const uint8_t *data, size_t size);
	/* As LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver; NULL: the engine's own. */
	size_t (*mutate)(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
	size_t (*cross)(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out, size_t max_size,
		unsigned int seed);
	/* Writes its dictionary, an entry a line (dictionary.h); NULL: it has none of its own making. */
	void (*dictionary)(const struct fuzz_target *target, FILE *file);
	const void *opaque; /* the target's own: which device on which transport */
};

/* Every target, ended by one without a name. */
extern const struct fuzz_target *const fuzz_targets[];

/* The engine's own byte mutator; without an engine a small one of ours. For mutate. */
size_t fuzz_mutate_bytes(uint8_t *data, size_t size, size_t max_size);

/* An oracle has found something: says which and what, and ends the process as a crash does. */
__attribute__((noreturn, format(printf, 2, 3))) void fuzz_failed(const char *oracle, const char *format, ...);

#endif
