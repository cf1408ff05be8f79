/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --kernel names: opened, recognised, loaded into RAM and asked for its version, as a file on disk is.
 *
 * "kernel": the input is the file. "compressed-kernel": the input is what is inside it, packed by the library the first byte
 * chooses, in an EFI zboot header or not, so that nothing has to guess a checksum; bytes of the packed file are changed on demand.
 */
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "input.h"
#include "kernel_format.h"
#include "mutate_file.h"
#include "parse_error.h"
#include "targets.h"

#define RAM	 0x40000000ULL
#define RAM_SIZE (16 * MiB)
#define MOST	 (256 * KiB) /* of an input, and of what is packed from it */

static struct mem mem;
static char path[32];
static int file = -1;

/* RAM between two pages that nothing may touch, and the file that every input is written to. */
static void start(const struct fuzz_target *target)
{
	const size_t page = 64 * KiB;
	uint8_t *host = mmap(NULL, RAM_SIZE + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const struct mem_region region = { .base = RAM, .size = RAM_SIZE, .host = host + page, .fd = -1 };

	(void)target;
	file = memfd_create("kernel", MFD_CLOEXEC);
	if (host == MAP_FAILED || file < 0 || mprotect(host + page, RAM_SIZE, PROT_READ | PROT_WRITE) ||
		mem_add(&mem, &region))
		fuzz_failed("host", "RAM or a file cannot be had: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

/* The parsers by themselves, in a block that ends where the file does: a mapping has zeroes up to the page's end. */
static void parse_in_place(const uint8_t *data, size_t size)
{
	struct error error = { .status = STATUS_OK };
	uint8_t *copy = fuzz_copy(data, size);
	const struct bytes bytes = { copy, size };
	struct kernel kernel = { .path = "input", .fd = -1, .file = copy, .file_size = size, .payload_size = size };

	if (elf_is(bytes))
		fuzz_check_error("elf_parse", elf_parse(&kernel, bytes, &error), &error);
	else if (zboot_is(bytes))
		fuzz_check_error("zboot_parse", zboot_parse(&kernel, bytes, &error), &error);
	else if (image_is(bytes))
		fuzz_check_error("image_parse", image_parse(&kernel, bytes, size, &error), &error);
	else
		(void)file_kind_detect(bytes);
	free(copy);
}

static void load(const struct kernel *kernel)
{
	struct error error = { .status = STATUS_OK };
	gpa_t entry = 0;
	int ret = kernel_load(kernel, &mem, RAM, &entry, &error);

	fuzz_check_error("kernel_load", ret, &error);
	if (ret)
		return;
	if (kernel->load_offset > RAM_SIZE || kernel->span > RAM_SIZE - kernel->load_offset)
		fuzz_failed("kernel", "%llu bytes at RAM + 0x%llx were loaded into less RAM",
			(unsigned long long)kernel->span, (unsigned long long)kernel->load_offset);
	if (entry < RAM + kernel->load_offset || entry - RAM - kernel->load_offset > kernel->span)
		fuzz_failed("kernel", "entered at 0x%llx, outside of it", (unsigned long long)entry);
	/* Zeroes again, as for every boot. */
	if (madvise(mem.region[0].host, RAM_SIZE, MADV_DONTNEED))
		fuzz_failed("host", "RAM cannot be cleared: %s", strerror(errno));
}

static void open_and_load(const uint8_t *data, size_t size)
{
	struct error error = { .status = STATUS_OK };
	struct kernel kernel;
	char version[65];
	int ret;

	if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size)
		fuzz_failed("host", "the file cannot be written: %s", strerror(errno));
	ret = kernel_open(&kernel, path, &error);
	fuzz_check_error("kernel_open", ret, &error);
	if (ret)
		return;
	load(&kernel);
	if (!kernel_version(&kernel, version, sizeof(version)) && strnlen(version, sizeof(version)) == sizeof(version))
		fuzz_failed("kernel", "its version has no end");
	kernel_close(&kernel);
}

static void run_kernel(const uint8_t *data, size_t size)
{
	parse_in_place(data, size);
	open_and_load(data, size);
}

static size_t pack_gzip(const uint8_t *src, size_t len, uint8_t *dst, size_t room)
{
	z_stream zs = { .next_in = (uint8_t *)(uintptr_t)src,
		.avail_in = (unsigned int)len,
		.next_out = dst,
		.avail_out = (unsigned int)room };
	bool good = deflateInit2(&zs, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
		    deflate(&zs, Z_FINISH) == Z_STREAM_END;

	deflateEnd(&zs);
	return good ? room - zs.avail_out : 0;
}

static size_t pack_zstd(const uint8_t *src, size_t len, uint8_t *dst, size_t room)
{
	size_t out = ZSTD_compress(dst, room, src, len, 1);

	return ZSTD_isError(out) ? 0 : out;
}

static size_t pack_xz(const uint8_t *src, size_t len, uint8_t *dst, size_t room)
{
	size_t out = 0;

	return lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, src, len, dst, &out, room) == LZMA_OK ? out : 0;
}

static const struct packer {
	const char *name; /* as zboot has it */
	size_t (*pack)(const uint8_t *src, size_t len, uint8_t *dst, size_t room);
} packers[] = { { "gzip", pack_gzip }, { "zstd22", pack_zstd }, { "xzkern", pack_xz } };

/* Linux drivers/firmware/efi/libstub/zboot-header.S: where the payload is, and how it is packed. */
static size_t add_zboot(uint8_t *dst, const char *name, size_t packed)
{
	const uint32_t offset = 0x40, length = (uint32_t)packed;

	memset(dst, 0, offset);
	memcpy(dst, "MZ\0\0zimg", 8);
	memcpy(dst + 8, &offset, sizeof(offset));
	memcpy(dst + 12, &length, sizeof(length));
	memcpy(dst + 24, name, strlen(name));
	return offset;
}

/* A byte that says how it is packed; how many bytes of it are changed, and which; what is packed. */
static void run_compressed(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size < MOST ? size : MOST };
	uint8_t how = (uint8_t)fuzz_take_number(&in, 1), changes = (uint8_t)fuzz_take_number(&in, 1) & 3;
	const struct packer *packer = &packers[how % ARRAY_SIZE(packers)];
	const size_t head = how & 0x80 ? 0x40 : 0, room = 2 * MOST;
	uint8_t *packed = malloc(head + room);
	uint32_t at[3], value[3];
	size_t len;

	if (!packed)
		fuzz_failed("host", "no memory");
	for (unsigned int i = 0; i < changes; i++) {
		at[i] = (uint32_t)fuzz_take_number(&in, 2);
		value[i] = (uint32_t)fuzz_take_number(&in, 1);
	}
	len = packer->pack(in.data, in.left, packed + head, room);
	if (head)
		add_zboot(packed, packer->name, len);
	len += head;
	for (unsigned int i = 0; i < changes && len; i++)
		packed[at[i] % len] = (uint8_t)value[i];
	if (len)
		run_kernel(packed, len);
	free(packed);
}

const struct fuzz_target fuzz_kernel_file = {
	.name = "kernel",
	.what = "a kernel file of any format: recognised, loaded, asked for its version",
	.start = start,
	.run = run_kernel,
	.mutate = fuzz_mutate_kernel,
};
const struct fuzz_target fuzz_compressed_kernel_file = {
	.name = "compressed-kernel",
	.what = "the same inside gzip, zstd or xz, with or without EFI zboot",
	.start = start,
	.run = run_compressed,
};
