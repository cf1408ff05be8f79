/* SPDX-License-Identifier: Apache-2.0 */
/* The PL061: masked data, edges and levels, the power key as Linux's gpio-keys uses it. */
#include "platform/pl061.h"
#include "rig.h"
#include "test.h"

#define BASE 0x09030000
#define MS   1000000ULL

static struct rig rig;
static struct rig_irq irq;
static struct pl061 gpio;

static void start(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 7);
	CHECK_EQ(pl061_init(&gpio, &rig.loop, &rig.bus, BASE, &irq.irq), 0);
}

static void stop(void)
{
	pl061_destroy(&gpio);
	rig_destroy(&rig);
}

static uint64_t rd(uint64_t offset)
{
	return rig_read(&rig, BASE + offset, 4);
}

static void wr(uint64_t offset, uint64_t value)
{
	rig_write(&rig, BASE + offset, 4, value);
}

static void data_is_masked(void)
{
	start();
	pl061_set_input(&gpio, 0, true);
	pl061_set_input(&gpio, 7, true);
	CHECK_EQ(rd(0x3fc), 0x81);
	CHECK_EQ(rd(0x004), 0x01);
	CHECK_EQ(rd(0x000), 0);
	wr(0x3fc, 0x0f); /* all inputs: nothing is driven */
	CHECK_EQ(rd(0x3fc), 0x81);
	wr(0x400, 0x0f);
	CHECK_EQ(rd(0x3fc), 0x80);
	wr(0x3fc, 0xff);
	CHECK_EQ(rd(0x3fc), 0x8f);
	wr(0x008, 0); /* line 1 only */
	CHECK_EQ(rd(0x3fc), 0x8d);
	stop();
}

static void edges(void)
{
	start();
	wr(0x410, 0xff);
	wr(0x40c, 1 << 1); /* line 1 rising, line 2 falling */
	pl061_set_input(&gpio, 1, true);
	CHECK_EQ(rd(0x418), 1 << 1);
	CHECK_EQ(irq.raised, 1);
	pl061_set_input(&gpio, 1, false);
	pl061_set_input(&gpio, 2, true);
	CHECK_EQ(rd(0x414), 1 << 1);
	pl061_set_input(&gpio, 2, false);
	CHECK_EQ(rd(0x414), 3 << 1);
	CHECK_EQ(irq.raised, 2); /* a new bit raises again */
	wr(0x41c, 1 << 1);
	CHECK(irq.level);
	wr(0x41c, 1 << 2);
	CHECK(!irq.level);
	wr(0x410, 0);
	pl061_set_input(&gpio, 1, true);
	CHECK_EQ(rd(0x414), 1 << 1);
	CHECK_EQ(rd(0x418), 0);
	CHECK(!irq.level);
	stop();
}

static void levels(void)
{
	start();
	wr(0x404, 0x10);
	wr(0x40c, 0x10);
	wr(0x410, 0x10);
	CHECK(!irq.level);
	pl061_set_input(&gpio, 4, true);
	CHECK(irq.level);
	irq.raised = 0;
	wr(0x41c, 0x10); /* still high: interrupts again */
	CHECK(irq.level);
	CHECK_EQ(irq.raised, 1);
	pl061_set_input(&gpio, 4, false);
	CHECK(!irq.level);
	CHECK_EQ(rd(0x414), 0);
	stop();
}

static void power_key(void)
{
	start();
	wr(0x408, 1 << PL061_POWER_KEY);
	wr(0x410, 1 << PL061_POWER_KEY);
	pl061_press(&gpio, PL061_POWER_KEY);
	CHECK(irq.level);
	wr(0x41c, 1 << PL061_POWER_KEY);
	rig_advance(&rig, 50 * MS);
	CHECK_EQ(rd(0x4 << PL061_POWER_KEY), 1 << PL061_POWER_KEY);
	pl061_press(&gpio, PL061_POWER_KEY); /* held: no edge, longer */
	CHECK(!irq.level);
	rig_advance(&rig, 99 * MS);
	CHECK(!irq.level);
	rig_advance(&rig, 1 * MS);
	CHECK(irq.level);
	CHECK_EQ(rd(0x3fc), 0);
	CHECK_EQ(irq.raised, 2);
	pl061_reset(&gpio);
	CHECK(!irq.level);
	stop();
}

static void every_access(void)
{
	static const uint8_t id[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	start();
	for (unsigned int i = 0; i < sizeof(id); i++)
		CHECK_EQ(rd(0xfe0 + 4 * i), id[i]);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, UINT64_MAX);
	CHECK_EQ(rd(0x420), 0xff);
	wr(0x421, 0);
	CHECK_EQ(rd(0x420), 0xff);
	CHECK_STR(gpio.region.ops->reg_name(0x3fc), "GPIODATA");
	CHECK_STR(gpio.region.ops->reg_name(0x420), "GPIOAFSEL");
	CHECK_STR(gpio.region.ops->reg_name(0xffc), "PCellID3");
	CHECK(!gpio.region.ops->reg_name(0x424));
	stop();
}

static const struct test tests[] = {
	TEST(data_is_masked),
	TEST(edges),
	TEST(levels),
	TEST(power_key),
	TEST(every_access),
};
TEST_MAIN(tests)
