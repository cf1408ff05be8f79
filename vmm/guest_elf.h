/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little the initramfs has to know of ELF files: what a kernel module says about itself, and whether a program runs in a
 * guest that has no libraries. Files are untrusted: every offset is checked against the buffer. Not a loader.
 */
#ifndef MINIVMM_GUEST_ELF_H
#define MINIVMM_GUEST_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The value of tag ("depends") in the .modinfo section of an aarch64 module, a NUL-terminated string inside buf; "" when the
 * module has no such tag. NULL: not a module of this architecture or damaged, *why (static text) says how.
 */
const char *guest_elf_modinfo(const uint8_t *buf, size_t len, const char *tag, const char **why);

/* A statically linked aarch64 executable, by its first len bytes, which have to hold the program headers. */
bool guest_elf_is_static(const uint8_t *buf, size_t len);

#endif
