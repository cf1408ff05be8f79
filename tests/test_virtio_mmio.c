/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is virtio-mmio's own: its registers, their widths, its doorbell and interrupt. What a driver sees through any
 * transport is in test_virtio_life.c. Cases named rNN_ are rows of the regression list.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define ACK	    VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER	    VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define FAILED	    VIRTIO_CONFIG_S_FAILED
#define RUNNING	    (ACK | DRIVER | FEATURES_OK | DRIVER_OK)
#define QUEUE_RESET 0x0c0
#define BUF	    (RIG_RAM_BASE + 1 * MiB)
#define SIZE	    8

static struct echo echo;

static uint32_t reg(uint32_t offset)
{
	return (uint32_t)rig_read(&echo.rig, PLUG_MMIO_BASE + offset, 4);
}

static void set_reg(uint32_t offset, uint32_t value)
{
	rig_write(&echo.rig, PLUG_MMIO_BASE + offset, 4, value);
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
	ops = echo.plug.mmio.region.ops;
	CHECK_STR(echo.plug.mmio.region.name, "echo");
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

/* What the bus is given to match is what the driver writes. */
static void doorbell(void)
{
	struct doorbell bell;

	REQUIRE(begin_running());
	REQUIRE(echo.rig.bus.doorbell_count == 1);
	bell = echo.rig.bus.doorbell[0];
	CHECK_EQ(bell.addr, PLUG_MMIO_BASE + 0x50);
	CHECK_EQ(bell.size, 4);
	CHECK_EQ(bell.value, 0);
	/* None can match a value that changes. */
	REQUIRE(driver_start(&echo.d, DRIVER_F(VIRTIO_F_NOTIFICATION_DATA), SIZE));
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	rig_run(&echo.rig);
	echo.notified = 0;
	notify(0x00000002);
	notify(0xffffffff);
	CHECK_EQ(echo.notified, 0);
	end();
}

static void queue_reset_register(void)
{
	struct driver_queue *q;

	begin();
	q = driver_start(&echo.d, DRIVER_F(VIRTIO_F_RING_RESET), SIZE);
	REQUIRE(q);
	set_reg(QUEUE_RESET, 2);
	set_reg(QUEUE_RESET, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 1);
	CHECK(echo_works(&echo, q));
	set_reg(QUEUE_RESET, 1);
	CHECK_EQ(reg(QUEUE_RESET), 0);
	CHECK_EQ(reg(VIRTIO_MMIO_QUEUE_READY), 0);
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

static void registers_of_the_life_before(void)
{
	struct driver_queue *q = begin_running();
	unsigned int lowered = echo.plug.irq.lowered;

	CHECK(echo_works(&echo, q));
	virtio_notify_config(&echo.v);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_QUEUE_SEL, 1);
	set_reg(VIRTIO_MMIO_STATUS, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), 0);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CHECK_EQ(echo.plug.irq.lowered, lowered + 1);
	CHECK(!echo.plug.irq.level);
	CHECK_EQ(echo.plug.mmio.queue_sel, 0);
	/* Eight bits are a status. */
	set_reg(VIRTIO_MMIO_STATUS, 0x101);
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), 0);
	end();
}

static void r30_queue_size_wider_than_its_field(void)
{
	static const struct {
		uint32_t size;
		bool ok;
	} cases[] = {
		{ ECHO_QUEUE_SIZE, true },
		{ 0x10000, false },
		{ 0x10000 + ECHO_QUEUE_SIZE, false },
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
	rig_write(&echo.rig, PLUG_MMIO_BASE + 0x50, 1, 0);
	rig_write(&echo.rig, PLUG_MMIO_BASE + 0x50, 2, 0);
	rig_write(&echo.rig, PLUG_MMIO_BASE + 0x50, 8, 0);
	rig_write(&echo.rig, PLUG_MMIO_BASE + 0x51, 1, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 0);
	CHECK(echo_works(&echo, q));
	end();
}

static void r39_config_space_bounds(void)
{
	begin();
	for (uint32_t offset = 0; offset < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG; offset++) {
		for (unsigned int width = 1; width <= 8; width *= 2) {
			uint64_t want = 0, addr = PLUG_MMIO_BASE + VIRTIO_MMIO_CONFIG + offset;

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
			CHECK_EQ(rig_read(&echo.rig, PLUG_MMIO_BASE + offset, width), 0);
			rig_write(&echo.rig, PLUG_MMIO_BASE + offset, width, 0);
			rig_write(&echo.rig, PLUG_MMIO_BASE + offset, width, UINT64_MAX);
		}
	}
	CHECK_EQ(reg(VIRTIO_MMIO_STATUS), RUNNING);
	CHECK(echo_works(&echo, q));
	rig_sweep(&echo.rig, PLUG_MMIO_BASE, VIRTIO_MMIO_SIZE, UINT64_MAX);
	rig_sweep(&echo.rig, PLUG_MMIO_BASE, VIRTIO_MMIO_SIZE, 1);
	rig_sweep(&echo.rig, PLUG_MMIO_BASE, VIRTIO_MMIO_SIZE, 0);
	rig_run(&echo.rig);
	end();
}

/* The register has 32 bits, and all of them count. */
static void r46_config_generation(void)
{
	uint32_t last;

	begin_running();
	last = reg(VIRTIO_MMIO_CONFIG_GENERATION);
	for (int i = 0; i < 70000; i++) {
		virtio_notify_config(&echo.v);
		CHECK_EQ(reg(VIRTIO_MMIO_CONFIG_GENERATION), last + 1);
		last++;
	}
	end();
}

static void r46_only_acknowledged_bits_clear(void)
{
	struct driver_queue *q = begin_running();
	unsigned int raised;

	CHECK(echo_works(&echo, q));
	raised = echo.plug.irq.raised;
	virtio_notify_config(&echo.v);
	/* Signalled again although a bit was set. */
	CHECK_EQ(echo.plug.irq.raised, raised + 1);
	CHECK(echo_works(&echo, q));
	CHECK_EQ(echo.plug.irq.raised, raised + 2);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 0);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	CHECK(echo.plug.irq.level);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffd);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	/* In any state: a driver may acknowledge after it gave up. */
	set_reg(VIRTIO_MMIO_STATUS, RUNNING | FAILED);
	set_reg(VIRTIO_MMIO_INTERRUPT_ACK, 2);
	CHECK_EQ(reg(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CHECK(!echo.plug.irq.level);
	end();
}

static const struct test tests[] = {
	TEST(registers_after_reset),
	TEST(register_names),
	TEST(doorbell),
	TEST(queue_reset_register),
	TEST(queue_ready_can_be_taken_back),
	TEST(registers_of_the_life_before),
	TEST(r30_queue_size_wider_than_its_field),
	TEST(r31_reconfigure_while_enabled),
	TEST(r32_queue_select_out_of_range),
	TEST(r33_notify_of_no_queue),
	TEST(r39_config_space_bounds),
	TEST(r40_access_width),
	TEST(r46_config_generation),
	TEST(r46_only_acknowledged_bits_clear),
};

TEST_MAIN(tests)
