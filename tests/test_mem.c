/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: which ranges are memory, at every edge, and copies. */
#include <errno.h>

#include "core/mem.h"
#include "test.h"

static uint8_t low[0x1000], high[0x1000];

static struct mem two_regions(void)
{
	struct mem mem = { 0 };
	struct mem_region a = { .base = 0x40000000, .size = 0x1000, .host = low, .fd = -1 };
	struct mem_region b = { .base = UINT64_MAX - 0xfff, .size = 0x1000, .host = high, .fd = -1 };

	CHECK_EQ(mem_add(&mem, &a), 0);
	CHECK_EQ(mem_add(&mem, &b), 0);
	return mem;
}

static void add_refuses(void)
{
	static const struct {
		gpa_t base;
		uint64_t size;
		int err;
	} rows[] = {
		{ 0, 0, -EINVAL },
		{ UINT64_MAX, 2, -EINVAL },
		{ 0x1000, UINT64_MAX, -EINVAL },
		{ 0x40000fff, 1, -EEXIST },
		{ 0x3fffffff, 2, -EEXIST },
		{ 0x40000000, 0x1000, -EEXIST },
		{ 0, 0x80000000, -EEXIST },
		{ UINT64_MAX, 1, -EEXIST },
	};
	struct mem mem = two_regions();
	struct mem_region next = { .base = 0x40001000, .size = 1, .host = low };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mem_region r = { .base = rows[i].base, .size = rows[i].size, .host = low };

		CHECK_EQ(mem_add(&mem, &r), rows[i].err);
	}
	CHECK_EQ(mem.count, 2);
	for (unsigned int i = mem.count; i < MEM_MAX_REGIONS; i++, next.base++)
		CHECK_EQ(mem_add(&mem, &next), 0);
	CHECK_EQ(mem_add(&mem, &next), -ENOSPC);
}

static void ptr_edges(void)
{
	struct mem mem = two_regions();

	CHECK(mem_ptr(&mem, 0x40000000, 0x1000) == low);
	CHECK(mem_ptr(&mem, 0x40000fff, 1) == low + 0xfff);
	CHECK(mem_ptr(&mem, 0x40000fff, 0) == low + 0xfff);
	CHECK(!mem_ptr(&mem, 0x40001000, 0));
	CHECK(!mem_ptr(&mem, 0x40000000, 0x1001));
	CHECK(!mem_ptr(&mem, 0x40000fff, 2));
	CHECK(!mem_ptr(&mem, 0x40000001, SIZE_MAX));
	CHECK(!mem_ptr(&mem, 0x3fffffff, 2));
	CHECK(!mem_ptr(&mem, 0, 1));
	CHECK(mem_ptr(&mem, UINT64_MAX, 1) == high + 0xfff);
	CHECK(!mem_ptr(&mem, UINT64_MAX, 2));
	CHECK(!mem_ptr(&mem, UINT64_MAX - 0xfff, SIZE_MAX));
}

static void copies(void)
{
	struct mem mem = two_regions();
	char buf[16] = "";

	CHECK(mem_write(&mem, 0x40000ff8, "12345678", 8));
	CHECK(!mem_write(&mem, 0x40000ff9, "abcdefgh", 8));
	CHECK(mem_read(&mem, 0x40000ff8, buf, 8));
	CHECK_STR(buf, "12345678");
	CHECK(!mem_read(&mem, 0x40000ffc, buf, 8));
	CHECK_STR(buf, "12345678");
}

static void fetch_every_alignment(void)
{
	uint8_t src[64], dst[64];

	for (unsigned int i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * 7 + 1);
	for (size_t from = 0; from < 9; from++) {
		for (size_t len = 0; len + from <= 40; len++) {
			memset(dst, 0xee, sizeof(dst));
			mem_fetch(dst + 3, src + from, len);
			CHECK(!memcmp(dst + 3, src + from, len));
			CHECK_EQ(dst[2], 0xee);
			CHECK_EQ(dst[3 + len], 0xee);
		}
	}
}

static const struct test tests[] = {
	TEST(add_refuses),
	TEST(ptr_edges),
	TEST(copies),
	TEST(fetch_every_alignment),
};
TEST_MAIN(tests)
