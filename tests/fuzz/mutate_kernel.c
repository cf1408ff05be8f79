/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel files for mutate_file.h: ELF, arm64 Image and EFI zboot, each with all the fields of its headers. */
#include <elf.h>
#include <string.h>

#include "core/util.h"
#include "mutate_file.h"

#define SEGMENTS 2
#define CONTENT	 64
#define RAM	 0x40000000ULL

#define E(name)                                                                                                        \
	{                                                                                                              \
		offsetof(Elf64_Ehdr, name), sizeof(((Elf64_Ehdr *)0)->name)                                            \
	}
#define P(i, name)                                                                                                     \
	{                                                                                                              \
		sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, name),                            \
			sizeof(((Elf64_Phdr *)0)->name)                                                                \
	}
#define SEGMENT(i) P(i, p_type), P(i, p_offset), P(i, p_vaddr), P(i, p_paddr), P(i, p_filesz), P(i, p_memsz)

static const struct fuzz_field elf_fields[] = { { EI_CLASS, 1 }, { EI_DATA, 1 }, E(e_type), E(e_machine), E(e_entry),
	E(e_phoff), E(e_phentsize), E(e_phnum), SEGMENT(0), SEGMENT(1) };

static bool elf_is_one(const uint8_t *data, size_t size)
{
	return size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static size_t make_elf(uint8_t *data, size_t max_size)
{
	const size_t head = sizeof(Elf64_Ehdr) + SEGMENTS * sizeof(Elf64_Phdr), size = head + CONTENT;
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_AARCH64,
		.e_entry = RAM,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = SEGMENTS,
	};

	if (max_size < size)
		return 0;
	memset(data, 0, size);
	memcpy(data, &header, sizeof(header));
	for (unsigned int i = 0; i < SEGMENTS; i++) {
		const Elf64_Phdr segment = {
			.p_type = PT_LOAD,
			.p_offset = head + i * CONTENT / SEGMENTS,
			.p_vaddr = RAM + i * 0x1000,
			.p_paddr = RAM + i * 0x1000,
			.p_filesz = CONTENT / SEGMENTS,
			.p_memsz = CONTENT,
		};

		memcpy(data + sizeof(header) + i * sizeof(segment), &segment, sizeof(segment));
	}
	return size;
}

/* Linux, Documentation/arch/arm64/booting.rst. */
#define IMAGE_MAGIC 56
static const struct fuzz_field image_fields[] = { { 0, 4 }, { 4, 4 }, { 8, 8 }, { 16, 8 }, { 24, 8 }, { 32, 8 },
	{ 60, 4 } };

static bool image_is_one(const uint8_t *data, size_t size)
{
	return size >= IMAGE_MAGIC + 4 && !memcmp(data + IMAGE_MAGIC, "ARM\x64", 4);
}

static size_t make_image(uint8_t *data, size_t max_size)
{
	const uint64_t size = 64 + CONTENT, flags = 2; /* 4 KiB pages */

	if (max_size < size)
		return 0;
	memset(data, 0, size);
	memcpy(data + 16, &size, sizeof(size));
	memcpy(data + 24, &flags, sizeof(flags));
	memcpy(data + IMAGE_MAGIC, "ARM\x64", 4);
	return size;
}

/* Linux, drivers/firmware/efi/libstub/zboot-header.S. */
static const struct fuzz_field zboot_fields[] = { { 8, 4 }, { 12, 4 }, { 24, 4 }, { 28, 4 }, { 60, 4 } };

static bool zboot_is_one(const uint8_t *data, size_t size)
{
	return size >= 8 && !memcmp(data, "MZ\0\0zimg", 8);
}

static size_t make_zboot(uint8_t *data, size_t max_size)
{
	/* An empty file as gzip packs it. */
	static const uint8_t packed[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	const uint32_t offset = 64, length = sizeof(packed);

	if (max_size < offset + length)
		return 0;
	memset(data, 0, offset);
	memcpy(data, "MZ\0\0zimg", 8);
	memcpy(data + 8, &offset, sizeof(offset));
	memcpy(data + 12, &length, sizeof(length));
	memcpy(data + 24, "gzip", 4);
	memcpy(data + offset, packed, length);
	return offset + length;
}

static const struct fuzz_format formats[] = {
	{ elf_is_one, make_elf, elf_fields, ARRAY_SIZE(elf_fields) },
	{ zboot_is_one, make_zboot, zboot_fields, ARRAY_SIZE(zboot_fields) },
	{ image_is_one, make_image, image_fields, ARRAY_SIZE(image_fields) },
};

size_t fuzz_mutate_kernel(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_mutate_file(formats, ARRAY_SIZE(formats), data, size, max_size, seed);
}
