/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel files, made small in a temporary directory: each format is recognised, measured and loaded; each refusal names the
 * file, what it is and what to pass instead. Real kernels are the system tests'.
 */
#include "test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "kernel.h"

#define RAM	   0x40000000ULL
#define RAM_SIZE   (16 * MiB)
#define IMAGE_LEN  20000u
#define IMAGE_SIZE 0x20000u /* with BSS */
#define BANNER	   "Linux version 6.1.0-56-cloud-arm64 (who@where) #1 SMP"

static char dir[] = "/tmp/test_kernel.XXXXXX";
static char path[128];
static uint8_t file[256 * 1024], plain[64 * 1024];

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value & 0xffff);
	put16(p + 2, value >> 16);
}

static void put64(uint8_t *p, uint64_t value)
{
	put32(p, (uint32_t)value);
	put32(p + 4, (uint32_t)(value >> 32));
}

/* An arm64 Image with an EFI stub of two sections that end with the file. */
static size_t make_image(uint8_t *dst, uint64_t text_offset, uint64_t image_size)
{
	for (size_t i = 0; i < IMAGE_LEN; i++)
		dst[i] = (uint8_t)(i * 7 + (i >> 8));
	memset(dst, 0, 0x200);
	memcpy(dst, "MZ\x40\xfa", 4);
	put64(dst + 0x08, text_offset);
	put64(dst + 0x10, image_size);
	put64(dst + 0x18, 0xa);
	memcpy(dst + 0x38, "ARM\x64", 4);
	put32(dst + 0x3c, 0x40);
	memcpy(dst + 0x40, "PE\0\0\x64\xaa", 6);
	put16(dst + 0x46, 2);
	put16(dst + 0x54, 0xa0);
	put32(dst + 0xf8 + 16, 8000);
	put32(dst + 0xf8 + 20, 0x200);
	put32(dst + 0x120 + 16, IMAGE_LEN - 10000);
	put32(dst + 0x120 + 20, 10000);
	memcpy(dst + 9000, "Linux version %s (%s)", 22);
	memcpy(dst + 10000, BANNER, sizeof(BANNER));
	return IMAGE_LEN;
}

static size_t pack(enum compression type, const uint8_t *src, size_t len, uint8_t *dst, size_t room)
{
	z_stream zs = { .next_in = (uint8_t *)src,
		.avail_in = (unsigned int)len,
		.next_out = dst,
		.avail_out = (unsigned int)room };
	size_t out = 0;

	switch (type) {
	case COMPRESSION_GZIP:
		if (deflateInit2(&zs, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
			deflate(&zs, Z_FINISH) != Z_STREAM_END)
			abort();
		deflateEnd(&zs);
		return room - zs.avail_out;
	case COMPRESSION_ZSTD:
		out = ZSTD_compress(dst, room, src, len, 3);
		if (ZSTD_isError(out))
			abort();
		return out;
	case COMPRESSION_XZ:
		if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, src, len, dst, &out, room) != LZMA_OK)
			abort();
		return out;
	case COMPRESSION_NONE: break;
	}
	abort();
}

static size_t make_zboot(const char *name, enum compression type)
{
	size_t len = make_image(plain, 0, IMAGE_SIZE), packed;

	memset(file, 0, 0x400);
	memcpy(file, "MZ\0\0zimg", 8);
	memcpy(file + 0x18, name, strlen(name) + 1);
	packed = pack(type, plain, len, file + 0x400, sizeof(file) - 0x400);
	put32(file + 0x08, 0x400);
	put32(file + 0x0c, (uint32_t)packed);
	memset(file + 0x400 + packed, 0, 16);
	return 0x400 + packed + 16;
}

/* Two segments: plain at base (with its Image header when it has one) and 16 bytes with BSS at base + 0x10000. */
static size_t make_elf(uint64_t base, uint64_t entry, size_t plain_len)
{
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_AARCH64,
		.e_version = EV_CURRENT,
		.e_entry = entry,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3 };
	/* The higher one first, and something that is not loaded. */
	Elf64_Phdr phdr[] = {
		{ .p_type = PT_LOAD,
			.p_offset = 0x800,
			.p_vaddr = base + 0x10000,
			.p_paddr = base + 0x10000,
			.p_filesz = 16,
			.p_memsz = 0x1000 },
		{ .p_type = PT_NOTE, .p_paddr = 0, .p_filesz = 10, .p_memsz = 10 },
		{ .p_type = PT_LOAD,
			.p_offset = 0x1000,
			.p_vaddr = base,
			.p_paddr = base,
			.p_filesz = plain_len,
			.p_memsz = plain_len },
	};

	memset(file, 0, 0x1000);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), phdr, sizeof(phdr));
	memcpy(file + 0x800, "second segment!!", 16);
	memcpy(file + 0x1000, plain, plain_len);
	return 0x1000 + plain_len;
}

static const char *save(const void *data, size_t len)
{
	FILE *out;

	snprintf(path, sizeof(path), "%s/kernel", dir);
	out = fopen(path, "wb");
	if (!out || (len && fwrite(data, 1, len, out) != len) || fclose(out))
		abort();
	return path;
}

/* host is RAM, all of it zero. */
static uint8_t *make_ram(struct mem *mem, uint64_t size)
{
	uint8_t *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct mem_region region = { .base = RAM, .size = size, .host = host, .fd = -1 };

	*mem = (struct mem){ 0 };
	if (host == MAP_FAILED || mem_add(mem, &region))
		abort();
	return host;
}

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

static void refuse(const void *data, size_t len, const char *want)
{
	struct error error = { 0 };
	struct kernel kernel;

	CHECK_EQ(kernel_open(&kernel, save(data, len), &error), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, path);
	CHECK_HAS(error.text, want);
	CHECK_HAS(error.text, "; "); /* the fix */
	CHECK(!strchr(error.text, '\n'));
	CHECK_EQ(kernel.fd, -1);
}

static void image(void)
{
	size_t len = make_image(file, 0, IMAGE_SIZE);

	make_image(plain, 0, IMAGE_SIZE);
	check_loads(len, plain, len, 0, IMAGE_SIZE, 0);
	make_image(file, 0x80000, IMAGE_SIZE);
	make_image(plain, 0x80000, IMAGE_SIZE);
	check_loads(len, plain, len, 0x80000, IMAGE_SIZE, 0x80000);
	/* Not a multiple of any page: read, not mapped. */
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

static void mapped_not_read(void)
{
	struct error error = { 0 };
	struct kernel kernel;
	struct mem mem;
	uint8_t *host = make_ram(&mem, RAM_SIZE), byte = 0x77;
	gpa_t entry;
	int fd;

	REQUIRE(!kernel_open(&kernel, save(file, make_image(file, 0, IMAGE_SIZE)), &error));
	REQUIRE(!kernel_load(&kernel, &mem, RAM, &entry, &error));
	/* A page not yet written to is the page cache's own: a change of the file shows. */
	fd = open(path, O_WRONLY);
	CHECK_EQ(pwrite(fd, &byte, 1, 0x3000), 1);
	CHECK_EQ(host[0x3000], 0x77);
	/* And a write by the guest does not reach the file. */
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
	refuse(file, make_zboot("lzma", COMPRESSION_GZIP), "compressed with \"lzma\"");
	refuse(file, make_zboot("l\n\x80", COMPRESSION_GZIP), "compressed with \"l??\"");
	refuse(file, make_zboot("gzip", COMPRESSION_GZIP) / 2, "truncated");
	make_zboot("gzip", COMPRESSION_GZIP);
	refuse(file, 0x20, "truncated");
	make_zboot("gzip", COMPRESSION_ZSTD);
	refuse(file, make_zboot("gzip", COMPRESSION_ZSTD), "corrupt");
	put32(file + 0x08, 0xffffffff);
	refuse(file, 0x1000, "truncated");
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
	refuse(file, make_elf(0x400000, 0x400000, 0x100), "linked for physical address 0x400000");
	refuse(file, make_elf(RAM, 0x1234, 0x100), "entry point");
}

static void elf_refused(void)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)file;
	Elf64_Phdr *phdr = (Elf64_Phdr *)(file + sizeof(*header));
	size_t len;

	make_image(plain, 0, IMAGE_SIZE);
	len = make_elf(0, 0, IMAGE_LEN);
	refuse(file, 40, "truncated");
	refuse(file, sizeof(*header) + 10, "truncated");
	refuse(file, len - 1, "truncated");
	header->e_machine = EM_X86_64;
	refuse(file, len, "an ELF file for x86-64");
	header->e_machine = EM_ARM;
	refuse(file, len, "an ELF file for 32-bit Arm");
	header->e_machine = 0x1234;
	refuse(file, len, "an ELF file for another machine (e_machine 4660)");
	make_elf(0, 0, IMAGE_LEN);
	header->e_ident[EI_CLASS] = ELFCLASS32;
	refuse(file, len, "32-bit ELF");
	make_elf(0, 0, IMAGE_LEN);
	header->e_ident[EI_DATA] = ELFDATA2MSB;
	refuse(file, len, "big-endian ELF");
	make_elf(0, 0, IMAGE_LEN);
	header->e_type = ET_REL;
	refuse(file, len, "kernel module");
	header->e_type = ET_CORE;
	refuse(file, len, "not executable");
	make_elf(0, 0, IMAGE_LEN);
	header->e_phnum = 0;
	refuse(file, len, "program headers");
	header->e_phnum = 1;
	header->e_phoff = UINT64_MAX - 10;
	refuse(file, len, "truncated");
	make_elf(0, 0, IMAGE_LEN);
	phdr[1].p_type = PT_INTERP;
	refuse(file, len, "user space");
	make_elf(0, 0, IMAGE_LEN);
	phdr[0].p_type = phdr[2].p_type = PT_NOTE;
	refuse(file, len, "nothing to load");
	make_elf(0, 0, IMAGE_LEN);
	phdr[0].p_offset = UINT64_MAX;
	refuse(file, len, "truncated");
	make_elf(0, 0, IMAGE_LEN);
	phdr[0].p_memsz = 1;
	refuse(file, len, "corrupt program header");
	make_elf(0, 0, IMAGE_LEN);
	phdr[0].p_paddr = UINT64_MAX - 4;
	refuse(file, len, "corrupt program header");
	make_elf(0, 0, IMAGE_LEN);
	phdr[0].p_paddr = 1ULL << 50;
	refuse(file, len, "too far apart");
	/* The Image header inside is held to the same rules. */
	put64(plain + 0x18, 1);
	refuse(file, make_elf(0, 0, IMAGE_LEN), "big-endian");
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

static void bad_image_headers(void)
{
	size_t len = make_image(file, 0, IMAGE_SIZE);

	refuse(file, len - 1, "truncated: 19999 bytes of an arm64 Image of at least 20000");
	refuse(file, 0x1000, "truncated");
	put64(file + 0x18, 0xb);
	refuse(file, len, "big-endian");
	make_image(file, 0, UINT64_MAX);
	refuse(file, len, "corrupt arm64 Image header");
	make_image(file, UINT64_MAX - 5, 10);
	refuse(file, len, "corrupt arm64 Image header");
	/* A PE header that points outside is no way to read there: just nothing known of the length. */
	make_image(file, 0, IMAGE_SIZE);
	make_image(plain, 0, IMAGE_SIZE);
	put32(file + 0x3c, 0xfffffff0);
	put32(plain + 0x3c, 0xfffffff0);
	check_loads(0x100, plain, 0x100, 0, IMAGE_SIZE, 0);
	make_image(file, 0, IMAGE_SIZE);
	put16(file + 0x46, 0xffff);
	refuse(file, 0x180, "truncated");
}

static void compressed_refused(void)
{
	for (int i = COMPRESSION_GZIP; i <= COMPRESSION_XZ; i++) {
		enum compression type = (enum compression)i;
		char want[64];
		size_t len;

		memset(plain, 'x', 6000);
		memcpy(plain, "070701", 6);
		len = pack(type, plain, 6000, file, sizeof(file));
		snprintf(want, sizeof(want), "%s data that holds no arm64 kernel", compression_name(type));
		refuse(file, len, want);
		refuse(file, len, "initrd (cpio archive); pass it with --initrd");
		memset(plain, 0x01, 6000);
		refuse(file, pack(type, plain, 6000, file, sizeof(file)), "something unknown");
		len = make_image(plain, 0, IMAGE_SIZE);
		len = pack(type, plain, len, file, sizeof(file));
		refuse(file, 20, "corrupt or truncated");
		memset(file + 6, 0x99, 40);
		refuse(file, len, "corrupt");
	}
}

/* What opening cannot see: the end of a compressed kernel. */
static void load_fails(size_t len, uint64_t ram_size, enum exit_status status, const char *want)
{
	struct error error = { 0 };
	struct kernel kernel;
	struct mem mem;
	uint8_t *host = make_ram(&mem, ram_size);
	gpa_t entry;

	if (kernel_open(&kernel, save(file, len), &error)) {
		TEST_FAIL_("not opened: %s", error.text);
	} else {
		CHECK_EQ(kernel_load(&kernel, &mem, RAM, &entry, &error), -1);
		CHECK_EQ(error.status, status);
		CHECK_HAS(error.text, path);
		CHECK_HAS(error.text, want);
		kernel_close(&kernel);
	}
	munmap(host, ram_size);
}

static void corrupt_past_the_start(void)
{
	size_t len;

	make_image(plain, 0, IMAGE_SIZE);
	len = pack(COMPRESSION_GZIP, plain, IMAGE_LEN, file, sizeof(file));
	load_fails(len - 6, RAM_SIZE, STATUS_BAD_FILE, "corrupt or truncated gzip");
	file[len - 6] ^= 1; /* of the CRC */
	load_fails(len, RAM_SIZE, STATUS_BAD_FILE, "corrupt or truncated gzip");
	len = pack(COMPRESSION_GZIP, plain, IMAGE_LEN - 1, file, sizeof(file));
	load_fails(len, RAM_SIZE, STATUS_BAD_FILE, "truncated arm64 Image");
	make_image(plain, 0, 0x1000);
	len = pack(COMPRESSION_ZSTD, plain, IMAGE_LEN, file, sizeof(file));
	load_fails(len, RAM_SIZE, STATUS_BAD_FILE, "more than its header says");
	len = make_image(file, 0, 32 * MiB);
	load_fails(len, RAM_SIZE, STATUS_USAGE, "bytes of RAM");
}

static void known_files_refused(void)
{
	static const struct {
		size_t offset;
		const char *magic;
		size_t len;
		const char *want;
	} rows[] = {
		{ 0x202, "HdrS", 4, "x86 kernel (bzImage); pass an arm64 kernel" },
		{ 0x24, "\x18\x28\x6f\x01", 4, "32-bit Arm kernel (zImage)" },
		{ 0x24, "\x01\x6f\x28\x18", 4, "big-endian 32-bit Arm" },
		{ 0x38, "RSC\x05", 4, "RISC-V kernel" },
		{ 0, "070701", 6, "initrd (cpio archive); pass it with --initrd" },
		{ 0, "\x02\x21\x4c\x18", 4, "lz4-compressed; unpack it" },
		{ 0, "BZh91AY&SY", 10, "bzip2-compressed; unpack it" },
		{ 0, "\x5d\0\0\x80\0", 5, "lzma-compressed" },
		{ 0, "\xd0\x0d\xfe\xed", 4, "device tree" },
		{ 0, "\x27\x05\x19\x56", 4, "uImage" },
		{ 0, "!<arch>\n", 8, "Debian package" },
		{ 0, "PK\x03\x04", 4, "zip" },
		{ 257, "ustar", 5, "tar archive" },
		{ 0, "QFI\xfb", 4, "qcow2" },
		{ 0, "hsqs", 4, "squashfs" },
		{ 0x8001, "CD001", 5, "ISO 9660" },
		{ 512, "EFI PART", 8, "disk image" },
		{ 0, "%PDF-1.7", 8, "PDF" },
		{ 0, "\x89PNG", 4, "PNG" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* Bytes that are neither text nor any magic. */
		memset(file, 0x01, 0x9000);
		memcpy(file + rows[i].offset, rows[i].magic, rows[i].len);
		refuse(file, 0x9000, rows[i].want);
	}
	/* With an EFI stub in front, a bzImage is still one. */
	memcpy(file, "MZ", 2);
	memcpy(file + 0x202, "HdrS", 4);
	refuse(file, 0x9000, "bzImage");
	memset(file, 0x01, 0x1000);
	memcpy(file, "MZ", 2);
	put32(file + 0x3c, 0x80);
	memcpy(file + 0x80, "PE\0\0", 4);
	refuse(file, 0x1000, "EFI or Windows program");
	refuse("#!/bin/sh\nexit 0\n", 17, "a script");
	refuse("Not Found\n", 10, "a text file");
	refuse("<html>\xc3\xa9</html>", 15, "a text file");
	memset(file, 0, 0x1000);
	refuse(file, 0x1000, "zeros");
}

static void refuse_path(const char *name, const char *want)
{
	struct error error = { 0 };
	struct kernel kernel;

	CHECK_EQ(kernel_open(&kernel, name, &error), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, name);
	CHECK_HAS(error.text, want);
	kernel_close(&kernel); /* allowed */
}

static void unusable_paths(void)
{
	char fifo[64];

	refuse_path("/nonexistent/vmlinuz", "No such file or directory; ");
	refuse_path(dir, "this is a directory; ");
	refuse_path(save("", 0), "the file is empty; ");
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	REQUIRE(!mkfifo(fifo, 0600));
	refuse_path(fifo, "not a regular file; ");
	unlink(fifo);
}

/* Permission is not asked of root, so this is tried as somebody else. */
static void unreadable(void)
{
	int status = -1;
	pid_t child;

	save("x", 1);
	REQUIRE(!chmod(path, 0));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct error error = { 0 };
		struct kernel kernel;

		if (geteuid() == 0 && (chmod(dir, 0755) || setresuid(65534, 65534, 65534)))
			_exit(2);
		_exit(kernel_open(&kernel, path, &error) == -1 && error.status == STATUS_BAD_FILE &&
					strstr(error.text, "Permission denied; make it readable")
				? 0
				: 1);
	}
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	unlink(path);
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

/* Every byte of a small kernel's headers replaced: whatever comes of it, nothing is read outside (ASan) and nothing hangs. */
static void any_header_byte(void)
{
	static const uint8_t values[] = { 0x00, 0x7f, 0x80, 0xff };
	static uint8_t good[0x1000 + IMAGE_LEN];
	size_t len;

	make_image(plain, 0, IMAGE_SIZE);
	len = make_elf(0, 0, IMAGE_LEN);
	memcpy(good, file, len);
	for (size_t i = 4; i < 0x1200 && i < len; i += i == 0x100 ? 0xf00 : 1) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			struct error error = { 0 };
			struct kernel kernel;
			struct mem mem;
			uint8_t *host;
			gpa_t entry;

			memcpy(file, good, len);
			file[i] = values[j];
			if (kernel_open(&kernel, save(file, len), &error))
				continue;
			host = make_ram(&mem, RAM_SIZE);
			if (kernel_load(&kernel, &mem, RAM, &entry, &error))
				CHECK(error.status != STATUS_OK);
			munmap(host, RAM_SIZE);
			kernel_close(&kernel);
		}
	}
}

static const struct test tests[] = {
	TEST(image),
	TEST(mapped_not_read),
	TEST(compressed_image),
	TEST(zboot),
	TEST(elf_vmlinux),
	TEST(elf_compressed),
	TEST(elf_bare_metal),
	TEST(elf_refused),
	TEST(flat_binary),
	TEST(bad_image_headers),
	TEST(compressed_refused),
	TEST(corrupt_past_the_start),
	TEST(known_files_refused),
	TEST(unusable_paths),
	TEST(unreadable),
	TEST(version),
	TEST(version_absent),
	TEST(any_header_byte),
};

int main(int argc, char **argv)
{
	int status;

	if (!mkdtemp(dir))
		abort();
	status = test_main(tests, ARRAY_SIZE(tests), argc, argv);
	unlink(path);
	rmdir(dir);
	return status;
}
