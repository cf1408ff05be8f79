/* SPDX-License-Identifier: Apache-2.0 */
/* See engine.h and fuzz.h. Knows no target but by its name. */
#include "engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's; only where that is linked in. */
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));

static const struct fuzz_target *chosen;
static uint64_t mutator_state = 1;

const struct fuzz_target *fuzz_target_find(const char *name)
{
	for (const struct fuzz_target *const *t = fuzz_targets; (*t)->name; t++)
		if (!strcmp((*t)->name, name))
			return *t;
	return NULL;
}

void fuzz_target_list(FILE *file)
{
	for (const struct fuzz_target *const *t = fuzz_targets; (*t)->name; t++)
		fprintf(file, "%-20s %s\n", (*t)->name, (*t)->what);
}

void fuzz_target_dictionary(const struct fuzz_target *target, FILE *file)
{
	if (target->dictionary)
		target->dictionary(target, file);
}

void fuzz_target_choose(const struct fuzz_target *target)
{
	if (chosen)
		fuzz_failed("engine", "a process runs one target, and this is the second: %s", target->name);
	chosen = target;
	setenv(FUZZ_ENVIRONMENT, target->name, 1);
	if (target->start)
		target->start(target);
}

/* Of the path `program`; NULL: its name has none. */
static const struct fuzz_target *by_program(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
	size_t len = strlen(FUZZ_PROGRAM);

	return strncmp(name, FUZZ_PROGRAM, len) ? NULL : fuzz_target_find(name + len);
}

static void choose_without_arguments(void)
{
	const char *name = getenv(FUZZ_ENVIRONMENT);
	const struct fuzz_target *target = by_program(program_invocation_name);

	if (!target && name)
		target = fuzz_target_find(name);
	if (!target) {
		fprintf(stderr,
			"%s: which target? Call it %sTARGET, or name one first; \"minivmm-fuzz --list\" knows them\n",
			program_invocation_short_name, FUZZ_PROGRAM);
		exit(64);
	}
	fuzz_target_choose(target);
}

/* What is asked of every program, whoever brings its main: ends the process if it is something of that kind. */
static void answer(int argc, char **argv)
{
	const struct fuzz_target *target = argc > 2 ? fuzz_target_find(argv[2]) : NULL;

	if (argc > 1 && !strcmp(argv[1], "--list"))
		fuzz_target_list(stdout);
	else if (target && !strcmp(argv[1], "dictionary"))
		fuzz_target_dictionary(target, stdout);
	else
		return;
	exit(0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct fuzz_target *target = *argc > 1 ? fuzz_target_find((*argv)[1]) : NULL;

	answer(*argc, *argv);
	if (target && !by_program((*argv)[0])) {
		/* With the NULL behind the last one. */
		memmove(*argv + 1, *argv + 2, ((size_t)*argc - 1) * sizeof(char *));
		--*argc;
		fuzz_target_choose(target);
	} else {
		choose_without_arguments();
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!chosen)
		choose_without_arguments();
	chosen->run(data, size);
	return 0;
}

static uint64_t mutator_random(void)
{
	/* Marsaglia's xorshift64: only the plain program mutates with it. */
	mutator_state ^= mutator_state << 13;
	mutator_state ^= mutator_state >> 7;
	mutator_state ^= mutator_state << 17;
	return mutator_state;
}

/* One change in the manner of libFuzzer's. */
static size_t plain_mutate(uint8_t *data, size_t size, size_t max_size)
{
	size_t at = size ? mutator_random() % size : 0;
	uint64_t random = mutator_random();

	switch (size ? random % 4 : 0) {
	case 0:
		if (size >= max_size)
			return size;
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)(random >> 8);
		return size + 1;
	case 1:
		if (size < 2)
			return size;
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	case 2: data[at] ^= (uint8_t)(1U << (random >> 8) % 8); return size;
	default: data[at] = (uint8_t)(random >> 8); return size;
	}
}

size_t fuzz_mutate_bytes(uint8_t *data, size_t size, size_t max_size)
{
	return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : plain_mutate(data, size, max_size);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	mutator_state = seed + 1ULL;
	if (chosen && chosen->mutate)
		return chosen->mutate(data, size, max_size, seed);
	return fuzz_mutate_bytes(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	size_t max_size, unsigned int seed)
{
	size_t head, tail;

	if (chosen && chosen->cross)
		return chosen->cross(a, a_size, b, b_size, out, max_size, seed);
	/* The beginning of one and the end of the other. */
	mutator_state = seed + 1ULL;
	head = mutator_random() % (a_size + 1);
	tail = mutator_random() % (b_size + 1);
	if (head > max_size)
		head = max_size;
	if (tail > max_size - head)
		tail = max_size - head;
	memcpy(out, a, head);
	memcpy(out + head, b + b_size - tail, tail);
	return head + tail;
}

void fuzz_failed(const char *oracle, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "minivmm-fuzz: %s: ", oracle);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
