/* SPDX-License-Identifier: Apache-2.0 */
/* The exit status register: what it keeps, and a defined answer to every access. */
#include <errno.h>

#include "platform/exit.h"
#include "rig.h"
#include "test.h"

#define BASE 0x09040000

static void status_and_id(void)
{
	static struct rig rig;
	struct exit_reg e, twin;

	rig_init(&rig);
	REQUIRE(!exit_reg_init(&e, &rig.bus, BASE));
	CHECK_EQ(exit_reg_init(&twin, &rig.bus, BASE + 0x800), -EEXIST);
	CHECK(!e.written);
	CHECK_EQ(rig_read(&rig, BASE + 4, 4), EXIT_ID);
	CHECK_EQ(rig_read(&rig, BASE + 4, 1), EXIT_ID & 0xff);
	rig_write(&rig, BASE, 4, 0x12a);
	CHECK(e.written);
	CHECK_EQ(e.status, 0x2a);
	CHECK_EQ(rig_read(&rig, BASE, 4), 0x2a);
	rig_write(&rig, BASE + 4, 4, 7);
	rig_write(&rig, BASE + 1, 1, 7);
	CHECK_EQ(rig_read(&rig, BASE + 1, 2), 0);
	CHECK_EQ(e.status, 0x2a);
	CHECK_EQ(rig_read(&rig, BASE + 4, 4), EXIT_ID);
	exit_reg_reset(&e);
	CHECK(!e.written && !e.status);
	rig_sweep(&rig, BASE, EXIT_REG_SIZE, 0xffffffffffffffa5);
	CHECK_EQ(e.status, 0xa5);
	CHECK_STR(e.region.ops->reg_name(0), "STATUS");
	exit_reg_destroy(&e);
	CHECK(!bus_find(&rig.bus, BASE, 1));
	rig_destroy(&rig);
}

static const struct test tests[] = { TEST(status_and_id) };
TEST_MAIN(tests)
