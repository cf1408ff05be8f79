/* SPDX-License-Identifier: Apache-2.0 */
/* Opening files as disks: good ones and bad ones, locks, block sizes, and which engine is taken. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_disk.h"

static void opened(const struct block_file_config *config, int want, const char *text)
{
	int ret = file_disk_open(*config);

	if (ret != want)
		printf("# %s: %s\n", config->path ? config->path : file_disk.path, file_disk.why);
	CHECK_EQ(-ret, -want);
	if (ret)
		CHECK_HAS(file_disk.why, text);
	else
		file_disk_end();
}

static void files_that_are_no_disks(void)
{
	char fifo[80];

	file_disk_make(FILE_DISK_SIZE);
	snprintf(fifo, sizeof(fifo), "%s/fifo", file_disk.folder);
	REQUIRE(!mkfifo(fifo, 0600));
	opened(&(struct block_file_config){ .path = "/none/such" }, -ENOENT, "cannot be opened: No such file");
	opened(&(struct block_file_config){ .path = file_disk.folder }, -EISDIR, "is a directory");
	opened(&(struct block_file_config){ .path = file_disk.folder, .read_only = true }, -EISDIR, "is a directory");
	opened(&(struct block_file_config){ .path = fifo }, -EINVAL, "is neither a file nor a block device");
	opened(&(struct block_file_config){ .path = fifo, .read_only = true }, -EINVAL, "neither a file nor");
	opened(&(struct block_file_config){ .path = "/dev/null" }, -EINVAL, "is neither a file nor a block device");
	opened(&(struct block_file_config){ .logical = 513 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 256 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 8192 }, -EINVAL, "logical=");
	opened(&(struct block_file_config){ .logical = 4096, .physical = 512 }, -EINVAL, "physical=");
	opened(&(struct block_file_config){ .physical = 3 * 512 }, -EINVAL, "physical=");
	opened(&(struct block_file_config){ .logical = 4096, .physical = 16384 }, 0, "");
	file_disk_make(0);
	opened(&(struct block_file_config){ 0 }, -EINVAL, "is empty");
	file_disk_make(511);
	opened(&(struct block_file_config){ 0 }, -EINVAL, "smaller than one block");
	unlink(fifo);
}

/* Nobody's eyes: root may open everything. */
static void permissions(void)
{
	uid_t user = geteuid();

	file_disk_make(FILE_DISK_SIZE);
	REQUIRE(!chmod(file_disk.folder, 0755) && !chmod(file_disk.path, 0444));
	REQUIRE(user || !seteuid(65534));
	opened(&(struct block_file_config){ 0 }, -EACCES, "for writing: Permission denied; write ro");
	opened(&(struct block_file_config){ .read_only = true }, 0, "");
	REQUIRE(user || !seteuid(0));
	chmod(file_disk.path, 0);
	REQUIRE(user || !seteuid(65534));
	opened(&(struct block_file_config){ .read_only = true }, -EACCES, "cannot be opened: Permission denied");
	REQUIRE(user || !seteuid(0));
	unlink(file_disk.path);
}

static void size_that_is_no_multiple(void)
{
	file_disk_make(5000);
	REQUIRE(!file_disk_open((struct block_file_config){ .aio = file_disk.aio }));
	CHECK_EQ(file_disk.file->block.size, 4608);
	CHECK_EQ(file_disk.file->tail, 5000 - 4608);
	file_disk_end();
	REQUIRE(!file_disk_open((struct block_file_config){ .aio = file_disk.aio, .logical = 4096 }));
	CHECK_EQ(file_disk.file->block.size, 4096);
	CHECK_EQ(file_disk.file->tail, 5000 - 4096);
	file_disk_end();
}

/* One writer or many readers; the lock goes when the disk is closed. */
static void locks(void)
{
	struct block_file *first, *second;

	file_disk_make(FILE_DISK_SIZE);
	REQUIRE(!file_disk_open((struct block_file_config){ .read_only = true }));
	first = file_disk.file;
	REQUIRE(!file_disk_open((struct block_file_config){ .read_only = true }));
	second = file_disk.file;
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&first->block);
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&second->block);
	REQUIRE(!file_disk_open((struct block_file_config){ .read_only = false }));
	first = file_disk.file;
	opened(&(struct block_file_config){ .read_only = true }, -EAGAIN, "in use for writing");
	opened(&(struct block_file_config){ .read_only = false }, -EAGAIN, "in use by another monitor");
	block_destroy(&first->block);
	opened(&(struct block_file_config){ .read_only = false }, 0, "");
}

static void engine_is_as_asked(void)
{
	file_disk_make(FILE_DISK_SIZE);
	REQUIRE(!file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_THREADS }));
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_THREADS);
	file_disk_end();
	REQUIRE(!file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_AUTO }));
	CHECK(file_disk.file->aio != BLOCK_AIO_AUTO);
	file_disk_end();
	REQUIRE(!file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_SYNC }));
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_SYNC);
	file_disk_end();
	if (file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_URING })) {
		CHECK_HAS(file_disk.why, "the host refuses io_uring");
		CHECK_HAS(file_disk.why, "aio=threads");
		return;
	}
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_URING);
	file_disk_end();
}

/* A file of tmpfs is read and written in place, unless something else is asked for. */
static void file_in_memory(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	char path[32];

	REQUIRE(fd >= 0 && !ftruncate(fd, FILE_DISK_SIZE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	REQUIRE(!file_disk_open((struct block_file_config){ .path = path }));
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_SYNC);
	file_disk_end();
	REQUIRE(!file_disk_open((struct block_file_config){ .path = path, .aio = BLOCK_AIO_THREADS }));
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_THREADS);
	file_disk_end();
	close(fd);
}

/* Without descriptors there is no io_uring: the choice falls on threads, and nothing is left open. */
static void no_descriptors_left(void)
{
	struct rlimit before, limit;
	int next;

	file_disk_make(FILE_DISK_SIZE);
	REQUIRE(!getrlimit(RLIMIT_NOFILE, &before));
	next = dup(0);
	close(next);
	for (int room = 0; room < 4; room++) {
		limit = before;
		limit.rlim_cur = (rlim_t)(next + room);
		REQUIRE(!setrlimit(RLIMIT_NOFILE, &limit));
		if (!file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_AUTO })) {
			CHECK_EQ(file_disk_request(BLOCK_READ, 0, 4096, file_disk.buffer), 4096);
			file_disk_end();
		} else {
			CHECK_HAS(file_disk.why, "Too many open files");
		}
		setrlimit(RLIMIT_NOFILE, &before);
	}
}

static const struct test tests[] = {
	TEST(files_that_are_no_disks),
	TEST(permissions),
	TEST(size_that_is_no_multiple),
	TEST(locks),
	TEST(engine_is_as_asked),
	TEST(file_in_memory),
	TEST(no_descriptors_left),
};

int main(int argc, char **argv)
{
	return file_disk_main(tests, ARRAY_SIZE(tests), NULL, argc, argv);
}
