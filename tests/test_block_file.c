/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as disks: opening good and bad ones, and requests on real files by both engines. Where this host has no io_uring
 * its cases are skipped, not passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/block_file.h"
#include "test.h"

#define SIZE (1 * MiB)

struct waiter {
	struct block_user user;
	unsigned int done, settled;
	int64_t last;
	struct block_request *last_request;
};

static struct loop loop;
static struct block_file *file;
static char folder[] = "/tmp/test_block_file.XXXXXX";
static char path[64], why[BLOCK_WHY_LEN];
static struct waiter waiter;
static _Alignas(4096) uint8_t buffer[SIZE + 4096];
static enum block_aio aio;
static bool direct;

static void done(struct block_user *user, struct block_request *r, int64_t result)
{
	struct waiter *w = container_of(user, struct waiter, user);

	w->done++;
	w->last = result;
	w->last_request = r;
}

static void settled(struct block_user *user)
{
	container_of(user, struct waiter, user)->settled++;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i % 251 + i / 4096);
}

static void make_file(size_t size)
{
	int fd;

	snprintf(path, sizeof(path), "%s/disk", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (size_t i = 0; i < size && i < sizeof(buffer); i++)
		buffer[i] = pattern(i);
	if (fd < 0 || write(fd, buffer, size) != (ssize_t)size)
		printf("Bail out! %s: %s\n", path, strerror(errno));
	close(fd);
}

static int open_with(struct block_file_config config)
{
	int ret;

	if (!config.path)
		config.path = path;
	why[0] = '\0';
	ret = block_file_open(&loop, &config, &file, why);
	if (ret)
		return ret;
	waiter = (struct waiter){ .user = { done, settled } };
	block_attach(&file->block, &waiter.user);
	return 0;
}

/* On the file of SIZE bytes. false: not to be had here. */
static bool begin(void)
{
	make_file(SIZE);
	if (open_with((struct block_file_config){ .aio = aio, .direct = direct })) {
		test_skipped = why;
		return false;
	}
	return true;
}

static void end(void)
{
	block_drain(&file->block);
	block_destroy(&file->block);
}

static void wait_for(unsigned int count)
{
	for (int i = 0; i < 1000 && waiter.done < count; i++)
		loop_run_once(&loop, 100);
}

/* One request from submit to done. */
static int64_t request(enum block_op op, uint64_t offset, uint64_t len, void *data)
{
	struct iovec iov = { data, len };
	struct block_request r = { .op = op, .iov = &iov, .count = 1, .offset = offset, .len = len };
	unsigned int before = waiter.done;

	block_submit(&file->block, &r);
	block_commit(&file->block);
	CHECK_EQ(waiter.done, before);
	wait_for(before + 1);
	CHECK_EQ(waiter.done, before + 1);
	CHECK(waiter.last_request == &r);
	return waiter.last;
}

static void file_bytes(uint64_t offset, void *data, size_t len)
{
	int fd = open(path, O_RDONLY);

	CHECK(pread(fd, data, len, (off_t)offset) == (ssize_t)len);
	close(fd);
}

static void moves_bytes(void)
{
	uint8_t got[8192];

	REQUIRE(begin());
	CHECK_EQ(file->block.size, SIZE);
	memset(buffer, 0, SIZE);
	CHECK_EQ(request(BLOCK_READ, 4096, 8192, buffer), 8192);
	for (size_t i = 0; i < 8192; i++)
		REQUIRE(buffer[i] == pattern(4096 + i));
	memset(buffer, 0x42, 8192);
	CHECK_EQ(request(BLOCK_WRITE, 65536, 8192, buffer), 8192);
	CHECK_EQ(request(BLOCK_FLUSH, 0, 0, NULL), 0);
	file_bytes(65536, got, 8192);
	CHECK(!memcmp(got, buffer, 8192));
	file_bytes(65536 + 8192, got, 1);
	CHECK_EQ(got[0], pattern(65536 + 8192));
	CHECK(waiter.settled >= 3);
	end();
}

/* Buffers that O_DIRECT would refuse, and more of them than there are bounce buffers. */
static void unaligned_buffers(void)
{
	enum { COUNT = 12, LEN = 64 * 1024 };
	struct block_request r[COUNT];
	struct iovec iov[COUNT][3];

	REQUIRE(begin());
	memset(buffer, 0, sizeof(buffer));
	for (unsigned int i = 0; i < COUNT; i++) {
		uint8_t *at = buffer + 1 + i * LEN;

		iov[i][0] = (struct iovec){ at, 7 };
		iov[i][1] = (struct iovec){ at + 7, 4096 };
		iov[i][2] = (struct iovec){ at + 7 + 4096, LEN - 7 - 4096 };
		r[i] = (struct block_request){
			.op = BLOCK_READ, .iov = iov[i], .count = 3, .offset = i * LEN, .len = LEN
		};
		block_submit(&file->block, &r[i]);
	}
	block_commit(&file->block);
	wait_for(COUNT);
	CHECK_EQ(waiter.done, COUNT);
	for (size_t i = 0; i < COUNT * LEN; i++)
		REQUIRE(buffer[1 + i] == pattern(i));
	/* Longer than a bounce buffer, and writing. */
	for (size_t i = 0; i < 300 * 1024; i++)
		buffer[3 + i] = (uint8_t)(i % 253);
	CHECK_EQ(request(BLOCK_WRITE, 8192, 300 * 1024, buffer + 3), 300 * 1024);
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(request(BLOCK_READ, 8192, 300 * 1024, buffer), 300 * 1024);
	for (size_t i = 0; i < 300 * 1024; i++)
		REQUIRE(buffer[i] == i % 253);
	end();
}

static void clears_ranges(void)
{
	uint8_t got[3 * 4096];

	REQUIRE(begin());
	CHECK_EQ(request(BLOCK_WRITE_ZEROES, 8192, 4096, NULL), 4096);
	file_bytes(4096, got, sizeof(got));
	CHECK_EQ(got[4095], pattern(8191));
	for (size_t i = 4096; i < 8192; i++)
		REQUIRE(!got[i]);
	CHECK_EQ(got[8192], pattern(12288));
	CHECK_EQ(request(BLOCK_DISCARD, 0, 8192, NULL), 8192);
	/* More than one buffer of zeroes, where the file system has no other way. */
	CHECK_EQ(request(BLOCK_WRITE_ZEROES, 128 * 1024, 512 * 1024, NULL), 512 * 1024);
	CHECK_EQ(request(BLOCK_READ, 128 * 1024, 512 * 1024, buffer), 512 * 1024);
	for (size_t i = 0; i < 512 * 1024; i++)
		REQUIRE(!buffer[i]);
	CHECK_EQ(request(BLOCK_READ, 640 * 1024, 4096, buffer), 4096);
	CHECK_EQ(buffer[0], pattern(640 * 1024));
	end();
}

static void file_that_shrinks(void)
{
	REQUIRE(begin());
	REQUIRE(!truncate(path, 64 * 1024));
	CHECK_EQ(request(BLOCK_READ, 60 * 1024, 16 * 1024, buffer), 4096);
	CHECK_EQ(buffer[0], pattern(60 * 1024));
	CHECK_EQ(request(BLOCK_READ, 512 * 1024, 4096, buffer), 0);
	CHECK_EQ(request(BLOCK_READ, 0, 4096, buffer), 4096);
	end();
}

/* A disk that is full: RLIMIT_FSIZE ends the file as ENOSPC would, after a part of the request. */
static void write_that_fails(void)
{
	struct rlimit before, limit;

	REQUIRE(begin());
	REQUIRE(!truncate(path, 0) && !getrlimit(RLIMIT_FSIZE, &before));
	signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 64 * 1024;
	REQUIRE(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(request(BLOCK_WRITE, 128 * 1024, 4096, buffer), -EFBIG);
	CHECK_EQ(request(BLOCK_WRITE, 60 * 1024, 8192, buffer), -EFBIG);
	CHECK_EQ(request(BLOCK_WRITE, 0, 4096, buffer), 4096);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_EQ(request(BLOCK_WRITE, 128 * 1024, 4096, buffer), 4096);
	end();
}

/* As many as there may be at a time; and a drain in the middle of it, after which no buffer is touched. */
static void many_in_flight(void)
{
	static struct block_request r[BLOCK_MAX_IN_FLIGHT];
	static struct iovec iov[BLOCK_MAX_IN_FLIGHT];

	REQUIRE(begin());
	for (int round = 0; round < 20; round++) {
		unsigned int before = waiter.done;

		for (unsigned int i = 0; i < BLOCK_MAX_IN_FLIGHT; i++) {
			iov[i] = (struct iovec){ buffer + i * 4096, 4096 };
			r[i] = (struct block_request){
				.op = i % 3 ? BLOCK_READ : BLOCK_WRITE,
				.sync = i % 2,
				.iov = &iov[i],
				.count = 1,
				.offset = i * 4096ULL,
				.len = 4096,
			};
			block_submit(&file->block, &r[i]);
		}
		if (round % 4)
			block_commit(&file->block);
		if (round % 2)
			block_drain(&file->block);
		else if (round % 4)
			wait_for(before + BLOCK_MAX_IN_FLIGHT);
		else
			block_drain(&file->block);
		CHECK_EQ(waiter.done, before + BLOCK_MAX_IN_FLIGHT);
		memset(buffer, round, sizeof(buffer));
		loop_run_once(&loop, 0);
		for (size_t i = 0; i < sizeof(buffer); i++)
			REQUIRE(buffer[i] == round);
	}
	end();
}

static void nothing_leaks(void)
{
	int first = dup(0), last;

	close(first);
	for (int i = 0; i < 20; i++) {
		REQUIRE(begin());
		CHECK_EQ(request(BLOCK_READ, 0, 4096, buffer), 4096);
		end();
	}
	last = dup(0);
	close(last);
	CHECK_EQ(last, first);
}

static void opened(const struct block_file_config *config, int want, const char *text)
{
	int ret = open_with(*config);

	if (ret != want)
		printf("# %s: %s\n", config->path ? config->path : path, why);
	CHECK_EQ(-ret, -want);
	if (ret)
		CHECK_HAS(why, text);
	else
		end();
}

static void files_that_are_no_disks(void)
{
	char fifo[80];

	make_file(SIZE);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	REQUIRE(!mkfifo(fifo, 0600));
	opened(&(struct block_file_config){ .path = "/none/such" }, -ENOENT, "cannot be opened: No such file");
	opened(&(struct block_file_config){ .path = folder }, -EISDIR, "is a directory");
	opened(&(struct block_file_config){ .path = folder, .read_only = true }, -EISDIR, "is a directory");
	opened(&(struct block_file_config){ .path = fifo }, -EINVAL, "is neither a file nor a block device");
	opened(&(struct block_file_config){ .path = fifo, .read_only = true }, -EINVAL, "neither a file nor");
	opened(&(struct block_file_config){ .path = "/dev/null" }, -EINVAL, "is neither a file nor a block device");
	opened(&(struct block_file_config){ .logical = 513 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 256 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 8192 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 4096, .physical = 512 }, -EINVAL, "physical=");
	opened(&(struct block_file_config){ .physical = 3 * 512 }, -EINVAL, "physical=");
	opened(&(struct block_file_config){ .logical = 4096, .physical = 16384 }, 0, "");
	make_file(0);
	opened(&(struct block_file_config){ 0 }, -EINVAL, "is empty");
	make_file(511);
	opened(&(struct block_file_config){ 0 }, -EINVAL, "smaller than one block");
	unlink(fifo);
}

/* Nobody's eyes: root may open everything. */
static void permissions(void)
{
	uid_t user = geteuid();

	make_file(SIZE);
	REQUIRE(!chmod(folder, 0755) && !chmod(path, 0444));
	REQUIRE(user || !seteuid(65534));
	opened(&(struct block_file_config){ 0 }, -EACCES, "for writing: Permission denied; write ro");
	opened(&(struct block_file_config){ .read_only = true }, 0, "");
	REQUIRE(user || !seteuid(0));
	chmod(path, 0);
	REQUIRE(user || !seteuid(65534));
	opened(&(struct block_file_config){ .read_only = true }, -EACCES, "cannot be opened: Permission denied");
	REQUIRE(user || !seteuid(0));
	unlink(path);
}

static void size_that_is_no_multiple(void)
{
	make_file(5000);
	REQUIRE(!open_with((struct block_file_config){ .aio = aio }));
	CHECK_EQ(file->block.size, 4608);
	CHECK_EQ(file->tail, 5000 - 4608);
	end();
	REQUIRE(!open_with((struct block_file_config){ .aio = aio, .logical = 4096 }));
	CHECK_EQ(file->block.size, 4096);
	CHECK_EQ(file->tail, 5000 - 4096);
	end();
}

/* One writer or many readers; the lock goes when the disk is closed. */
static void locks(void)
{
	struct block_file *first, *second;

	make_file(SIZE);
	REQUIRE(!open_with((struct block_file_config){ .read_only = true }));
	first = file;
	REQUIRE(!open_with((struct block_file_config){ .read_only = true }));
	second = file;
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&first->block);
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&second->block);
	REQUIRE(!open_with((struct block_file_config){ .read_only = false }));
	first = file;
	opened(&(struct block_file_config){ .read_only = true }, -EAGAIN, "in use for writing");
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&first->block);
	opened(&(struct block_file_config){ .read_only = false }, 0, "");
}

static void engine_is_as_asked(void)
{
	make_file(SIZE);
	REQUIRE(!open_with((struct block_file_config){ .aio = BLOCK_AIO_THREADS }));
	CHECK_EQ(file->aio, BLOCK_AIO_THREADS);
	end();
	REQUIRE(!open_with((struct block_file_config){ .aio = BLOCK_AIO_AUTO }));
	CHECK(file->aio != BLOCK_AIO_AUTO);
	end();
	if (open_with((struct block_file_config){ .aio = BLOCK_AIO_URING })) {
		CHECK_HAS(why, "the host refuses io_uring");
		CHECK_HAS(why, "aio=threads");
		return;
	}
	CHECK_EQ(file->aio, BLOCK_AIO_URING);
	end();
}

/* Without descriptors there is no io_uring: the choice falls on threads, and nothing is left open. */
static void no_descriptors_left(void)
{
	struct rlimit before, limit;
	int next;

	make_file(SIZE);
	REQUIRE(!getrlimit(RLIMIT_NOFILE, &before));
	next = dup(0);
	close(next);
	for (int room = 0; room < 4; room++) {
		limit = before;
		limit.rlim_cur = (rlim_t)(next + room);
		REQUIRE(!setrlimit(RLIMIT_NOFILE, &limit));
		if (!open_with((struct block_file_config){ .aio = BLOCK_AIO_AUTO })) {
			CHECK_EQ(request(BLOCK_READ, 0, 4096, buffer), 4096);
			end();
		} else {
			CHECK_HAS(why, "Too many open files");
		}
		setrlimit(RLIMIT_NOFILE, &before);
	}
}

/* Engines and O_DIRECT: every case of moving bytes on each that there is. */
#define ENGINES(function)                                                                                              \
	static void function##_io_uring(void)                                                                          \
	{                                                                                                              \
		aio = BLOCK_AIO_URING, direct = false;                                                                 \
		if (available())                                                                                       \
			function();                                                                                    \
	}                                                                                                              \
	static void function##_io_uring_direct(void)                                                                   \
	{                                                                                                              \
		aio = BLOCK_AIO_URING, direct = true;                                                                  \
		if (available())                                                                                       \
			function();                                                                                    \
	}                                                                                                              \
	static void function##_threads(void)                                                                           \
	{                                                                                                              \
		aio = BLOCK_AIO_THREADS, direct = false;                                                               \
		function();                                                                                            \
	}                                                                                                              \
	static void function##_threads_direct(void)                                                                    \
	{                                                                                                              \
		aio = BLOCK_AIO_THREADS, direct = true;                                                                \
		if (available())                                                                                       \
			function();                                                                                    \
	}

static bool available(void)
{
	if (!begin())
		return false;
	end();
	return true;
}

/* clang-format off */
ENGINES(moves_bytes)
ENGINES(unaligned_buffers)
ENGINES(clears_ranges)
ENGINES(file_that_shrinks)
ENGINES(write_that_fails)
ENGINES(many_in_flight)
ENGINES(nothing_leaks)

#define EACH(function)                                                                                                 \
	TEST(function##_io_uring), TEST(function##_io_uring_direct), TEST(function##_threads),                         \
		TEST(function##_threads_direct)

static const struct test tests[] = {
	TEST(files_that_are_no_disks),
	TEST(permissions),
	TEST(size_that_is_no_multiple),
	TEST(locks),
	TEST(engine_is_as_asked),
	TEST(no_descriptors_left),
	EACH(moves_bytes),
	EACH(unaligned_buffers),
	EACH(clears_ranges),
	EACH(file_that_shrinks),
	EACH(write_that_fails),
	EACH(many_in_flight),
	EACH(nothing_leaks),
};
/* clang-format on */

int main(int argc, char **argv)
{
	int ret;

	if (!mkdtemp(folder) || loop_init(&loop, NULL, NULL)) {
		printf("Bail out! no folder or loop: %s\n", strerror(errno));
		return 1;
	}
	ret = test_main(tests, ARRAY_SIZE(tests), argc, argv);
	loop_destroy(&loop);
	unlink(path);
	rmdir(folder);
	return ret;
}
