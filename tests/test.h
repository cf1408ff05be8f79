/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests: one program per module, a table of named cases, TAP on stdout (one "ok"/"not ok" line per case, which
 * tests/run counts). A failed CHECK is reported with its place and values and the case goes on; REQUIRE leaves it.
 *
 *	static void ring_wraps(void) { CHECK_EQ(next(65535), 0); }
 *	static const struct test tests[] = { TEST(ring_wraps) };
 *	TEST_MAIN(tests)
 *
 * A program given arguments runs only the cases whose name contains one of them.
 */
#ifndef MINIVMM_TEST_H
#define MINIVMM_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Whether this is built for ThreadSanitizer, as each compiler says it. */
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#define TSAN __has_feature(thread_sanitizer)
#else
#define TSAN 0
#endif

struct test {
	const char *name;
	void (*run)(void);
};

/* clang-format off: it takes the braces for a block. */
#define TEST(function)                                                                                                 \
	{                                                                                                              \
#function, function                                                                                    \
	}
/* clang-format on */

/* Set by a failed check, cleared before each case. */
extern bool test_failed;
/* Why the case cannot be run here, in a few words; cleared before each case. Reported as a skip, not as a pass. */
extern const char *test_skipped;

/* Leaves the case. The reason has to be true of this machine or this way of building. */
#define SKIP(reason)                                                                                                   \
	do {                                                                                                           \
		test_skipped = (reason);                                                                               \
		return;                                                                                                \
	} while (0)

int test_main(const struct test *tests, size_t count, int argc, char **argv);

/*
 * A table that is run once for each of several ways, as ring formats are: take(i) makes the i-th the one that the cases
 * use, and gives its name, which stands behind the case's.
 */
struct test_ways {
	size_t count;
	const char *(*take)(size_t i);
};
int test_main_ways(const struct test *tests, size_t count, const struct test_ways *ways, int argc, char **argv);

#define TEST_MAIN(tests)                                                                                               \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		return test_main(tests, sizeof(tests) / sizeof((tests)[0]), argc, argv);                               \
	}

#define TEST_MAIN_WAYS(tests, ways)                                                                                    \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		return test_main_ways(tests, sizeof(tests) / sizeof((tests)[0]), ways, argc, argv);                    \
	}

#define TEST_FAIL_(...)                                                                                                \
	do {                                                                                                           \
		test_failed = true;                                                                                    \
		printf("# %s:%d: ", __FILE__, __LINE__);                                                               \
		printf(__VA_ARGS__);                                                                                   \
		printf("\n");                                                                                          \
	} while (0)

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			TEST_FAIL_("%s is false", #condition);                                                         \
	} while (0)

#define CHECK_EQ(got, want)                                                                                            \
	do {                                                                                                           \
		unsigned long long got_ = (unsigned long long)(got), want_ = (unsigned long long)(want);               \
		if (got_ != want_)                                                                                     \
			TEST_FAIL_("%s is %llu (0x%llx), not %llu (0x%llx)", #got, got_, got_, want_, want_);          \
	} while (0)

#define CHECK_STR(got, want)                                                                                           \
	do {                                                                                                           \
		const char *got_ = (got), *want_ = (want);                                                             \
		if (!got_ || !want_ || strcmp(got_, want_))                                                            \
			TEST_FAIL_("%s is \"%s\", not \"%s\"", #got, got_ ? got_ : "NULL", want_ ? want_ : "NULL");    \
	} while (0)

/* haystack contains needle. */
#define CHECK_HAS(haystack, needle)                                                                                    \
	do {                                                                                                           \
		const char *hay_ = (haystack), *needle_ = (needle);                                                    \
		if (!hay_ || !strstr(hay_, needle_))                                                                   \
			TEST_FAIL_("%s is \"%s\", without \"%s\"", #haystack, hay_ ? hay_ : "NULL", needle_);          \
	} while (0)

#define REQUIRE(condition)                                                                                             \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			TEST_FAIL_("%s is false", #condition);                                                         \
			return;                                                                                        \
		}                                                                                                      \
	} while (0)

#endif
