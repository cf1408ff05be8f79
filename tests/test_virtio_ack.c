/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-mmio's lazy acknowledgement: no interrupt is lost by it, and where it must not be it is not. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "echo.h"
#include "test.h"

#define VRING  VIRTIO_MMIO_INT_VRING
#define CONFIG VIRTIO_MMIO_INT_CONFIG

static struct echo echo;
static struct driver_queue *queue;

static uint32_t cause(void)
{
	return (uint32_t)rig_read(&echo.rig, PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_STATUS, 4);
}

static void ack(uint32_t bits)
{
	rig_write(&echo.rig, PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_ACK, 4, bits);
}

static unsigned int raised(void)
{
	return echo.plug.irq.raised;
}

static void begin(bool lazy)
{
	echo_init(&echo);
	if (lazy)
		virtio_mmio_lazy_ack(&echo.plug.mmio);
	queue = driver_start(&echo.d, 0, 8);
	CHECK(queue != NULL);
}

static void end(void)
{
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
	/* Its doorbells are gone with it. */
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
}

static void exact_unless_asked(void)
{
	begin(false);
	CHECK(echo_works(&echo, queue));
	CHECK_EQ(cause(), VRING);
	ack(VRING);
	CHECK_EQ(cause(), 0);
	CHECK(!echo.plug.irq.level);
	end();
}

static void stays_set(void)
{
	unsigned int before;

	begin(true);
	CHECK_EQ(cause(), 0);
	CHECK(echo_works(&echo, queue));
	CHECK_EQ(cause(), VRING);
	ack(VRING);
	CHECK_EQ(cause(), VRING);
	before = raised();
	CHECK(echo_works(&echo, queue));
	CHECK_EQ(raised(), before + 1);
	CHECK_EQ(cause(), VRING);
	end();
}

/* The handler reads the cause; another buffer is used; only then comes the acknowledgement of the first. */
static void late_acknowledgement_loses_nothing(void)
{
	unsigned int before;

	begin(true);
	CHECK(echo_works(&echo, queue));
	CHECK_EQ(cause(), VRING);
	before = raised();
	CHECK(echo_works(&echo, queue));
	ack(VRING);
	CHECK_EQ(raised(), before + 1);
	CHECK_EQ(cause(), VRING);
	end();
}

static void configuration_is_exact(void)
{
	begin(true);
	virtio_notify_config(&echo.v);
	CHECK_EQ(cause(), CONFIG);
	ack(VRING);
	CHECK_EQ(cause(), CONFIG);
	CHECK(echo_works(&echo, queue));
	CHECK_EQ(cause(), VRING | CONFIG);
	ack(VRING | CONFIG);
	CHECK_EQ(cause(), VRING);
	virtio_notify_config(&echo.v);
	ack(CONFIG);
	CHECK_EQ(cause(), VRING);
	end();
}

static void until_reset(void)
{
	unsigned int bells;

	begin(true);
	bells = echo.rig.bus.doorbell_count;
	CHECK(echo_works(&echo, queue));
	driver_reset(&echo.d);
	CHECK_EQ(cause(), 0);
	CHECK(!echo.plug.irq.level);
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	/* Before DRIVER_OK too, whoever acknowledges is heard. */
	CHECK(driver_negotiate(&echo.d, 0));
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	queue = driver_start(&echo.d, 0, 8);
	CHECK_EQ(echo.rig.bus.doorbell_count, bells);
	end();
}

/* A receiver that takes the level: one more interrupt finds the bit, and its acknowledgement lowers the line. */
static void level_is_exact(void)
{
	struct irq *irq = &echo.plug.irq.irq;

	begin(true);
	CHECK(echo_works(&echo, queue));
	ack(VRING);
	CHECK(echo.plug.irq.level);
	irq->sensed(irq, irq->sensed_opaque);
	CHECK_EQ(cause(), VRING);
	ack(VRING);
	CHECK_EQ(cause(), 0);
	CHECK(!echo.plug.irq.level);
	CHECK(echo_works(&echo, queue));
	ack(VRING);
	CHECK_EQ(cause(), 0);
	/* The next driver may be one that takes edges. */
	queue = driver_start(&echo.d, 0, 8);
	CHECK(echo_works(&echo, queue));
	ack(VRING);
	CHECK_EQ(cause(), VRING);
	end();
}

static void survives_a_snapshot(void)
{
	struct state saved, in;

	begin(true);
	CHECK(echo_works(&echo, queue));
	virtio_pause(&echo.v);
	state_save(&saved);
	virtio_state(&echo.v, &saved);
	CHECK_EQ(state_finish(&saved), 0);
	driver_reset(&echo.d);
	state_load(&in, saved.data, saved.len);
	virtio_state(&echo.v, &in);
	CHECK_EQ(state_finish(&in), 0);
	state_destroy(&saved);
	virtio_resume(&echo.v);
	CHECK_EQ(cause(), VRING);
	ack(VRING);
	CHECK_EQ(cause(), VRING);
	end();
}

static const struct test tests[] = {
	TEST(exact_unless_asked),
	TEST(stays_set),
	TEST(late_acknowledgement_loses_nothing),
	TEST(configuration_is_exact),
	TEST(until_reset),
	TEST(level_is_exact),
	TEST(survives_a_snapshot),
};

TEST_MAIN(tests)
