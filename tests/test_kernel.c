/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that are taken: each format is recognised, measured, loaded and its version found. Real ones are the system tests'. */
#include "kernel_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* len bytes of file open, load, and are want at RAM + offset, followed by zeros; entered at entry. */
static void check_loads(
	size_t len, const uint8_t *want, size_t want_len, uint64_t offset, uint64_t span, uint64_t entry)
{
	struct error error = { 0 };
	struct kernel kernel;
	gpa_t got_entry = 0;
	struct mem mem;
	uint8_t *host;

	if (kernel_open(&kernel, save(file, len), &error)) {
		TEST_FAIL_("not opened: %s", error.text);
		return;
	}
	CHECK_EQ(kernel.load_offset, offset);
	CHECK_EQ(kernel.span, span);
	host = make_ram(&mem, RAM_SIZE);
	if (kernel_load(&kernel, &mem, RAM, &got_entry, &error))
		TEST_FAIL_("not loaded: %s", error.text);
	CHECK_EQ(got_entry, RAM + entry);
	CHECK(!memcmp(host + offset, want, want_len));
	CHECK_EQ(host[offset + want_len], 0);
	munmap(host, RAM_SIZE);
	kernel_close(&kernel);
}

static void image(void)
{
	size_t len = make_image(file, 0, IMAGE_SIZE);

	make_image(plain, 0, IMAGE_SIZE);
	check_loads(len, plain, len, 0, IMAGE_SIZE, 0);
	make_image(file, 0x80000, IMAGE_SIZE);
	make_image(plain, 0x80000, IMAGE_SIZE);
	check_loads(len, plain, len, 0x80000, IMAGE_SIZE, 0x80000);
	/* Not a multiple of any page. */
	make_image(file, 0x80008, IMAGE_SIZE);
	make_image(plain, 0x80008, IMAGE_SIZE);
	check_loads(len, plain, len, 0x80008, IMAGE_SIZE, 0x80008);
	/* Before 3.17: no size, and text_offset means nothing. */
	make_image(file, 0x123400, 0);
	make_image(plain, 0x123400, 0);
	check_loads(len, plain, len, 0x80000, len, 0x80000);
	/* Longer than it says (a signature at its end). */
	make_image(file, 0, 0x1000);
	make_image(plain, 0, 0x1000);
	check_loads(len, plain, len, 0, len, 0);
}

/* The guest has a copy: neither sees what the other does to its own. */
static void a_copy(void)
{
	struct error error = { 0 };
	struct kernel kernel;
	struct mem mem;
	uint8_t *host = make_ram(&mem, RAM_SIZE), byte = 0x77;
	gpa_t entry;
	int fd;

	REQUIRE(!kernel_open(&kernel, save(file, make_image(file, 0, IMAGE_SIZE)), &error));
	REQUIRE(!kernel_load(&kernel, &mem, RAM, &entry, &error));
	fd = open(path, O_WRONLY);
	CHECK_EQ(pwrite(fd, &byte, 1, 0x3000), 1);
	CHECK_EQ(host[0x3000] == 0x77, false);
	host[0x3001] = 0x78;
	CHECK_EQ(kernel.file[0x3001] == 0x78, false);
	close(fd);
	munmap(host, RAM_SIZE);
	kernel_close(&kernel);
}

static void compressed_image(void)
{
	for (int type = COMPRESSION_GZIP; type <= COMPRESSION_XZ; type++) {
		size_t len = make_image(plain, 0, IMAGE_SIZE);

		check_loads(pack((enum compression)type, plain, len, file, sizeof(file)), plain, len, 0, IMAGE_SIZE, 0);
		len = make_image(plain, 0, 0);
		check_loads(pack((enum compression)type, plain, len, file, sizeof(file)), plain, len, 0x80000, len,
			0x80000);
	}
}

static void zboot(void)
{
	check_loads(make_zboot("gzip", COMPRESSION_GZIP), plain, IMAGE_LEN, 0, IMAGE_SIZE, 0);
	check_loads(make_zboot("zstd22", COMPRESSION_ZSTD), plain, IMAGE_LEN, 0, IMAGE_SIZE, 0);
	check_loads(make_zboot("xzkern", COMPRESSION_XZ), plain, IMAGE_LEN, 0, IMAGE_SIZE, 0);
}

static void elf_vmlinux(void)
{
	uint8_t want[0x10000 + 16] = { 0 };
	size_t len;

	/* Linked high, as arm64's is; the Image header says where it goes. */
	make_image(plain, 0x80000, 0x12000);
	memcpy(want, plain, IMAGE_LEN);
	memcpy(want + 0x10000, "second segment!!", 16);
	len = make_elf(0xffff800008000000, 0xffff800008000000, IMAGE_LEN);
	check_loads(len, want, sizeof(want), 0x80000, 0x12000, 0x80000);
	make_image(plain, 0, 0x100);
	memcpy(want, plain, IMAGE_LEN);
	len = make_elf(0xffff800008000000, 0xffff800008000000, IMAGE_LEN);
	check_loads(len, want, sizeof(want), 0, 0x11000, 0);
}

static void elf_compressed(void)
{
	uint8_t want[0x10000 + 16] = { 0 };
	static uint8_t copy[64 * 1024];
	size_t len;

	make_image(plain, 0, IMAGE_SIZE);
	memcpy(want, plain, IMAGE_LEN);
	memcpy(want + 0x10000, "second segment!!", 16);
	len = make_elf(0xffff800008000000, 0xffff800008000000, IMAGE_LEN);
	memcpy(copy, file, len);
	check_loads(pack(COMPRESSION_GZIP, copy, len, file, sizeof(file)), want, sizeof(want), 0, IMAGE_SIZE, 0);
}

static void elf_bare_metal(void)
{
	memset(plain, 0x5a, 0x100);
	check_loads(make_elf(RAM + 0x200000, RAM + 0x200040, 0x100), plain, 0x100, 0x200000, 0x11000, 0x200040);
}

static void pe_header_elsewhere(void)
{
	make_image(file, 0, IMAGE_SIZE);
	/* A PE header that points outside is no way to read there: just nothing known of the length. */
	make_image(plain, 0, IMAGE_SIZE);
	put32(file + 0x3c, 0xfffffff0);
	put32(plain + 0x3c, 0xfffffff0);
	check_loads(0x100, plain, 0x100, 0, IMAGE_SIZE, 0);
}

static void flat_binary(void)
{
	/* nop; b . */
	memcpy(file, "\x1f\x20\x03\xd5\x00\x00\x00\x14", 8);
	memcpy(plain, file, 8);
	check_loads(8, plain, 8, 0x80000, 8, 0x80000);
	/* A branch over a header, whose encoding is also how an lzma file starts. */
	memcpy(file, "\x5d\x00\x00\x14\x00\x00\x00\x00", 8);
	memcpy(plain, file, 8);
	check_loads(8, plain, 8, 0x80000, 8, 0x80000);
	/* "MZ", but no PE. */
	memset(file, 0xee, 0x100);
	memcpy(file, "MZ\x00\x14", 4);
	memcpy(plain, file, 0x100);
	check_loads(0x100, plain, 0x100, 0x80000, 0x100, 0x80000);
}

static void version(void)
{
	char buf[64];
	static uint8_t copy[IMAGE_LEN];

	for (int type = COMPRESSION_NONE; type <= COMPRESSION_XZ; type++) {
		struct error error = { 0 };
		struct kernel kernel;
		size_t len = make_image(file, 0, IMAGE_SIZE);

		memcpy(copy, file, sizeof(copy));
		if (type != COMPRESSION_NONE)
			len = pack((enum compression)type, copy, sizeof(copy), file, sizeof(file));
		REQUIRE(!kernel_open(&kernel, save(file, len), &error));
		CHECK_EQ(kernel_version(&kernel, buf, sizeof(buf)), 0);
		CHECK_STR(buf, "6.1.0-56-cloud-arm64");
		CHECK_EQ(kernel_version(&kernel, buf, strlen("6.1.0-56-cloud-arm64") + 1), 0);
		CHECK_EQ(-kernel_version(&kernel, buf, strlen("6.1.0-56-cloud-arm64")), ENOENT);
		kernel_close(&kernel);
	}
}

static void version_absent(void)
{
	struct error error = { 0 };
	struct kernel kernel;
	char buf[64];

	/* Only a format string, and a banner cut off by the end of the file. */
	memcpy(file, "\x1f\x20\x03\xd5\0Linux version %s (\0Linux version 6.1", 38);
	REQUIRE(!kernel_open(&kernel, save(file, 38), &error));
	CHECK_EQ(-kernel_version(&kernel, buf, sizeof(buf)), ENOENT);
	kernel_close(&kernel);
}

/* What can only be read where it is mapped, ELF segments and packed data, loses its end between opening and loading. */
static void cut_while_open(void)
{
	for (int packed = 0; packed <= 1; packed++) {
		uint8_t *host;
		struct error error = { 0 };
		struct kernel kernel;
		struct mem mem;
		gpa_t entry;
		size_t len;

		make_image(plain, 0, IMAGE_SIZE);
		/* So much that packing makes no less of: several pages. */
		for (uint32_t i = 0x1000, x = 1; i < IMAGE_LEN; i++) {
			x = x * 1664525 + 1013904223;
			plain[i] = (uint8_t)(x >> 24);
		}
		len = packed ? pack(COMPRESSION_GZIP, plain, IMAGE_LEN, file, sizeof(file))
			     : make_elf(RAM, RAM, IMAGE_LEN);
		REQUIRE(!kernel_open(&kernel, save(file, len), &error));
		REQUIRE(len > 8192 && !truncate(path, 4096));
		host = make_ram(&mem, RAM_SIZE);
		CHECK_EQ(kernel_load(&kernel, &mem, RAM, &entry, &error), -1);
		CHECK_EQ(error.status, STATUS_BAD_FILE);
		CHECK_HAS(error.text, "shorter");
		munmap(host, RAM_SIZE);
		kernel_close(&kernel);
	}
}

static const struct test tests[] = {
	TEST(image),
	TEST(a_copy),
	TEST(compressed_image),
	TEST(zboot),
	TEST(elf_vmlinux),
	TEST(elf_compressed),
	TEST(elf_bare_metal),
	TEST(pe_header_elsewhere),
	TEST(flat_binary),
	TEST(version),
	TEST(version_absent),
	TEST(cut_while_open),
};

int main(int argc, char **argv)
{
	return kernel_files_main(tests, ARRAY_SIZE(tests), argc, argv);
}
