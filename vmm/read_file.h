/* SPDX-License-Identifier: Apache-2.0 */
/* One file of bounded size into memory. Not for the kernel and the initrd, which are mapped. */
#ifndef MINIVMM_READ_FILE_H
#define MINIVMM_READ_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/util.h"

/*
 * The whole of path in a new buffer, which the caller frees, with a NUL after its *len bytes. 0 or -errno; -EFBIG: more than
 * max_len bytes; -EINVAL: not a regular file.
 */
must_check int read_file(const char *path, size_t max_len, uint8_t **data, size_t *len);

#endif
