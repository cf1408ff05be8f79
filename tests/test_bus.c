/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: dispatch, overlap, the edges of a region, doorbells with and without an accelerator. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/bus.h"
#include "test.h"

struct recorder {
	uint64_t offset, value;
	unsigned int size, writes;
};

static uint64_t record_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)size;
	return 0xffffffffffffff00 | offset;
}

static void record_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct recorder *r = opaque;

	*r = (struct recorder){ offset, value, size, r->writes + 1 };
}

static const struct bus_ops ops = { .read = record_read, .write = record_write };

static struct bus_region region(struct recorder *r, gpa_t base, uint64_t size)
{
	return (struct bus_region){ "test", &ops, r, base, size };
}

static void dispatch(void)
{
	static struct bus bus;
	struct recorder r = { 0 };
	struct bus_region a = region(&r, 0x1000, 0x10), b = region(&r, 0x1010, 0x10), c = region(&r, 0x500, 8);
	uint64_t v = 1;

	bus_init(&bus);
	CHECK_EQ(bus_add(&bus, &b), 0);
	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK_EQ(bus_add(&bus, &c), 0);
	CHECK(bus_find(&bus, 0x1000, 16) == &a);
	CHECK(bus_find(&bus, 0x1010, 1) == &b);
	CHECK(bus_find(&bus, 0x507, 1) == &c);
	CHECK(!bus_find(&bus, 0x508, 1));
	CHECK(!bus_find(&bus, 0x4ff, 1));
	CHECK(!bus_find(&bus, 0x100e, 4)); /* half in a, half in b */
	CHECK(!bus_find(&bus, 0x1000, UINT64_MAX));
	CHECK(bus_read(&bus, 0x1002, 1, &v));
	CHECK_EQ(v, 0x02);
	CHECK(bus_read(&bus, 0x1004, 4, &v));
	CHECK_EQ(v, 0xffffff04);
	CHECK(bus_read(&bus, 0x1008, 8, &v));
	CHECK_EQ(v, 0xffffffffffffff08);
	CHECK(!bus_read(&bus, 0x2000, 4, &v));
	CHECK_EQ(v, 0);
	CHECK(bus_write(&bus, 0x1012, 2, 0x123456));
	CHECK_EQ(r.offset, 2);
	CHECK_EQ(r.size, 2);
	CHECK_EQ(r.value, 0x3456);
	CHECK(!bus_write(&bus, 0x101f, 2, 1));
	CHECK_EQ(r.writes, 1);
	bus_del(&bus, &a);
	CHECK(!bus_find(&bus, 0x1000, 1));
	CHECK(bus_find(&bus, 0x1010, 1) == &b);
	CHECK_EQ(bus_add(&bus, &a), 0);
}

static void overlap_refused(void)
{
	static struct bus bus;
	struct bus_region a = region(NULL, 0x1000, 0x100), last = region(NULL, UINT64_MAX, 1);
	struct bus_region bad[] = { region(NULL, 0x1000, 1), region(NULL, 0x10ff, 1), region(NULL, 0xfff, 2),
		region(NULL, 0, 0x10000), region(NULL, 0x1010, 0x10000) };
	struct bus_region empty = region(NULL, 0, 0), wraps = region(NULL, UINT64_MAX, 2);
	static struct bus_region many[BUS_MAX_REGIONS];

	bus_init(&bus);
	CHECK_EQ(bus_add(&bus, &a), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(bus_add(&bus, &bad[i]), -EEXIST);
	CHECK_EQ(bus_add(&bus, &empty), -EINVAL);
	CHECK_EQ(bus_add(&bus, &wraps), -EINVAL);
	CHECK_EQ(bus_add(&bus, &last), 0);
	CHECK_EQ(bus.region_count, 2);
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		many[i] = region(NULL, 0x100000 - i * 16, 16);
		CHECK_EQ(bus_add(&bus, &many[i]), i < BUS_MAX_REGIONS - 2 ? 0 : -ENOSPC);
	}
	for (unsigned int i = 0; i < BUS_MAX_REGIONS - 2; i++)
		CHECK(bus_find(&bus, 0x100000 - i * 16 + 15, 1) == &many[i]);
}

static uint64_t signals(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void doorbell_is_exact(void)
{
	static struct bus bus;
	struct recorder r = { 0 };
	struct bus_region a = region(&r, 0x1000, 0x100);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct doorbell bell = { .addr = 0x1050, .size = 4, .value = 3, .fd = fd };

	bus_init(&bus);
	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK_EQ(bus_add_doorbell(&bus, &bell), 0);
	CHECK(bus_write(&bus, 0x1050, 4, 3));
	CHECK(bus_write(&bus, 0x1050, 4, 0xff00000003)); /* bits above the width do not exist */
	CHECK_EQ(signals(fd), 2);
	CHECK_EQ(r.writes, 0);
	bus_write(&bus, 0x1050, 4, 2);
	bus_write(&bus, 0x1050, 2, 3);
	bus_write(&bus, 0x1050, 8, 3);
	bus_write(&bus, 0x1054, 4, 3);
	CHECK_EQ(signals(fd), 0);
	CHECK_EQ(r.writes, 4);
	bus_del_doorbell(&bus, &bell);
	bus_write(&bus, 0x1050, 4, 3);
	CHECK_EQ(signals(fd), 0);
	CHECK_EQ(r.writes, 5);
	close(fd);
}

static void doorbell_of_any_value(void)
{
	static struct bus bus;
	struct recorder r = { 0 };
	struct bus_region a = region(&r, 0x1000, 0x100);
	int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
	struct doorbell any = { .addr = 0x1050, .size = 4, .any_value = true, .fd = fd };
	struct doorbell zero = { .addr = 0x1050, .size = 2, .value = 0, .fd = other };

	bus_init(&bus);
	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK_EQ(bus_add_doorbell(&bus, &any), 0);
	CHECK_EQ(bus_add_doorbell(&bus, &zero), 0);
	for (uint64_t value = 0; value <= UINT32_MAX; value = value * 2 + 1)
		CHECK(bus_write(&bus, 0x1050, 4, value));
	CHECK_EQ(signals(fd), 33);
	CHECK_EQ(r.writes, 0);
	/* Its width and its address are exact all the same. */
	bus_write(&bus, 0x1050, 2, 5);
	bus_write(&bus, 0x1050, 8, 5);
	bus_write(&bus, 0x1051, 4, 5);
	CHECK_EQ(r.writes, 3);
	bus_write(&bus, 0x1050, 2, 0);
	CHECK_EQ(signals(fd), 0);
	CHECK_EQ(signals(other), 1);
	bus_del_doorbell(&bus, &zero);
	CHECK_EQ(bus.doorbell_count, 1);
	bus_write(&bus, 0x1050, 4, 7);
	CHECK_EQ(signals(fd), 1);
	bus_del_doorbell(&bus, &any);
	bus_write(&bus, 0x1050, 4, 7);
	CHECK_EQ(signals(fd), 0);
	CHECK_EQ(r.writes, 4);
	close(fd);
	close(other);
}

/* What a BAR that moves asks before it lets go of its place. */
static void check_without_adding(void)
{
	static struct bus bus;
	struct bus_region a = region(NULL, 0x1000, 0x100);

	bus_init(&bus);
	CHECK_EQ(bus_add(&bus, &a), 0);
	CHECK_EQ(bus_check(&bus, 0x1100, 0x100), 0);
	CHECK_EQ(bus_check(&bus, 0xf00, 0x100), 0);
	CHECK_EQ(bus_check(&bus, 0xf00, 0x101), -EEXIST);
	CHECK_EQ(bus_check(&bus, 0x10ff, 1), -EEXIST);
	CHECK_EQ(bus_check(&bus, 0x2000, 0), -EINVAL);
	CHECK_EQ(bus_check(&bus, UINT64_MAX, 2), -EINVAL);
	CHECK_EQ(bus.region_count, 1);
}

struct fake_accel {
	int answer;
	unsigned int added, deleted;
};

static int accel_add(void *opaque, const struct doorbell *bell)
{
	struct fake_accel *a = opaque;

	(void)bell;
	a->added += !a->answer;
	return a->answer;
}

static void accel_del(void *opaque, const struct doorbell *bell)
{
	(void)bell;
	((struct fake_accel *)opaque)->deleted++;
}

static void accelerator_first(void)
{
	static const struct doorbell_ops accel = { accel_add, accel_del };
	static struct bus bus;
	struct fake_accel a = { 0 };
	int fd = eventfd(0, EFD_NONBLOCK);
	struct doorbell hard = { 0x50, 4, 0, false, fd }, soft = { 0x50, 4, 1, false, fd },
			bad = { 0x50, 4, 2, false, fd };

	bus_init(&bus);
	bus_set_accel(&bus, &accel, &a);
	CHECK_EQ(bus_add_doorbell(&bus, &hard), 0);
	a.answer = -ENOSPC;
	CHECK_EQ(bus_add_doorbell(&bus, &soft), 0);
	a.answer = -EEXIST;
	CHECK_EQ(bus_add_doorbell(&bus, &bad), -EEXIST);
	CHECK(!bus_write(&bus, 0x50, 4, 0));
	CHECK(bus_write(&bus, 0x50, 4, 1));
	CHECK(!bus_write(&bus, 0x50, 4, 2));
	CHECK_EQ(signals(fd), 1);
	bus_del_doorbell(&bus, &soft);
	CHECK_EQ(a.deleted, 0);
	bus_del_doorbell(&bus, &hard);
	CHECK_EQ(a.deleted, 1);
	close(fd);
}

static const struct test tests[] = {
	TEST(dispatch),
	TEST(overlap_refused),
	TEST(doorbell_is_exact),
	TEST(doorbell_of_any_value),
	TEST(check_without_adding),
	TEST(accelerator_first),
};
TEST_MAIN(tests)
