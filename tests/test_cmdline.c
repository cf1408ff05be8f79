/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel command line: which defaults are added, where, and when they are left out. */
#include "test.h"

#include <stdlib.h>

#include "cmdline.h"

#define ALL "console=ttyAMA0 earlycon panic=-1 reboot=panic_warm"

static void defaults_are_added_unless_decided(void)
{
	static const struct {
		const char *user, *extra, *want;
	} rows[] = {
		{ "", NULL, ALL },
		{ "  ", NULL, ALL },
		{ "root=/dev/vda", NULL, "root=/dev/vda " ALL },
		{ " root=/dev/vda  ", NULL, " root=/dev/vda " ALL },
		{ "console=hvc0", NULL, "console=hvc0 earlycon panic=-1 reboot=panic_warm" },
		{ "console=", NULL, "console= earlycon panic=-1 reboot=panic_warm" },
		{ "quiet", NULL, "quiet console=ttyAMA0 panic=-1 reboot=panic_warm" },
		{ "earlycon=pl011,0x9000000", NULL,
			"earlycon=pl011,0x9000000 console=ttyAMA0 panic=-1 reboot=panic_warm" },
		{ "panic=0", NULL, "panic=0 console=ttyAMA0 earlycon reboot=panic_warm" },
		{ "reboot=hard", NULL, "reboot=hard console=ttyAMA0 earlycon panic=-1" },
		/* Names that only begin or end like ours. */
		{ "panic_on_warn=1 xconsole=a quietly my.console=b", NULL,
			"panic_on_warn=1 xconsole=a quietly my.console=b " ALL },
		/* Inside quotes, and quoted as a whole. */
		{ "x=\"a console=b\"", NULL, "x=\"a console=b\" " ALL },
		{ "\"console=ttyS0 x\"", NULL, "\"console=ttyS0 x\" earlycon panic=-1 reboot=panic_warm" },
		{ "\"quiet\"", NULL, "\"quiet\" console=ttyAMA0 panic=-1 reboot=panic_warm" },
		/* What is behind -- is init's. */
		{ "ro -- single", NULL, "ro " ALL " -- single" },
		{ "-- console=x quiet", NULL, ALL " -- console=x quiet" },
		{ "a=\"x -- y\" b", NULL, "a=\"x -- y\" b " ALL },
		{ "a --b c", NULL, "a --b c " ALL },
		/* Ours, and ours deciding. */
		{ "ro", "rdinit=/init", "ro rdinit=/init " ALL },
		{ "", "quiet loglevel=3", "quiet loglevel=3 console=ttyAMA0 panic=-1 reboot=panic_warm" },
		{ "ro -- x", "y", "ro y " ALL " -- x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error error = { 0 };
		char out[CMDLINE_SIZE];

		CHECK_EQ(cmdline_build(out, rows[i].user, rows[i].extra, "console=ttyAMA0", &error), 0);
		CHECK_STR(out, rows[i].want);
	}
}

static void another_console(void)
{
	struct error error = { 0 };
	char out[CMDLINE_SIZE];

	CHECK_EQ(cmdline_build(out, "ro", NULL, "console=ttyS0", &error), 0);
	CHECK_STR(out, "ro console=ttyS0 earlycon panic=-1 reboot=panic_warm");
	CHECK_EQ(cmdline_build(out, "console=hvc0", NULL, "console=ttyS0", &error), 0);
	CHECK_STR(out, "console=hvc0 earlycon panic=-1 reboot=panic_warm");
}

/* Exactly as long as Linux takes, and one longer, into a heap block that ASan watches. */
static void too_long(void)
{
	const size_t room = CMDLINE_SIZE - 1 - strlen(" " ALL);
	char *out = malloc(CMDLINE_SIZE), *user = malloc(CMDLINE_SIZE * 2);
	struct error error = { 0 };

	memset(user, 'a', CMDLINE_SIZE * 2);
	user[room] = '\0';
	CHECK_EQ(cmdline_build(out, user, NULL, "console=ttyAMA0", &error), 0);
	CHECK_EQ(strlen(out), CMDLINE_SIZE - 1);
	for (size_t len = room + 1; len < CMDLINE_SIZE * 2; len++) {
		error = (struct error){ 0 };
		memset(user, 'a', CMDLINE_SIZE * 2);
		user[len] = '\0';
		CHECK_EQ(cmdline_build(out, user, NULL, "console=ttyAMA0", &error), -1);
	}
	CHECK_EQ(error.status, STATUS_USAGE);
	CHECK_HAS(error.text, "command line");
	CHECK_HAS(error.text, "Linux takes 2047");
	CHECK_HAS(error.text, "--cmdline");
	free(out);
	free(user);
}

static const struct test tests[] = {
	TEST(defaults_are_added_unless_decided),
	TEST(another_console),
	TEST(too_long),
};

TEST_MAIN(tests)
