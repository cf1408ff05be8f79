/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel_files.h. */
#include "kernel_files.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define BANNER "Linux version 6.1.0-56-cloud-arm64 (who@where) #1 SMP"

char dir[] = "/tmp/test_kernel.XXXXXX";
char path[128];
uint8_t file[256 * 1024], plain[64 * 1024];

void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

void put32(uint8_t *p, uint32_t value)
{
	put16(p, value & 0xffff);
	put16(p + 2, value >> 16);
}

void put64(uint8_t *p, uint64_t value)
{
	put32(p, (uint32_t)value);
	put32(p + 4, (uint32_t)(value >> 32));
}

/* An arm64 Image with an EFI stub of two sections that end with the file. */
size_t make_image(uint8_t *dst, uint64_t text_offset, uint64_t image_size)
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

size_t pack(enum compression type, const uint8_t *src, size_t len, uint8_t *dst, size_t room)
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

size_t make_zboot(const char *name, enum compression type)
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
size_t make_elf(uint64_t base, uint64_t entry, size_t plain_len)
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

const char *save(const void *data, size_t len)
{
	FILE *out;

	snprintf(path, sizeof(path), "%s/kernel", dir);
	out = fopen(path, "wb");
	if (!out || (len && fwrite(data, 1, len, out) != len) || fclose(out))
		abort();
	return path;
}

/* host is RAM, all of it zero. */
uint8_t *make_ram(struct mem *mem, uint64_t size)
{
	uint8_t *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct mem_region region = { .base = RAM, .size = size, .host = host, .fd = -1 };

	*mem = (struct mem){ 0 };
	if (host == MAP_FAILED || mem_add(mem, &region))
		abort();
	return host;
}

int kernel_files_main(const struct test *tests, size_t count, int argc, char **argv)
{
	int status;

	if (!mkdtemp(dir))
		abort();
	status = test_main(tests, count, argc, argv);
	unlink(path);
	rmdir(dir);
	return status;
}
