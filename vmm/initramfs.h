/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initramfs a guest gets when the user gave none: the embedded init, the modules this very kernel needs, busybox when there
 * is one, and the command to run. Built in memory as one newc cpio archive (Linux: driver-api/early-userspace/
 * buffer-format). It knows neither KVM nor guest memory; placing the result is the machine's.
 *
 *	/init			the init blob
 *	/modules/NNN-name.ko	in load order, decompressed
 *	/bin/busybox		when given or found
 *	/exec			the command, its bytes as they are; absent without one
 *	/terminal		empty, present when a person sits at the console
 */
#ifndef MINIVMM_INITRAMFS_H
#define MINIVMM_INITRAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct kernel;

struct initramfs_config {
	const void *init; /* /init: a static aarch64 executable, see guest/init_blob.h */
	size_t init_len;
	const char *kernel; /* path of the kernel file; modules and busybox are looked for beside it */
	const struct kernel
		*image; /* the same, opened: asked for its version when the file name does not tell; or NULL */
	const char *modules; /* --modules: lib/modules/VERSION itself, a lib/modules, or a root; NULL: looked for */
	const char *const *want; /* module names, NULL terminated; one neither built in nor found is warned about */
	const char *const *may_want; /* the same, but quietly left out when the kernel has none; or NULL */
	const char *busybox; /* --busybox; NULL: looked for */
	const char *exec; /* --exec, or NULL */
	bool terminal; /* with exec: a person sits at the console, so it echoes and ends lines with CR LF; false: bytes as they are */
};

struct initramfs {
	uint8_t *data;
	size_t len; /* a multiple of 512 */
	size_t capacity;
	char kernel_version[128]; /* "" when it could not be learned */
	char warning[480]; /* what the guest will do without, one line; "" when nothing is missing */
};

/*
 * Builds *out from scratch. 0, the caller ends with initramfs_free; or -1 with *error filled and nothing to free
 * (STATUS_BAD_FILE: a module or busybox that is there and cannot be used, a --modules that leads nowhere; STATUS_HOST: no
 * memory). Modules that were looked for and not found are no error, the kernel may have everything built in: *out says so in
 * warning, for the caller to print.
 */
must_check int initramfs_build(struct initramfs *out, const struct initramfs_config *config, struct error *error);
void initramfs_free(struct initramfs *out);

#endif
