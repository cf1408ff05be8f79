/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk on a file, by each engine: what comes of requests that are with the kernel, or with a thread, when the device is
 * paused, reset, or loses a queue. What the engines do by themselves is in test_block_file.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "backend/block_file.h"
#include "disk_rig.h"

#define QUEUES	 4
#define REQUESTS 80 /* of each queue: more in all than there may be in flight */

static char path[] = "/tmp/minivmm-virtio-blk-XXXXXX";
static enum block_aio aio;

static void on_a_file(struct virtio_blk_options *options)
{
	const struct block_file_config config = { .path = path, .aio = aio };
	struct block_file *file;
	char why[BLOCK_WHY_LEN];

	options->queues = QUEUES;
	if (block_file_open(&disk.rig.loop, &config, &file, why))
		test_skipped = "the host refuses io_uring";
	else
		disk.block = &file->block;
}

static bool begin(void)
{
	disk_begin_device(on_a_file);
	return !test_skipped && disk_start(QUEUES);
}

/* Request n of queue i reads a page of its own; the queue is kicked once. */
static void fill_and_kick(void)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		for (unsigned int n = 0; n < REQUESTS; n++)
			CHECK(disk_add(&disk.d.queue[i], i * REQUESTS + n, VIRTIO_BLK_T_IN, n, 512) >= 0);
		driver_kick(&disk.d.queue[i]);
	}
	loop_run_once(&disk.rig.loop, 0);
}

/* How many queue i has given back, once there is nothing more to come in a while. */
static unsigned int taken(unsigned int i, unsigned int want)
{
	unsigned int count = 0;
	uint16_t head;
	uint32_t len;

	for (int turn = 0; turn < 200 && count < want; turn++) {
		while (driver_take_used(&disk.d.queue[i], &head, &len))
			count++;
		if (count < want)
			loop_run_once(&disk.rig.loop, 20);
	}
	return count;
}

static void paused_at_once(void)
{
	if (!begin())
		return disk_end();
	fill_and_kick();
	for (int i = 0; i < 10; i++) {
		virtio_pause(&disk.blk.v);
		for (unsigned int n = 0; n < QUEUES; n++)
			CHECK_EQ(disk.blk.v.queue[n].in_flight_count, 0);
		/* The completions' eventfd is still readable, with nothing left to tell. */
		loop_run_once(&disk.rig.loop, 0);
		virtio_resume(&disk.blk.v);
		loop_run_once(&disk.rig.loop, 0);
	}
	for (unsigned int i = 0; i < QUEUES; i++)
		CHECK_EQ(taken(i, REQUESTS), REQUESTS);
	disk_end();
}

static void a_queue_taken_away(void)
{
	if (!begin())
		return disk_end();
	fill_and_kick();
	CHECK(disk.d.transport->queue_reset(&disk.d, 0));
	for (unsigned int i = 1; i < QUEUES; i++)
		CHECK_EQ(taken(i, REQUESTS), REQUESTS);
	disk_end();
}

static void reset_at_once(void)
{
	if (!begin())
		return disk_end();
	for (int round = 0; round < 20; round++) {
		fill_and_kick();
		REQUIRE(disk_start(QUEUES));
	}
	fill_and_kick();
	for (unsigned int i = 0; i < QUEUES; i++)
		CHECK_EQ(taken(i, REQUESTS), REQUESTS);
	disk_end();
}

/* One kick for more requests than there may be in flight: nobody kicks again for those that have to wait. */
static void one_kick_for_more_than_fit(void)
{
	enum { COUNT = BLOCK_MAX_IN_FLIGHT + 50 };

	disk_ring |= DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC);
	if (!begin())
		return disk_end();
	for (unsigned int n = 0; n < COUNT; n++)
		REQUIRE(disk_add(disk.q, n, VIRTIO_BLK_T_IN, n, 512) >= 0);
	driver_kick(disk.q);
	CHECK_EQ(taken(0, COUNT), COUNT);
	disk_end();
}

static const char *take_engine(size_t i)
{
	static const struct {
		const char *name;
		enum block_aio aio;
	} engine[] = {
		{ "io_uring", BLOCK_AIO_URING },
		{ "threads", BLOCK_AIO_THREADS },
		{ "sync", BLOCK_AIO_SYNC },
	};

	aio = engine[i].aio;
	disk_ways.take(0);
	return engine[i].name;
}

static const struct test_ways engines = { 3, take_engine };

static const struct test tests[] = {
	TEST(paused_at_once),
	TEST(a_queue_taken_away),
	TEST(reset_at_once),
	TEST(one_kick_for_more_than_fit),
};

int main(int argc, char **argv)
{
	int fd = mkstemp(path), ret;

	if (fd < 0 || ftruncate(fd, BLOCK_MEMORY_SIZE)) {
		printf("Bail out! no file: %s\n", strerror(errno));
		return 1;
	}
	close(fd);
	ret = test_main_ways(tests, ARRAY_SIZE(tests), &engines, argc, argv);
	unlink(path);
	return ret;
}
