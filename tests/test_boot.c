/* SPDX-License-Identifier: Apache-2.0 */
/* Where kernel, initrd and device tree go, and that an initrd arrives there from a file and from memory, boot after boot. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"

#define RAM	 0x40000000ULL
#define RAM_SIZE (64 * MiB)

/* A flat kernel: nop; b . */
#define FLAT "\x1f\x20\x03\xd5\x00\x00\x00\x14"

static char dir[] = "/tmp/test_boot.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[2][128];
	static unsigned int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static const char *make_file(const char *name, const void *data, size_t len)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "wb");

	if (!file || (len && fwrite(data, 1, len, file) != len) || fclose(file))
		abort();
	return path;
}

/* A kernel that is only its measures. */
static struct kernel measures(uint64_t load_offset, uint64_t span)
{
	return (struct kernel){ .path = "K", .fd = -1, .load_offset = load_offset, .span = span };
}

static void places_by_size(void)
{
	static const struct {
		uint64_t ram, offset, span, initrd, want_initrd, want_dtb;
	} rows[] = {
		/* Room: half of RAM, at most 128 MiB, DTB on 2 MiB. */
		{ 256 * MiB, 0, 32 * MiB, 10 * MiB, 128 * MiB, 138 * MiB },
		{ 5 * GiB, 0, 32 * MiB, 10 * MiB + 1, 128 * MiB, 140 * MiB },
		{ 64 * MiB, 0, 30 * MiB, 10 * MiB, 32 * MiB, 42 * MiB },
		{ 64 * MiB, 0x80000, 30 * MiB, 0, 0, 32 * MiB },
		/* The kernel passes half of RAM; its end is rounded up for the initrd. */
		{ 64 * MiB, 0, 33 * MiB + 1, 10 * MiB, 33 * MiB + 64 * KiB, 44 * MiB },
		/* Tight: right after the kernel, the DTB on its own size. */
		{ 64 * MiB, 0, 33 * MiB, 30 * MiB + 1, 33 * MiB, 63 * MiB + 64 * KiB },
		/* Tight by half of RAM rather than by the kernel. */
		{ 64 * MiB, 0, 10 * MiB, 33 * MiB, 10 * MiB, 43 * MiB },
		/* To the byte. */
		{ 64 * MiB, 0, 33 * MiB, 31 * MiB - 64 * KiB, 33 * MiB, 64 * MiB - 64 * KiB },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel kernel = measures(rows[i].offset, rows[i].span);
		const struct initrd initrd = { .fd = -1, .size = rows[i].initrd };
		struct error error = { 0 };
		struct boot_info info;

		CHECK_EQ(boot_place(&info, RAM, rows[i].ram, &kernel, rows[i].initrd ? &initrd : NULL, &error), 0);
		CHECK_STR(error.text, "");
		CHECK_EQ(info.entry, RAM + rows[i].offset);
		CHECK_EQ(info.initrd, rows[i].initrd ? RAM + rows[i].want_initrd : 0);
		CHECK_EQ(info.initrd_size, rows[i].initrd);
		CHECK_EQ(info.dtb, RAM + rows[i].want_dtb);
	}
}

static void memory_too_small(void)
{
	static const struct {
		uint64_t ram, span, initrd;
		const char *want;
	} rows[] = {
		{ 64 * MiB, 33 * MiB, 31 * MiB, "--memory 65M" },
		{ 64 * MiB, 33 * MiB, 31 * MiB - 64 * KiB + 1, "--memory 65M" },
		{ 64 * MiB, 64 * MiB, 0, "--memory 65M" },
		{ 64 * MiB, 32 * MiB, 2 * GiB, "--memory 2081M" },
		{ 16 * MiB, 200 * MiB, 0, "--memory 201M" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel kernel = measures(0, rows[i].span);
		const struct initrd initrd = { .fd = -1, .size = rows[i].initrd };
		struct error error = { 0 };
		struct boot_info info;

		CHECK_EQ(boot_place(&info, RAM, rows[i].ram, &kernel, rows[i].initrd ? &initrd : NULL, &error), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
		CHECK_HAS(error.text, "too small for kernel K");
		CHECK_HAS(error.text, rows[i].want);
		CHECK_EQ(strstr(error.text, "initrd") != NULL, rows[i].initrd != 0);
	}
}

/* Sizes near 2^64 are refused, not wrapped around to something that fits. */
static void absurd_sizes(void)
{
	const struct kernel kernels[] = { measures(UINT64_MAX - 10, 100), measures(0, UINT64_MAX), measures(0, 1) };
	const struct initrd initrd = { .fd = -1, .size = UINT64_MAX - 100 };

	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct error error = { 0 };
		struct boot_info info;

		CHECK_EQ(boot_place(&info, RAM, RAM_SIZE, &kernels[i], i == 2 ? &initrd : NULL, &error), -1);
		CHECK_EQ(error.status, STATUS_USAGE);
	}
}

static void refuse_initrd(const char *path, const char *want)
{
	struct error error = { 0 };
	struct initrd initrd;

	CHECK_EQ(initrd_open(&initrd, path, &error), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, path);
	CHECK_HAS(error.text, want);
	CHECK_EQ(initrd.fd, -1);
	initrd_close(&initrd);
}

static void bad_initrd_files(void)
{
	const char *fifo = path_of("fifo");

	refuse_initrd("/nonexistent/initrd", "No such file");
	refuse_initrd(dir, "directory");
	refuse_initrd(make_file("empty", "", 0), "empty");
	REQUIRE(!mkfifo(fifo, 0600));
	refuse_initrd(fifo, "regular");
	unlink(fifo);
	unlink(path_of("empty"));
}

static uint8_t *make_ram(struct mem *mem, int fd)
{
	uint8_t *host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct mem_region region = { .base = RAM, .size = RAM_SIZE, .host = host, .fd = fd };

	*mem = (struct mem){ 0 };
	if (host == MAP_FAILED || mem_add(mem, &region))
		abort();
	return host;
}

/* A flat kernel and an initrd file of an odd size. */
static void loads_again_for_a_reboot(void)
{
	const char *kernel_path, *initrd_path;
	struct error error = { 0 };
	static uint8_t data[70001];
	struct boot_info info;
	struct initrd initrd;
	struct kernel kernel;
	struct mem mem;
	uint8_t *host = make_ram(&mem, -1);

	memset(data, 0x11, sizeof(data));
	kernel_path = make_file("flat", FLAT, 8);
	initrd_path = make_file("initrd", data, sizeof(data));
	REQUIRE(!kernel_open(&kernel, kernel_path, &error));
	REQUIRE(!initrd_open(&initrd, initrd_path, &error));
	/* Neither needs its path again. */
	unlink(kernel_path);
	unlink(initrd_path);
	for (int boot = 0; boot < 2; boot++) {
		uint8_t *at = host + 32 * MiB;

		REQUIRE(!boot_load(&info, &mem, RAM, RAM_SIZE, &kernel, &initrd, &error));
		CHECK_EQ(info.entry, RAM + 0x80000);
		CHECK_EQ(info.initrd, RAM + 32 * MiB);
		CHECK(!memcmp(host + 0x80000, FLAT, 8));
		CHECK(!memcmp(at, data, sizeof(data)));
		CHECK_EQ(at[sizeof(data)], 0);
		/* A guest's writes stay its own: not seen on the next boot. */
		memset(at, 0x22, sizeof(data));
		memset(host + 0x80000, 0x22, 8);
		if (mmap(host, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
			host)
			abort();
	}
	kernel_close(&kernel);
	initrd_close(&initrd);
	munmap(host, RAM_SIZE);
}

/* RAM that a backend maps too: what is loaded is in its descriptor. */
static void reads_into_shared_memory(void)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	uint8_t *host = MAP_FAILED, got[8] = { 0 };
	struct error error = { 0 };
	struct mem mem = { 0 };
	struct boot_info info;
	struct kernel kernel;

	REQUIRE(fd >= 0 && !ftruncate(fd, RAM_SIZE));
	host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(host != MAP_FAILED);
	REQUIRE(!mem_add(&mem, &(struct mem_region){ .base = RAM, .size = RAM_SIZE, .host = host, .fd = fd }));
	REQUIRE(!kernel_open(&kernel, make_file("flat", FLAT, 8), &error));
	REQUIRE(!boot_load(&info, &mem, RAM, RAM_SIZE, &kernel, NULL, &error));
	CHECK_EQ(pread(fd, got, sizeof(got), 0x80000), sizeof(got));
	CHECK(!memcmp(got, FLAT, 8));
	kernel_close(&kernel);
	munmap(host, RAM_SIZE);
	close(fd);
	unlink(path_of("flat"));
}

static void initrd_in_pieces(void)
{
	static char one[] = "abc", two[] = "defgh";
	const struct iovec pieces[] = { { one, 3 }, { NULL, 0 }, { two, 5 } };
	struct error error = { 0 };
	struct boot_info info;
	struct initrd initrd;
	struct kernel kernel;
	struct mem mem;
	uint8_t *host = make_ram(&mem, -1);

	initrd_from_memory(&initrd, pieces, 1);
	CHECK_EQ(initrd.size, 3);
	initrd_from_memory(&initrd, pieces, 3);
	CHECK_EQ(initrd.size, 8);
	REQUIRE(!kernel_open(&kernel, make_file("flat", FLAT, 8), &error));
	REQUIRE(!boot_load(&info, &mem, RAM, RAM_SIZE, &kernel, &initrd, &error));
	CHECK_EQ(info.initrd_size, 8);
	CHECK(!memcmp(host + (info.initrd - RAM), "abcdefgh\0", 9));
	kernel_close(&kernel);
	initrd_close(&initrd);
	munmap(host, RAM_SIZE);
	unlink(path_of("flat"));
}

/* The file loses its end between opening and booting: an error, not SIGBUS in the guest's first access. */
static void file_cut_while_open(void)
{
	for (int ram_fd = -1; ram_fd <= 1000; ram_fd += 1001) {
		const char *path = make_file("cut", FLAT, 8);
		struct error error = { 0 };
		struct boot_info info;
		struct kernel kernel;
		struct mem mem;
		uint8_t *host = make_ram(&mem, ram_fd);

		REQUIRE(!kernel_open(&kernel, path, &error));
		REQUIRE(!truncate(path, 4));
		CHECK_EQ(boot_load(&info, &mem, RAM, RAM_SIZE, &kernel, NULL, &error), -1);
		CHECK_EQ(error.status, STATUS_BAD_FILE);
		CHECK_HAS(error.text, "shorter");
		kernel_close(&kernel);
		munmap(host, RAM_SIZE);
		unlink(path);
	}
}

static const struct test tests[] = {
	TEST(places_by_size),
	TEST(memory_too_small),
	TEST(absurd_sizes),
	TEST(bad_initrd_files),
	TEST(loads_again_for_a_reboot),
	TEST(reads_into_shared_memory),
	TEST(initrd_in_pieces),
	TEST(file_cut_while_open),
};

int main(int argc, char **argv)
{
	int status;

	if (!mkdtemp(dir))
		abort();
	status = test_main(tests, ARRAY_SIZE(tests), argc, argv);
	rmdir(dir);
	return status;
}
