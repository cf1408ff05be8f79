/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are cut short while they are mapped: the reader lives, and is told. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file_map.h"

#define PAGES 4

static size_t page;

/* PAGES pages of 'x'; no name. */
static int make_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < PAGES * page; i += 8)
		if (write(fd, "xxxxxxxx", 8) != 8)
			abort();
	return fd;
}

static void reads_the_file(void)
{
	struct file_map map;
	int fd = make_file();

	REQUIRE(!file_map_open(&map, fd, PAGES * page));
	CHECK_EQ(map.size, PAGES * page);
	CHECK_EQ(map.data[0], 'x');
	CHECK_EQ(map.data[PAGES * page - 1], 'x');
	file_map_rest(&map);
	CHECK_EQ(map.data[page], 'x');
	CHECK(!map.torn);
	file_map_close(&map);
	CHECK(!map.data);
	file_map_close(&map);
	close(fd);
}

static void cut_short(void)
{
	struct file_map map, other;
	int fd = make_file(), other_fd = make_file();

	REQUIRE(!file_map_open(&other, other_fd, PAGES * page));
	REQUIRE(!file_map_open(&map, fd, PAGES * page));
	REQUIRE(!ftruncate(fd, (off_t)(2 * page)));
	CHECK_EQ(map.data[2 * page - 1], 'x');
	CHECK(!map.torn);
	CHECK_EQ(map.data[3 * page + 5], 0);
	CHECK(map.torn);
	CHECK_EQ(map.data[2 * page], 0);
	CHECK_EQ(map.data[0], 'x');
	/* Each for itself, in whichever order they came. */
	REQUIRE(!ftruncate(other_fd, 0));
	CHECK(!other.torn);
	CHECK_EQ(other.data[0], 0);
	CHECK(other.torn);
	file_map_close(&other);
	CHECK_EQ(map.data[0], 'x');
	file_map_close(&map);
	close(other_fd);
	close(fd);
}

/* What is no map of ours is what it was: the end of the process. So is one that was closed. */
static void other_memory(void)
{
	const struct rlimit no_core = { 0, 0 };
	struct file_map map;
	int fd = make_file(), status = 0;
	pid_t pid;

	REQUIRE(!file_map_open(&map, fd, PAGES * page));
	pid = fork();
	if (!pid) {
		volatile const char *raw = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (ftruncate(fd, 0) || !freopen("/dev/null", "w", stderr))
			_exit(3);
		_exit(raw[0] ? 1 : 2);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	/* A sanitizer's own handler, which has its turn after ours, exits. */
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) > 3 || WEXITSTATUS(status) == 1);
	file_map_close(&map);
	close(fd);
}

static void cannot_be_mapped(void)
{
	struct file_map map;
	int fd[2];

	REQUIRE(!pipe(fd));
	CHECK(file_map_open(&map, fd[0], page) < 0);
	CHECK(!map.data);
	file_map_close(&map);
	close(fd[0]);
	close(fd[1]);
}

static const struct test tests[] = {
	TEST(reads_the_file),
	TEST(cut_short),
	TEST(other_memory),
	TEST(cannot_be_mapped),
};

TEST_MAIN(tests)
