/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip, zstd and xz, whole buffers at a time: kernels arrive as the first two, kernel modules as the last two. The libraries
 * (zlib, libzstd, liblzma) do the work; this file gives them one face and bounds what they may produce.
 */
#ifndef MINIVMM_DECOMPRESS_H
#define MINIVMM_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "core/util.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ };

/* By the magic number at the start of buf. */
enum compression compression_detect(const void *buf, size_t len);
const char *compression_name(enum compression type);

/*
 * Decompresses all of src into dst. Trailing bytes after the compressed stream are ignored (gzip and zboot pad). 0 with
 * *out_len bytes written; -EINVAL: corrupt or truncated; -ENOSPC: more than dst_size bytes, of which dst holds the first
 * dst_size (how a header is looked at without unpacking the rest); -ENOMEM. Of dst behind the output, bytes may have been
 * set to zero and on an error to anything; the rest is untouched.
 */
must_check int decompress(
	enum compression type, const void *src, size_t src_len, void *dst, size_t dst_size, size_t *out_len);

/* The same into a new buffer of at most max_len bytes; the caller frees *out. -EFBIG: more than max_len. */
must_check int decompress_alloc(
	enum compression type, const void *src, size_t src_len, size_t max_len, uint8_t **out, size_t *out_len);

#endif
