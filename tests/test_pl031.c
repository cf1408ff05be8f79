/* SPDX-License-Identifier: Apache-2.0 */
/* The PL031: time, setting it, the alarm and its interrupt. */
#include "platform/pl031.h"
#include "rig.h"
#include "test.h"

#define BASE 0x09010000
#define SEC  1000000000ULL
#define T0   1700000000 /* the rig's start */

static struct rig rig;
static struct rig_irq irq;
static struct pl031 rtc;

static void start(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 2);
	CHECK_EQ(pl031_init(&rtc, &rig.loop, &rig.bus, BASE, &irq.irq), 0);
}

static void stop(void)
{
	pl031_destroy(&rtc);
	CHECK_EQ(loop_next_deadline(&rig.loop), UINT64_MAX);
	rig_destroy(&rig);
}

static void time_runs_and_is_set(void)
{
	start();
	CHECK_EQ(rig_read(&rig, BASE, 4), T0);
	CHECK_EQ(rig_read(&rig, BASE + 0xc, 4), 1);
	rig_advance(&rig, 5 * SEC / 2);
	CHECK_EQ(rig_read(&rig, BASE, 4), T0 + 2);
	rig_write(&rig, BASE + 8, 4, 1000);
	CHECK_EQ(rig_read(&rig, BASE, 4), 1000);
	CHECK_EQ(rig_read(&rig, BASE + 8, 4), 1000);
	rig_advance(&rig, 10 * SEC);
	CHECK_EQ(rig_read(&rig, BASE, 4), 1010);
	CHECK_EQ(rig.clock.realtime / SEC, T0 + 12);
	rig_write(&rig, BASE + 8, 4, 0xffffffff);
	rig_advance(&rig, 2 * SEC);
	CHECK_EQ(rig_read(&rig, BASE, 4), 1);
	pl031_reset(&rtc);
	CHECK_EQ(rig_read(&rig, BASE, 4), 1);
	CHECK_EQ(loop_next_deadline(&rig.loop), UINT64_MAX); /* nobody asked for an alarm: nothing to wake for */
	stop();
}

static void alarm_interrupts(void)
{
	start();
	rig_write(&rig, BASE + 0x10, 4, 1);
	rig_advance(&rig, SEC / 4);
	rig_write(&rig, BASE + 4, 4, T0 + 3);
	rig_advance(&rig, 11 * SEC / 4 - 1);
	CHECK_EQ(irq.raised, 0);
	rig_advance(&rig, 1);
	CHECK_EQ(irq.raised, 1);
	CHECK(irq.level);
	CHECK_EQ(rig_read(&rig, BASE + 0x14, 4), 1);
	CHECK_EQ(rig_read(&rig, BASE + 0x18, 4), 1);
	rig_write(&rig, BASE + 0x10, 4, 0);
	CHECK(!irq.level);
	CHECK_EQ(rig_read(&rig, BASE + 0x14, 4), 1);
	CHECK_EQ(rig_read(&rig, BASE + 0x18, 4), 0);
	rig_write(&rig, BASE + 0x10, 4, 1);
	CHECK(irq.level);
	rig_write(&rig, BASE + 0x1c, 4, 1);
	CHECK(!irq.level);
	CHECK_EQ(rig_read(&rig, BASE + 0x14, 4), 0);
	rig_write(&rig, BASE + 4, 4, T0 + 3); /* equal to now: at once */
	CHECK(irq.level);
	stop();
}

static void alarm_follows_clock_steps(void)
{
	start();
	rig_write(&rig, BASE + 0x10, 4, 1);
	rig_write(&rig, BASE + 4, 4, T0 + 100);
	rig_write(&rig, BASE + 8, 4, T0 + 90); /* the guest sets its clock: 10 s left */
	rig_advance(&rig, 9 * SEC);
	CHECK(!irq.level);
	rig.clock.realtime -= 50 * SEC; /* the host's clock goes back: 51 left */
	rig_advance(&rig, 50 * SEC);
	CHECK(!irq.level);
	rig_advance(&rig, SEC);
	CHECK(irq.level);
	CHECK_EQ(rig_read(&rig, BASE, 4), T0 + 100);
	/* In the past: 2^32 seconds ahead. */
	rig_write(&rig, BASE + 0x1c, 4, 1);
	rig_write(&rig, BASE + 4, 4, T0);
	rig_advance(&rig, 1000 * SEC);
	CHECK(!irq.level);
	stop();
}

static void every_access(void)
{
	static const uint8_t id[] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	start();
	for (unsigned int i = 0; i < sizeof(id); i++)
		CHECK_EQ(rig_read(&rig, BASE + 0xfe0 + 4 * i, 4), id[i]);
	CHECK_EQ(rig_read(&rig, BASE, 8), T0);
	CHECK_EQ(rig_read(&rig, BASE, 1), T0 & 0xff);
	CHECK_EQ(rig_read(&rig, BASE + 1, 4), 0);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, UINT64_MAX);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, 0);
	CHECK_STR(rtc.region.ops->reg_name(0x1c), "RTCICR");
	CHECK_STR(rtc.region.ops->reg_name(0xfe0), "PeriphID0");
	CHECK(!rtc.region.ops->reg_name(0x20));
	stop();
}

static const struct test tests[] = {
	TEST(time_runs_and_is_set),
	TEST(alarm_interrupts),
	TEST(alarm_follows_clock_steps),
	TEST(every_access),
};
TEST_MAIN(tests)
