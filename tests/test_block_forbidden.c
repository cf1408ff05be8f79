/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that forbids io_uring, as containers' seccomp filters and kernel.io_uring_disabled do: io_uring_setup fails with
 * EPERM. Disks work all the same, by threads, unless io_uring was asked for by its name. The filter is for the whole program
 * and stays.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file_disk.h"

static bool forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void threads_take_over(void)
{
	file_disk.aio = BLOCK_AIO_AUTO;
	file_disk.direct = false;
	REQUIRE(file_disk_begin());
	if (file_disk.file->aio == BLOCK_AIO_SYNC) {
		test_skipped = "the test's file is on a file system in memory, which needs neither";
		file_disk_end();
		return;
	}
	CHECK_EQ(file_disk.file->aio, BLOCK_AIO_THREADS);
	CHECK_EQ(file_disk_request(BLOCK_READ, 4096, 8192, file_disk.buffer), 8192);
	CHECK_EQ(file_disk.buffer[0], file_disk_pattern(4096));
	CHECK_EQ(file_disk_request(BLOCK_WRITE, 0, 4096, file_disk.buffer), 4096);
	CHECK_EQ(file_disk_request(BLOCK_FLUSH, 0, 0, NULL), 0);
	CHECK(file_disk.user.settled >= 3);
	file_disk_end();
}

static void io_uring_by_its_name_is_refused(void)
{
	file_disk_make(FILE_DISK_SIZE);
	CHECK_EQ(-file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_URING }), ENOSYS);
	CHECK_HAS(file_disk.why, "the host refuses io_uring: Operation not permitted; write aio=threads");
	/* And the lock went with it. */
	CHECK_EQ(file_disk_open((struct block_file_config){ .aio = BLOCK_AIO_THREADS }), 0);
	file_disk_end();
}

static const struct test tests[] = {
	TEST(threads_take_over),
	TEST(io_uring_by_its_name_is_refused),
};

int main(int argc, char **argv)
{
	if (!forbid_io_uring()) {
		printf("Bail out! no seccomp filter: %s\n", strerror(errno));
		return 1;
	}
	return file_disk_main(tests, ARRAY_SIZE(tests), NULL, argc, argv);
}
