/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries made of the targets' tables: each line is one that libFuzzer and AFL++ read, and means what its name says. */
#include <ctype.h>
#include <stdlib.h>

#include "fuzz/dictionary.h"
#include "fuzz/engine.h"
#include "fuzz/machine.h"
#include "fuzz/raw.h"
#include "test.h"

/* The whole of one; the caller frees it. */
static char *written(const char *target)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	if (!file)
		abort();
	fuzz_target_dictionary(fuzz_target_find(target), file);
	fclose(file);
	return text;
}

/* Takes `name="\x00..."` and a newline apart: how many bytes it has, 0: it is no such line. *line: what follows. */
static size_t parse(const char **line, char *name, size_t room, uint8_t *bytes)
{
	const char *c = *line;
	size_t len = 0, count = 0;
	unsigned int value;

	while (len + 1 < room && (isalnum((unsigned char)*c) || *c == '_'))
		name[len++] = *c++;
	name[len] = '\0';
	if (!len || *c++ != '=' || *c++ != '"')
		return 0;
	for (; count < FUZZ_DICTIONARY_MOST && sscanf(c, "\\x%2x", &value) == 1; c += 4)
		bytes[count++] = (uint8_t)value;
	if (*c++ != '"' || *c++ != '\n')
		return 0;
	*line = c;
	return count;
}

/* The entry of that name, 0: there is none. */
static size_t find(const char *target, const char *wanted, uint8_t *bytes)
{
	char *text = written(target), name[100];
	size_t len = 0, found = 0;

	for (const char *line = text; *line && !found; found = len && !strcmp(name, wanted) ? len : 0) {
		len = parse(&line, name, sizeof(name), bytes);
		if (!len)
			break;
	}
	free(text);
	return found;
}

static void every_line_is_an_entry(void)
{
	for (const struct fuzz_target *const *t = fuzz_targets; (*t)->name; t++) {
		char *text = written((*t)->name), name[100];
		uint8_t bytes[FUZZ_DICTIONARY_MOST];
		const char *line = text;
		unsigned int count = 0;

		while (*line) {
			REQUIRE(parse(&line, name, sizeof(name), bytes));
			count++;
		}
		/* Whoever has one has more than a handful. */
		CHECK(!(*t)->dictionary || count > 10);
		free(text);
	}
}

static void names_are_taken_once(void)
{
	for (const struct fuzz_target *const *t = fuzz_targets; (*t)->name; t++) {
		char *text = written((*t)->name), *rest = NULL;

		for (const char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			size_t len = strcspn(line, "=") + 1;

			/* strtok_r has ended only this line. */
			for (const char *later = rest; later && *later; later = strchr(later, '\n') + 1)
				CHECK(strncmp(later, line, len) != 0);
		}
		free(text);
	}
}

static void check_entry(const char *target, const char *name, const uint8_t *wanted, size_t len)
{
	uint8_t bytes[FUZZ_DICTIONARY_MOST];

	CHECK_EQ(find(target, name, bytes), len);
	CHECK(!memcmp(bytes, wanted, len));
}

static void known_entries_are_there(void)
{
	const uint8_t id[] = { FUZZ_RAW_READ_REG, 2 }, discard[] = { FUZZ_RAW_REQUEST, 4 },
		      running[] = { FUZZ_RAW_STATUS | 4 << 4 }, table[] = { FUZZ_RAW_DESC, 0, 0, 1, 4, 1 },
		      bar[] = { FUZZ_RAW_WRITE_REG, 3, FUZZ_RAW_4_BYTES, 0, 0, 0, 0x10 }, kick[] = { 6, 12, 1 };

	check_entry("rng-mmio", "read_DEVICE_ID", id, sizeof(id));
	check_entry("blk-pci", "request_DISCARD", discard, sizeof(discard));
	check_entry("blk-mirror", "request_DISCARD", discard, sizeof(discard));
	check_entry("rng-pci", "status_15", running, sizeof(running));
	check_entry("rng-mmio", "descriptor_0x4", table, sizeof(table));
	check_entry("pci-config", "VIRTIO_BAR_1_is_mem32", bar, sizeof(bar));
	check_entry("vhost-user-server", "SET_VRING_KICK", kick, sizeof(kick));
}

/* What the name says is what the steps do. */
static void an_entry_does_what_it_says(void)
{
	/* No bring-up; ACKNOWLEDGE and DRIVER before, FEATURES_OK after. */
	uint8_t input[FUZZ_RAW_HEADER + 3 + FUZZ_DICTIONARY_MOST] = { FUZZ_RAW_COLD, 0, 0, FUZZ_RAW_STATUS | 1 << 4,
		FUZZ_RAW_STATUS | 2 << 4 };
	uint8_t *at = input + FUZZ_RAW_HEADER + 2;
	size_t len = find("blk-mmio", "accept_event_idx", at);

	REQUIRE(len);
	fuzz_target_choose(fuzz_target_find("blk-mmio"));
	fuzz_raw_run(input, (size_t)(at - input) + len);
	CHECK_EQ(fuzz_machine->v->driver_features, 1ULL << 29);
	len = find("blk-mmio", "write_STATUS", at);
	REQUIRE(len);
	at[len++] = 0x80;
	fuzz_raw_run(input, (size_t)(at - input) + len);
	CHECK(fuzz_machine->v->status != 3);
}

static const struct test tests[] = {
	TEST(every_line_is_an_entry),
	TEST(names_are_taken_once),
	TEST(known_entries_are_there),
	TEST(an_entry_does_what_it_says),
};
TEST_MAIN(tests)
