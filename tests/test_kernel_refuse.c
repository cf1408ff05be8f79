/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that are not taken: each refusal names the file, what it is and what to pass instead, and no header breaks us. */
#include "kernel_files.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void zboot_refused(void)
{
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
	/* Without an Image header, a bare-metal program. */
	memset(plain, 0x5a, 0x100);
	refuse(file, make_elf(0x400000, 0x400000, 0x100), "linked for physical address 0x400000");
	refuse(file, make_elf(RAM, 0x1234, 0x100), "entry point");
	/* The Image header inside is held to the same rules. */
	make_image(plain, 0, IMAGE_SIZE);
	put64(plain + 0x18, 1);
	refuse(file, make_elf(0, 0, IMAGE_LEN), "big-endian");
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
	TEST(zboot_refused),
	TEST(elf_refused),
	TEST(bad_image_headers),
	TEST(compressed_refused),
	TEST(corrupt_past_the_start),
	TEST(known_files_refused),
	TEST(unusable_paths),
	TEST(unreadable),
	TEST(any_header_byte),
};

int main(int argc, char **argv)
{
	return kernel_files_main(tests, ARRAY_SIZE(tests), argc, argv);
}
