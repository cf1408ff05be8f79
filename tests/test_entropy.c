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

static void remove_dir(void)
{
	rmdir(dir);
}

/* path is then a name of ours, in a folder of this run. */
static void name_file(const char *name)
{
	if (strstr(dir, "XXXXXX")) {
		REQUIRE(mkdtemp(dir));
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
}

static bool make_file(const char *text)
{
	int fd;

	name_file("f");
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

static bool all_zero(const uint8_t *buf, size_t len)
{
	while (len && !buf[len - 1])
		len--;
	return !len;
}

/* What was handed out is wiped at once, what is left is never handed out twice, and the end of it is not the end. */
static void host_wipes_what_it_gave(void)
{
	static uint8_t ahead[ENTROPY_AHEAD], buf[ENTROPY_AHEAD + 64];
	struct iovec iov = { buf, 64 };
	struct entropy e;

	entropy_init_host(&e);
	CHECK_EQ(e.fill(&e, &iov, 1), 64);
	CHECK_EQ(e.ahead_left, ENTROPY_AHEAD - 64);
	CHECK(!all_zero(buf, 64));
	CHECK(all_zero(e.ahead + e.ahead_left, 64));
	memcpy(ahead, e.ahead, sizeof(ahead));
	for (size_t left = e.ahead_left; left; left -= 64) {
		CHECK_EQ(e.fill(&e, &iov, 1), 64);
		CHECK_EQ(e.ahead_left, left - 64);
		CHECK(!memcmp(buf, ahead + left - 64, 64));
		CHECK(all_zero(e.ahead + e.ahead_left, sizeof(e.ahead) - e.ahead_left));
	}
	iov.iov_len = 100;
	CHECK_EQ(e.fill(&e, &iov, 1), 100);
	CHECK_EQ(e.ahead_left, ENTROPY_AHEAD - 100);
	/* More than is left, less than makes it worth going round: both halves come. */
	iov.iov_len = ENTROPY_AHEAD - 1;
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(e.fill(&e, &iov, 1), ENTROPY_AHEAD - 1);
	CHECK_EQ(e.ahead_left, ENTROPY_AHEAD - 99);
	CHECK(!all_zero(buf, 64) && !all_zero(buf + ENTROPY_AHEAD - 65, 64) && !buf[ENTROPY_AHEAD - 1]);
	entropy_destroy(&e);
	CHECK(all_zero(e.ahead, sizeof(e.ahead)) && !e.ahead_left);
}

static void host_gives_much_directly(void)
{
	static uint8_t buf[ENTROPY_AHEAD + 1];
	struct iovec iov = { buf, sizeof(buf) };
	struct entropy e;

	entropy_init_host(&e);
	CHECK_EQ(e.fill(&e, &iov, 1), sizeof(buf));
	CHECK_EQ(e.ahead_left, 0);
	CHECK(!all_zero(buf, sizeof(buf)));
	entropy_destroy(&e);
}

/* Bytes that nobody asked for stay where they are. */
static void fifo_is_not_read_ahead(void)
{
	char buf[8] = "";
	struct iovec iov = { buf, 2 };
	const char *failed;
	struct entropy e;
	int fd;

	name_file("fifo");
	REQUIRE(!mkfifo(path, 0600));
	REQUIRE(!entropy_init_file(&e, path, &failed));
	fd = open(path, O_RDWR | O_NONBLOCK);
	CHECK_EQ(write(fd, "abcd", 4), 4);
	CHECK_EQ(e.fill(&e, &iov, 1), 2);
	CHECK_STR(buf, "ab");
	CHECK_EQ(read(fd, buf, sizeof(buf)), 2);
	CHECK_STR(buf, "cd");
	close(fd);
	entropy_destroy(&e);
	unlink(path);
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

	name_file("fifo");
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

static const struct test tests[] = {
	TEST(host_fills_64k),
	TEST(host_wipes_what_it_gave),
	TEST(host_gives_much_directly),
	TEST(fifo_is_not_read_ahead),
	TEST(regular_file_starts_over),
	TEST(fifo_without_writer),
	TEST(devices_and_refusals),
	TEST(seeded_repeats),
};
TEST_MAIN(tests)
