/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that are wrong: indices that jump, heads that come twice, rings where none can be, drivers that never stop. Cases named
 * rNN_ are rows of the regression list; each ends with a valid request, after a reset where the rule asks for one.
 */
#include <linux/virtio_config.h>

#include "ring_rig.h"
#include "virtio/ring.h"

static void r05_available_index_jumps(void)
{
	static const struct {
		uint16_t at, jump;
	} cases[] = { { 0, RING_SIZE + 1 }, { 3, RING_SIZE + 1 }, { 3, 0xffff }, { 0, 0x8000 },
		{ 0xfffe, RING_SIZE + 1 }, { 1, 0xfff0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t head;
		uint32_t len;
		const struct driver_buf buf = { RING_BUF, 1, true };

		ring_begin(0, RING_SIZE);
		REQUIRE(ring.q);
		for (uint16_t n = 0; n < cases[i].at; n++) {
			REQUIRE(driver_add(ring.q, &buf, 1) >= 0);
			REQUIRE(driver_wait_used(ring.q, &head, &len));
		}
		driver_write16(&ring.echo.d, ring.q->avail + 2, (uint16_t)(cases[i].at + cases[i].jump));
		ring.echo.d.transport->notify(&ring.echo.d, 0);
		rig_run(&ring.echo.rig);
		CHECK_EQ(ring.echo.chains, cases[i].at);
		ring_check_bad_ring("moved by more than");
	}
}

/* While one queue full is served the index has moved on: the turn ends there and another follows. */
static unsigned int refill_left;
static void (*real_notify)(struct virtio *v, struct virtq *q);

static void refilling_notify(struct virtio *v, struct virtq *vq)
{
	struct chain chain;
	unsigned int popped = 0;

	while (virtq_pop(vq, &chain)) {
		popped++;
		virtq_push(vq, &chain);
		/* As fast as the device takes them, the driver adds more. */
		if (refill_left) {
			refill_left--;
			driver_expose(ring.q, 0);
		}
	}
	CHECK(popped <= RING_SIZE);
	container_of(v, struct echo, v)->notified++;
}

static void r06_ring_refilled_while_draining(void)
{
	struct virtio_class class;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	class = *ring.echo.v.class;
	real_notify = class.queue_notify;
	class.queue_notify = refilling_notify;
	ring.echo.v.class = &class;
	rig_run(&ring.echo.rig);
	ring.echo.notified = 0;
	driver_set_desc(ring.q, 0, RING_BUF, 1, WRITE, 0);
	refill_left = 10 * RING_SIZE - 1;
	ring_offer(0);
	CHECK_EQ(refill_left, 0);
	CHECK(ring.echo.notified >= 10);
	class.queue_notify = real_notify;
	CHECK(!ring_needs_reset());
	CHECK(!rig_run(&ring.echo.rig));
	ring_end();
}

static void r07_duplicate_head_in_flight(void)
{
	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	ring.echo.hold = true;
	driver_set_desc(ring.q, 3, RING_BUF, 8, WRITE, 0);
	ring_offer(3);
	CHECK_EQ(ring.echo.held, 1);
	ring_offer(3);
	CHECK_EQ(ring.echo.held, 1);
	/* The completion of the first comes after the queue broke, and is dropped with it. */
	echo_complete(&ring.echo, 0);
	ring_check_bad_ring("again while in flight");
}

static void r07_duplicate_head_in_one_batch(void)
{
	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	/* One after the other the same head is legal: the first is done before the second is looked at. */
	driver_set_desc(ring.q, 3, RING_BUF, 8, WRITE, 0);
	driver_expose(ring.q, 3);
	ring_offer(3);
	CHECK(!ring_needs_reset());
	CHECK_EQ(ring.echo.chains, 2);
	ring_end();
}

static void r08_the_loop_sleeps_after_an_error(void)
{
	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	driver_expose(ring.q, RING_SIZE);
	ring.echo.d.transport->notify(&ring.echo.d, 0);
	CHECK(rig_run(&ring.echo.rig) < 10);
	/* Kicks of a broken queue are taken and forgotten. */
	ring.echo.d.transport->notify(&ring.echo.d, 0);
	CHECK(rig_run(&ring.echo.rig) < 10);
	CHECK_EQ(loop_run_once(&ring.echo.rig.loop, 0), 0);
	ring_check_bad_ring("outside the table");
}

/* R08, R09, R10: nothing is lost or left spinning however many bad chains came before. */
static void r09_many_bad_chains_then_a_good_one(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		uint16_t head;
		uint32_t len;

		if (echo_features(i) & DRIVER_F(VIRTIO_F_RING_PACKED))
			continue;
		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		driver_set_desc(ring.q, 7, RING_BUF, 1, NEXT, 7);
		for (unsigned int n = 0; n < 5 * RING_SIZE + 1; n++) {
			driver_expose(ring.q, 7);
			driver_kick(ring.q);
			if (n % 3 == 0)
				continue;
			rig_run(&ring.echo.rig);
		}
		rig_run(&ring.echo.rig);
		for (unsigned int n = 0; n < 5 * RING_SIZE + 1; n++) {
			REQUIRE(driver_take_used(ring.q, &head, &len));
			CHECK_EQ(len, 0);
		}
		CHECK_EQ(ring.echo.reports, 1);
		CHECK(!rig_run(&ring.echo.rig));
		CHECK(echo_works(&ring.echo, ring.q));
		ring_end();
	}
}

static void r10_second_queue_lives_on(void)
{
	struct driver_queue *second;
	uint16_t head;
	uint32_t len;

	echo_init(&ring.echo);
	REQUIRE(driver_negotiate(&ring.echo.d, 0));
	ring.q = driver_queue_setup(&ring.echo.d, 0, RING_SIZE);
	second = driver_queue_setup(&ring.echo.d, 1, RING_SIZE);
	REQUIRE(ring.q && second);
	driver_ok(&ring.echo.d);
	driver_set_desc(ring.q, 7, 0, 16, 0, 0);
	ring_offer(7);
	CHECK(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(len, 0);
	CHECK(echo_works(&ring.echo, second));
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

/* A request that makes the device write over its own rings: any result but a crash, and a reset repairs it. */
static void r23_buffers_over_rings(void)
{
	for (int area = 0; area < 3; area++) {
		gpa_t target;

		ring_begin(0, RING_SIZE);
		REQUIRE(ring.q);
		target = area == 0 ? ring.q->desc : area == 1 ? ring.q->avail : ring.q->used;
		for (int n = 0; n < 256; n++) {
			uint8_t noise[128];

			memset(noise, n, sizeof(noise));
			driver_write(&ring.echo.d, RING_BUF, noise, sizeof(noise));
			driver_set_desc(ring.q, 6, RING_BUF, 64, NEXT, 7);
			driver_set_desc(ring.q, 7, target, 64, WRITE, 0);
			ring_offer(6);
		}
		CHECK(echo_works_after_reset(&ring.echo));
		ring_end();
	}
}

static unsigned int register_accesses;

static uint64_t counting_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	register_accesses++;
	return 0;
}

static void counting_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)opaque;
	(void)offset;
	(void)size;
	(void)value;
	register_accesses++;
}

/* A request that reads or writes registers, the device's own or another's: nobody's handler runs. */
static void r25_dma_into_registers(void)
{
	static const struct bus_ops ops = { .read = counting_read, .write = counting_write };
	static const gpa_t addrs[] = { PLUG_MMIO_BASE, PLUG_MMIO_BASE + 0x50, PLUG_MMIO_BASE + 0x70, 0x08000000,
		0x08000ffc };
	static const uint16_t flags[] = { 0, WRITE };

	for (size_t i = 0; i < ARRAY_SIZE(addrs) * 2; i++) {
		struct bus_region other = { .name = "gic", .ops = &ops, .base = 0x08000000, .size = 0x1000 };
		struct bus_region own;

		ring_begin(0, RING_SIZE);
		REQUIRE(ring.q);
		REQUIRE(bus_add(&ring.echo.rig.bus, &other) == 0);
		driver_set_desc(ring.q, 7, addrs[i / 2], 4, flags[i % 2], 0);
		driver_expose(ring.q, 7);
		ring.echo.d.transport->notify(&ring.echo.d, 0);
		own = ring.echo.plug.mmio.region;
		ring.echo.plug.mmio.region.ops = &ops;
		register_accesses = 0;
		rig_run(&ring.echo.rig);
		CHECK_EQ(register_accesses, 0);
		ring.echo.plug.mmio.region = own;
		ring_check_bad_chain(7, "not in guest memory");
		ring_end();
	}
}

/* Starts with one ring moved; the case says whether that is acceptable. */
static bool starts_with(gpa_t desc, gpa_t avail, gpa_t used)
{
	struct virtq *vq = &ring.echo.v.queue[0];

	driver_reset(&ring.echo.d);
	ring.echo.reports = 0;
	if (!driver_negotiate(&ring.echo.d, 0))
		return false;
	ring.q = &ring.echo.d.queue[0];
	*ring.q = (struct driver_queue){
		.d = &ring.echo.d, .size = RING_SIZE, .desc = desc, .avail = avail, .used = used
	};
	ring.echo.d.transport->queue_enable(&ring.echo.d, ring.q);
	driver_ok(&ring.echo.d);
	ring.echo.d.transport->notify(&ring.echo.d, 0);
	rig_run(&ring.echo.rig);
	return vq->ready;
}

static void r24_rings_where_they_cannot_be(void)
{
	static const struct {
		gpa_t addr;
		bool desc, avail, used; /* acceptable as */
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ RING_BUF + 4096, 1, 1, 1 },
		{ RING_BUF + 4096 + 8, 0, 1, 1 },
		{ RING_BUF + 4096 + 2, 0, 1, 0 },
		{ RING_BUF + 4096 + 1, 0, 0, 0 },
		{ PLUG_MMIO_BASE, 0, 0, 0 },
		{ RIG_RAM_BASE - 16, 0, 0, 0 },
		{ RING_RAM_END, 0, 0, 0 },
		{ RING_RAM_END - 16 * RING_SIZE, 1, 1, 1 },
		{ RING_RAM_END - 16 * RING_SIZE + 16, 0, 1, 1 },
		{ RING_RAM_END - 6 - 2 * RING_SIZE, 0, 1, 0 },
		{ RING_RAM_END - 4 - 2 * RING_SIZE, 0, 0, 0 },
		{ RING_RAM_END - 8 - 8 * RING_SIZE, 0, 1, 1 },
		{ RING_RAM_END - 4 - 8 * RING_SIZE, 0, 1, 0 },
		{ UINT64_MAX - 15, 0, 0, 0 },
	};

	echo_init(&ring.echo);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(starts_with(cases[i].addr, RING_BUF, RING_BUF + 2048), cases[i].desc);
		CHECK_EQ(ring.echo.reports, !cases[i].desc);
		CHECK_EQ(starts_with(RING_BUF, cases[i].addr, RING_BUF + 2048), cases[i].avail);
		CHECK_EQ(starts_with(RING_BUF, RING_BUF + 2048, cases[i].addr), cases[i].used);
		if (test_failed)
			printf("# in case %zu\n", i);
	}
	CHECK(echo_works_after_reset(&ring.echo));
	ring_end();
}

static void r27_driver_writes_the_used_ring(void)
{
	uint16_t head;
	uint32_t len;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	ring.echo.hold = true;
	driver_set_desc(ring.q, 3, RING_BUF, 8, WRITE, 0);
	ring_offer(3);
	REQUIRE(ring.echo.held == 1);
	driver_write16(&ring.echo.d, ring.q->used + 2, 0x1234);
	driver_write16(&ring.echo.d, ring.q->used, 0xffff);
	echo_complete(&ring.echo, 0);
	/* Ours is the index that counts: 1, at element 0. */
	CHECK_EQ(driver_read16(&ring.echo.d, ring.q->used + 2), 1);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(head, 3);
	ring.echo.hold = false;
	/* Its own scribble told the driver not to kick. */
	driver_write16(&ring.echo.d, ring.q->used, 0);
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

static void r28_no_head_leaks_on_errors(void)
{
	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	driver_set_desc(ring.q, 7, 0, 8, WRITE, 0);
	for (int n = 0; n < 100000; n++)
		ring_offer(7);
	CHECK_EQ(ring.echo.v.queue[0].in_flight_count, 0);
	ring.q->used_idx = (uint16_t)(ring.q->used_idx + 100000);
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

/* R38 in the core: a completion that arrives after a reset belongs to nobody. */
static void r38_completion_after_reset_is_dropped(void)
{
	uint8_t before[4096], after[4096];
	unsigned int raised;
	uint16_t head;
	uint32_t len;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	ring.echo.hold = true;
	driver_set_desc(ring.q, 3, RING_BUF, 8, WRITE, 0);
	ring_offer(3);
	REQUIRE(ring.echo.held == 1);
	/* The same head is in flight in the new life, so only the life tells them apart. */
	ring.q = driver_start(&ring.echo.d, 0, RING_SIZE);
	REQUIRE(ring.q);
	driver_set_desc(ring.q, 3, RING_BUF, 8, WRITE, 0);
	ring_offer(3);
	REQUIRE(ring.echo.held == 2);
	driver_read(&ring.echo.d, PLUG_ARENA, before, sizeof(before));
	raised = ring.echo.plug.irq.raised;
	ring.echo.chain[0].in_len = ring.echo.chain[0].in_count = 0;
	echo_complete(&ring.echo, 0);
	CHECK_EQ(ring.echo.plug.irq.raised, raised);
	driver_read(&ring.echo.d, PLUG_ARENA, after, sizeof(after));
	CHECK(!memcmp(before, after, sizeof(before)));
	echo_complete(&ring.echo, 1);
	CHECK_EQ(ring.echo.plug.irq.raised, raised + 1);
	CHECK(driver_take_used(ring.q, &head, &len));
	ring.echo.hold = false;
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

static const struct test tests[] = {
	TEST(r05_available_index_jumps),
	TEST(r06_ring_refilled_while_draining),
	TEST(r07_duplicate_head_in_flight),
	TEST(r07_duplicate_head_in_one_batch),
	TEST(r08_the_loop_sleeps_after_an_error),
	TEST(r09_many_bad_chains_then_a_good_one),
	TEST(r10_second_queue_lives_on),
	TEST(r23_buffers_over_rings),
	TEST(r25_dma_into_registers),
	TEST(r24_rings_where_they_cannot_be),
	TEST(r27_driver_writes_the_used_ring),
	TEST(r28_no_head_leaks_on_errors),
	TEST(r38_completion_after_reset_is_dropped),
};

TEST_MAIN(tests)
