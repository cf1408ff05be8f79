/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel file formats, for kernel.c: what bytes are, and what their headers say about where they go. Works on bytes in
 * memory; opens, maps and loads nothing.
 */
#ifndef MINIVMM_KERNEL_FORMAT_H
#define MINIVMM_KERNEL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/util.h"
#include "error.h"
#include "kernel.h"

/* What to pass instead, at the end of most refusals. */
#define KERNEL_WANTED "pass an arm64 kernel: Image, Image.gz, an EFI zboot vmlinuz or an ELF vmlinux"

/* A file's bytes, or only its first ones. */
struct bytes {
	const uint8_t *data;
	uint64_t size;
};

/* Little endian, unaligned; the caller has checked that the bytes are there. */
static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline bool bytes_have(struct bytes bytes, uint64_t offset, const void *magic, uint64_t len)
{
	return offset <= bytes.size && len <= bytes.size - offset && !memcmp(bytes.data + offset, magic, len);
}

/* kernel_image.c: the arm64 Image header, also inside an ELF file, and EFI zboot's. */
bool image_is(struct bytes head);
/*
 * load_offset, span (at least file_size, when that is known and not 0) and file_least from the header; span is 0 when it is
 * an old one that does not tell and file_size is 0.
 */
must_check int image_parse(struct kernel *kernel, struct bytes head, uint64_t file_size, struct error *error);
bool zboot_is(struct bytes file);
/* payload, payload_size and compression. */
must_check int zboot_parse(struct kernel *kernel, struct bytes file, struct error *error);

/* kernel_elf.c */
bool elf_is(struct bytes head);
/* load_offset, span, elf_base and elf_entry. elf is the whole file. */
must_check int elf_parse(struct kernel *kernel, struct bytes elf, struct error *error);
/* Copies the segments of a file that elf_parse took to where elf_base is at dst; span bytes are there. */
void elf_copy(const struct kernel *kernel, struct bytes elf, uint8_t *dst);

/* kernel_refuse.c */
struct file_kind {
	const char *what; /* "an x86 kernel (bzImage)" */
	const char *instead; /* the fix */
};

/* What a file that is no kernel of ours is known to be; NULL: nothing known. Static. */
const struct file_kind *file_kind_detect(struct bytes head);

#endif
