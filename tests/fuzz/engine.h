/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every engine calls: libFuzzer, AFL++'s driver for such programs, OSS-Fuzz's others, and main.c, which is none. The names are
 * libFuzzer's.
 */
#ifndef MINIVMM_FUZZ_ENGINE_H
#define MINIVMM_FUZZ_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fuzz.h"

/* The program's name is this, followed by a target's: hard links to one program. */
#define FUZZ_PROGRAM	 "minivmm-fuzz-"
/* What the target is called for the processes that an engine starts of itself, by whatever name. */
#define FUZZ_ENVIRONMENT "MINIVMM_FUZZ_TARGET"

/* NULL: there is none of that name. */
const struct fuzz_target *fuzz_target_find(const char *name);
/* A line each, name and what it is. */
void fuzz_target_list(FILE *file);
/* The dictionary that it makes of its tables; nothing where it has none. */
void fuzz_target_dictionary(const struct fuzz_target *target, FILE *file);
/* Runs its start, once in a process: the target of everything below. */
void fuzz_target_choose(const struct fuzz_target *target);

/*
 * Chooses the target by the program's name, the first argument, which is then taken out, or the environment; ends the process
 * without. --list in that place lists them and ends it, "dictionary TARGET" writes that target's.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* Chooses as Initialize does by the program's name or environment, where an engine does not call that. 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	size_t max_size, unsigned int seed);

#endif
