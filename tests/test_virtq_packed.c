/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed ring against a driver that breaks its rules. What both rings share is in test_virtq.c, which runs on both.
 * Cases named rNN_ are rows of the regression list, translated to what the packed layout has in their place.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define NEXT	 VRING_DESC_F_NEXT
#define WRITE	 VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define PACKED	 DRIVER_F(VIRTIO_F_RING_PACKED)
#define EVENT	 DRIVER_F(VIRTIO_RING_F_EVENT_IDX)
#define TABLES	 DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC)
#define RAM_END	 (RIG_RAM_BASE + RIG_RAM_SIZE)
#define BUF	 (RIG_RAM_BASE + 1 * MiB)
#define SIZE	 7 /* not a power of two, which this ring allows */

static struct echo echo;
static struct driver_queue *q;

static void begin(uint64_t features, uint16_t size)
{
	echo_init(&echo);
	q = driver_start(&echo.d, PACKED | features, size);
}

static void kick(void)
{
	driver_notify(q);
	q->added = 0;
	rig_run(&echo.rig);
}

struct packed_desc {
	gpa_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* All are in place before the device looks: it is this thread that runs it. */
static void put_list(const struct packed_desc *d, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		driver_put_packed(q, d[i].addr, d[i].len, d[i].id, d[i].flags);
}

static void check_bad_ring(const char *why)
{
	uint16_t head;
	uint32_t len;

	CHECK(driver_status(&echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_HAS(echo.said, why);
	CHECK_EQ(echo.chains, 0);
	CHECK(!driver_take_used(q, &head, &len));
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

/* The list comes back under its id with length 0, all its slots are skipped and the device works on. */
static void check_bad_chain(uint16_t id, unsigned int slots, const char *why)
{
	uint16_t head = 0xffff;
	uint32_t len = 1;

	CHECK(!(driver_status(&echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET));
	CHECK_HAS(echo.said, why);
	q->taken[id] = (uint16_t)slots;
	q->free_count = (uint16_t)(q->free_count - slots);
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(head, id);
	CHECK_EQ(len, 0);
	CHECK_EQ(echo.chains, 0);
	/* Its id was never taken off the driver's free list. */
	for (uint16_t i = 0; i < q->size; i++)
		q->next[i] = (uint16_t)(i + 1);
	q->free_head = 0;
	for (int i = 0; i < 3 * SIZE; i++)
		CHECK(echo_works(&echo, q));
	echo_destroy(&echo);
}

static void every_size_up_to_the_maximum(void)
{
	for (uint16_t size = 1; size <= ECHO_QUEUE_SIZE; size++) {
		const struct driver_buf buf = { BUF, 5, true };

		for (int event = 0; event < 2; event++) {
			begin(event ? EVENT : 0, size);
			REQUIRE(q);
			/* Batches of every length, so that the laps end everywhere. */
			for (unsigned int n = 0; n < 500; n++) {
				unsigned int batch = 1 + n % size;
				uint16_t head;
				uint32_t len;

				for (unsigned int i = 0; i < batch; i++)
					REQUIRE(driver_add(q, &buf, 1) >= 0);
				driver_kick(q);
				rig_run(&echo.rig);
				for (unsigned int i = 0; i < batch; i++)
					REQUIRE(driver_take_used(q, &head, &len));
				CHECK(!driver_take_used(q, &head, &len));
			}
			echo_destroy(&echo);
		}
	}
}

static void unpop_over_the_wrap(void)
{
	const struct driver_buf bufs[] = { { BUF, 1, false }, { BUF, 1, false }, { BUF, 9, true } };
	struct chain chain;
	struct virtq *vq;
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	vq = &echo.v.queue[0];
	for (int i = 0; i < 20; i++) {
		uint16_t before = vq->avail_next;

		REQUIRE(driver_add(q, bufs, 3) >= 0);
		virtq_begin(vq);
		REQUIRE(virtq_pop(vq, &chain));
		virtq_unpop(vq, &chain);
		CHECK_EQ(vq->avail_next, before);
		REQUIRE(virtq_pop(vq, &chain));
		virtq_push(vq, &chain);
		REQUIRE(driver_take_used(q, &head, &len));
	}
	echo_destroy(&echo);
}

static void r01_list_without_an_end(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	for (uint16_t i = 0; i < SIZE; i++)
		driver_put_packed(q, BUF, 1, i, NEXT);
	kick();
	check_bad_ring("has no end");
}

static void r02_list_as_long_as_the_ring_and_table_longer(void)
{
	for (uint32_t count = SIZE; count <= SIZE + 1; count++) {
		uint16_t head;
		uint32_t len;

		begin(TABLES, SIZE);
		REQUIRE(q);
		for (uint32_t i = 0; i < count; i++) {
			struct vring_packed_desc desc = { .addr = BUF + 4096, .len = 1, .flags = WRITE };

			driver_write(&echo.d, BUF + 16ULL * i, &desc, sizeof(desc));
		}
		driver_put_packed(q, BUF, 16 * count, 3, INDIRECT);
		kick();
		if (count > SIZE) {
			check_bad_chain(3, 1, "longer than the queue");
			continue;
		}
		CHECK(driver_take_used(q, &head, &len));
		CHECK_EQ(echo.reports, 0);
		for (uint16_t i = 0; i < SIZE; i++)
			driver_put_packed(q, BUF, 1, 2, i + 1 < SIZE ? NEXT : 0);
		kick();
		CHECK_EQ(echo.chains, 2);
		echo_destroy(&echo);
	}
}

static void r04_list_past_what_is_available(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	driver_put_packed(q, BUF, 1, 0, NEXT);
	kick();
	check_bad_ring("past what is available");
}

static void r04_id_out_of_range(void)
{
	static const uint16_t ids[] = { SIZE, SIZE + 1, 255, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		begin(0, SIZE);
		REQUIRE(q);
		driver_put_packed(q, BUF, 1, ids[i], WRITE);
		kick();
		check_bad_ring("buffer id");
	}
}

static void r07_duplicate_id_in_flight(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	echo.hold = true;
	driver_put_packed(q, BUF, 1, 2, WRITE);
	driver_put_packed(q, BUF, 1, 2, WRITE);
	kick();
	CHECK_EQ(echo.held, 1);
	echo.chains = 0;
	echo_complete(&echo, 0);
	check_bad_ring("again while in flight");
}

static void r11_indirect_misuse(void)
{
	static const struct {
		struct packed_desc d[2];
		unsigned int count;
	} cases[] = {
		{ { { BUF, 16, 0, INDIRECT | NEXT }, { BUF, 16, 4, 0 } }, 2 },
		{ { { BUF, 16, 0, NEXT }, { BUF, 16, 4, INDIRECT } }, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(TABLES, SIZE);
		REQUIRE(q);
		put_list(cases[i].d, cases[i].count);
		kick();
		check_bad_chain(4, cases[i].count, "part of a list");
	}
	begin(0, SIZE);
	REQUIRE(q);
	driver_put_packed(q, BUF, 16, 4, INDIRECT);
	kick();
	check_bad_chain(4, 1, "without VIRTIO_F_INDIRECT_DESC");
}

/* In a table NEXT, INDIRECT and the id are reserved and ignored (virtio 2.8.7). */
static void r11_reserved_flags_in_a_table(void)
{
	struct vring_packed_desc table[2] = {
		{ .addr = BUF + 4096, .len = 4, .id = 0xffff, .flags = NEXT | INDIRECT },
		{ .addr = BUF + 8192, .len = 4, .id = 0x1234, .flags = WRITE | NEXT | INDIRECT | 0x8080 },
	};
	char got[4];
	uint16_t head;
	uint32_t len;

	begin(TABLES, SIZE);
	REQUIRE(q);
	driver_write(&echo.d, BUF + 4096, "ping", 4);
	driver_write(&echo.d, BUF, table, sizeof(table));
	driver_put_packed(q, BUF, sizeof(table), 6, INDIRECT | WRITE);
	kick();
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(head, 6);
	CHECK_EQ(len, 4);
	driver_read(&echo.d, BUF + 8192, got, 4);
	CHECK(!memcmp(got, "ping", 4));
	echo_destroy(&echo);
}

static void r12_indirect_table_length(void)
{
	static const struct {
		gpa_t addr;
		uint32_t len;
		const char *why;
	} cases[] = {
		{ BUF, 0, "multiple of 16" },
		{ BUF, 15, "multiple of 16" },
		{ BUF, 17, "multiple of 16" },
		{ BUF, 0xfffffff0, "not in guest memory" },
		{ RAM_END - 16, 32, "not in guest memory" },
		{ UINT64_MAX - 15, 32, "not in guest memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(TABLES, SIZE);
		REQUIRE(q);
		driver_put_packed(q, cases[i].addr, cases[i].len, 5, INDIRECT);
		kick();
		check_bad_chain(5, 1, cases[i].why);
	}
}

static void r14_bad_buffers(void)
{
	static const struct {
		struct packed_desc d[3];
		unsigned int count;
		const char *why;
	} cases[] = {
		{ { { UINT64_MAX - 7, 16, 1, WRITE } }, 1, "not in guest memory" },
		{ { { RAM_END - 8, 16, 1, 0 } }, 1, "not in guest memory" },
		{ { { PLUG_MMIO_BASE + 0x50, 4, 1, WRITE } }, 1, "not in guest memory" },
		/* The end of the list is looked for all the same: its id is in the last descriptor. */
		{ { { 0, 16, 0, NEXT }, { BUF, 1, 0, NEXT }, { BUF, 1, 1, WRITE } }, 3, "not in guest memory" },
		{ { { BUF, 1, 0, NEXT | WRITE }, { BUF, 1, 1, 0 } }, 2, "readable buffer follows" },
		{ { { BUF, 0xffffffff, 1, WRITE } }, 1, "not in guest memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(0, SIZE);
		REQUIRE(q);
		put_list(cases[i].d, cases[i].count);
		kick();
		check_bad_chain(1, cases[i].count, cases[i].why);
		if (test_failed)
			printf("# in case %zu\n", i);
	}
}

static bool starts_with(gpa_t desc, gpa_t driver_area, gpa_t device_area)
{
	driver_reset(&echo.d);
	if (!driver_negotiate(&echo.d, PACKED))
		return false;
	q = &echo.d.queue[0];
	*q = (struct driver_queue){
		.d = &echo.d,
		.size = SIZE,
		.desc = desc,
		.avail = driver_area,
		.used = device_area,
	};
	return echo.d.transport->queue_enable(&echo.d, q);
}

static void r24_areas_where_they_cannot_be(void)
{
	static const struct {
		gpa_t addr;
		bool ring, event; /* acceptable as */
	} cases[] = {
		{ BUF + 4096, 1, 1 },
		{ BUF + 4096 + 8, 0, 1 },
		{ BUF + 4096 + 2, 0, 0 },
		{ BUF + 4096 + 1, 0, 0 },
		{ RAM_END - 16 * SIZE, 1, 1 },
		{ RAM_END - 16 * SIZE + 16, 0, 1 },
		{ RAM_END - 4, 0, 1 },
		{ RAM_END - 2, 0, 0 },
		{ RAM_END, 0, 0 },
		{ RIG_RAM_BASE - 16, 0, 0 },
		{ PLUG_MMIO_BASE, 0, 0 },
		{ 0, 0, 0 },
		{ UINT64_MAX - 15, 0, 0 },
	};

	echo_init(&echo);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(starts_with(cases[i].addr, BUF, BUF + 2048), cases[i].ring);
		CHECK_EQ(starts_with(BUF, cases[i].addr, BUF + 2048), cases[i].event);
		CHECK_EQ(starts_with(BUF, BUF + 2048, cases[i].addr), cases[i].event);
		if (test_failed)
			printf("# in case %zu\n", i);
	}
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

/*
 * The driver's event against the device's decision, for every event position, starting point and batch: a plain model
 * that walks entry by entry says whether the event's descriptor was among those used.
 */
static void r26_event_arithmetic(void)
{
	const struct driver_buf buf = { BUF, 1, true };

	begin(EVENT, SIZE);
	REQUIRE(q);
	for (unsigned int n = 0; n < 2 * SIZE * SIZE * 2 * SIZE; n++) {
		uint16_t event = (uint16_t)(n % (2 * SIZE)), from = q->used_next, pos = from, head;
		unsigned int batch = 1 + n / (2 * SIZE) % SIZE, raised = echo.plug.irq.raised;
		uint16_t off_wrap = (uint16_t)(event % SIZE | (event >= SIZE ? 0x8000 : 0));
		bool want = false;
		uint32_t len;

		for (unsigned int i = 0; i < batch; i++) {
			REQUIRE(driver_add(q, &buf, 1) >= 0);
			want |= pos == off_wrap;
			pos = (pos & 0x7fff) + 1 < SIZE ? pos + 1 : (uint16_t)(~pos & 0x8000);
		}
		/* One whole lap passes every position, of whichever lap the driver meant. */
		want |= batch == SIZE;
		driver_write16(&echo.d, q->avail, off_wrap);
		driver_write16(&echo.d, q->avail + 2, VRING_PACKED_EVENT_FLAG_DESC);
		driver_notify(q);
		q->added = 0;
		rig_run(&echo.rig);
		if ((echo.plug.irq.raised != raised) != want)
			TEST_FAIL_(
				"from 0x%x, %u entries, event 0x%x: notified is not %d", from, batch, off_wrap, want);
		for (unsigned int i = 0; i < batch; i++)
			REQUIRE(driver_take_used(q, &head, &len));
	}
	echo_destroy(&echo);
}

/* The reserved value of the flags, and DESC without EVENT_IDX, do not lose interrupts. */
static void r26_reserved_event_flags(void)
{
	for (uint16_t flags = 0; flags < 8; flags++) {
		unsigned int raised;

		begin(0, SIZE);
		REQUIRE(q);
		driver_write16(&echo.d, q->avail + 2, flags);
		raised = echo.plug.irq.raised;
		CHECK(echo_works(&echo, q));
		CHECK_EQ(echo.plug.irq.raised - raised, (flags & 3) != VRING_PACKED_EVENT_FLAG_DISABLE);
		echo_destroy(&echo);
	}
}

/* The device keeps its own positions: used descriptors and its event structure may be scribbled on. */
static void r27_driver_writes_what_is_the_devices(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	uint16_t head;
	uint32_t len;

	begin(EVENT, SIZE);
	REQUIRE(q);
	for (int i = 0; i < 3 * SIZE; i++) {
		const uint32_t noise = 0xffffffff;

		REQUIRE(driver_add(q, &buf, 1) >= 0);
		driver_write(&echo.d, q->used, &noise, sizeof(noise));
		driver_notify(q);
		rig_run(&echo.rig);
		REQUIRE(driver_take_used(q, &head, &len));
	}
	q->added = 0;
	CHECK(echo_works(&echo, q));
	echo_destroy(&echo);
}

static const struct test tests[] = {
	TEST(every_size_up_to_the_maximum),
	TEST(unpop_over_the_wrap),
	TEST(r01_list_without_an_end),
	TEST(r02_list_as_long_as_the_ring_and_table_longer),
	TEST(r04_list_past_what_is_available),
	TEST(r04_id_out_of_range),
	TEST(r07_duplicate_id_in_flight),
	TEST(r11_indirect_misuse),
	TEST(r11_reserved_flags_in_a_table),
	TEST(r12_indirect_table_length),
	TEST(r14_bad_buffers),
	TEST(r24_areas_where_they_cannot_be),
	TEST(r26_event_arithmetic),
	TEST(r26_reserved_event_flags),
	TEST(r27_driver_writes_what_is_the_devices),
};

TEST_MAIN(tests)
