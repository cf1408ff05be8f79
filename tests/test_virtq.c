/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that do what they are for: requests on every set of features, indices that wrap, who is told when, completions in any
 * order. What a driver can do wrong is in test_virtq_chain.c and test_virtq_ring.c.
 */
#include <linux/virtio_config.h>

#include "ring_rig.h"
#include "virtio/ring.h"

static void requests_on_every_ring_feature(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		for (int n = 0; n < 200; n++)
			REQUIRE(echo_works(&ring.echo, ring.q));
		CHECK_EQ(ring.echo.chains, 200);
		CHECK_EQ(ring.echo.reports, 0);
		ring_end();
	}
}

/* More than 65536 requests, so that every free running index wraps. */
static void indices_wrap(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		const struct driver_buf bufs[] = { { RING_BUF, 8, false }, { RING_BUF + 8, 8, true } };
		uint16_t head;
		uint32_t len;

		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		for (unsigned int n = 0; n < 70000; n++) {
			REQUIRE(driver_add(ring.q, bufs, 2) >= 0);
			REQUIRE(driver_wait_used(ring.q, &head, &len));
			REQUIRE(len == 8);
		}
		ring_end();
	}
}

/* A batch is served by one kick and makes one interrupt. */
static void batch_of_requests(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		const struct driver_buf buf = { RING_BUF, 16, true };
		uint16_t head;
		uint32_t len;

		ring_begin(echo_features(i), 16);
		REQUIRE(ring.q);
		for (int round = 0; round < 10; round++) {
			unsigned int raised = ring.echo.plug.irq.raised, kicks = ring.q->kicks;

			for (int n = 0; n < 16; n++)
				REQUIRE(driver_add(ring.q, &buf, 1) >= 0);
			CHECK(driver_kick(ring.q));
			rig_run(&ring.echo.rig);
			CHECK_EQ(ring.echo.plug.irq.raised, raised + 1);
			CHECK(ring.q->kicks - kicks <= 2);
			for (int n = 0; n < 16; n++)
				REQUIRE(driver_take_used(ring.q, &head, &len));
			CHECK_EQ(driver_status(&ring.echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
		}
		ring_end();
	}
}

/* A driver that polls is not interrupted; once it asks again it is. */
static void interrupts_off_and_on(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		unsigned int raised;

		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		driver_interrupts(ring.q, false);
		raised = ring.echo.plug.irq.raised;
		CHECK(echo_works(&ring.echo, ring.q));
		CHECK_EQ(ring.echo.plug.irq.raised, raised);
		driver_interrupts(ring.q, true);
		CHECK(echo_works(&ring.echo, ring.q));
		CHECK_EQ(ring.echo.plug.irq.raised, raised + 1);
		CHECK_EQ(ring.echo.d.transport->take_interrupt(&ring.echo.d), 1);
		CHECK(!ring.echo.plug.irq.level);
		ring_end();
	}
}

/* While the device is at work it asks for no kicks, and afterwards for one. */
static void kicks_are_suppressed(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		const struct driver_buf buf = { RING_BUF, 16, true };
		uint16_t head;
		uint32_t len;

		ring_begin(echo_features(i), 16);
		REQUIRE(ring.q);
		/* One queue full in flight: the echo stops popping, so it has not asked for more kicks. */
		ring.echo.hold = true;
		for (int n = 0; n < 16; n++)
			REQUIRE(driver_add(ring.q, &buf, 1) >= 0);
		CHECK(driver_kick(ring.q));
		rig_run(&ring.echo.rig);
		CHECK_EQ(ring.echo.held, 16);
		CHECK(!driver_kick(ring.q));
		ring.echo.hold = false;
		for (unsigned int n = 0; n < 16; n++)
			echo_complete(&ring.echo, n);
		for (unsigned int n = 0; n < 16; n++)
			REQUIRE(driver_take_used(ring.q, &head, &len));
		/* A turn finds nothing and turns kicks on again. */
		virtio_serve(&ring.echo.v, &ring.echo.v.queue[0]);
		CHECK(echo_works(&ring.echo, ring.q));
		ring_end();
	}
}

/*
 * The driver adds a request after the device found the ring empty and before it asks for kicks: nobody tells the device,
 * so it has to look once more after asking.
 */
static const struct ring_ops *real_ring;
static bool added_late;

static bool kicks_on_late(struct virtq *vq)
{
	static const struct driver_buf buf = { RING_BUF, 8, true };

	if (!added_late && driver_add(ring.q, &buf, 1) >= 0)
		added_late = !ring.q->ring->wants_kick(ring.q);
	return real_ring->kicks_on(vq);
}

static void request_added_while_falling_asleep(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		struct ring_ops late;
		uint16_t head;
		uint32_t len;

		ring_begin(echo_features(i), RING_SIZE);
		REQUIRE(ring.q);
		CHECK(echo_works(&ring.echo, ring.q));
		real_ring = ring.echo.v.queue[0].ring;
		late = *real_ring;
		late.kicks_on = kicks_on_late;
		ring.echo.v.queue[0].ring = &late;
		added_late = false;
		ring.echo.chains = 0;
		/* The device is awake for this one, and on its way to sleep when the other comes. */
		CHECK(driver_add(ring.q, &(struct driver_buf){ RING_BUF, 8, true }, 1) >= 0);
		driver_kick(ring.q);
		rig_run(&ring.echo.rig);
		CHECK(added_late);
		CHECK_EQ(ring.echo.chains, 2);
		CHECK(driver_take_used(ring.q, &head, &len));
		CHECK(driver_take_used(ring.q, &head, &len));
		ring.echo.v.queue[0].ring = real_ring;
		ring.q->added = 0;
		CHECK(echo_works(&ring.echo, ring.q));
		ring_end();
	}
}

static void completed_out_of_order(void)
{
	static const unsigned int order[] = { 2, 0, 3, 1 };
	/* With IN_ORDER: how many the driver sees after each completion. */
	static const unsigned int visible[] = { 0, 1, 1, 4 };

	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		unsigned int seen = 0;
		int heads[4];
		uint16_t head;
		uint32_t len;

		ring_begin(echo_features(i), 16);
		REQUIRE(ring.q);
		ring.echo.hold = true;
		for (unsigned int n = 0; n < 4; n++) {
			const struct driver_buf bufs[] = { { RING_BUF + 8 * n, 8, false },
				{ RING_BUF + 64 * n, n + 1, true } };

			heads[n] = driver_add(ring.q, bufs, 2);
		}
		driver_kick(ring.q);
		rig_run(&ring.echo.rig);
		REQUIRE(ring.echo.held == 4);
		for (unsigned int n = 0; n < 4; n++) {
			echo_complete(&ring.echo, order[n]);
			while (driver_take_used(ring.q, &head, &len)) {
				unsigned int want = ring.q->in_order ? seen : order[n];

				CHECK_EQ(head, heads[want]);
				CHECK_EQ(len, want + 1);
				seen++;
			}
			CHECK_EQ(seen, ring.q->in_order ? visible[n] : n + 1);
		}
		ring.echo.hold = false;
		CHECK(echo_works(&ring.echo, ring.q));
		ring_end();
	}
}

/* A bad chain does not overtake a good one that is still being worked on. */
static void bad_chain_waits_its_turn_in_order(void)
{
	uint16_t head;
	uint32_t len;

	ring_begin(DRIVER_F(VIRTIO_F_IN_ORDER), RING_SIZE);
	REQUIRE(ring.q);
	ring.echo.hold = true;
	driver_set_desc(ring.q, 4, RING_BUF, 8, WRITE, 0);
	driver_set_desc(ring.q, 5, 0, 8, WRITE, 0);
	driver_expose(ring.q, 4);
	ring_offer(5);
	REQUIRE(ring.echo.held == 1);
	CHECK(!driver_take_used(ring.q, &head, &len));
	echo_complete(&ring.echo, 0);
	CHECK(driver_take_used(ring.q, &head, &len) && head == 4);
	CHECK(driver_take_used(ring.q, &head, &len) && head == 5);
	ring.echo.hold = false;
	CHECK(echo_works(&ring.echo, ring.q));
	ring_end();
}

/* A chain put back is found again, read anew. */
static void unpop_reads_again(void)
{
	struct chain chain;
	struct virtq *vq;
	uint16_t head;
	uint32_t len;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	vq = &ring.echo.v.queue[0];
	driver_set_desc(ring.q, 7, RING_BUF, 100, WRITE, 0);
	driver_expose(ring.q, 7);
	virtq_begin(vq);
	REQUIRE(virtq_pop(vq, &chain));
	CHECK_EQ(chain.in_len, 100);
	virtq_unpop(vq, &chain);
	CHECK_EQ(vq->in_flight_count, 0);
	driver_set_desc(ring.q, 7, RING_BUF, 50, WRITE, 0);
	REQUIRE(virtq_pop(vq, &chain));
	CHECK_EQ(chain.in_len, 50);
	CHECK_EQ(chain_write(&chain, "abc", 3), 3);
	virtq_push(vq, &chain);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(head, 7);
	CHECK_EQ(len, 3);
	/* Given back once: a second push of it does nothing. */
	virtq_push(vq, &chain);
	CHECK(!driver_take_used(ring.q, &head, &len));
	ring_end();
}

static void chain_bytes_in_and_out(void)
{
	uint8_t mem[16] = "0123456789abcdef", buf[16];
	const struct mem nobody = { .count = 0 };
	struct chain chain = { .out_count = 3, .out_len = 6, .in_count = 2, .in_len = 6, .mem = &nobody };

	chain.out = chain.iov;
	chain.in = chain.iov + 3;
	chain.iov[0] = (struct iovec){ mem, 1 };
	chain.iov[1] = (struct iovec){ mem + 4, 3 };
	chain.iov[2] = (struct iovec){ mem + 8, 2 };
	chain.iov[3] = (struct iovec){ mem + 10, 2 };
	chain.iov[4] = (struct iovec){ mem + 12, 4 };
	CHECK_EQ(chain_read(&chain, buf, 3), 3);
	CHECK(!memcmp(buf, "045", 3));
	CHECK_EQ(chain.out_len, 3);
	CHECK_EQ(chain_read(&chain, buf, sizeof(buf)), 3);
	CHECK(!memcmp(buf, "689", 3));
	CHECK_EQ(chain_read(&chain, buf, 1), 0);
	CHECK_EQ(chain_write(&chain, "ABC", 3), 3);
	CHECK_EQ(chain.in_count, 1);
	chain_limit(&chain, 2);
	CHECK_EQ(chain_write(&chain, "DEFG", 4), 2);
	CHECK_EQ(chain.written, 5);
	CHECK(!memcmp(mem + 10, "ABCDEf", 6));
	CHECK_EQ(chain.in_count, 0);
}

static void r22_used_length_is_what_was_written(void)
{
	uint8_t got[32];
	uint16_t head;
	uint32_t len;

	ring_begin(0, RING_SIZE);
	REQUIRE(ring.q);
	memset(got, 0x5a, sizeof(got));
	driver_write(&ring.echo.d, RING_BUF + 64, got, sizeof(got));
	driver_write(&ring.echo.d, RING_BUF, "short", 5);
	driver_set_desc(ring.q, 6, RING_BUF, 5, NEXT, 7);
	driver_set_desc(ring.q, 7, RING_BUF + 64, 32, WRITE, 0);
	ring_offer(6);
	REQUIRE(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(len, 5);
	driver_read(&ring.echo.d, RING_BUF + 64, got, sizeof(got));
	CHECK(!memcmp(got, "short", 5));
	for (size_t i = 5; i < sizeof(got); i++)
		CHECK_EQ(got[i], 0x5a);
	ring_end();
}

/* The driver's used_event against the device's decision, far and near, over the wrap (virtio 2.7.7.2). */
static void r26_event_index_arithmetic(void)
{
	static const uint16_t events[] = { 0, 1, 2, 3, 7, 8, 0x7fff, 0x8000, 0xfffe, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		uint16_t head;
		uint32_t len;

		ring_begin(DRIVER_F(VIRTIO_RING_F_EVENT_IDX), RING_SIZE);
		REQUIRE(ring.q);
		driver_interrupts(ring.q, false);
		for (uint32_t n = 0; n < 70000; n++) {
			const struct driver_buf buf = { RING_BUF, 1, true };
			unsigned int raised = ring.echo.plug.irq.raised;

			driver_write16(&ring.echo.d, ring.q->avail + 4 + 2 * RING_SIZE, events[i]);
			REQUIRE(driver_add(ring.q, &buf, 1) >= 0);
			REQUIRE(driver_wait_used(ring.q, &head, &len));
			/* One more was used: the device passed the event exactly when it is the one before it. */
			REQUIRE((ring.echo.plug.irq.raised != raised) == ((uint16_t)n == events[i]));
		}
		ring_end();
	}
}

static const struct test tests[] = {
	TEST(requests_on_every_ring_feature),
	TEST(indices_wrap),
	TEST(batch_of_requests),
	TEST(interrupts_off_and_on),
	TEST(kicks_are_suppressed),
	TEST(request_added_while_falling_asleep),
	TEST(completed_out_of_order),
	TEST(bad_chain_waits_its_turn_in_order),
	TEST(unpop_reads_again),
	TEST(chain_bytes_in_and_out),
	TEST(r22_used_length_is_what_was_written),
	TEST(r26_event_index_arithmetic),
};

TEST_MAIN(tests)
