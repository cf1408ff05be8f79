/* SPDX-License-Identifier: Apache-2.0 */
/* See decompress.h. One function a library; each fills dst from the start and stops at the stream's end or at a full dst. */
#include "decompress.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* The dictionary of the strongest xz preset is 64 MiB; a header asking for more is not a kernel's or a module's. */
#define XZ_MEMORY_LIMIT (128 * MiB)

static const struct {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_len;
} formats[] = {
	[COMPRESSION_NONE] = { "none", { 0 }, 0 },
	[COMPRESSION_GZIP] = { "gzip", { 0x1f, 0x8b, 0x08 }, 3 }, /* RFC 1952: ID1 ID2, CM 8 deflate, the only one */
	[COMPRESSION_ZSTD] = { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4 }, /* RFC 8878 3.1.1 */
	[COMPRESSION_XZ] = { "xz", { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6 }, /* The .xz File Format 2.1.1.1 */
};

enum compression compression_detect(const void *buf, size_t len)
{
	for (size_t i = 1; i < ARRAY_SIZE(formats); i++)
		if (len >= formats[i].magic_len && !memcmp(buf, formats[i].magic, formats[i].magic_len))
			return (enum compression)i;
	return COMPRESSION_NONE;
}

const char *compression_name(enum compression type)
{
	return formats[type].name;
}

/* One gzip member from zs->next_in on. 0 at its end, with next_in behind it. */
static int inflate_member(z_stream *zs, const uint8_t *src_end, const uint8_t *dst_end)
{
	for (;;) {
		size_t in = (size_t)(src_end - zs->next_in), out = (size_t)(dst_end - zs->next_out);

		/* zlib counts in unsigned int. */
		zs->avail_in = in > UINT_MAX ? UINT_MAX : (unsigned int)in;
		zs->avail_out = out > UINT_MAX ? UINT_MAX : (unsigned int)out;
		switch (inflate(zs, Z_NO_FLUSH)) {
		case Z_STREAM_END: return 0;
		case Z_OK: break;
		/* No progress: whichever ran out first. A full dst may still lack the trailer, then src decides. */
		case Z_BUF_ERROR: return in == 0 || out != 0 ? -EINVAL : -ENOSPC;
		case Z_MEM_ERROR: return -ENOMEM;
		default: return -EINVAL;
		}
	}
}

static int gunzip(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_size, size_t *out_len)
{
	const uint8_t *src_end = src + src_len;
	z_stream zs = { .next_in = (Bytef *)src, .next_out = dst };
	int rc;

	/* 16: a gzip header and trailer with its CRC, rather than zlib's. */
	if (inflateInit2(&zs, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	do {
		rc = inflate_member(&zs, src_end, dst + dst_size);
		/* A gzip file may be several members (RFC 1952 2.2); anything else behind one is padding. */
	} while (!rc && compression_detect(zs.next_in, (size_t)(src_end - zs.next_in)) == COMPRESSION_GZIP &&
		 inflateReset(&zs) == Z_OK);
	*out_len = (size_t)(zs.next_out - dst);
	inflateEnd(&zs);
	return rc;
}

/* How far past its output ZSTD_decompress writes within dst: literals a block ahead, copies by the vector (seen: 1.5.4). */
#define ZSTD_SCRATCH (3 * ZSTD_BLOCKSIZE_MAX)

static int zstd_errno(size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_dstSize_tooSmall: return -ENOSPC;
	case ZSTD_error_memory_allocation: return -ENOMEM;
	default: return -EINVAL;
	}
}

/* Fills dst with the start of a whole frame that does not fit, or finds out that it is corrupt. */
static int unzstd_part(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_size)
{
	ZSTD_inBuffer in = { src, src_len, 0 };
	ZSTD_outBuffer out = { dst, dst_size, 0 };
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	size_t rc = 1;

	if (!ctx)
		return -ENOMEM;
	while (rc != 0 && !ZSTD_isError(rc) && out.pos < out.size && in.pos < in.size)
		rc = ZSTD_decompressStream(ctx, &out, &in);
	ZSTD_freeDCtx(ctx);
	if (ZSTD_isError(rc))
		return zstd_errno(rc);
	return out.pos == out.size ? -ENOSPC : -EINVAL;
}

/*
 * Frame by frame in one shot: unlike the streaming decoder that needs no window buffer (128 MiB for `zstd -22`), since the
 * window is what is already in dst.
 */
static int unzstd(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_size, size_t *out_len)
{
	bool first = true;

	for (; compression_detect(src, src_len) == COMPRESSION_ZSTD; first = false) {
		size_t frame = ZSTD_findFrameCompressedSize(src, src_len);
		size_t got;

		/* Block headers lead to the frame's end: one cut short is known before anything is unpacked. */
		if (ZSTD_isError(frame))
			return -EINVAL;
		got = ZSTD_decompress(dst, dst_size, src, frame);
		if (ZSTD_isError(got)) {
			int rc = zstd_errno(got);

			if (rc == -ENOSPC)
				rc = unzstd_part(src, frame, dst, dst_size);
			if (rc == -ENOSPC)
				*out_len += dst_size;
			return rc;
		}
		*out_len += got;
		dst += got;
		dst_size -= got;
		src += frame;
		src_len -= frame;
	}
	/* What it leaves there would be a kernel's BSS. */
	memset(dst, 0, dst_size < ZSTD_SCRATCH ? dst_size : ZSTD_SCRATCH);
	return first ? -EINVAL : 0;
}

static int unxz(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_size, size_t *out_len)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	lzma_ret rc = lzma_stream_decoder(&xz, XZ_MEMORY_LIMIT, 0);

	xz.next_in = src;
	xz.avail_in = src_len;
	xz.next_out = dst;
	xz.avail_out = dst_size;
	while (rc == LZMA_OK)
		rc = lzma_code(&xz, LZMA_RUN);
	*out_len = dst_size - xz.avail_out;
	lzma_end(&xz);
	switch (rc) {
	case LZMA_STREAM_END: return 0;
	case LZMA_BUF_ERROR: return xz.avail_in && !xz.avail_out ? -ENOSPC : -EINVAL;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR: return -ENOMEM;
	default: return -EINVAL;
	}
}

int decompress(enum compression type, const void *src, size_t src_len, void *dst, size_t dst_size, size_t *out_len)
{
	*out_len = 0;
	switch (type) {
	case COMPRESSION_GZIP: return gunzip(src, src_len, dst, dst_size, out_len);
	case COMPRESSION_ZSTD: return unzstd(src, src_len, dst, dst_size, out_len);
	case COMPRESSION_XZ: return unxz(src, src_len, dst, dst_size, out_len);
	case COMPRESSION_NONE: break;
	}
	return -EINVAL;
}

/*
 * What src can become at most: four bytes are a block of 128 KiB in zstd (RFC 8878, 3.1.1.2.2: RLE), which gzip with 1032 to 1 and xz
 * with some 7100 to 1 do not reach.
 */
static size_t largest(size_t src_len, size_t max_len)
{
	const unsigned int shift = 15;

	return src_len > max_len >> shift ? max_len : src_len << shift;
}

int decompress_alloc(
	enum compression type, const void *src, size_t src_len, size_t max_len, uint8_t **out, size_t *out_len)
{
	const size_t most = largest(src_len, max_len);
	/* Untouched pages of a large block cost nothing, which beats guessing and copying; one byte so that 0 is a block. */
	uint8_t *buf = malloc(most + 1), *fit;
	int rc;

	*out = NULL;
	*out_len = 0;
	if (!buf)
		return -ENOMEM;
	rc = decompress(type, src, src_len, buf, most, out_len);
	if (rc) {
		free(buf);
		return rc == -ENOSPC ? -EFBIG : rc;
	}
	fit = realloc(buf, *out_len + 1);
	*out = fit ? fit : buf;
	return 0;
}
