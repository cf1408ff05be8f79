/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains that are wrong or strange: each is given back with no byte written, or does what it says. Cases named rNN_ are rows of
 * the regression list; each ends with a valid request, after a reset where the rule asks for one.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include <linux/virtio_config.h>

#include "ring_rig.h"
#include "virtio/ring.h"

/* Bad chains in the ring's own table: the rows that are one descriptor list each. */
struct descs {
	const char *why;
	uint16_t head;
	struct {
		gpa_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d[RING_SIZE + 1];
};

/* From the top of the table, so that the driver's own requests, which start at 0, do not mix with them. */
static void run_bad_chains(const struct descs *cases, size_t count, uint64_t features)
{
	for (size_t i = 0; i < count; i++) {
		ring_begin(features, RING_SIZE);
		REQUIRE(ring.q);
		for (uint16_t n = 0; n < RING_SIZE; n++)
			if (cases[i].d[n].addr || cases[i].d[n].flags)
				driver_set_desc(ring.q, n, cases[i].d[n].addr, cases[i].d[n].len, cases[i].d[n].flags,
					cases[i].d[n].next);
		ring_offer(cases[i].head);
		ring_check_bad_chain(cases[i].head, cases[i].why);
		if (test_failed)
			printf("# in case %zu\n", i);
		ring_end();
	}
}

static void r01_descriptor_loop(void)
{
	static const struct descs cases[] = {
		{ "longer than the queue", 0, { { RING_BUF, 1, NEXT, 0 } } },
		{ "longer than the queue", 5, { [5] = { RING_BUF, 1, NEXT, 6 }, [6] = { RING_BUF, 1, NEXT, 5 } } },
		{ "longer than the queue", 3, { [3] = { RING_BUF, 0, NEXT, 3 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* Writes an indirect table of count entries at addr, each of len bytes for the device, chained one to the next. */
static void write_table(gpa_t addr, unsigned int count, uint32_t len, uint16_t last_flags)
{
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc desc = {
			.addr = RING_BUF + 64 * KiB + i,
			.len = len,
			.flags = (uint16_t)(WRITE | (i + 1 < count ? NEXT : last_flags)),
			.next = (uint16_t)(i + 1),
		};

		driver_write(&ring.echo.d, addr + 16ULL * i, &desc, sizeof(desc));
	}
}

static void r01_loop_in_an_indirect_table(void)
{
	struct vring_desc desc = { .addr = RING_BUF, .len = 1, .flags = NEXT, .next = 0 };

	ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
	REQUIRE(ring.q);
	driver_write(&ring.echo.d, RING_BUF, &desc, sizeof(desc));
	driver_set_desc(ring.q, 7, RING_BUF, 16, INDIRECT, 0);
	ring_offer(7);
	ring_check_bad_chain(7, "longer than the queue");
	ring_end();
}

static void r02_chain_as_long_as_the_ring_and_longer(void)
{
	for (int indirect = 0; indirect < 2; indirect++) {
		for (unsigned int count = RING_SIZE; count <= RING_SIZE + 1; count++) {
			uint16_t head;
			uint32_t len;

			ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
			REQUIRE(ring.q);
			if (indirect) {
				write_table(RING_BUF, count, 1, 0);
				driver_set_desc(ring.q, 0, RING_BUF, 16 * count, INDIRECT, 0);
			}
			for (uint16_t i = 0; !indirect && i < RING_SIZE; i++)
				driver_set_desc(ring.q, i, RING_BUF, 1, i + 1u < count ? WRITE | NEXT : WRITE,
					(i + 1) % RING_SIZE);
			ring_offer(0);
			CHECK(driver_take_used(ring.q, &head, &len));
			CHECK_EQ(ring.echo.chains, count == RING_SIZE);
			CHECK_EQ(ring.echo.reports, count != RING_SIZE);
			CHECK(echo_works(&ring.echo, ring.q));
			ring_end();
		}
	}
}

/* Needs guest memory of more than 4 GiB: reserved, never touched. */
static void r03_chain_of_more_than_4_gib(void)
{
	const uint64_t size = 5 * GiB;
	struct mem_region region = { .base = 1ULL << 40, .size = size, .fd = -1 };

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	region.host = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(region.host != MAP_FAILED);
	REQUIRE(mem_add(&ring.echo.rig.mem, &region) == 0);
	for (uint16_t i = 0; i < 3; i++)
		driver_set_desc(ring.q, 5 + i, region.base, 0xffffffff, i < 2 ? NEXT : 0, 6 + i);
	ring_offer(5);
	ring_check_bad_chain(5, "2^32");
	munmap(region.host, size);
	ring_end();
}

static void r04_next_outside_the_table(void)
{
	static const struct descs cases[] = {
		{ "outside its table", 4, { [4] = { RING_BUF, 1, NEXT, RING_SIZE } } },
		{ "outside its table", 4, { [4] = { RING_BUF, 1, NEXT, 0xffff } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

static void r04_head_outside_the_table(void)
{
	static const uint16_t heads[] = { RING_SIZE, RING_SIZE + 1, 0x7fff, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		ring_begin(0, RING_SIZE);
		REQUIRE(ring.q);
		ring_offer(heads[i]);
		ring_check_bad_ring("outside the table");
	}
}

static void r11_indirect_misuse(void)
{
	static const struct descs cases[] = {
		{ "both INDIRECT and NEXT", 6,
			{ [6] = { RING_BUF, 16, INDIRECT | NEXT, 7 }, [7] = { RING_BUF, 16, 0, 0 } } },
		{ "inside an indirect", 6, { [6] = { RING_BUF, 16, INDIRECT, 0 } } },
	};
	static const struct descs no_feature[] = {
		{ "without VIRTIO_F_INDIRECT_DESC", 6, { [6] = { RING_BUF, 16, INDIRECT, 0 } } },
	};
	struct vring_desc inner = { .addr = RING_BUF, .len = 16, .flags = INDIRECT };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
		REQUIRE(ring.q);
		driver_write(&ring.echo.d, RING_BUF, &inner, sizeof(inner));
		for (uint16_t n = 6; n < RING_SIZE; n++)
			driver_set_desc(ring.q, n, cases[i].d[n].addr, cases[i].d[n].len, cases[i].d[n].flags, 7);
		ring_offer(6);
		ring_check_bad_chain(6, cases[i].why);
		ring_end();
	}
	run_bad_chains(no_feature, ARRAY_SIZE(no_feature), 0);
}

/* The WRITE flag beside INDIRECT means nothing, and direct descriptors may come before the table. */
static void r11_legal_indirect(void)
{
	uint16_t head;
	uint32_t len;

	ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
	REQUIRE(ring.q);
	write_table(RING_BUF, 2, 4, 0);
	driver_set_desc(ring.q, 6, RING_BUF + 4 * KiB, 8, NEXT, 7);
	driver_set_desc(ring.q, 7, RING_BUF, 32, INDIRECT | WRITE, 0);
	ring_offer(6);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(len, 8);
	CHECK_EQ(ring.echo.reports, 0);
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

static void r12_indirect_table_length(void)
{
	static const struct {
		gpa_t addr;
		uint32_t len;
		const char *why;
	} cases[] = {
		{ RING_BUF, 0, "multiple of 16" },
		{ RING_BUF, 15, "multiple of 16" },
		{ RING_BUF, 17, "multiple of 16" },
		{ RING_BUF, 0xfffffff0, "table is not in guest memory" },
		{ RING_RAM_END - 16, 32, "table is not in guest memory" },
		{ RIG_RAM_BASE - 16, 32, "table is not in guest memory" },
		{ UINT64_MAX - 15, 32, "table is not in guest memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
		REQUIRE(ring.q);
		driver_set_desc(ring.q, 7, cases[i].addr, cases[i].len, INDIRECT, 0);
		ring_offer(7);
		ring_check_bad_chain(7, cases[i].why);
		ring_end();
	}
}

static void r12_unaligned_indirect_table_is_legal(void)
{
	uint16_t head;
	uint32_t len;

	ring_begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), RING_SIZE);
	REQUIRE(ring.q);
	write_table(RING_BUF + 1, 3, 5, 0);
	driver_set_desc(ring.q, 7, RING_BUF + 1, 48, INDIRECT, 0);
	ring_offer(7);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(ring.echo.chains, 1);
	CHECK_EQ(ring.echo.reports, 0);
	ring_end();
}

static void r13_address_plus_length_wraps(void)
{
	static const struct descs cases[] = {
		{ "not in guest memory", 7, { [7] = { UINT64_MAX - 7, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { UINT64_MAX, 1, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { UINT64_MAX - 0xfffffffe, 0xffffffff, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { 0 - RIG_RAM_BASE, 0xffffffff, WRITE, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* An address is guest RIG_RAM_BASE from its first to its last byte, or it is nothing. */
static void r14_buffers_outside_ram(void)
{
	static const struct descs cases[] = {
		{ "not in guest memory", 7, { [7] = { RING_RAM_END - 8, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { RING_RAM_END - 15, 16, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RIG_RAM_BASE - 8, 16, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RIG_RAM_BASE - 1, 1, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RING_RAM_END, 1, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { 1, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { RING_BUF, 0xffffffff, WRITE, 0 } } },
		{ "not in guest memory", 6,
			{ [6] = { RING_BUF, 16, NEXT, 7 }, [7] = { RING_RAM_END - 1, 2, WRITE, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* Two regions that touch are still two: no buffer spans them, and the last byte of memory is a good one. */
static void r14_region_ends(void)
{
	static uint8_t more[4096];
	const struct mem_region region = { .base = RING_RAM_END, .size = sizeof(more), .host = more, .fd = -1 };
	uint16_t head;
	uint32_t len;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	REQUIRE(mem_add(&ring.echo.rig.mem, &region) == 0);
	driver_set_desc(ring.q, 7, RING_RAM_END - 8, 16, WRITE, 0);
	ring_offer(7);
	ring_check_bad_chain(7, "not in guest memory");
	driver_set_desc(ring.q, 7, RING_RAM_END + sizeof(more) - 8, 8, WRITE, 0);
	ring_offer(7);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(ring.echo.chains, 2);
	ring_end();
}

static void r15_zero_length_descriptors(void)
{
	static const gpa_t addrs[] = { 0, RING_BUF, RING_RAM_END, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		uint16_t head;
		uint32_t len;
		char got[4];

		ring_begin(0, RING_SIZE);
		REQUIRE(ring.q);
		/* At the front, in the middle and at the end of a request of 4 bytes. */
		driver_write(&ring.echo.d, RING_BUF, "ping", 4);
		driver_set_desc(ring.q, 2, addrs[i], 0, NEXT, 3);
		driver_set_desc(ring.q, 3, RING_BUF, 4, NEXT, 4);
		driver_set_desc(ring.q, 4, addrs[i], 0, NEXT, 5);
		driver_set_desc(ring.q, 5, RING_BUF + 8, 4, NEXT | WRITE, 6);
		driver_set_desc(ring.q, 6, addrs[i], 0, WRITE, 0);
		ring_offer(2);
		REQUIRE(driver_take_used(ring.q, &head, &len));
		CHECK_EQ(len, 4);
		driver_read(&ring.echo.d, RING_BUF + 8, got, 4);
		CHECK(!memcmp(got, "ping", 4));
		/* Alone: a chain of nothing. */
		driver_set_desc(ring.q, 2, addrs[i], 0, 0, 0);
		ring_offer(2);
		REQUIRE(driver_take_used(ring.q, &head, &len));
		CHECK_EQ(len, 0);
		CHECK_EQ(ring.echo.chains, 2);
		ring_end();
	}
}

static void r18_readable_after_writable(void)
{
	static const struct descs cases[] = {
		{ "readable buffer follows", 5,
			{ [5] = { RING_BUF, 4, NEXT, 6 },
				[6] = { RING_BUF + 8, 4, NEXT | WRITE, 7 },
				[7] = { RING_BUF, 4, 0, 0 } } },
		{ "readable buffer follows", 6,
			{ [6] = { RING_BUF + 8, 4, NEXT | WRITE, 7 }, [7] = { RING_BUF, 4, 0, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* A request of 12 + 12 bytes in six buffers with those ends gives what the uncut one gives. */
static bool cut_request_works(const unsigned int *ends, unsigned int count)
{
	static const char text[] = "cut anywhere";
	struct driver_buf bufs[6];
	char got[12], zero[12] = { 0 };
	unsigned int start = 0;
	uint16_t head;
	uint32_t len;

	driver_write(&ring.echo.d, RING_BUF, text, 12);
	driver_write(&ring.echo.d, RING_BUF + 12, zero, 12);
	for (unsigned int i = 0; i < count; i++) {
		bufs[i] = (struct driver_buf){ RING_BUF + start, ends[i] - start, i >= 3 };
		start = ends[i];
	}
	if (driver_add(ring.q, bufs, count) < 0 || !driver_wait_used(ring.q, &head, &len) || len != 12)
		return false;
	driver_read(&ring.echo.d, RING_BUF + 12, got, 12);
	return !memcmp(got, text, 12);
}

/* Message framing is the driver's: any two cuts on either side, empty pieces too (virtio 2.7.4). */
static void r20_request_cut_at_every_byte(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int ends[6] = { [2] = 12, [5] = 24 };

		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		for (ends[0] = 0; ends[0] <= 12; ends[0]++)
			for (ends[1] = ends[0]; ends[1] <= 12; ends[1]++)
				for (ends[3] = 12; ends[3] < 24; ends[3] += 5)
					for (ends[4] = ends[3]; ends[4] <= 24; ends[4] += 4)
						REQUIRE(cut_request_works(ends, 6));
		/* An empty piece in the middle must not be taken for the writable part. */
		for (ends[3] = 12; ends[3] <= 24; ends[3]++)
			for (ends[0] = 0, ends[1] = 5, ends[4] = ends[3]; ends[4] <= 24; ends[4]++)
				REQUIRE(cut_request_works(ends, 6));
		CHECK_EQ(ring.echo.reports, 0);
		ring_end();
	}
}

static const struct test tests[] = {
	TEST(r01_descriptor_loop),
	TEST(r01_loop_in_an_indirect_table),
	TEST(r02_chain_as_long_as_the_ring_and_longer),
	TEST(r03_chain_of_more_than_4_gib),
	TEST(r04_next_outside_the_table),
	TEST(r04_head_outside_the_table),
	TEST(r11_indirect_misuse),
	TEST(r11_legal_indirect),
	TEST(r12_indirect_table_length),
	TEST(r12_unaligned_indirect_table_is_legal),
	TEST(r13_address_plus_length_wraps),
	TEST(r14_buffers_outside_ram),
	TEST(r14_region_ends),
	TEST(r15_zero_length_descriptors),
	TEST(r18_readable_after_writable),
	TEST(r20_request_cut_at_every_byte),
};

TEST_MAIN(tests)
