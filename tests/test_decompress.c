/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip, zstd and xz against streams made here with the same libraries' compressors: whole, in pieces, cut at every length,
 * corrupted, and into buffers that are too small.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "decompress.h"

#define PLAIN_SIZE 100000

static const enum compression all[] = { COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ };

static uint8_t plain[PLAIN_SIZE], packed[2 * PLAIN_SIZE], got[PLAIN_SIZE + 64];

/* Neither constant nor incompressible. */
static void fill_plain(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(plain); i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = (uint8_t)((x >> 24) & 0x3f);
	}
}

static size_t pack_gzip(uint8_t *dst, size_t dst_size)
{
	z_stream zs = {
		.next_in = plain, .avail_in = PLAIN_SIZE, .next_out = dst, .avail_out = (unsigned int)dst_size
	};

	if (deflateInit2(&zs, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
		deflate(&zs, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&zs);
	return dst_size - zs.avail_out;
}

static size_t pack_zstd(uint8_t *dst, size_t dst_size)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t len;

	/* As the zstd command does: a checksum, so that every corruption shows. */
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	len = ZSTD_compress2(ctx, dst, dst_size, plain, PLAIN_SIZE);
	ZSTD_freeCCtx(ctx);
	if (ZSTD_isError(len))
		abort();
	return len;
}

static size_t pack_xz(uint8_t *dst, size_t dst_size)
{
	size_t len = 0;

	if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain, PLAIN_SIZE, dst, &len, dst_size) != LZMA_OK)
		abort();
	return len;
}

static size_t pack(enum compression type, uint8_t *dst, size_t dst_size)
{
	fill_plain();
	switch (type) {
	case COMPRESSION_GZIP: return pack_gzip(dst, dst_size);
	case COMPRESSION_ZSTD: return pack_zstd(dst, dst_size);
	case COMPRESSION_XZ: return pack_xz(dst, dst_size);
	case COMPRESSION_NONE: break;
	}
	abort();
}

/* The unpacker sees a heap block of exactly len bytes, so that ASan sees it read past the end. */
static int unpack(enum compression type, size_t len, size_t room, size_t *out_len)
{
	uint8_t *src = malloc(len ? len : 1), *dst = malloc(room ? room : 1);
	int rc;

	memcpy(src, packed, len);
	rc = decompress(type, src, len, dst, room, out_len);
	memcpy(got, dst, *out_len);
	free(src);
	free(dst);
	return rc;
}

static void detects_by_magic(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed));

		CHECK_EQ(compression_detect(packed, len), all[i]);
		CHECK_EQ(compression_detect(packed, 2), COMPRESSION_NONE);
	}
	CHECK_EQ(compression_detect("plain text", 10), COMPRESSION_NONE);
	CHECK_EQ(compression_detect("", 0), COMPRESSION_NONE);
	CHECK_STR(compression_name(COMPRESSION_GZIP), "gzip");
	CHECK_STR(compression_name(COMPRESSION_ZSTD), "zstd");
	CHECK_STR(compression_name(COMPRESSION_XZ), "xz");
}

static void gives_back_what_went_in(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed)), out = 0;

		CHECK_EQ(unpack(all[i], len, PLAIN_SIZE + 10, &out), 0);
		CHECK_EQ(out, PLAIN_SIZE);
		CHECK(!memcmp(got, plain, PLAIN_SIZE));
		/* Room to the byte. */
		CHECK_EQ(unpack(all[i], len, PLAIN_SIZE, &out), 0);
		CHECK_EQ(out, PLAIN_SIZE);
	}
}

static void too_small_a_buffer_holds_the_start(void)
{
	static const size_t rooms[] = { 1, 64, 4096, PLAIN_SIZE - 1 };

	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed));

		for (size_t j = 0; j < ARRAY_SIZE(rooms); j++) {
			size_t out = 0;

			memset(got, 0xff, sizeof(got));
			CHECK_EQ(-unpack(all[i], len, rooms[j], &out), ENOSPC);
			CHECK_EQ(out, rooms[j]);
			CHECK(!memcmp(got, plain, rooms[j]));
		}
	}
}

static void padding_behind_is_ignored(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed)), out = 0;

		memset(packed + len, 0, 100);
		CHECK_EQ(unpack(all[i], len + 100, PLAIN_SIZE, &out), 0);
		CHECK_EQ(out, PLAIN_SIZE);
	}
}

static void cut_streams_are_corrupt(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed)), out;

		for (size_t cut = 0; cut<len; cut += cut + 400> len ? 1 : 997)
			CHECK_EQ(-unpack(all[i], cut, PLAIN_SIZE, &out), EINVAL);
	}
}

static void changed_streams_are_corrupt(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed)), out;

		for (size_t at = 100; at + 8 < len; at += 4999) {
			int rc;

			packed[at] ^= 0x40;
			rc = unpack(all[i], len, PLAIN_SIZE, &out);
			/* A changed length may also ask for more than there is room. */
			CHECK(rc == -EINVAL || rc == -ENOSPC);
			packed[at] ^= 0x40;
		}
	}
}

static void several_streams_in_a_row(void)
{
	for (size_t i = 0; i < 2; i++) {
		size_t first = pack(all[i], packed, sizeof(packed)), second = 0, out = 0;
		uint8_t *copy = malloc(sizeof(packed)), *dst = malloc(2 * PLAIN_SIZE);

		second = pack(all[i], packed, sizeof(packed));
		memcpy(copy, packed, first);
		memmove(packed + first, copy, second);
		CHECK_EQ(decompress(all[i], packed, first + second, dst, 2 * PLAIN_SIZE, &out), 0);
		CHECK_EQ(out, 2 * PLAIN_SIZE);
		CHECK(!memcmp(dst + PLAIN_SIZE, plain, PLAIN_SIZE));
		free(copy);
		free(dst);
	}
}

static void not_compressed_at_all(void)
{
	size_t out;

	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(-decompress(all[i], "plain text, really", 18, got, sizeof(got), &out), EINVAL);
	CHECK_EQ(-decompress(COMPRESSION_NONE, "x", 1, got, sizeof(got), &out), EINVAL);
}

static void alloc_is_bounded(void)
{
	for (size_t i = 0; i < 3; i++) {
		size_t len = pack(all[i], packed, sizeof(packed)), out = 0;
		uint8_t *buf = NULL;

		REQUIRE(!decompress_alloc(all[i], packed, len, PLAIN_SIZE, &buf, &out));
		CHECK_EQ(out, PLAIN_SIZE);
		CHECK(!memcmp(buf, plain, PLAIN_SIZE));
		free(buf);
		CHECK_EQ(-decompress_alloc(all[i], packed, len, PLAIN_SIZE - 1, &buf, &out), EFBIG);
		CHECK_EQ(-decompress_alloc(all[i], packed, len / 2, PLAIN_SIZE, &buf, &out), EINVAL);
		CHECK(!buf);
	}
}

/* A zstd frame of nothing but blocks that repeat one byte 131072 times: no format makes more of a file. */
static void as_much_as_a_file_can_hold(void)
{
	static const uint8_t head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 1 }, block[] = { 2, 0, 0x10, 0x55 };
	const size_t blocks = 128;
	uint8_t *buf = NULL;
	size_t len = sizeof(head), out = 0;

	memcpy(packed, head, len);
	for (size_t i = 0; i < blocks; i++, len += sizeof(block))
		memcpy(packed + len, block, sizeof(block));
	packed[len - sizeof(block)] |= 1; /* the last one */
	REQUIRE(!decompress_alloc(COMPRESSION_ZSTD, packed, len, 1 << 30, &buf, &out));
	CHECK_EQ(out, blocks << 17);
	CHECK_EQ(buf[0], 0x55);
	CHECK_EQ(buf[out - 1], 0x55);
	free(buf);
}

/* xz -9 with a dictionary beyond the limit: refused as memory, not served. */
static void xz_memory_is_bounded(void)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	lzma_stream xz = LZMA_STREAM_INIT;
	size_t out;

	fill_plain();
	REQUIRE(!lzma_lzma_preset(&options, 0));
	options.dict_size = 512u << 20;
	options.mf = LZMA_MF_HC3;
	REQUIRE(lzma_stream_encoder(&xz, filters, LZMA_CHECK_NONE) == LZMA_OK);
	xz.next_in = plain;
	xz.avail_in = 1000;
	xz.next_out = packed;
	xz.avail_out = sizeof(packed);
	CHECK_EQ(lzma_code(&xz, LZMA_FINISH), LZMA_STREAM_END);
	CHECK_EQ(-decompress(COMPRESSION_XZ, packed, sizeof(packed) - xz.avail_out, got, sizeof(got), &out), ENOMEM);
	lzma_end(&xz);
}

static const struct test tests[] = {
	TEST(detects_by_magic),
	TEST(gives_back_what_went_in),
	TEST(too_small_a_buffer_holds_the_start),
	TEST(padding_behind_is_ignored),
	TEST(cut_streams_are_corrupt),
	TEST(changed_streams_are_corrupt),
	TEST(several_streams_in_a_row),
	TEST(not_compressed_at_all),
	TEST(alloc_is_bounded),
	TEST(as_much_as_a_file_can_hold),
	TEST(xz_memory_is_bounded),
};

TEST_MAIN(tests)
