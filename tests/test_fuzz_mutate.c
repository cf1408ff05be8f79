/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator and the crossover of the devices' inputs: within bounds, the same for the same seed, whole sentences. */
#include <string.h>

#include "fuzz/grammar.h"
#include "fuzz/language.h"
#include "fuzz/mutate_file.h"
#include "kernel_format.h"
#include "test.h"

#define ROUNDS 20000
#define MOST   200
#define LARGE  600

/* Inputs of all sizes and both languages come by; a guard byte stands behind each. */
static void mutants_stay_in_bounds(void)
{
	uint8_t data[MOST + 1], again[MOST + 1];
	size_t size = 0, texts = 0;

	for (unsigned int seed = 0; seed < ROUNDS; seed++) {
		size_t most = seed % 7 ? MOST : seed % MOST, same, before;
		bool text;

		if (size > most)
			size = most;
		data[most] = 0xa5;
		memcpy(again, data, sizeof(data));
		before = size;
		text = size && data[0] == FUZZ_GRAMMAR && most >= FUZZ_GRAMMAR_HEADER + FUZZ_SENTENCE;
		size = fuzz_language_mutate(data, size, most, seed);
		REQUIRE(size <= most);
		CHECK_EQ(data[most], 0xa5);
		same = fuzz_language_mutate(again, before, most, seed);
		/* The raw language's bytes are changed by the engine's own mutator, which has a state. */
		if (text)
			REQUIRE(same == size && !memcmp(data, again, size));
		texts += size && data[0] == FUZZ_GRAMMAR;
	}
	/* Neither language dies out. */
	CHECK(texts > ROUNDS / 10);
}

static void texts_are_whole_sentences(void)
{
	uint8_t data[MOST] = { 0 };
	size_t size = 0, changed = 0;

	for (unsigned int seed = 1; seed < ROUNDS; seed++) {
		uint8_t before[MOST];

		memcpy(before, data, sizeof(data));
		size = fuzz_language_mutate(data, size, MOST, seed);
		changed += memcmp(before, data, sizeof(data)) != 0;
		if (!size || data[0] != FUZZ_GRAMMAR)
			size = 0;
		else
			CHECK_EQ((size - FUZZ_GRAMMAR_HEADER) % FUZZ_SENTENCE, 0);
	}
	CHECK(changed > ROUNDS / 2);
}

static void a_crossover_has_parts_of_both(void)
{
	uint8_t a[FUZZ_GRAMMAR_HEADER + 5 * FUZZ_SENTENCE], b[FUZZ_GRAMMAR_HEADER + 9 * FUZZ_SENTENCE], out[MOST + 1];
	unsigned int both = 0;

	memset(a, 0x11, sizeof(a));
	memset(b, 0x22, sizeof(b));
	a[0] = b[0] = FUZZ_GRAMMAR;
	for (unsigned int seed = 0; seed < ROUNDS; seed++) {
		size_t most = FUZZ_GRAMMAR_HEADER + seed % (MOST - FUZZ_GRAMMAR_HEADER);
		size_t size;

		out[most] = 0xa5;
		size = fuzz_language_cross(a, sizeof(a), b, sizeof(b), out, most, seed);
		REQUIRE(size <= most && size >= FUZZ_GRAMMAR_HEADER);
		CHECK_EQ(out[most], 0xa5);
		CHECK_EQ((size - FUZZ_GRAMMAR_HEADER) % FUZZ_SENTENCE, 0);
		/* A sentence is of one or the other. */
		for (size_t i = FUZZ_GRAMMAR_HEADER; i < size; i += FUZZ_SENTENCE)
			CHECK_EQ(out[i], out[i + FUZZ_SENTENCE - 1]);
		both += memchr(out + 2, 0x11, size - 2) && memchr(out + 2, 0x22, size - 2);
	}
	CHECK(both > ROUNDS / 10);
}

static void raw_crossovers_stay_in_bounds(void)
{
	uint8_t a[40], b[70], out[MOST + 1];

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	for (unsigned int seed = 0; seed < ROUNDS; seed++) {
		size_t most = seed % 100, size;

		out[most] = 0xa5;
		b[0] = seed & 1 ? FUZZ_GRAMMAR : 2;
		size = fuzz_language_cross(a, seed % (sizeof(a) + 1), b, seed % (sizeof(b) + 1), out, most, seed);
		REQUIRE(size <= most);
		CHECK_EQ(out[most], 0xa5);
		size = fuzz_language_cross(b, sizeof(b), a, sizeof(a), out, most, seed);
		REQUIRE(size <= most);
	}
}

/* A mutator of parsers' inputs: within bounds, the same for the same seed. How many of its outputs `wanted` says yes to. */
static unsigned int try_mutator(size_t (*mutate)(uint8_t *data, size_t size, size_t max_size, unsigned int seed),
	bool (*wanted)(const uint8_t *data, size_t size))
{
	uint8_t data[LARGE + 1];
	unsigned int count = 0;
	size_t size = 0;

	for (unsigned int seed = 1; seed < ROUNDS && !test_failed; seed++) {
		size_t most = seed % 50 < 40 ? LARGE : seed % LARGE;

		/* From nothing, and a few steps further. */
		size = seed % 10 && size <= most ? size : 0;
		data[most] = 0xa5;
		size = mutate(data, size, most, seed);
		CHECK(size <= most);
		CHECK_EQ(data[most], 0xa5);
		count += wanted(data, size);
	}
	return count;
}

static bool is_kernel(const uint8_t *data, size_t size)
{
	const struct bytes bytes = { data, size };

	return elf_is(bytes) || zboot_is(bytes) || image_is(bytes);
}

/* An ELF file whose header is right but for nothing: its program headers are looked at. */
static bool is_good_elf(const uint8_t *data, size_t size)
{
	struct error error = { .status = STATUS_OK };
	struct kernel kernel = { .path = "input", .fd = -1 };
	const struct bytes bytes = { data, size };

	return elf_is(bytes) && !elf_parse(&kernel, bytes, &error);
}

static void kernels_are_nearly_right(void)
{
	CHECK(try_mutator(fuzz_mutate_kernel, is_kernel) > ROUNDS / 2);
	CHECK(try_mutator(fuzz_mutate_kernel, is_good_elf) > ROUNDS / 200);
}

static bool has_whole_command(const uint8_t *data, size_t size)
{
	return memmem(data, size, "write", 5) && memchr(data, '\n', size);
}

static void lines_are_commands(void)
{
	CHECK(try_mutator(fuzz_mutate_qtest, has_whole_command) > ROUNDS / 8);
}

static const struct test tests[] = {
	TEST(mutants_stay_in_bounds),
	TEST(texts_are_whole_sentences),
	TEST(a_crossover_has_parts_of_both),
	TEST(raw_crossovers_stay_in_bounds),
	TEST(kernels_are_nearly_right),
	TEST(lines_are_commands),
};
TEST_MAIN(tests)
