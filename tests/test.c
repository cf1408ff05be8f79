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

/* One case; whether it failed. `way` is NULL or what it is run on. */
static bool run_case(const struct test *test, const char *way, unsigned int number)
{
	test_failed = false;
	test_skipped = NULL;
	test->run();
	printf("%s %u - %s%s%s%s%s\n", test_failed ? "not ok" : "ok", number, test->name, way ? ", " : "",
		way ? way : "", test_skipped ? " # SKIP " : "", test_skipped ? test_skipped : "");
	return test_failed;
}

int test_main_ways(const struct test *tests, size_t count, const struct test_ways *ways, int argc, char **argv)
{
	unsigned int run = 0, failed = 0;

	/* Line by line, so that what a crashing case said is not lost. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++)
		for (size_t way = 0; selected(tests[i].name, argc, argv) && way < ways->count; way++)
			failed += run_case(&tests[i], ways->take(way), ++run);
	/* The plan comes last: a crash in the middle leaves none, which the reader counts as a failure. */
	printf("1..%u\n", run);
	return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char *only_way(size_t i)
{
	(void)i;
	return NULL;
}

int test_main(const struct test *tests, size_t count, int argc, char **argv)
{
	static const struct test_ways one = { 1, only_way };

	return test_main_ways(tests, count, &one, argc, argv);
}
