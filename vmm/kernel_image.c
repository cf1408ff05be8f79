/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of an arm64 Image (Linux Documentation/arch/arm64/booting.rst), of the PE/COFF file that an EFI stub makes of it,
 * and of EFI zboot (Linux drivers/firmware/efi/libstub/zboot-header.S).
 */
#include "kernel_format.h"

#include "layout.h"

/* Image header: offsets. All fields are little endian, also in a big-endian kernel. */
#define IMAGE_TEXT_OFFSET 0x08
#define IMAGE_SIZE	  0x10
#define IMAGE_FLAGS	  0x18
#define IMAGE_MAGIC	  0x38
#define IMAGE_HEADER_SIZE 0x40

#define IMAGE_FLAG_BIG_ENDIAN 1

/* Where a kernel goes whose image_size is 0: before Linux 3.17 text_offset was of undefined byte order. */
#define IMAGE_OLD_TEXT_OFFSET 0x80000

#define ZBOOT_PAYLOAD	   0x08
#define ZBOOT_PAYLOAD_SIZE 0x0c
#define ZBOOT_COMPRESSION  0x18
#define ZBOOT_HEADER_SIZE  0x40

bool image_is(struct bytes head)
{
	return head.size >= IMAGE_HEADER_SIZE && bytes_have(head, IMAGE_MAGIC, "ARM\x64", 4);
}

/*
 * How long the file must be for what its PE/COFF section table describes (PE Format, "Section Table"): the one thing that
 * tells a truncated Image, since image_size counts BSS. 0 for an Image without an EFI stub.
 */
static uint64_t pe_file_size(struct bytes head)
{
	uint64_t least = 0, table;
	uint32_t pe, count;

	if (!bytes_have(head, 0, "MZ", 2))
		return 0;
	pe = get_le32(head.data + 0x3c);
	if (pe > head.size || head.size - pe < 24 || !bytes_have(head, pe, "PE\0\0", 4))
		return 0;
	count = get_le16(head.data + pe + 6);
	table = pe + 24ULL + get_le16(head.data + pe + 20);
	for (uint32_t i = 0; i < count; i++, table += 40) {
		uint64_t end;

		if (table > head.size || head.size - table < 40)
			break;
		end = (uint64_t)get_le32(head.data + table + 20) + get_le32(head.data + table + 16);
		if (end > least)
			least = end;
	}
	return least;
}

int image_parse(struct kernel *kernel, struct bytes head, uint64_t file_size, struct error *error)
{
	uint64_t text_offset = get_le64(head.data + IMAGE_TEXT_OFFSET);
	uint64_t image_size = get_le64(head.data + IMAGE_SIZE);
	const uint64_t most = LAYOUT_RAM_END - LAYOUT_RAM;

	if (get_le64(head.data + IMAGE_FLAGS) & IMAGE_FLAG_BIG_ENDIAN)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: a big-endian arm64 kernel; pass a little-endian one (CONFIG_CPU_LITTLE_ENDIAN)",
			kernel->path);
	if (image_size == 0)
		text_offset = IMAGE_OLD_TEXT_OFFSET;
	if (image_size > most || text_offset > most - image_size)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: a corrupt arm64 Image header (image_size 0x%llx, text_offset 0x%llx); get the file "
			"again",
			kernel->path, (unsigned long long)image_size, (unsigned long long)text_offset);
	kernel->load_offset = text_offset;
	kernel->span = image_size > file_size ? image_size : file_size;
	kernel->file_least = pe_file_size(head);
	if (file_size && file_size < kernel->file_least)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: truncated: %llu bytes of an arm64 Image of at least %llu; get the file again",
			kernel->path, (unsigned long long)file_size, (unsigned long long)kernel->file_least);
	return 0;
}

bool zboot_is(struct bytes file)
{
	return bytes_have(file, 0, "MZ", 2) && bytes_have(file, 4, "zimg", 4);
}

int zboot_parse(struct kernel *kernel, struct bytes file, struct error *error)
{
	/* The names are the kernel Makefile's; what follows (the level) differs by version: "zstd22". */
	static const struct {
		const char *prefix;
		enum compression type;
	} types[] = { { "gzip", COMPRESSION_GZIP }, { "zstd", COMPRESSION_ZSTD }, { "xz", COMPRESSION_XZ } };
	char name[ZBOOT_HEADER_SIZE - 8 - ZBOOT_COMPRESSION + 1] = "";
	uint64_t payload, size;

	if (file.size < ZBOOT_HEADER_SIZE)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: truncated: %llu bytes of an EFI zboot kernel; get the file again", kernel->path,
			(unsigned long long)file.size);
	payload = get_le32(file.data + ZBOOT_PAYLOAD);
	size = get_le32(file.data + ZBOOT_PAYLOAD_SIZE);
	memcpy(name, file.data + ZBOOT_COMPRESSION, sizeof(name) - 1);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (payload > file.size || size > file.size - payload)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: truncated: an EFI zboot kernel of at least %llu bytes in a file of %llu; get the "
			"file again",
			kernel->path, (unsigned long long)payload + size, (unsigned long long)file.size);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strncmp(name, types[i].prefix, strlen(types[i].prefix)))
			kernel->compression = types[i].type;
	if (kernel->compression == COMPRESSION_NONE)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: an EFI zboot kernel compressed with \"%s\"; gzip, zstd and xz are supported, or "
			"pass the "
			"uncompressed Image",
			kernel->path, name);
	kernel->zboot = true;
	kernel->payload = payload;
	kernel->payload_size = size;
	return 0;
}
