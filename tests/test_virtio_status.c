/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a device comes to run, and that it does not when it should not: features, status, queues, a start that fails. Every
 * case is run over each transport there is. Cases named rNN_ are rows of the regression list.
 */
#include <errno.h>

#include <linux/virtio_ring.h>

#include "echo_rig.h"

/* What take_interrupt answers for a change of configuration: bit 1 of the ISR status of PCI as of InterruptStatus. */
#define INT_CONFIG 2

/* What the owner asks for and what he hides; words that do not exist are not others again. */
static void features_offered(void)
{
	static const uint32_t words[] = { 2, 3, 32, 0xffffffff };
	const uint64_t always = DRIVER_F(VIRTIO_F_VERSION_1) | DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC);
	const uint64_t all = 0x15f30000000;

	begin();
	echo.v.features_on = 0;
	CHECK_EQ(driver_offered(&echo.d), always | DRIVER_F(VIRTIO_RING_F_EVENT_IDX));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		CHECK_EQ(echo.d.transport->get_features(&echo.d, words[i]), 0);
	echo.v.features_off = DRIVER_F(VIRTIO_RING_F_EVENT_IDX);
	CHECK_EQ(driver_offered(&echo.d), always);
	/* What is asked for and not ours is not offered; off beats on. */
	echo.v.features_on = UINT64_MAX;
	CHECK_EQ(driver_offered(&echo.d), all & ~DRIVER_F(VIRTIO_RING_F_EVENT_IDX));
	echo.v.features_off |= DRIVER_F(VIRTIO_F_RING_PACKED);
	CHECK_EQ(driver_offered(&echo.d), all & ~(DRIVER_F(VIRTIO_RING_F_EVENT_IDX) | DRIVER_F(VIRTIO_F_RING_PACKED)));
	CHECK_EQ(virtio_feature_bit("ring_packed"), VIRTIO_F_RING_PACKED);
	CHECK_EQ(virtio_feature_bit("ring_reset"), VIRTIO_F_RING_RESET);
	CHECK_EQ(virtio_feature_bit("ring"), -1);
	end();
}

static void r35_status_steps(void)
{
	static const struct {
		uint8_t writes[6];
		uint8_t want;
	} cases[] = {
		{ { ACK }, ACK },
		{ { ACK, ACK | DRIVER }, ACK | DRIVER },
		{ { DRIVER }, 0 },
		{ { FEATURES_OK }, 0 },
		{ { DRIVER_OK }, 0 },
		{ { ACK, ACK | FEATURES_OK }, ACK },
		{ { ACK, ACK | DRIVER, ACK | DRIVER | DRIVER_OK }, ACK | DRIVER },
		/* No bit can be taken back. */
		{ { ACK, ACK | DRIVER, ACK }, ACK | DRIVER },
		{ { ACK, DRIVER }, ACK },
		{ { ACK, ACK | DRIVER, ACK | DRIVER | FEATURES_OK, ACK | DRIVER }, ACK | DRIVER | FEATURES_OK },
		{ { ACK, ACK | DRIVER, ACK | DRIVER | FEATURES_OK, RUNNING, FEATURES_OK }, RUNNING },
		/* FAILED at any time, and nothing after it. */
		{ { FAILED }, FAILED },
		{ { ACK, ACK | FAILED, ACK | DRIVER | FAILED }, ACK | FAILED },
		{ { ACK, ACK | FAILED, ACK | DRIVER }, ACK | FAILED },
		/* The device's own bit, and bits of nobody. */
		{ { NEEDS_RESET }, 0 },
		{ { ACK | NEEDS_RESET }, ACK },
		{ { 0x10, 0x20, 0x30 }, 0 },
		/* Several due steps in one write are taken in order. */
		{ { ACK | DRIVER | FEATURES_OK | DRIVER_OK }, RUNNING },
		{ { ACK | DRIVER }, ACK | DRIVER },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		driver_set_status(&echo.d, 0);
		echo.d.transport->set_features(&echo.d, 1, 1);
		for (size_t n = 0; n < ARRAY_SIZE(cases[i].writes) && cases[i].writes[n]; n++)
			driver_set_status(&echo.d, cases[i].writes[n]);
		if (driver_status(&echo.d) != cases[i].want)
			TEST_FAIL_("case %zu: status is 0x%x, not 0x%x", i, driver_status(&echo.d), cases[i].want);
	}
	end();
}

static void r35_feature_negotiation(void)
{
	static const struct {
		uint32_t word, value;
		bool ok;
	} cases[] = {
		{ 0, 0, true },
		{ 0, 1u << VIRTIO_RING_F_EVENT_IDX, true },
		{ 0, 1, false }, /* not offered */
		{ 0, 1u << 27, false },
		{ 1, 1, true },
		{ 1, 0, false }, /* no VERSION_1 */
		{ 1, 3, true }, /* ACCESS_PLATFORM, offered here */
		{ 1, 0x201, false }, /* ADMIN_VQ */
		{ 1, 0x80000001, false },
		{ 2, 0xffffffff, true }, /* words that do not exist */
		{ 3, 1, true },
		{ 0xffffffff, 0xffffffff, true },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		driver_set_status(&echo.d, 0);
		driver_set_status(&echo.d, ACK | DRIVER);
		echo.d.transport->set_features(&echo.d, 1, 1);
		echo.d.transport->set_features(&echo.d, cases[i].word, cases[i].value);
		echo.reports = 0;
		driver_set_status(&echo.d, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
		if (driver_status(&echo.d) != (cases[i].ok ? RUNNING : ACK | DRIVER))
			TEST_FAIL_("case %zu: status is 0x%x", i, driver_status(&echo.d));
		CHECK_EQ(echo.reports, !cases[i].ok);
	}
	/* The class may refuse too; a driver may then try with less. */
	echo.refuse_features = "not today";
	driver_set_status(&echo.d, 0);
	CHECK(!driver_negotiate(&echo.d, 0));
	CHECK_STR(echo.said, "not today");
	echo.refuse_features = NULL;
	driver_set_status(&echo.d, ACK | DRIVER | FEATURES_OK);
	CHECK_EQ(driver_status(&echo.d), ACK | DRIVER | FEATURES_OK);
	end();
}

static void r35_features_are_frozen(void)
{
	struct driver_queue *q;

	begin();
	REQUIRE(driver_negotiate(&echo.d, 0));
	for (uint32_t word = 0; word < 4; word++) {
		echo.d.transport->set_features(&echo.d, word, 0xffffffff);
		echo.d.transport->set_features(&echo.d, word, 0);
	}
	CHECK_EQ(echo.v.driver_features, DRIVER_F(VIRTIO_F_VERSION_1));
	q = driver_queue_setup(&echo.d, 0, SIZE);
	driver_ok(&echo.d);
	CHECK(echo_works(&echo, q));
	end();
}

/* The layout of a ring depends on the features: no queue before they are settled. */
static void r35_queue_before_features_ok(void)
{
	begin();
	driver_set_status(&echo.d, ACK | DRIVER);
	CHECK(!driver_queue_setup(&echo.d, 0, SIZE));
	CHECK_EQ(echo.v.queue[0].desc_gpa, 0);
	end();
}

static void r30_queue_size(void)
{
	static const struct {
		uint16_t size;
		bool ok;
	} cases[] = {
		{ 0, false },
		{ 1, true },
		{ 2, true },
		{ 3, false },
		{ 12, false },
		{ ECHO_QUEUE_SIZE, true },
		{ ECHO_QUEUE_SIZE + 1, false },
		{ ECHO_QUEUE_SIZE * 2, false },
		{ 0x8000, false },
		{ 0xffff, false },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct driver_queue q = {
			.size = cases[i].size, .desc = BUF, .avail = BUF + 0x1000, .used = BUF + 0x2000
		};

		driver_reset(&echo.d);
		REQUIRE(driver_negotiate(&echo.d, 0));
		if (echo.d.transport->queue_enable(&echo.d, &q) != cases[i].ok)
			TEST_FAIL_("size 0x%x: ready is %d", cases[i].size, !cases[i].ok);
		driver_ok(&echo.d);
		notify(0);
	}
	end();
}

static void r36_only_valid_queues_run(void)
{
	struct driver_queue *q;

	begin();
	REQUIRE(driver_negotiate(&echo.d, 0));
	q = driver_queue_setup(&echo.d, 1, SIZE);
	REQUIRE(q);
	echo.d.queue[0] = (struct driver_queue){ .d = &echo.d, .size = SIZE, .desc = 16, .avail = 16, .used = 16 };
	CHECK(!echo.d.transport->queue_enable(&echo.d, &echo.d.queue[0]));
	CHECK_HAS(echo.said, "queue 0: ");
	driver_ok(&echo.d);
	notify(0);
	CHECK_EQ(echo.rig.bus.doorbell_count, 1);
	CHECK(echo_works(&echo, q));
	end();
}

static void r37_start_fails(void)
{
	struct driver_queue *q;

	begin();
	echo.start_error = -EIO;
	q = driver_start(&echo.d, 0, SIZE);
	CHECK_EQ(driver_status(&echo.d), RUNNING | NEEDS_RESET);
	CHECK_EQ(take_interrupt(), INT_CONFIG);
	CHECK_HAS(echo.said, "Input/output error");
	CHECK(!echo_works(&echo, q));
	echo.start_error = 0;
	end();
}

static void needs_reset_from_the_device(void)
{
	struct driver_queue *q = begin_running();
	uint32_t generation = echo.d.transport->config_generation(&echo.d);

	virtio_fail(&echo.v, "the test says so");
	CHECK_STR(echo.said, "the test says so");
	CHECK_EQ(driver_status(&echo.d), RUNNING | NEEDS_RESET);
	CHECK(plug_interrupted(&echo.plug));
	CHECK_EQ(take_interrupt(), INT_CONFIG);
	CHECK(echo.d.transport->config_generation(&echo.d) != generation);
	CHECK(!echo_works(&echo, q));
	/* Only once, however often it fails. */
	virtio_fail(&echo.v, "again");
	CHECK_EQ(echo.reports, 1);
	/* The driver cannot clear the bit, and may write the status with or without it. */
	driver_set_status(&echo.d, RUNNING);
	CHECK_EQ(driver_status(&echo.d), RUNNING | NEEDS_RESET);
	driver_set_status(&echo.d, RUNNING | NEEDS_RESET | FAILED);
	CHECK_EQ(driver_status(&echo.d), RUNNING | NEEDS_RESET | FAILED);
	end();
}

/* As wide as the transport has it: how far it counts before it wraps is its own matter. */
static void r46_config_generation(void)
{
	uint32_t last;

	begin_running();
	last = echo.d.transport->config_generation(&echo.d);
	CHECK_EQ(echo.d.transport->config_generation(&echo.d), last);
	for (int i = 0; i < 1000; i++) {
		uint32_t now;

		virtio_notify_config(&echo.v);
		now = echo.d.transport->config_generation(&echo.d);
		CHECK(now != last);
		last = now;
	}
	/* No interrupt before DRIVER_OK, but a new generation all the same. */
	driver_reset(&echo.d);
	virtio_notify_config(&echo.v);
	CHECK(echo.d.transport->config_generation(&echo.d) != last);
	CHECK_EQ(take_interrupt(), 0);
	end();
}

static const struct test tests[] = {
	TEST(features_offered),
	TEST(r35_status_steps),
	TEST(r35_feature_negotiation),
	TEST(r35_features_are_frozen),
	TEST(r35_queue_before_features_ok),
	TEST(r30_queue_size),
	TEST(r36_only_valid_queues_run),
	TEST(r37_start_fails),
	TEST(needs_reset_from_the_device),
	TEST(r46_config_generation),
};

TEST_MAIN_WAYS(tests, &plug_ways)
