/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a device as its driver sees it, through whatever transport: kicks, resets, pauses. Every case is
 * run over each transport there is. Cases named rNN_ are rows of the regression list.
 */
#include <errno.h>

#include <linux/virtio_ring.h>

#include "echo_rig.h"

/* A driver that goes by the book, with the doorbell as the bus matches it and as a plain write. */
static void kick_by_doorbell_and_by_write(void)
{
	struct driver_queue *q = begin_running();
	struct doorbell bell;

	CHECK(echo_works(&echo, q));
	REQUIRE(echo.rig.bus.doorbell_count == 1);
	bell = echo.rig.bus.doorbell[0];
	bus_del_doorbell(&echo.rig.bus, &bell);
	CHECK(echo_works(&echo, q));
	end();
}

static int no_doorbells(void *opaque, const struct doorbell *bell)
{
	(void)opaque;
	(void)bell;
	return -ENOSPC;
}

static void no_doorbell_del(void *opaque, const struct doorbell *bell)
{
	(void)opaque;
	(void)bell;
	CHECK(!"a doorbell that was not added is not deleted");
}

static void doorbell_refused_by_the_accelerator(void)
{
	static const struct doorbell_ops ops = { .add = no_doorbells, .del = no_doorbell_del };

	begin();
	bus_set_accel(&echo.rig.bus, &ops, NULL);
	CHECK(echo_works(&echo, driver_start(&echo.d, 0, SIZE)));
	driver_reset(&echo.d);
	end();
}

static void doorbells_come_and_go_with_the_status(void)
{
	begin();
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	for (int i = 0; i < 100; i++) {
		CHECK(echo_works(&echo, driver_start(&echo.d, 0, SIZE)));
		CHECK_EQ(echo.rig.bus.doorbell_count, 1);
	}
	driver_reset(&echo.d);
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	end();
}

/* Buffers queued, and even kicked, before DRIVER_OK are served once it is set. */
static void buffers_queued_before_driver_ok(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	struct driver_queue *q;
	uint16_t head;
	uint32_t len;

	begin();
	REQUIRE(driver_negotiate(&echo.d, 0));
	q = driver_queue_setup(&echo.d, 0, SIZE);
	REQUIRE(q);
	driver_add(q, &buf, 1);
	notify(0);
	CHECK_EQ(echo.chains, 0);
	driver_ok(&echo.d);
	rig_run(&echo.rig);
	CHECK_EQ(echo.chains, 1);
	CHECK(driver_take_used(q, &head, &len));
	end();
}

/* One queue goes away and comes back elsewhere, with another size, while the other works on (virtio 2.6.1). */
static void queue_reset(void)
{
	const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_RING_PACKED) };

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		const struct driver_buf buf = { BUF, 8, true };
		struct driver_queue *q, *other;
		gpa_t old;
		uint16_t head;
		uint32_t len;

		begin();
		REQUIRE(driver_negotiate(&echo.d, features[i] | DRIVER_F(VIRTIO_F_RING_RESET)));
		q = driver_queue_setup(&echo.d, 0, SIZE);
		other = driver_queue_setup(&echo.d, 1, SIZE);
		REQUIRE(q && other);
		driver_ok(&echo.d);
		CHECK(echo_works(&echo, q));
		echo.hold = true;
		driver_add(q, &buf, 1);
		driver_wait_used(q, &head, &len);
		REQUIRE(echo.held == 1);
		old = q->desc;
		CHECK(echo.d.transport->queue_ready(&echo.d, 0));
		CHECK(echo.d.transport->queue_reset(&echo.d, 0));
		CHECK(!echo.d.transport->queue_ready(&echo.d, 0));
		CHECK_EQ(echo.v.queue[0].size, ECHO_QUEUE_SIZE);
		CHECK_EQ(echo.v.queue[0].desc_gpa, 0);
		CHECK_EQ(echo.rig.bus.doorbell_count, 1);
		/* What was in flight is nobody's now. */
		echo_complete(&echo, 0);
		CHECK(!driver_take_used(q, &head, &len));
		echo.hold = false;
		CHECK(echo_works(&echo, other));
		q = driver_queue_setup(&echo.d, 0, 4);
		REQUIRE(q);
		CHECK(q->desc != old);
		CHECK(echo_works(&echo, q));
		CHECK(echo_works(&echo, other));
		CHECK_EQ(echo.rig.bus.doorbell_count, 2);
		end();
	}
}

static void queue_reset_needs_its_feature(void)
{
	struct driver_queue *q = begin_running();

	(void)echo.d.transport->queue_reset(&echo.d, 0);
	CHECK(echo.d.transport->queue_ready(&echo.d, 0));
	CHECK(echo_works(&echo, q));
	end();
}

static void notification_data(void)
{
	struct driver_queue *q;

	begin();
	q = driver_start(&echo.d, DRIVER_F(VIRTIO_F_NOTIFICATION_DATA), SIZE);
	REQUIRE(q);
	for (int i = 0; i < 20; i++)
		CHECK(echo_works(&echo, q));
	rig_run(&echo.rig);
	echo.notified = 0;
	notify(0xffff0001);
	CHECK_EQ(echo.notified, 0);
	notify(0xffff0000);
	CHECK_EQ(echo.notified, 1);
	end();
}

static void reset_is_complete_when_the_write_returns(void)
{
	struct driver_queue *q = begin_running();

	CHECK(echo_works(&echo, q));
	virtio_notify_config(&echo.v);
	CHECK(plug_interrupted(&echo.plug));
	driver_set_status(&echo.d, 0);
	CHECK_EQ(driver_status(&echo.d), 0);
	CHECK(!plug_interrupted(&echo.plug));
	CHECK_EQ(take_interrupt(), 0);
	CHECK(!echo.d.transport->queue_ready(&echo.d, 0));
	CHECK_EQ(echo.v.driver_features, 0);
	CHECK_EQ(echo.v.queue[0].desc_gpa, 0);
	CHECK_EQ(echo.v.queue[0].size, ECHO_QUEUE_SIZE);
	CHECK_EQ(echo.resets, 2); /* driver_start did the first */
	end();
}

/* A transport stopped for a snapshot: the kick in the eventfd is served, and after the restart everything is as it was. */
static void stopping_the_ioeventfd_loses_no_kick(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	struct driver_queue *q = begin_running();
	uint16_t head;
	uint32_t len;

	REQUIRE(q);
	rig_run(&echo.rig);
	driver_add(q, &buf, 1);
	driver_kick(q);
	virtio_stop_ioeventfd(&echo.v);
	CHECK_EQ(echo.chains, 1);
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(virtio_start_ioeventfd(&echo.v), 0);
	CHECK(echo_works(&echo, q));
	end();
}

/* Nothing is read or written outside DRIVER_OK: a ring full of requests stays as it is. */
static void r34_kick_outside_driver_ok(void)
{
	static const uint8_t statuses[] = { ACK | DRIVER | FEATURES_OK, RUNNING | FAILED, RUNNING | NEEDS_RESET, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		const struct driver_buf buf = { BUF, 8, true };
		uint8_t before[4096], after[4096];
		struct driver_queue *q;

		begin();
		REQUIRE(driver_negotiate(&echo.d, 0));
		q = driver_queue_setup(&echo.d, 0, SIZE);
		REQUIRE(q);
		if (statuses[i] & DRIVER_OK)
			driver_ok(&echo.d);
		rig_run(&echo.rig);
		if (statuses[i] & NEEDS_RESET)
			virtio_fail(&echo.v, "test");
		else
			driver_set_status(&echo.d, statuses[i]);
		CHECK_EQ(driver_status(&echo.d), statuses[i]);
		driver_add(q, &buf, 1);
		driver_read(&echo.d, PLUG_ARENA, before, sizeof(before));
		echo.notified = 0;
		for (int n = 0; n < 10; n++)
			notify(0);
		CHECK_EQ(echo.notified, 0);
		driver_read(&echo.d, PLUG_ARENA, after, sizeof(after));
		CHECK(!memcmp(before, after, sizeof(before)));
		end();
	}
}

/* A kick of the life before, still in the eventfd when the reset comes. */
static void r34_kick_of_the_life_before(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	struct driver_queue *q = begin_running();

	rig_run(&echo.rig);
	driver_add(q, &buf, 1);
	CHECK(driver_kick(q));
	driver_set_status(&echo.d, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.chains, 0);
	end();
}

static const struct test tests[] = {
	TEST(kick_by_doorbell_and_by_write),
	TEST(doorbell_refused_by_the_accelerator),
	TEST(doorbells_come_and_go_with_the_status),
	TEST(buffers_queued_before_driver_ok),
	TEST(queue_reset),
	TEST(queue_reset_needs_its_feature),
	TEST(notification_data),
	TEST(reset_is_complete_when_the_write_returns),
	TEST(stopping_the_ioeventfd_loses_no_kick),
	TEST(r34_kick_outside_driver_ok),
	TEST(r34_kick_of_the_life_before),
};

TEST_MAIN_WAYS(tests, &plug_ways)
