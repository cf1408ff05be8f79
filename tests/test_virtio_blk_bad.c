/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to virtio-blk that are wrong or strange: answered as they should be, and the device lives on. Cases named rNN_ are
 * rows of the regression list.
 */
#include <linux/virtio_config.h>

#include "disk_rig.h"

/* Chains that virtio-blk itself finds wrong, and what it writes for each: nothing where there is no room for a status. */
static const struct bad_chain {
	const char *what;
	uint32_t out, in;
} bad_chains[] = {
	{ "no status", 16, 0 },
	{ "nothing at all", 0, 0 },
	{ "a header cut short", 15, 1 },
};

static int add_bad(const struct bad_chain *bad)
{
	const struct driver_buf bufs[] = { { DISK_HEADER, bad->out, false }, { DISK_STATUS, bad->in, true } };

	disk_put_header(DISK_HEADER, VIRTIO_BLK_T_IN, 0);
	return driver_add(disk.q, bufs, 2);
}

static void r08_the_loop_sleeps_after_an_error(void)
{
	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad_chains); i++) {
		uint16_t head;
		uint32_t len;

		CHECK(add_bad(&bad_chains[i]) >= 0);
		driver_notify(disk.q);
		CHECK(rig_run(&disk.rig) < 10);
		CHECK_EQ(loop_run_once(&disk.rig.loop, 0), 0);
		CHECK(driver_take_used(disk.q, &head, &len));
	}
	/* A stop and a reset still get through. */
	virtio_pause(&disk.blk.v);
	virtio_resume(&disk.blk.v);
	CHECK(disk_works());
	CHECK(disk_start(1));
	CHECK(disk_works());
	disk_end();
}

/* More than the queue has entries and the device has requests, so that one that leaks anything runs dry. */
static void r09_many_bad_chains_then_a_good_one(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_chains); i++) {
		unsigned int answers = 0;
		uint16_t head;
		uint32_t len;

		disk_begin();
		for (unsigned int n = 0; n < VIRTIO_BLK_QUEUE_SIZE + BLOCK_MAX_IN_FLIGHT + 1U; n++) {
			CHECK(add_bad(&bad_chains[i]) >= 0);
			/* Some alone, some in batches. */
			if (n % 3 == 0)
				continue;
			driver_kick(disk.q);
			rig_run(&disk.rig);
			while (driver_take_used(disk.q, &head, &len)) {
				answers++;
				CHECK_EQ(len, bad_chains[i].in);
			}
		}
		driver_kick(disk.q);
		rig_run(&disk.rig);
		while (driver_take_used(disk.q, &head, &len))
			answers++;
		if (answers != VIRTIO_BLK_QUEUE_SIZE + BLOCK_MAX_IN_FLIGHT + 1U)
			TEST_FAIL_("%s: %u answers", bad_chains[i].what, answers);
		CHECK_EQ(disk.memory.submitted, 0);
		CHECK_EQ(disk.reports, 1);
		CHECK(disk_works());
		disk_end();
	}
}

/* Descriptors of no bytes, wherever they point to, are not there: in front, between and behind the parts of a request. */
static void r15_zero_length_descriptors(void)
{
	static const gpa_t addrs[] = { 0, DISK_DATA, RIG_RAM_BASE + RIG_RAM_SIZE, UINT64_MAX };

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		const gpa_t at = addrs[i];
		const struct driver_buf bufs[] = { { at, 0, false }, { DISK_HEADER, 16, false }, { at, 0, false },
			{ at, 0, true }, { DISK_DATA, 512, true }, { at, 0, true }, { DISK_STATUS, 1, true },
			{ at, 0, true } };
		const struct driver_buf nothing[] = { { at, 0, false }, { at, 0, true } };
		uint32_t used = 99;
		uint16_t head;

		disk_put_header(DISK_HEADER, VIRTIO_BLK_T_IN, 5);
		disk_fill(DISK_DATA, 0x55, 512);
		disk_fill(DISK_STATUS, DISK_NOT_STATUS, 1);
		REQUIRE(driver_add(disk.q, bufs, 8) >= 0 && driver_wait_used(disk.q, &head, &used));
		CHECK_EQ(disk_byte(DISK_STATUS), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 513);
		CHECK(disk_is_pattern(DISK_DATA, 5ULL * 512, 512));
		/* And a chain of nothing else. */
		REQUIRE(driver_add(disk.q, nothing, 2) >= 0 && driver_wait_used(disk.q, &head, &used));
		CHECK_EQ(used, 0);
	}
	CHECK(disk_works());
	disk_end();
}

static void r10_bad_chains_do_not_stop_it(void)
{
	uint16_t head;
	uint32_t len;

	disk_begin();
	for (int i = 0; i < 1000; i++) {
		const struct driver_buf outside = { 0x1000, 512, true };

		REQUIRE(driver_add(disk.q, &outside, 1) >= 0 && driver_wait_used(disk.q, &head, &len));
		CHECK_EQ(len, 0);
	}
	CHECK_EQ(disk.reports, 1);
	CHECK(disk_works());
	disk_end();
}

/* Buffers that overlap ask for far more than there is memory: refused, whatever their number. */
static void r16_huge_requests(void)
{
	struct driver_buf bufs[34];
	uint32_t used = 0;
	uint16_t head;

	disk_begin();
	disk.memory.block.size = 1ULL << 40;
	disk_put_header(DISK_HEADER, VIRTIO_BLK_T_OUT, 0);
	bufs[0] = (struct driver_buf){ DISK_HEADER, 16, false };
	for (int i = 1; i < 33; i++)
		bufs[i] = (struct driver_buf){ RIG_RAM_BASE, 8 * MiB, false };
	bufs[33] = (struct driver_buf){ DISK_STATUS, 1, true };
	REQUIRE(driver_add(disk.q, bufs, 34) >= 0 && driver_wait_used(disk.q, &head, &used));
	CHECK_EQ(disk_byte(DISK_STATUS), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	CHECK_EQ(disk.memory.submitted, 0);
	disk.memory.block.size = BLOCK_MEMORY_SIZE;
	CHECK(disk_works());
	disk_end();
}

static void r19_missing_parts(void)
{
	static const struct {
		const char *what;
		uint32_t out, in;
		bool answered;
	} cases[] = {
		{ "header alone", 16, 0, false },
		{ "header of 15 bytes", 15, 1, true },
		{ "one byte", 1, 1, true },
		{ "status alone", 0, 1, true },
		{ "read buffer alone", 0, 513, true },
		{ "nothing at all", 0, 0, false },
		{ "half a header alone", 8, 0, false },
	};

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct driver_buf bufs[] = { { DISK_HEADER, cases[i].out, false }, { DISK_DATA, cases[i].in, true } };
		uint32_t used = 99;
		uint16_t head;

		disk_put_header(DISK_HEADER, VIRTIO_BLK_T_IN, 0);
		disk_fill(DISK_DATA, DISK_NOT_STATUS, 600);
		REQUIRE(driver_add(disk.q, bufs, 2) >= 0 && driver_wait_used(disk.q, &head, &used));
		if (used != cases[i].answered)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(used, cases[i].answered);
		if (cases[i].answered)
			CHECK_EQ(disk_byte(DISK_DATA + cases[i].in - 1), VIRTIO_BLK_S_IOERR);
		if (cases[i].in != 1)
			CHECK_EQ(disk_byte(DISK_DATA), DISK_NOT_STATUS);
	}
	CHECK_EQ(disk.memory.submitted, 0);
	CHECK_EQ(disk.reports, 1);
	CHECK(disk_works());
	disk_end();
}

/* One read and one write, cut in two at every byte of either part, and into pieces of every small size. */
static void cut_request(uint32_t type, uint32_t first, uint32_t piece)
{
	uint32_t out = type == VIRTIO_BLK_T_OUT ? 16 + 512 : 16, in = type == VIRTIO_BLK_T_OUT ? 1 : 513;
	struct driver_buf bufs[DRIVER_MAX_CHAIN];
	uint32_t at = 0, used = 0, total = out + in, step = first ? first : piece;
	unsigned int count = 0;
	uint16_t head;

	disk_put_header(DISK_DATA, type, 9);
	if (type == VIRTIO_BLK_T_OUT)
		for (uint32_t i = 0; i < 512; i++)
			disk_fill(DISK_DATA + 16 + i, (uint8_t)(i * 7), 1);
	disk_fill(DISK_DATA + out, DISK_NOT_STATUS, in);
	memset(disk.memory.data + 9 * 512, 0x11, 512);
	while (at < total) {
		uint32_t limit = at < out ? out : total, n = step < limit - at ? step : limit - at;

		bufs[count++] = (struct driver_buf){ DISK_DATA + at, n, at >= out };
		at += n;
		step = piece;
	}
	REQUIRE(driver_add(disk.q, bufs, count) >= 0 && driver_wait_used(disk.q, &head, &used));
	CHECK_EQ(used, in);
	CHECK_EQ(disk_byte(DISK_DATA + total - 1), VIRTIO_BLK_S_OK);
	CHECK(!memcmp(disk.memory.data + 9 * 512, disk.rig.ram + (DISK_DATA + 16 - RIG_RAM_BASE), 512));
}

static void r20_request_cut_anywhere(void)
{
	disk_begin();
	for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT && !test_failed; type++) {
		for (uint32_t first = 1; first < 528 && !test_failed; first++)
			cut_request(type, first, 1000);
		for (uint32_t piece = 9; piece < 60 && !test_failed; piece++)
			cut_request(type, 0, piece);
		/* The header byte by byte. */
		{
			struct driver_buf bufs[18];
			uint32_t used = 0;
			uint16_t head;

			disk_put_header(DISK_HEADER, VIRTIO_BLK_T_IN, 3);
			for (unsigned int i = 0; i < 16; i++)
				bufs[i] = (struct driver_buf){ DISK_HEADER + i, 1, false };
			bufs[16] = (struct driver_buf){ DISK_DATA, 512, true };
			bufs[17] = (struct driver_buf){ DISK_STATUS, 1, true };
			disk_fill(DISK_DATA, 0, 512);
			REQUIRE(driver_add(disk.q, bufs, 18) >= 0 && driver_wait_used(disk.q, &head, &used));
			CHECK_EQ(used, 513);
			CHECK(disk_is_pattern(DISK_DATA, 3 * 512, 512));
		}
	}
	disk_end();
}

static void r50_sectors_outside_the_disk(void)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} cases[] = {
		{ DISK_SECTORS, 512 },
		{ DISK_SECTORS - 1, 1024 },
		{ DISK_SECTORS - 7, 4096 },
		{ 1ULL << 55, 512 }, /* times 512 is 2^64 */
		{ (1ULL << 55) + 1, 512 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX - 1, 1024 },
		{ UINT64_MAX / 512, 512 },
	};
	uint32_t used;

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			disk_fill(DISK_DATA, 0x55, 16);
			CHECK_EQ(disk_request(type, cases[i].sector, cases[i].len, &used), VIRTIO_BLK_S_IOERR);
			CHECK_EQ(used, 1);
			CHECK_EQ(disk_byte(DISK_DATA), 0x55);
		}
	}
	CHECK_EQ(disk.memory.submitted, 0);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, DISK_SECTORS - 1, 512, &used), VIRTIO_BLK_S_OK);
	CHECK(disk_works());
	disk_end();
}

static void r51_discards_that_cannot_be(void)
{
	static const struct {
		const char *what;
		uint32_t type, count, extra;
		struct virtio_blk_discard_write_zeroes range;
		uint8_t want;
	} cases[] = {
		{ "all sectors there are", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 0xffffffff, 0 }, VIRTIO_BLK_S_IOERR },
		{ "the same zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { 0, 0xffffffff, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past the end", VIRTIO_BLK_T_DISCARD, 1, 0, { DISK_SECTORS - 1, 2, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past 2^64", VIRTIO_BLK_T_DISCARD, 1, 0, { 1ULL << 55, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past 2^64, zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { UINT64_MAX, 2, 0 }, VIRTIO_BLK_S_IOERR },
		{ "33 ranges", VIRTIO_BLK_T_DISCARD, 33, 0, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "2 ranges zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 2, 0, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "no range", VIRTIO_BLK_T_DISCARD, 0, 0, { 0, 0, 0 }, VIRTIO_BLK_S_IOERR },
		{ "half a range", VIRTIO_BLK_T_DISCARD, 0, 8, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "a range and a byte", VIRTIO_BLK_T_DISCARD, 1, 1, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "unmap in a discard", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 1, 1 }, VIRTIO_BLK_S_UNSUPP },
		{ "a flag nobody knows", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 1, 0x80000000 }, VIRTIO_BLK_S_UNSUPP },
		{ "the same zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { 0, 1, 2 }, VIRTIO_BLK_S_UNSUPP },
	};

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_blk_discard_write_zeroes list[33];
		uint8_t got;

		for (size_t n = 0; n < ARRAY_SIZE(list); n++)
			list[n] = cases[i].range;
		got = disk_ranges(cases[i].type, cases[i].count, list, cases[i].extra);
		if (got != cases[i].want)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(got, cases[i].want);
	}
	CHECK_EQ(disk.memory.submitted, 0);
	/* A bad one behind a good one: nothing of either is done. */
	{
		const struct virtio_blk_discard_write_zeroes mixed[] = { { 0, 1, 0 }, { DISK_SECTORS, 1, 0 } };

		CHECK_EQ(disk_ranges(VIRTIO_BLK_T_DISCARD, 2, mixed, 0), VIRTIO_BLK_S_IOERR);
		CHECK_EQ(disk.memory.submitted, 0);
	}
	{
		struct virtio_blk_discard_write_zeroes most[32];

		for (uint16_t n = 0; n < 32; n++)
			most[n] = (struct virtio_blk_discard_write_zeroes){ n * 2, 1, 0 };
		CHECK_EQ(disk_ranges(VIRTIO_BLK_T_DISCARD, 32, most, 0), VIRTIO_BLK_S_OK);
		CHECK_EQ(disk.memory.calls[BLOCK_DISCARD], 32);
		CHECK_EQ(disk.memory.most, 1);
	}
	CHECK(disk_works());
	disk_end();
}

/* Where the status is not one byte of its own, and types nobody knows. */
static void r52_parts(void)
{
	static const struct {
		const char *what;
		uint32_t type, out, in, status; /* bytes: data each way, status descriptor */
		uint8_t want; /* in the last writable byte */
		uint32_t used;
	} cases[] = {
		{ "unknown type", 77, 0, 0, 1, VIRTIO_BLK_S_UNSUPP, 1 },
		{ "unknown type with data", 0xffffffff, 512, 512, 1, VIRTIO_BLK_S_UNSUPP, 1 },
		{ "write into a status of 2", VIRTIO_BLK_T_OUT, 512, 0, 2, VIRTIO_BLK_S_OK, 1 },
		{ "read and status in one", VIRTIO_BLK_T_IN, 0, 0, 513, VIRTIO_BLK_S_OK, 513 },
		{ "read with a status of 2", VIRTIO_BLK_T_IN, 0, 512, 2, VIRTIO_BLK_S_IOERR, 1 },
		{ "read into a part of a sector", VIRTIO_BLK_T_IN, 0, 511, 1, VIRTIO_BLK_S_IOERR, 1 },
		{ "write of a part of a sector", VIRTIO_BLK_T_OUT, 513, 0, 1, VIRTIO_BLK_S_IOERR, 1 },
		{ "read of nothing", VIRTIO_BLK_T_IN, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
		{ "write of nothing", VIRTIO_BLK_T_OUT, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
		{ "empty status behind a read", VIRTIO_BLK_T_IN, 0, 513, 0, VIRTIO_BLK_S_OK, 513 },
		{ "flush", VIRTIO_BLK_T_FLUSH, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
	};

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		gpa_t in = DISK_DATA + 4096, status = in + cases[i].in;
		struct driver_buf bufs[] = { { DISK_HEADER, 16, false }, { DISK_DATA, cases[i].out, false },
			{ in, cases[i].in, true }, { status, cases[i].status, true } };
		uint32_t used = 0;
		uint16_t head;

		disk_put_header(DISK_HEADER, cases[i].type, 1);
		disk_fill(in, DISK_NOT_STATUS, 1100);
		REQUIRE(driver_add(disk.q, bufs, 4) >= 0 && driver_wait_used(disk.q, &head, &used));
		if (disk_byte(status + cases[i].status - 1) != cases[i].want || used != cases[i].used)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(disk_byte(status + cases[i].status - 1), cases[i].want);
		CHECK_EQ(used, cases[i].used);
		CHECK_EQ(disk_byte(status + cases[i].status), DISK_NOT_STATUS);
		if (cases[i].want != VIRTIO_BLK_S_OK && cases[i].status > 1)
			CHECK_EQ(disk_byte(status), DISK_NOT_STATUS);
	}
	CHECK(disk_works());
	disk_end();
}

static const struct test tests[] = {
	TEST(r08_the_loop_sleeps_after_an_error),
	TEST(r09_many_bad_chains_then_a_good_one),
	TEST(r10_bad_chains_do_not_stop_it),
	TEST(r15_zero_length_descriptors),
	TEST(r16_huge_requests),
	TEST(r19_missing_parts),
	TEST(r20_request_cut_anywhere),
	TEST(r50_sectors_outside_the_disk),
	TEST(r51_discards_that_cannot_be),
	TEST(r52_parts),
};

TEST_MAIN_WAYS(tests, &disk_ways)
