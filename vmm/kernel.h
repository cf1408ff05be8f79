/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file given with --kernel: recognised when opened, put into guest RAM as often as the guest boots. Knows file formats;
 * where the initrd and the device tree go is boot.h's.
 *
 * Taken: arm64 Image (Linux Documentation/arch/arm64/booting.rst), the same compressed with gzip or zstd, EFI zboot with
 * either payload, ELF vmlinux, and a flat binary with no magic at all. Anything known to be something else is refused by name.
 */
#ifndef MINIVMM_KERNEL_H
#define MINIVMM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem.h"
#include "core/util.h"
#include "decompress.h"
#include "error.h"
#include "file_map.h"

enum kernel_format { KERNEL_IMAGE, KERNEL_ELF, KERNEL_FLAT };

/* Made by kernel_open; others read format, load_offset and span. */
struct kernel {
	const char *path; /* the caller's, for messages; only the descriptor is used after kernel_open */
	int fd; /* -1: not open */
	struct file_map map;
	const uint8_t *file; /* the whole file: map's */
	uint64_t file_size;

	enum kernel_format format;
	enum compression compression; /* of the payload */
	bool zboot;
	uint64_t payload; /* offset in file of what is loaded: not 0 only for zboot */
	uint64_t payload_size;
	uint8_t *unpacked; /* a compressed ELF file, owned; NULL otherwise */
	uint64_t unpacked_size;

	uint64_t load_offset; /* from a 2 MiB aligned start of RAM: Image's text_offset */
	uint64_t span; /* bytes of RAM taken from there: file and BSS; for a compressed file what its header says */
	uint64_t file_least; /* bytes that an Image must have for what its PE/COFF header describes; 0: not known */
	uint64_t elf_base; /* lowest p_paddr */
	uint64_t elf_entry; /* offset of the entry point from load_offset */
};

/*
 * Opens and recognises path. 0, or -1 with *error filled (STATUS_BAD_FILE) and nothing left open. path must outlive the
 * kernel, and the kernel stays where it is. A compressed file's tail is only checked by kernel_load.
 */
must_check int kernel_open(struct kernel *kernel, const char *path, struct error *error);

/*
 * Puts the kernel at ram + load_offset and *entry where a vCPU starts. RAM outside the file's bytes is not touched: the caller
 * gives zeroed RAM on every boot, so that BSS and page tails are zero.
 * 0, or -1 with *error filled. ram + load_offset + span must lie in one region of mem.
 */
must_check int kernel_load(
	const struct kernel *kernel, const struct mem *mem, gpa_t ram, gpa_t *entry, struct error *error);

/*
 * The release, as uname -r gives it, from the kernel's own "Linux version " banner; the file is searched, so ask only when
 * it matters. 0, or -ENOENT: there is none or it does not fit; -ENOMEM or -EINVAL from decompression.
 */
must_check int kernel_version(const struct kernel *kernel, char *buf, size_t size);

/* Gives back the memory that loading took. The kernel can be loaded again. */
void kernel_rest(const struct kernel *kernel);

/* Accepts a kernel that kernel_open failed on. */
void kernel_close(struct kernel *kernel);

#endif
