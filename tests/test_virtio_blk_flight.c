/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to virtio-blk that are on their way: many at a time, finished in any order, more of them than there is room
 * for, and a reset or a snapshot in the middle. Cases named rNN_ are rows of the regression list.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "disk_rig.h"

static void done_out_of_order(void)
{
	uint16_t head;
	uint32_t len;
	unsigned int commits;
	int heads[3];

	disk_begin();
	if (disk.q->in_order) {
		disk_end();
		return;
	}
	disk.memory.hold = true;
	commits = disk.memory.commits;
	for (unsigned int n = 0; n < 3; n++)
		heads[n] = disk_add(disk.q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 3);
	CHECK_EQ(disk.memory.commits, commits + 1);
	CHECK(!driver_take_used(disk.q, &head, &len));
	block_memory_release(&disk.memory, 2);
	CHECK(driver_take_used(disk.q, &head, &len) && head == heads[2]);
	CHECK(plug_interrupted(&disk.plug));
	block_memory_release(&disk.memory, 0);
	CHECK(driver_take_used(disk.q, &head, &len) && head == heads[0]);
	CHECK_EQ(disk_status(0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk_status(1), DISK_NOT_STATUS);
	block_memory_release(&disk.memory, 0);
	CHECK(driver_take_used(disk.q, &head, &len) && head == heads[1]);
	CHECK(disk_is_pattern(DISK_DATA + 4096, 512, 512));
	disk_end();
}

/* More than there are requests for, and a driver that refills at once: bounded, and nothing is forgotten. */
static void r06_ring_refilled_while_draining(void)
{
	unsigned int added = 0, taken = 0;
	uint16_t head;
	uint32_t len;

	disk_begin_with(DRIVER_F(VIRTIO_RING_F_EVENT_IDX), NULL);
	disk.q->indirect = disk.d.features & DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC);
	disk.memory.hold = true;
	while (added < 300 && disk_add(disk.q, added % 200, VIRTIO_BLK_T_IN, added % DISK_SECTORS, 0) >= 0)
		added++;
	CHECK(added >= 128);
	/* Requests of no bytes are answered at once: a turn takes a queue full and no more. */
	driver_kick(disk.q);
	rig_run(&disk.rig);
	while (driver_take_used(disk.q, &head, &len))
		taken++;
	CHECK_EQ(taken, added);
	CHECK_EQ(disk.memory.submitted, 0);
	/* Those that take their time: as many as there are requests. */
	added = taken = 0;
	while (added < 200 && disk_add(disk.q, added, VIRTIO_BLK_T_FLUSH, 0, 0) >= 0)
		added++;
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, added < BLOCK_MAX_IN_FLIGHT ? added : BLOCK_MAX_IN_FLIGHT);
	CHECK(!rig_run(&disk.rig));
	disk.memory.hold = false;
	while (disk.memory.count)
		block_memory_release(&disk.memory, disk.memory.count / 2);
	rig_run(&disk.rig);
	while (driver_take_used(disk.q, &head, &len))
		taken++;
	CHECK_EQ(taken, added);
	CHECK(disk.memory.most <= BLOCK_MAX_IN_FLIGHT);
	CHECK(disk_works());
	disk_end();
}

static void r07_duplicate_head_in_flight(void)
{
	uint16_t head;
	uint32_t len;
	int added;

	disk_begin();
	if (disk.q->ring != &driver_split) {
		disk_end();
		return;
	}
	disk.memory.hold = true;
	added = disk_add(disk.q, 0, VIRTIO_BLK_T_IN, 0, 512);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 1);
	driver_expose(disk.q, (uint16_t)added);
	driver_notify(disk.q);
	rig_run(&disk.rig);
	CHECK(driver_status(&disk.d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_EQ(disk.memory.count, 1);
	/* The first one ends without a trace, and the device is as new after its reset. */
	disk_fill(DISK_DATA, 0x55, 512);
	block_memory_release(&disk.memory, 0);
	CHECK(!driver_take_used(disk.q, &head, &len));
	CHECK_EQ(disk_status(0), DISK_NOT_STATUS);
	disk.memory.hold = false;
	REQUIRE(disk_start(1));
	CHECK(disk_works());
	disk_end();
}

static uint32_t checksum(void)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < RIG_RAM_SIZE; i++)
		sum = sum * 31 + disk.rig.ram[i];
	return sum;
}

/* The disk is slow, the driver resets: what was in flight is over when the reset is, and guest memory is left alone. */
static void r38_reset_with_requests_in_flight(void)
{
	uint32_t before, used;

	disk_begin();
	disk.memory.hold = true;
	for (unsigned int n = 0; n < 20; n++)
		disk_add(disk.q, n, VIRTIO_BLK_T_OUT, n, 512);
	disk_add(disk.q, 20, VIRTIO_BLK_T_DISCARD, 0, 16);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK(disk.memory.count >= 20);
	before = checksum();
	driver_set_status(&disk.d, 0);
	CHECK_EQ(disk.memory.count, 0);
	CHECK_EQ(checksum(), before);
	rig_run(&disk.rig);
	CHECK_EQ(checksum(), before);
	CHECK(!plug_interrupted(&disk.plug));
	disk.memory.hold = false;
	REQUIRE(disk_start(1));
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 0, 512, &used), VIRTIO_BLK_S_OK);
	/* All requests are free again. */
	for (int round = 0; round < 200; round++)
		REQUIRE(disk_request(VIRTIO_BLK_T_FLUSH, 0, 0, &used) == VIRTIO_BLK_S_OK);
	disk_end();
}

static void four_queues(struct virtio_blk_options *options)
{
	options->queues = 4;
}

/* A queue full of flushes, at most `most` of them, and its kick. */
static unsigned int fill_queue(unsigned int i, unsigned int most)
{
	struct driver_queue *q = &disk.d.queue[i];
	unsigned int added = 0;

	while (added < most && disk_add(q, added, VIRTIO_BLK_T_FLUSH, 0, 0) >= 0)
		added++;
	driver_kick(q);
	rig_run(&disk.rig);
	return added;
}

static unsigned int take_all(unsigned int i)
{
	unsigned int taken = 0;
	uint16_t head;
	uint32_t len;

	while (driver_take_used(&disk.d.queue[i], &head, &len))
		taken++;
	return taken;
}

/* Four queues with far more than there are requests for: most of it waits in the rings. */
static bool begin_waiting(unsigned int added[4])
{
	disk_begin_device(four_queues);
	if (!disk_start(4))
		return false;
	disk.memory.hold = true;
	for (unsigned int i = 0; i < 4; i++)
		added[i] = fill_queue(i, 100);
	CHECK_EQ(disk.memory.count, BLOCK_MAX_IN_FLIGHT);
	CHECK(disk.blk.waiting);
	return true;
}

/* One queue takes all requests: the others have their turn as soon as some are done. */
static void several_queues_share(void)
{
	unsigned int added[4];

	REQUIRE(begin_waiting(added));
	CHECK(disk.d.features & DISK_F(MQ));
	for (unsigned int n = 0; n < 400 && disk.memory.count; n++)
		block_memory_release(&disk.memory, 0);
	rig_run(&disk.rig);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(take_all(i), added[i]);
	CHECK(!disk.blk.waiting);
	disk_end();
}

/* A pause drains what is in flight and begins nothing, though requests are free again; the resume goes on with the rest. */
static void r75_pause_while_queues_wait(void)
{
	unsigned int added[4];
	struct state s;

	REQUIRE(begin_waiting(added));
	virtio_pause(&disk.blk.v);
	disk.memory.hold = false;
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 0);
	CHECK_EQ(disk.memory.submitted, BLOCK_MAX_IN_FLIGHT);
	state_save(&s);
	virtio_state(&disk.blk.v, &s);
	CHECK_EQ(state_finish(&s), 0);
	state_destroy(&s);
	virtio_resume(&disk.blk.v);
	rig_run(&disk.rig);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(take_all(i), added[i]);
	CHECK(!disk.blk.waiting);
	disk_end();
}

/* The queue that has all the requests is taken away: those that wait for some have their turn without a kick of theirs. */
static void r38_queue_reset_lets_others_go_on(void)
{
	unsigned int added;

	disk_begin_device(four_queues);
	REQUIRE(disk_start(4));
	if (!(disk.d.features & DISK_RING_RESET)) {
		disk_end();
		SKIP("this transport resets no single queue");
	}
	disk.memory.hold = true;
	REQUIRE(fill_queue(0, BLOCK_MAX_IN_FLIGHT) == BLOCK_MAX_IN_FLIGHT);
	added = fill_queue(1, 10);
	CHECK_EQ(disk.memory.submitted, BLOCK_MAX_IN_FLIGHT);
	CHECK(disk.d.transport->queue_reset(&disk.d, 0));
	CHECK_EQ(disk.memory.count, added);
	disk.memory.hold = false;
	while (disk.memory.count)
		block_memory_release(&disk.memory, 0);
	CHECK_EQ(take_all(1), added);
	disk_end();
}

/* One queue is taken away while both have requests in flight. */
static void r38_queue_reset_in_flight(void)
{
	uint16_t head;
	uint32_t len;

	disk_begin_device(four_queues);
	REQUIRE(disk_start(4));
	if (!(disk.d.features & DISK_RING_RESET)) {
		disk_end();
		SKIP("this transport resets no single queue");
	}
	disk.memory.hold = true;
	disk_add(&disk.d.queue[0], 0, VIRTIO_BLK_T_IN, 0, 512);
	disk_add(&disk.d.queue[1], 1, VIRTIO_BLK_T_IN, 1, 512);
	driver_kick(&disk.d.queue[0]);
	driver_kick(&disk.d.queue[1]);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 2);
	CHECK(disk.d.transport->queue_reset(&disk.d, 1));
	CHECK_EQ(disk.memory.count, 0);
	CHECK_EQ(disk_status(1), DISK_NOT_STATUS);
	CHECK(driver_take_used(&disk.d.queue[0], &head, &len));
	CHECK_EQ(disk_status(0), VIRTIO_BLK_S_OK);
	disk.memory.hold = false;
	CHECK(disk_works());
	disk_end();
}

/* A snapshot waits for what is in flight; nothing is done twice and nothing is lost. */
static void r75_pause_drains(void)
{
	struct state s;
	uint16_t head;
	uint32_t len;

	disk_begin();
	disk.memory.hold = true;
	for (unsigned int n = 0; n < 5; n++)
		disk_add(disk.q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 5);
	virtio_pause(&disk.blk.v);
	CHECK_EQ(disk.memory.count, 0);
	state_save(&s);
	virtio_state(&disk.blk.v, &s);
	CHECK_EQ(state_finish(&s), 0);
	state_destroy(&s);
	virtio_resume(&disk.blk.v);
	disk.memory.hold = false;
	for (unsigned int n = 0; n < 5; n++) {
		CHECK(driver_take_used(disk.q, &head, &len));
		CHECK_EQ(disk_status(n), VIRTIO_BLK_S_OK);
	}
	CHECK(plug_interrupted(&disk.plug));
	CHECK_EQ(disk.memory.submitted, 5);
	CHECK(disk_works());
	disk_end();
}

static void state_of_another_disk_is_refused(void)
{
	struct state s;
	uint8_t *copy;
	size_t len;

	disk_begin();
	virtio_pause(&disk.blk.v);
	state_save(&s);
	virtio_state(&disk.blk.v, &s);
	REQUIRE(!state_finish(&s));
	copy = s.data;
	len = s.len;
	{
		struct state load;

		state_load(&load, copy, len);
		virtio_state(&disk.blk.v, &load);
		CHECK_EQ(state_finish(&load), 0);
		virtio_resume(&disk.blk.v);
		CHECK(disk_works());
		disk.memory.block.size -= 512;
		state_load(&load, copy, len);
		virtio_state(&disk.blk.v, &load);
		CHECK(state_finish(&load) < 0);
		CHECK_HAS(load.why, "another size");
	}
	state_destroy(&s);
	disk_end();
}

static const struct test tests[] = {
	TEST(done_out_of_order),
	TEST(r06_ring_refilled_while_draining),
	TEST(r07_duplicate_head_in_flight),
	TEST(r38_reset_with_requests_in_flight),
	TEST(several_queues_share),
	TEST(r38_queue_reset_in_flight),
	TEST(r38_queue_reset_lets_others_go_on),
	TEST(r75_pause_drains),
	TEST(r75_pause_while_queues_wait),
	TEST(state_of_another_disk_is_refused),
};

TEST_MAIN_WAYS(tests, &disk_ways)
