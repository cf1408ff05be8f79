/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs of the devices' targets, in either language: the first byte says which (grammar.h). And the mutator and the crossover, which
 * know where sentences and steps begin.
 */
#ifndef MINIVMM_FUZZ_LANGUAGE_H
#define MINIVMM_FUZZ_LANGUAGE_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

/* As struct fuzz_target has them. */
void fuzz_language_run(const uint8_t *data, size_t size);
size_t fuzz_language_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t fuzz_language_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	size_t max_size, unsigned int seed);

/* dictionary.c: steps of the raw language, of the registers, features, requests and descriptors that the target's device has. */
void fuzz_language_dictionary(const struct fuzz_target *target, FILE *file);

/* For a target whose inputs these are. */
#define FUZZ_LANGUAGES                                                                                                 \
	.run = fuzz_language_run, .mutate = fuzz_language_mutate, .cross = fuzz_language_cross,                        \
	.dictionary = fuzz_language_dictionary

#endif
