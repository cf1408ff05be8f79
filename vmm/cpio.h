/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a cpio archive in the "newc" format Linux unpacks as an initramfs (Linux: driver-api/early-userspace/
 * buffer-format) into one growing buffer. Everything belongs to root and is dated 1970, so that the same contents give the same bytes.
 */
#ifndef MINIVMM_CPIO_H
#define MINIVMM_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "core/util.h"

/* Zeroed to begin with. The first error sticks and makes the rest do nothing; cpio_finish returns it. */
struct cpio {
	uint8_t *data;
	size_t len, capacity;
	uint32_t entries; /* inode numbers handed out */
	int error; /* -ENOMEM, -EFBIG: a file of 4 GiB or more */
};

/* Names are relative, without a leading '/', and a folder comes before what is in it. */
void cpio_add_dir(struct cpio *cpio, const char *name);
void cpio_add_file(struct cpio *cpio, const char *name, uint32_t mode, const void *data, size_t len);
void cpio_add_char_device(struct cpio *cpio, const char *name, uint32_t major, uint32_t minor);

/* Ends the archive and pads it to 512 bytes. 0 or -errno; data is the caller's, with cpio_free in either case. */
must_check int cpio_finish(struct cpio *cpio);
void cpio_free(struct cpio *cpio);

#endif
