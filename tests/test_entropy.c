/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of random bytes: the kernel's, files of every kind, the repeatable generator. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/entropy.h"
#include "test.h"

static char dir[] = "/tmp/test_entropy.XXXXXX";
static char path[64];

static bool make_file(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return false;
	return !close(fd);
}

static void host_fills_64k(void)
{
	static uint8_t buf[65536];
	struct iovec iov[] = { { buf, 1 }, { buf + 1, 0 }, { buf + 1, sizeof(buf) - 1 } };
	unsigned int zeros = 0;
	struct entropy e;

	entropy_init_host(&e);
	CHECK_EQ(e.fill(&e, iov, 3), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		zeros += !buf[i];
	CHECK(zeros < 600); /* 256 expected */
	entropy_destroy(&e);
}

static void regular_file_starts_over(void)
{
	char buf[8] = "";
	struct iovec iov[] = { { buf, 2 }, { buf + 2, 5 } };
	const char *failed;
	struct entropy e;

	REQUIRE(make_file("0123456789"));
	REQUIRE(!entropy_init_file(&e, path, &failed));
	CHECK_EQ(e.fd, -1);
	CHECK_EQ(e.fill(&e, iov, 2), 7);
	CHECK_STR(buf, "0123456");
	CHECK_EQ(e.fill(&e, iov, 2), 3);
	CHECK_EQ(e.fill(&e, iov, 2), 7);
	CHECK_STR(buf, "0123456");
	CHECK_EQ(truncate(path, 0), 0);
	CHECK_EQ(e.fill(&e, iov, 2), -ENODATA);
	entropy_destroy(&e);
	unlink(path);
}

static void fifo_without_writer(void)
{
	char buf[8] = "";
	struct iovec iov = { buf, 7 };
	const char *failed;
	struct entropy e;
	int fd;

	snprintf(path, sizeof(path), "%s/fifo", dir);
	REQUIRE(!mkfifo(path, 0600));
	REQUIRE(!entropy_init_file(&e, path, &failed));
	CHECK(e.fd >= 0);
	CHECK_EQ(e.fill(&e, &iov, 1), -EAGAIN);
	fd = open(path, O_WRONLY | O_NONBLOCK);
	CHECK_EQ(write(fd, "abc", 3), 3);
	close(fd);
	CHECK_EQ(e.fill(&e, &iov, 1), 3);
	CHECK_STR(buf, "abc");
	CHECK_EQ(e.fill(&e, &iov, 1), -EAGAIN);
	entropy_destroy(&e);
	unlink(path);
}

static void devices_and_refusals(void)
{
	char buf[8];
	struct iovec iov = { buf, 8 };
	const char *failed = NULL;
	struct entropy e;

	REQUIRE(!entropy_init_file(&e, "/dev/urandom", &failed));
	CHECK_EQ(e.fill(&e, &iov, 1), 8);
	entropy_destroy(&e);
	REQUIRE(!entropy_init_file(&e, "/dev/null", &failed));
	CHECK_EQ(e.fill(&e, &iov, 1), -ENODATA);
	entropy_destroy(&e);
	REQUIRE(make_file(""));
	CHECK_EQ(entropy_init_file(&e, path, &failed), -ENODATA);
	CHECK_STR(failed, "is empty");
	unlink(path);
	CHECK_EQ(entropy_init_file(&e, path, &failed), -ENOENT);
	CHECK_STR(failed, "cannot be opened");
	CHECK_EQ(entropy_init_file(&e, dir, &failed), -EINVAL);
	entropy_destroy(&e);
}

static void seeded_repeats(void)
{
	/* splitmix64's published first value for seed 0. */
	static const uint8_t first[8] = { 0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2 };
	uint8_t a[20], b[20];
	struct iovec iov = { a, sizeof(a) };
	struct entropy e;

	entropy_init_seeded(&e, 0);
	CHECK_EQ(e.fill(&e, &iov, 1), sizeof(a));
	CHECK(!memcmp(a, first, sizeof(first)));
	entropy_init_seeded(&e, 0);
	iov.iov_base = b;
	e.fill(&e, &iov, 1);
	CHECK(!memcmp(a, b, sizeof(a)));
	e.fill(&e, &iov, 1);
	CHECK(memcmp(a, b, sizeof(a)));
}

static void remove_dir(void)
{
	rmdir(dir);
}

static void prepare(void)
{
	REQUIRE(mkdtemp(dir));
	atexit(remove_dir);
}

static const struct test tests[] = {
	TEST(prepare),
	TEST(host_fills_64k),
	TEST(regular_file_starts_over),
	TEST(fifo_without_writer),
	TEST(devices_and_refusals),
	TEST(seeded_repeats),
};
TEST_MAIN(tests)
