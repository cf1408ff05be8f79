/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-mmio registers, the status machine and the life of a device, as a driver sees them on the bus. Cases named
 * rNN_ are rows of the regression list.
 */
#include <errno.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define ACK	    VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER	    VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED	    VIRTIO_CONFIG_S_FAILED
#define RUNNING	    (ACK | DRIVER | FEATURES_OK | DRIVER_OK)
#define QUEUE_RESET 0x0c0
#define BUF	    (RIG_RAM_BASE + 1 * MiB)
#define SIZE	    8

static struct echo echo;

static uint32_t reg(uint32_t offset)
{
	return (uint32_t)rig_read(&echo.rig, ECHO_BASE + offset, 4);
}

static void set_reg(uint32_t offset, uint32_t value)
{
	rig_write(&echo.rig, ECHO_BASE + offset, 4, value);
}

static void notify(uint32_t value)
{
	set_reg(VIRTIO_MMIO_QUEUE_NOTIFY, value);
	rig_run(&echo.rig);
}

/* A device that has just been plugged in. */
static void begin(void)
{
	echo_init(&echo);
}

static struct driver_queue *begin_running(void)
{
	echo_init(&echo);
	return driver_start(&echo.d, 0, SIZE);
}

static void end(void)
{
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

static void registers_after_reset(void)
{
	static const struct {
		uint32_t offset, value;
	} regs[] = {
		{ VIRTIO_MMIO_MAGIC_VALUE, 0x74726976 },
		{ VIRTIO_MMIO_VERSION, 2 },
		{ VIRTIO_MMIO_DEVICE_ID, 4095 },
		{ VIRTIO_MMIO_VENDOR_ID, VIRTIO_MMIO_VENDOR },
		{ VIRTIO_MMIO_QUEUE_NUM_MAX, ECHO_QUEUE_SIZE },
		{ VIRTIO_MMIO_QUEUE_READY, 0 },
		{ VIRTIO_MMIO_QUEUE_NOTIFY, 0 },
		{ VIRTIO_MMIO_INTERRUPT_STATUS, 0 },
		{ VIRTIO_MMIO_STATUS, 0 },
		{ VIRTIO_MMIO_SHM_LEN_LOW, 0xffffffff },
		{ VIRTIO_MMIO_SHM_LEN_HIGH, 0xffffffff },
		{ VIRTIO_MMIO_SHM_BASE_LOW, 0xffffffff },
		{ VIRTIO_MMIO_SHM_BASE_HIGH, 0xffffffff },
		{ QUEUE_RESET, 0 },
		{ VIRTIO_MMIO_CONFIG_GENERATION, 0 },
		{ VIRTIO_MMIO_CONFIG, 0xa3a2a1a0 },
		{ 0x018, 0 },
		{ 0x0f8, 0 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		CHECK_EQ(reg(regs[i].offset), regs[i].value);
	end();
}

static void register_names(void)
{
	const struct bus_ops *ops;

	begin();
	ops = echo.mmio.region.ops;
	CHECK_STR(echo.mmio.region.name, "echo");
	CHECK_STR(ops->reg_name(0x050), "QueueNotify");
	CHECK_STR(ops->reg_name(0x060), "InterruptStatus");
	CHECK_STR(ops->reg_name(0x064), "InterruptACK");
	CHECK_STR(ops->reg_name(0x0a4), "QueueDeviceHigh");
	CHECK_STR(ops->reg_name(0x100), "Config");
	CHECK_STR(ops->reg_name(0x1ff), "Config");
	CHECK(!ops->reg_name(0x018));
	CHECK(!ops->reg_name(0x051));
	for (uint64_t offset = 0; offset < VIRTIO_MMIO_SIZE; offset++)
		ops->reg_name(offset);
	end();
}

static void features_by_word(void)
{
	static const uint32_t words[] = { 0x30000000, 0x00000001, 0, 0, 0, 0 };
	static const uint32_t sel[] = { 0, 1, 2, 3, 32, 0xffffffff };

	begin();
	echo.v.features_on = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		set_reg(VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel[i]);
		CHECK_EQ(reg(VIRTIO_MMIO_DEVICE_FEATURES), words[i]);
	}
	echo.v.features_off = DRIVER_F(VIRTIO_RING_F_EVENT_IDX);
	set_reg(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_DEVICE_FEATURES), 0x10000000);
	/* What is asked for and not ours is not offered; off beats on. */
	echo.v.features_on = UINT64_MAX;
	set_reg(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	CHECK_EQ(reg(VIRTIO_MMIO_DEVICE_FEATURES), 0x15f);
	echo.v.features_off |= DRIVER_F(VIRTIO_F_RING_PACKED);
	CHECK_EQ(reg(VIRTIO_MMIO_DEVICE_FEATURES), 0x15b);
	CHECK_EQ(virtio_feature_bit("ring_packed"), VIRTIO_F_RING_PACKED);
	CHECK_EQ(virtio_feature_bit("ring_reset"), VIRTIO_F_RING_RESET);
	CHECK_EQ(virtio_feature_bit("ring"), -1);
	end();
}

/* A driver that goes by the book, with the doorbell as the bus matches it and as a plain write. */
static void kick_by_doorbell_and_by_write(void)
{
	struct driver_queue *q = begin_running();
	struct doorbell bell;

	CHECK(echo_works(&echo, q));
	REQUIRE(echo.rig.bus.doorbell_count == 1);
	bell = echo.rig.bus.doorbell[0];
	CHECK_EQ(bell.addr, ECHO_BASE + 0x50);
	CHECK_EQ(bell.size, 4);
	CHECK_EQ(bell.value, 0);
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
		set_reg(VIRTIO_MMIO_QUEUE_SEL, 0);
		set_reg(QUEUE_RESET, 2);
		CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 1);
		set_reg(QUEUE_RESET, 1);
		CHECK_EQ(reg(QUEUE_RESET), 0);
		CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 0);
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

	set_reg(QUEUE_RESET, 1);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 1);
	CHECK(echo_works(&echo, q));
	end();
}

static void notification_data(void)
{
	struct driver_queue *q;

	begin();
	q = driver_start(&echo.d, DRIVER_F(VIRTIO_F_NOTIFICATION_DATA), SIZE);
	REQUIRE(q);
	/* No doorbell can match a value that changes. */
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	for (int i = 0; i < 20; i++)
		CHECK(echo_works(&echo, q));
	rig_run(&echo.rig);
	echo.notified = 0;
	notify(0xffff0001);
	notify(0x00000002);
	notify(0xffffffff);
	CHECK_EQ(echo.notified, 0);
	notify(0xffff0000);
	CHECK_EQ(echo.notified, 1);
	end();
}

static void needs_reset_from_the_device(void)
{
	struct driver_queue *q = begin_running();
	uint32_t generation = reg(VIRTIO_MMIO_CONFIG_GENERATION);

	virtio_fail(&echo.v, "the test says so");
	CHECK_STR(echo.said, "the test says so");
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING | NEEDS_RESET);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	CHECK(echo.irq.level);
	CHECK(reg(VIRTIO_MMIO_CONFIG_GENERATION) != generation);
	CHECK(!echo_works(&echo, q));
	/* Only once, however often it fails. */
	virtio_fail(&echo.v, "again");
	CHECK_EQ(echo.reports, 1);
	/* The driver cannot clear the bit, and may write the status with or without it. */
	set_reg(VIRTIO_MMIO_STATUS, RUNNING);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING | NEEDS_RESET);
	set_reg(VIRTIO_MMIO_STATUS, RUNNING | NEEDS_RESET | FAILED);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING | NEEDS_RESET | FAILED);
	end();
}

static void reset_is_complete_when_the_write_returns(void)
{
	struct driver_queue *q = begin_running();
	unsigned int lowered = echo.irq.lowered;

	CHECK(echo_works(&echo, q));
	virtio_notify_config(&echo.v);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_QUEUE_SEL, 1);
	set_reg(VIRTIO_MMIO_STATUS, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), 0);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CHECK_EQ(echo.irq.lowered, lowered + 1);
	CHECK(!echo.irq.level);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 0);
	CHECK_EQ(echo.v.driver_features, 0);
	CHECK_EQ(echo.v.queue[0].desc_gpa, 0);
	CHECK_EQ(echo.v.queue[0].size, ECHO_QUEUE_SIZE);
	CHECK_EQ(echo.mmio.queue_sel, 0);
	CHECK_EQ(echo.resets, 2); /* driver_start did the first */
	end();
}

static void queue_ready_can_be_taken_back(void)
{
	struct driver_queue *q = begin_running();

	CHECK(echo_works(&echo, q));
	set_reg(VIRTIO_MMIO_QUEUE_READY, 2);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 1);
	set_reg(VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 0);
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	CHECK(!echo_works(&echo, q));
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

static void r30_queue_size(void)
{
	static const struct {
		uint32_t size;
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
		{ 0x10000, false },
		{ 0x10008, false },
		{ 0xffffffff, false },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		driver_reset(&echo.d);
		REQUIRE(driver_negotiate(&echo.d, 0));
		set_reg(VIRTIO_MMIO_QUEUE_NUM, cases[i].size);
		set_reg(VIRTIO_MMIO_QUEUE_DESC_LOW, BUF);
		set_reg(VIRTIO_MMIO_QUEUE_AVAIL_LOW, BUF + 0x1000);
		set_reg(VIRTIO_MMIO_QUEUE_USED_LOW, BUF + 0x2000);
		set_reg(VIRTIO_MMIO_QUEUE_READY, 1);
		if (reg(VIRTIO_MMIO_QUEUE_READY) != cases[i].ok)
			TEST_FAIL_("size 0x%x: ready is %d", cases[i].size, !cases[i].ok);
		driver_ok(&echo.d);
		notify(0);
	}
	end();
}

static const uint32_t queue_regs[] = {
	VIRTIO_MMIO_QUEUE_NUM,
	VIRTIO_MMIO_QUEUE_DESC_LOW,
	VIRTIO_MMIO_QUEUE_DESC_HIGH,
	VIRTIO_MMIO_QUEUE_AVAIL_LOW,
	VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
	VIRTIO_MMIO_QUEUE_USED_LOW,
	VIRTIO_MMIO_QUEUE_USED_HIGH,
};

static void r31_reconfigure_while_enabled(void)
{
	static const uint32_t values[] = { 0, 1, 0x1000, BUF, 0xffffffff };

	for (int running = 0; running < 2; running++) {
		struct driver_queue *q;
		struct virtq *vq;

		begin();
		vq = &echo.v.queue[0];
		REQUIRE(driver_negotiate(&echo.d, 0));
		q = driver_queue_setup(&echo.d, 0, SIZE);
		if (running)
			driver_ok(&echo.d);
		for (size_t i = 0; i < ARRAY_SIZE(queue_regs); i++)
			for (size_t n = 0; n < ARRAY_SIZE(values); n++)
				set_reg(queue_regs[i], values[n]);
		CHECK_EQ(vq->size, SIZE);
		CHECK_EQ(vq->desc_gpa, q->desc);
		CHECK_EQ(vq->avail_gpa, q->avail);
		CHECK_EQ(vq->used_gpa, q->used);
		/* Nor can a second one be made ready behind the device's back. */
		if (running) {
			CHECK(!driver_queue_setup(&echo.d, 1, SIZE));
			CHECK_EQ(echo.v.queue[1].desc_gpa, 0);
		}
		driver_ok(&echo.d);
		set_reg(VIRTIO_MMIO_QUEUE_SEL, 0);
		CHECK(echo_works(&echo, q));
		end();
	}
}

static void r32_queue_select_out_of_range(void)
{
	static const uint32_t selects[] = { ECHO_QUEUES, 0xff, 0xffff, 0x10000, 0x80000000, 0xffffffff };
	struct driver_queue *q = begin_running();

	for (size_t i = 0; i < ARRAY_SIZE(selects); i++) {
		set_reg(VIRTIO_MMIO_QUEUE_SEL, selects[i]);
		CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 0);
		for (size_t n = 0; n < ARRAY_SIZE(queue_regs); n++)
			set_reg(queue_regs[n], 0xffffffff);
		set_reg(VIRTIO_MMIO_QUEUE_READY, 1);
		set_reg(VIRTIO_MMIO_QUEUE_READY, 0);
		set_reg(QUEUE_RESET, 1);
		CHECK_EQ(reg(QUEUE_RESET), 0);
	}
	CHECK(echo_works(&echo, q));
	end();
}

static void r33_notify_of_no_queue(void)
{
	static const uint32_t values[] = { 1, ECHO_QUEUES, 0xffff, 0x10000, 0x80000000, 0xffffffff };
	struct driver_queue *q = begin_running();

	rig_run(&echo.rig);
	echo.notified = 0;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		notify(values[i]);
	/* Widths that no doorbell has and no register takes. */
	rig_write(&echo.rig, ECHO_BASE + 0x50, 1, 0);
	rig_write(&echo.rig, ECHO_BASE + 0x50, 2, 0);
	rig_write(&echo.rig, ECHO_BASE + 0x50, 8, 0);
	rig_write(&echo.rig, ECHO_BASE + 0x51, 1, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 0);
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
			set_reg(VIRTIO_MMIO_STATUS, statuses[i]);
		CHECK_EQ(reg(VIRTIO_MMIO_STATUS), statuses[i]);
		driver_add(q, &buf, 1);
		driver_read(&echo.d, ECHO_ARENA, before, sizeof(before));
		echo.notified = 0;
		for (int n = 0; n < 10; n++)
			notify(0);
		CHECK_EQ(echo.notified, 0);
		driver_read(&echo.d, ECHO_ARENA, after, sizeof(after));
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
	set_reg(VIRTIO_MMIO_STATUS, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.chains, 0);
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
		set_reg(VIRTIO_MMIO_STATUS, 0);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES, 1);
		for (size_t n = 0; n < ARRAY_SIZE(cases[i].writes) && cases[i].writes[n]; n++)
			set_reg(VIRTIO_MMIO_STATUS, cases[i].writes[n]);
		if (reg(VIRTIO_MMIO_STATUS) != cases[i].want)
			TEST_FAIL_("case %zu: status is 0x%x, not 0x%x", i, reg(VIRTIO_MMIO_STATUS), cases[i].want);
	}
	set_reg(VIRTIO_MMIO_STATUS, 0);
	set_reg(VIRTIO_MMIO_STATUS, 0x101);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), 0);
	end();
}

static void r35_feature_negotiation(void)
{
	static const struct {
		uint32_t sel, value;
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
		set_reg(VIRTIO_MMIO_STATUS, 0);
		set_reg(VIRTIO_MMIO_STATUS, ACK | DRIVER);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES, 1);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, cases[i].sel);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES, cases[i].value);
		echo.reports = 0;
		set_reg(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
		if (reg(VIRTIO_MMIO_STATUS) != (cases[i].ok ? RUNNING : ACK | DRIVER))
			TEST_FAIL_("case %zu: status is 0x%x", i, reg(VIRTIO_MMIO_STATUS));
		CHECK_EQ(echo.reports, !cases[i].ok);
	}
	/* The class may refuse too; a driver may then try with less. */
	echo.refuse_features = "not today";
	set_reg(VIRTIO_MMIO_STATUS, 0);
	CHECK(!driver_negotiate(&echo.d, 0));
	CHECK_STR(echo.said, "not today");
	echo.refuse_features = NULL;
	set_reg(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK);
	end();
}

static void r35_features_are_frozen(void)
{
	struct driver_queue *q;

	begin();
	REQUIRE(driver_negotiate(&echo.d, 0));
	for (uint32_t word = 0; word < 4; word++) {
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES, 0xffffffff);
		set_reg(VIRTIO_MMIO_DRIVER_FEATURES, 0);
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
	set_reg(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	CHECK(!driver_queue_setup(&echo.d, 0, SIZE));
	CHECK_EQ(echo.v.queue[0].desc_gpa, 0);
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
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING | NEEDS_RESET);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	CHECK_HAS(echo.said, "Input/output error");
	CHECK(!echo_works(&echo, q));
	echo.start_error = 0;
	end();
}

static void r39_config_space_bounds(void)
{
	begin();
	for (uint32_t offset = 0; offset < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG; offset++) {
		for (unsigned int width = 1; width <= 8; width *= 2) {
			uint64_t want = 0, addr = ECHO_BASE + VIRTIO_MMIO_CONFIG + offset;

			if (offset + width > VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG)
				continue;
			for (unsigned int i = 0; offset + width <= ECHO_CONFIG && i < width; i++)
				want |= (uint64_t)(0xa0 + offset + i) << (8 * i);
			CHECK_EQ(rig_read(&echo.rig, addr, width), want);
			/* What does not fit is dropped whole; what fits is written and put back. */
			rig_write(&echo.rig, addr, width, 0x1122334455667788);
			if (offset + width <= ECHO_CONFIG) {
				CHECK_EQ(echo.config[offset], 0x88);
				rig_write(&echo.rig, addr, width, want);
			}
			for (unsigned int i = 0; i < ECHO_CONFIG; i++)
				CHECK_EQ(echo.config[i], 0xa0 + i);
		}
	}
	/* The core's own check, past what the bus lets through. */
	for (unsigned int width = 1; width <= 8; width *= 2) {
		uint64_t value = 1;

		virtio_config_read(&echo.v, UINT64_MAX, &value, width);
		CHECK_EQ(value & 0xff, 0);
		virtio_config_write(&echo.v, UINT64_MAX, &value, width);
		virtio_config_write(&echo.v, UINT64_MAX - width + 1, &value, width);
	}
	end();
}

static void r40_access_width(void)
{
	struct driver_queue *q = begin_running();

	/* Anything but four aligned bytes reads 0 from a control register and is not written to one. */
	for (uint32_t offset = 0; offset < VIRTIO_MMIO_CONFIG; offset++) {
		for (unsigned int width = 1; width <= 8; width *= 2) {
			if ((width == 4 && offset % 4 == 0) || offset + width > VIRTIO_MMIO_CONFIG)
				continue;
			CHECK_EQ(rig_read(&echo.rig, ECHO_BASE + offset, width), 0);
			rig_write(&echo.rig, ECHO_BASE + offset, width, 0);
			rig_write(&echo.rig, ECHO_BASE + offset, width, UINT64_MAX);
		}
	}
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING);
	CHECK(echo_works(&echo, q));
	rig_sweep(&echo.rig, ECHO_BASE, VIRTIO_MMIO_SIZE, UINT64_MAX);
	rig_sweep(&echo.rig, ECHO_BASE, VIRTIO_MMIO_SIZE, 1);
	rig_sweep(&echo.rig, ECHO_BASE, VIRTIO_MMIO_SIZE, 0);
	rig_run(&echo.rig);
	end();
}

static void r46_config_generation(void)
{
	uint32_t last;

	begin_running();
	last = reg(VIRTIO_MMIO_CONFIG_GENERATION);
	CHECK_EQ(reg(VIRTIO_MMIO_CONFIG_GENERATION), last);
	/* Also past 255 and 65535. */
	for (int i = 0; i < 70000; i++) {
		virtio_notify_config(&echo.v);
		CHECK_EQ(reg(VIRTIO_MMIO_CONFIG_GENERATION), last + 1);
		last++;
	}
	/* No interrupt before DRIVER_OK, but a new generation all the same. */
	driver_reset(&echo.d);
	virtio_notify_config(&echo.v);
	CHECK_EQ(reg(VIRTIO_MMIO_CONFIG_GENERATION), last + 1);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	end();
}

static void r46_only_acknowledged_bits_clear(void)
{
	struct driver_queue *q = begin_running();
	unsigned int raised;

	CHECK(echo_works(&echo, q));
	raised = echo.irq.raised;
	virtio_notify_config(&echo.v);
	/* Signalled again although a bit was set. */
	CHECK_EQ(echo.irq.raised, raised + 1);
	CHECK(echo_works(&echo, q));
	CHECK_EQ(echo.irq.raised, raised + 2);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	CHECK(echo.irq.level);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffd);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	/* In any state: a driver may acknowledge after it gave up. */
	set_reg(VIRTIO_MMIO_STATUS, RUNNING | FAILED);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 2);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CHECK(!echo.irq.level);
	end();
}

static const struct test tests[] = {
	TEST(registers_after_reset),
	TEST(register_names),
	TEST(features_by_word),
	TEST(kick_by_doorbell_and_by_write),
	TEST(doorbell_refused_by_the_accelerator),
	TEST(doorbells_come_and_go_with_the_status),
	TEST(buffers_queued_before_driver_ok),
	TEST(queue_reset),
	TEST(queue_reset_needs_its_feature),
	TEST(notification_data),
	TEST(needs_reset_from_the_device),
	TEST(reset_is_complete_when_the_write_returns),
	TEST(queue_ready_can_be_taken_back),
	TEST(stopping_the_ioeventfd_loses_no_kick),
	TEST(r30_queue_size),
	TEST(r31_reconfigure_while_enabled),
	TEST(r32_queue_select_out_of_range),
	TEST(r33_notify_of_no_queue),
	TEST(r34_kick_outside_driver_ok),
	TEST(r34_kick_of_the_life_before),
	TEST(r35_status_steps),
	TEST(r35_feature_negotiation),
	TEST(r35_features_are_frozen),
	TEST(r35_queue_before_features_ok),
	TEST(r36_only_valid_queues_run),
	TEST(r37_start_fails),
	TEST(r39_config_space_bounds),
	TEST(r40_access_width),
	TEST(r46_config_generation),
	TEST(r46_only_acknowledged_bits_clear),
};

TEST_MAIN(tests)
