/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel files for tests: small ones of each format, made in a temporary directory, and zeroed guest RAM to load them into. */
#ifndef MINIVMM_TESTS_KERNEL_FILES_H
#define MINIVMM_TESTS_KERNEL_FILES_H

#include "test.h"

#include "kernel.h"

#define RAM	   0x40000000ULL
#define RAM_SIZE   (16 * MiB)
#define IMAGE_LEN  20000u
#define IMAGE_SIZE 0x20000u /* with BSS */

extern char dir[], path[128]; /* the directory, and the file save() wrote last */
extern uint8_t file[256 * 1024]; /* what a make_ function makes */
extern uint8_t plain[64 * 1024]; /* what it is made of */

void put16(uint8_t *p, uint32_t value);
void put32(uint8_t *p, uint32_t value);
void put64(uint8_t *p, uint64_t value);

/* An arm64 Image with an EFI stub of two sections that end with the file, and a version banner. IMAGE_LEN. */
size_t make_image(uint8_t *dst, uint64_t text_offset, uint64_t image_size);
/* make_image's Image, which is left in plain, inside EFI zboot; name is what its header calls the compression. */
size_t make_zboot(const char *name, enum compression type);
/* Two segments: plain at base, and 16 bytes ("second segment!!") with BSS at base + 0x10000. Physical and virtual are one. */
size_t make_elf(uint64_t base, uint64_t entry, size_t plain_len);
/* Returns the length in dst. */
size_t pack(enum compression type, const uint8_t *src, size_t len, uint8_t *dst, size_t room);

/* Writes path; returns it. */
const char *save(const void *data, size_t len);
/* size bytes of RAM in one region; what to munmap. */
uint8_t *make_ram(struct mem *mem, uint64_t size);

/* test_main between making and removing the directory. */
int kernel_files_main(const struct test *tests, size_t count, int argc, char **argv);

#endif
