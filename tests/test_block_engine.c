/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on real files by each engine. Where this host has no io_uring, or a file system no O_DIRECT, its cases are skipped,
 * not passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/block_io.h"
#include "file_disk.h"

static void file_bytes(uint64_t offset, void *data, size_t len)
{
	int fd = open(file_disk.path, O_RDONLY);

	CHECK(pread(fd, data, len, (off_t)offset) == (ssize_t)len);
	close(fd);
}

static void moves_bytes(void)
{
	uint8_t got[8192];

	if (!file_disk_begin())
		return;
	CHECK_EQ(file_disk.file->block.size, FILE_DISK_SIZE);
	memset(file_disk.buffer, 0, FILE_DISK_SIZE);
	CHECK_EQ(file_disk_request(BLOCK_READ, 4096, 8192, file_disk.buffer), 8192);
	for (size_t i = 0; i < 8192; i++)
		REQUIRE(file_disk.buffer[i] == file_disk_pattern(4096 + i));
	memset(file_disk.buffer, 0x42, 8192);
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 65536, 8192, file_disk.buffer), 8192);
	CHECK_EQ(file_disk_request(BLOCK_FLUSH, 0, 0, NULL), 0);
	file_bytes(65536, got, 8192);
	CHECK(!memcmp(got, file_disk.buffer, 8192));
	file_bytes(65536 + 8192, got, 1);
	CHECK_EQ(got[0], file_disk_pattern(65536 + 8192));
	if (file_disk.aio == BLOCK_AIO_SYNC)
		CHECK_EQ(file_disk.user.settled, 0);
	else
		CHECK(file_disk.user.settled >= 3);
	file_disk_end();
}

/* Buffers that O_DIRECT would refuse, and more of them than there are bounce buffers. */
static void unaligned_buffers(void)
{
	enum { COUNT = 12, LEN = 64 * 1024 };
	struct block_request r[COUNT];
	struct iovec iov[COUNT][3];

	if (!file_disk_begin())
		return;
	memset(file_disk.buffer, 0, sizeof(file_disk.buffer));
	for (unsigned int i = 0; i < COUNT; i++) {
		uint8_t *at = file_disk.buffer + 1 + i * LEN;

		iov[i][0] = (struct iovec){ at, 7 };
		iov[i][1] = (struct iovec){ at + 7, 4096 };
		iov[i][2] = (struct iovec){ at + 7 + 4096, LEN - 7 - 4096 };
		r[i] = (struct block_request){
			.op = BLOCK_READ, .iov = iov[i], .count = 3, .offset = i * LEN, .len = LEN
		};
		block_submit(&file_disk.file->block, &r[i]);
	}
	block_commit(&file_disk.file->block);
	file_disk_wait(COUNT);
	CHECK_EQ(file_disk.user.done, COUNT);
	for (size_t i = 0; i < COUNT * LEN; i++)
		REQUIRE(file_disk.buffer[1 + i] == file_disk_pattern(i));
	/* Longer than a bounce file_disk.buffer, and writing. */
	for (size_t i = 0; i < 300 * 1024; i++)
		file_disk.buffer[3 + i] = (uint8_t)(i % 253);
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 8192, 300 * 1024, file_disk.buffer + 3), 300 * 1024);
	memset(file_disk.buffer, 0, sizeof(file_disk.buffer));
	CHECK_EQ(file_disk_request(BLOCK_READ, 8192, 300 * 1024, file_disk.buffer), 300 * 1024);
	for (size_t i = 0; i < 300 * 1024; i++)
		REQUIRE(file_disk.buffer[i] == i % 253);
	file_disk_end();
}

static void clears_ranges(void)
{
	uint8_t got[3 * 4096];

	if (!file_disk_begin())
		return;
	CHECK_EQ(file_disk_request(BLOCK_WRITE_ZEROES, 8192, 4096, NULL), 4096);
	file_bytes(4096, got, sizeof(got));
	CHECK_EQ(got[4095], file_disk_pattern(8191));
	for (size_t i = 4096; i < 8192; i++)
		REQUIRE(!got[i]);
	CHECK_EQ(got[8192], file_disk_pattern(12288));
	CHECK_EQ(file_disk_request(BLOCK_DISCARD, 0, 8192, NULL), 8192);
	/* More than one file_disk.buffer of zeroes, where the file system has no other way. */
	CHECK_EQ(file_disk_request(BLOCK_WRITE_ZEROES, 128 * 1024, 512 * 1024, NULL), 512 * 1024);
	CHECK_EQ(file_disk_request(BLOCK_READ, 128 * 1024, 512 * 1024, file_disk.buffer), 512 * 1024);
	for (size_t i = 0; i < 512 * 1024; i++)
		REQUIRE(!file_disk.buffer[i]);
	CHECK_EQ(file_disk_request(BLOCK_READ, 640 * 1024, 4096, file_disk.buffer), 4096);
	CHECK_EQ(file_disk.buffer[0], file_disk_pattern(640 * 1024));
	file_disk_end();
}

/* Where the file system has no other way; this host's may have one, so the walk is made by hand. */
static void writes_zeroes_itself(void)
{
	struct block_request r = { .op = BLOCK_WRITE_ZEROES, .offset = 64 * 1024 };
	struct block_step step;
	unsigned int steps = 0;
	uint64_t least;
	uint8_t wanted;
	ssize_t put;

	if (!file_disk_begin())
		return;
	least = file_disk.file->block.logical;
	r.len = 300 * 1024 + 2 * least;
	block_io_begin(file_disk.file, &r);
	block_io_step(&r, &step);
	CHECK_EQ(step.call, BLOCK_CALL_FALLOCATE);
	REQUIRE(!block_io_finished(&r, -EOPNOTSUPP));
	do {
		block_io_step(&r, &step);
		REQUIRE(step.call == BLOCK_CALL_WRITEV && steps++ < 10);
		put = pwritev(file_disk.file->fd, step.iov, (int)step.count, (off_t)step.offset);
		REQUIRE(put > 0);
		/* Less than it was asked for, once. */
		put = steps == 2 ? (ssize_t)least : put;
	} while (!block_io_finished(&r, put));
	CHECK_EQ(r.result, r.len);
	CHECK(steps >= 4);
	CHECK_EQ(file_disk_request(BLOCK_READ, 0, FILE_DISK_SIZE, file_disk.buffer), FILE_DISK_SIZE);
	for (uint64_t i = 0; i < FILE_DISK_SIZE; i++) {
		wanted = i >= r.offset && i - r.offset < r.len ? 0 : file_disk_pattern(i);
		REQUIRE(file_disk.buffer[i] == wanted);
	}
	file_disk_end();
}

static void file_that_shrinks(void)
{
	if (!file_disk_begin())
		return;
	REQUIRE(!truncate(file_disk.path, 64 * 1024));
	CHECK_EQ(file_disk_request(BLOCK_READ, 60 * 1024, 16 * 1024, file_disk.buffer), 4096);
	CHECK_EQ(file_disk.buffer[0], file_disk_pattern(60 * 1024));
	CHECK_EQ(file_disk_request(BLOCK_READ, 512 * 1024, 4096, file_disk.buffer), 0);
	CHECK_EQ(file_disk_request(BLOCK_READ, 0, 4096, file_disk.buffer), 4096);
	file_disk_end();
}

/* A disk that is full: RLIMIT_FSIZE ends the file as ENOSPC would, after a part of the request. */
static void write_that_fails(void)
{
	struct rlimit before, limit;

	if (!file_disk_begin())
		return;
	REQUIRE(!truncate(file_disk.path, 0) && !getrlimit(RLIMIT_FSIZE, &before));
	signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 64 * 1024;
	REQUIRE(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 128 * 1024, 4096, file_disk.buffer), -EFBIG);
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 60 * 1024, 8192, file_disk.buffer), -EFBIG);
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 0, 4096, file_disk.buffer), 4096);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 128 * 1024, 4096, file_disk.buffer), 4096);
	file_disk_end();
}

/* As many as there may be at a time; and a drain in the middle of it, after which no file_disk.buffer is touched. */
static void many_in_flight(void)
{
	static struct block_request r[BLOCK_MAX_IN_FLIGHT];
	static struct iovec iov[BLOCK_MAX_IN_FLIGHT];

	if (!file_disk_begin())
		return;
	for (int round = 0; round < 20; round++) {
		unsigned int before = file_disk.user.done;

		for (unsigned int i = 0; i < BLOCK_MAX_IN_FLIGHT; i++) {
			iov[i] = (struct iovec){ file_disk.buffer + i * 4096, 4096 };
			r[i] = (struct block_request){
				.op = i % 3 ? BLOCK_READ : BLOCK_WRITE,
				.sync = i % 2,
				.iov = &iov[i],
				.count = 1,
				.offset = i * 4096ULL,
				.len = 4096,
			};
			block_submit(&file_disk.file->block, &r[i]);
		}
		if (round % 4)
			block_commit(&file_disk.file->block);
		if (round % 2)
			block_drain(&file_disk.file->block);
		else if (round % 4)
			file_disk_wait(before + BLOCK_MAX_IN_FLIGHT);
		else
			block_drain(&file_disk.file->block);
		CHECK_EQ(file_disk.user.done, before + BLOCK_MAX_IN_FLIGHT);
		memset(file_disk.buffer, round, sizeof(file_disk.buffer));
		loop_run_once(&file_disk.loop, 0);
		for (size_t i = 0; i < sizeof(file_disk.buffer); i++)
			REQUIRE(file_disk.buffer[i] == round);
	}
	file_disk_end();
}

static void nothing_leaks(void)
{
	int first = dup(0), last;

	close(first);
	for (int i = 0; i < 20; i++) {
		if (!file_disk_begin())
			return;
		CHECK_EQ(file_disk_request(BLOCK_READ, 0, 4096, file_disk.buffer), 4096);
		file_disk_end();
	}
	last = dup(0);
	close(last);
	CHECK_EQ(last, first);
}

static const struct test tests[] = {
	TEST(moves_bytes),
	TEST(unaligned_buffers),
	TEST(clears_ranges),
	TEST(writes_zeroes_itself),
	TEST(file_that_shrinks),
	TEST(write_that_fails),
	TEST(many_in_flight),
	TEST(nothing_leaks),
};

int main(int argc, char **argv)
{
	return file_disk_main(tests, ARRAY_SIZE(tests), &file_disk_ways, argc, argv);
}
