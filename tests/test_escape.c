/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed, what of it the guest gets, and what is asked of the console; each row whole and cut at every place. */
#include "escape.h"

#include "core/util.h"
#include "test.h"

static const struct {
	const char *typed, *guest;
	unsigned int events;
} rows[] = {
	{ "", "", 0 },
	{ "ls -l\r", "ls -l\r", 0 },
	{ "\x03\x1a\x1b[A\x7f", "\x03\x1a\x1b[A\x7f", 0 },
	{ "ab\001xcd", "ab", ESCAPE_QUIT },
	{ "\001X", "", ESCAPE_QUIT },
	{ "a\001hb", "ab", ESCAPE_HELP },
	{ "\001H\001?", "", ESCAPE_HELP },
	{ "\001\001", "\001", 0 },
	{ "\001a", "\001", 0 },
	{ "\001A", "\001", 0 },
	{ "\001\001\001\001", "\001\001", 0 },
	/* An odd one is pending still: the x belongs to it. */
	{ "\001\001\001x", "\001", ESCAPE_QUIT },
	{ "\001\001x", "\001x", 0 },
	{ "\001", "", 0 },
	{ "\001qx", "x", 0 },
	{ "\001\rls", "ls", 0 },
	{ "\001h1\001x2\001h", "1", ESCAPE_HELP | ESCAPE_QUIT },
	{ "\xc3\xa9\xff", "\xc3\xa9\xff", 0 },
	{ "xXhH?aA", "xXhH?aA", 0 },
};

/* Feeds the first cut bytes and then the rest, unless the first asked to quit, as the console does. */
static size_t feed(const char *typed, size_t cut, uint8_t *guest, unsigned int *events)
{
	struct escape escape = { 0 };
	size_t len = strlen(typed), kept;
	uint8_t rest[32];
	unsigned int more;

	memcpy(guest, typed, cut);
	kept = escape_filter(&escape, guest, cut, events);
	if (*events & ESCAPE_QUIT)
		return kept;
	memcpy(rest, typed + cut, len - cut);
	len = escape_filter(&escape, rest, len - cut, &more);
	memcpy(guest + kept, rest, len);
	*events |= more;
	return kept + len;
}

static void sequences(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t cut = 0; cut <= strlen(rows[i].typed); cut++) {
			uint8_t guest[64];
			unsigned int events;
			size_t len = feed(rows[i].typed, cut, guest, &events);

			guest[len] = '\0';
			CHECK_STR((char *)guest, rows[i].guest);
			CHECK_EQ(events, rows[i].events);
		}
	}
}

static void nul_is_a_key(void)
{
	struct escape escape = { 0 };
	uint8_t keys[] = { 'a', 0, 1, 0, 0, 'b' };
	unsigned int events;

	CHECK_EQ(escape_filter(&escape, keys, sizeof(keys), &events), 4);
	CHECK(!memcmp(keys, "a\0\0b", 4));
	CHECK_EQ(events, 0);
}

/* For a raw terminal: each line feed has its carriage return. */
static void help_is_for_a_raw_terminal(void)
{
	for (const char *p = escape_help; *p; p++)
		if (*p == '\n')
			CHECK(p > escape_help && p[-1] == '\r');
	CHECK_HAS(escape_help, "Ctrl-A X");
}

static const struct test tests[] = { TEST(sequences), TEST(nul_is_a_key), TEST(help_is_for_a_raw_terminal) };
TEST_MAIN(tests)
