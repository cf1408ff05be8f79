/* SPDX-License-Identifier: Apache-2.0 */
/* The runner behind test.h. */
#include "test.h"

#include <stdlib.h>

bool test_failed;
const char *test_skipped;

static bool selected(const char *name, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return false;
}

int test_main(const struct test *tests, size_t count, int argc, char **argv)
{
	unsigned int run = 0, failed = 0;

	/* Line by line, so that what a crashing case said is not lost. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		if (!selected(tests[i].name, argc, argv))
			continue;
		test_failed = false;
		test_skipped = NULL;
		tests[i].run();
		run++;
		failed += test_failed;
		printf("%s %u - %s%s%s\n", test_failed ? "not ok" : "ok", run, tests[i].name,
			test_skipped ? " # SKIP " : "", test_skipped ? test_skipped : "");
	}
	/* The plan comes last: a crash in the middle leaves none, which the reader counts as a failure. */
	printf("1..%u\n", run);
	return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
