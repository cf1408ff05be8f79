/* SPDX-License-Identifier: Apache-2.0 */
/* See file_disk.h. */
#include "file_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct file_disk file_disk = { .folder = "/tmp/minivmm-file-disk.XXXXXX" };

static const struct {
	const char *name;
	enum block_aio aio;
	bool direct;
} engines[] = {
	{ "io_uring", BLOCK_AIO_URING, false },
	{ "io_uring direct", BLOCK_AIO_URING, true },
	{ "threads", BLOCK_AIO_THREADS, false },
	{ "threads direct", BLOCK_AIO_THREADS, true },
	{ "sync", BLOCK_AIO_SYNC, false },
	{ "sync direct", BLOCK_AIO_SYNC, true },
};

static const char *take_engine(size_t i)
{
	file_disk.aio = engines[i].aio;
	file_disk.direct = engines[i].direct;
	return engines[i].name;
}

const struct test_ways file_disk_ways = { ARRAY_SIZE(engines), take_engine };

static void done(struct block_user *user, struct block_request *r, int64_t result)
{
	struct file_disk_user *u = container_of(user, struct file_disk_user, user);

	u->done++;
	u->last = result;
	u->last_request = r;
}

static void settled(struct block_user *user)
{
	container_of(user, struct file_disk_user, user)->settled++;
}

uint8_t file_disk_pattern(size_t i)
{
	return (uint8_t)(i % 251 + i / 4096);
}

void file_disk_make(size_t size)
{
	int fd = open(file_disk.path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < size && i < sizeof(file_disk.buffer); i++)
		file_disk.buffer[i] = file_disk_pattern(i);
	if (fd < 0 || write(fd, file_disk.buffer, size) != (ssize_t)size)
		printf("Bail out! %s: %s\n", file_disk.path, strerror(errno));
	close(fd);
}

int file_disk_open(struct block_file_config config)
{
	int ret;

	if (!config.path)
		config.path = file_disk.path;
	file_disk.why[0] = '\0';
	ret = block_file_open(&file_disk.loop, &config, &file_disk.file, file_disk.why);
	if (ret)
		return ret;
	file_disk.user = (struct file_disk_user){ .user = { done, settled } };
	block_attach(&file_disk.file->block, &file_disk.user.user);
	return 0;
}

bool file_disk_begin(void)
{
	file_disk_make(FILE_DISK_SIZE);
	if (file_disk_open((struct block_file_config){ .aio = file_disk.aio, .direct = file_disk.direct })) {
		test_skipped = file_disk.why;
		return false;
	}
	return true;
}

void file_disk_end(void)
{
	block_drain(&file_disk.file->block);
	block_destroy(&file_disk.file->block);
}

void file_disk_wait(unsigned int count)
{
	for (int i = 0; i < 1000 && file_disk.user.done < count; i++)
		loop_run_once(&file_disk.loop, 100);
}

int64_t file_disk_request(enum block_op op, uint64_t offset, uint64_t len, void *data)
{
	struct iovec iov = { data, len };
	struct block_request r = { .op = op, .iov = &iov, .count = 1, .offset = offset, .len = len };
	unsigned int before = file_disk.user.done;

	block_submit(&file_disk.file->block, &r);
	CHECK_EQ(file_disk.user.done, before);
	block_commit(&file_disk.file->block);
	/* Only a disk that needs no waiting answers before the loop runs. */
	CHECK_EQ(file_disk.user.done, file_disk.file->aio == BLOCK_AIO_SYNC ? before + 1 : before);
	file_disk_wait(before + 1);
	CHECK_EQ(file_disk.user.done, before + 1);
	CHECK(file_disk.user.last_request == &r);
	return file_disk.user.last;
}

int file_disk_main(const struct test *tests, size_t count, const struct test_ways *ways, int argc, char **argv)
{
	int ret;

	if (!mkdtemp(file_disk.folder) || loop_init(&file_disk.loop, NULL, NULL)) {
		printf("Bail out! no folder or loop: %s\n", strerror(errno));
		return 1;
	}
	snprintf(file_disk.path, sizeof(file_disk.path), "%s/disk", file_disk.folder);
	ret = ways ? test_main_ways(tests, count, ways, argc, argv) : test_main(tests, count, argc, argv);
	loop_destroy(&file_disk.loop);
	unlink(file_disk.path);
	rmdir(file_disk.folder);
	return ret;
}
