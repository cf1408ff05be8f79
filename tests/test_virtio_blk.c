/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What virtio-blk does for a driver that goes by the book, and what it says of itself.
 */
#include <errno.h>

#include <linux/virtio_config.h>

#include "disk_rig.h"

static void reads_and_writes(void)
{
	uint32_t used;

	disk_begin();
	for (int round = 0; round < 300; round++) {
		uint64_t sector = (uint64_t)round * 3 % (DISK_SECTORS - 8);

		disk_fill(DISK_DATA, (uint8_t)round, 64);
		CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, sector, 4096, &used), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 1);
		CHECK(!memcmp(disk.memory.data + sector * 512, disk.rig.ram + (DISK_DATA - RIG_RAM_BASE), 4096));
		disk_fill(DISK_DATA, 0xaa, 64);
		CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, sector, 4096, &used), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 4097);
		CHECK(!memcmp(disk.memory.data + sector * 512, disk.rig.ram + (DISK_DATA - RIG_RAM_BASE), 4096));
	}
	CHECK_EQ(disk_request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.calls[BLOCK_FLUSH], 1);
	CHECK_EQ(disk.memory.synced, 0);
	CHECK_EQ(disk.reports, 0);
	disk_end();
}

static void four_k(struct virtio_blk_options *options)
{
	options->queues = 3;
	disk.memory.block.logical = 1024;
	disk.memory.block.physical = 4096;
}

static uint32_t config32(uint32_t offset)
{
	uint32_t value;

	disk.d.transport->config_read(&disk.d, offset, &value, 4);
	return value;
}

static void configuration_space(void)
{
	disk_begin_device(four_k);
	CHECK_EQ(disk.blk.v.class->device_id, 2);
	CHECK_EQ(config32(0), DISK_SECTORS);
	CHECK_EQ(config32(4), 0);
	CHECK_EQ(config32(12), 254); /* seg_max */
	CHECK_EQ(config32(20), 1024); /* blk_size */
	CHECK_EQ(config32(24), 2 | 4 << 16); /* physical block exponent, min_io_size */
	CHECK_EQ(config32(32) >> 16, 3); /* num_queues */
	CHECK_EQ(config32(32) & 0xff, 1); /* writeback */
	CHECK_EQ(config32(40), 32); /* max_discard_seg */
	CHECK_EQ(config32(44), 2); /* discard_sector_alignment */
	CHECK_EQ(config32(52), 1); /* max_write_zeroes_seg */
	CHECK_EQ(config32(56) & 0xff, 1);
	CHECK_EQ(config32(60), 0);
	disk_end();
}

static void sixteen(struct virtio_blk_options *options)
{
	options->queue_size = 16;
}

static void a_thousand(struct virtio_blk_options *options)
{
	options->queue_size = 1024;
}

/* A request is as long as the ring at most, and as what a chain can have. */
static void queue_sizes(void)
{
	disk_begin_device(sixteen);
	CHECK_EQ(disk.blk.v.class->queue_size, 16);
	CHECK_EQ(config32(12), 14); /* seg_max */
	disk_end();
	disk_begin_device(a_thousand);
	CHECK_EQ(disk.blk.v.class->queue_size, 1024);
	CHECK_EQ(config32(12), 254);
	disk_end();
}

static void read_only(struct virtio_blk_options *options)
{
	(void)options;
	disk.memory.block.read_only = true;
}

static void writes_to_a_read_only_disk(void)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	uint8_t before[512];
	uint32_t used;

	disk_begin_with(0, read_only);
	memcpy(before, disk.memory.data, sizeof(before));
	CHECK(disk.d.features & DISK_F(RO));
	CHECK(!(disk.d.features & (DISK_F(DISCARD) | DISK_F(WRITE_ZEROES) | DISK_F(CONFIG_WCE))));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t status = disk_request(types[i], 0, i ? 16 : 512, &used);

		CHECK_EQ(status, i ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
		CHECK_EQ(used, 1);
	}
	CHECK_EQ(disk_request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.submitted, 0);
	CHECK(!memcmp(before, disk.memory.data, sizeof(before)));
	CHECK(disk_works());
	disk_end();
}

static void discards_and_zeroes(void)
{
	const struct virtio_blk_discard_write_zeroes two[] = { { 8, 2, 0 }, { 9, 0, 0 }, { 20, 4, 0 } };
	const struct virtio_blk_discard_write_zeroes unmap = { 30, 2, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP };
	const struct virtio_blk_discard_write_zeroes empty = { 30, 0, 0 };

	disk_begin();
	CHECK_EQ(disk_ranges(VIRTIO_BLK_T_DISCARD, 3, two, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.calls[BLOCK_DISCARD], 2);
	CHECK_EQ(disk.memory.data[8 * 512], 0xdd);
	CHECK_EQ(disk.memory.data[10 * 512 - 1], 0xdd);
	CHECK_EQ(disk.memory.data[10 * 512], 10 * 512 % 251);
	CHECK_EQ(disk.memory.data[20 * 512], 0xdd);
	CHECK_EQ(disk.memory.data[24 * 512 - 1], 0xdd);
	CHECK_EQ(disk.memory.data[24 * 512], 24 * 512 % 251);
	CHECK_EQ(disk_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, two, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.data[8 * 512], 0);
	CHECK_EQ(disk.memory.unmapped, 0);
	CHECK_EQ(disk_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, &unmap, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.unmapped, 1);
	CHECK_EQ(disk.memory.calls[BLOCK_FLUSH], 0);
	CHECK_EQ(disk_ranges(VIRTIO_BLK_T_DISCARD, 1, &empty, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.reports, 0);
	disk_end();
}

static void errors_of_the_disk_are_the_guest_s_too(void)
{
	static const int errors[] = { -EIO, -ENOSPC, -EFBIG };
	uint32_t used;

	disk_begin();
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		disk.memory.error = errors[i];
		CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_IOERR);
		CHECK_EQ(disk_request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_IOERR);
	}
	/* One message, however long it goes on. */
	CHECK_EQ(disk.reports, 1);
	CHECK_STR(disk.said, "memory: writing failed: Input/output error");
	CHECK_EQ(driver_status(&disk.d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	disk.memory.error = 0;
	CHECK(disk_works());
	disk_end();
}

static void write_through(struct virtio_blk_options *options)
{
	options->write_through = true;
}

static uint8_t wce(void)
{
	uint8_t value;

	disk.d.transport->config_read(&disk.d, 32, &value, 1);
	return value;
}

static void set_wce(uint8_t value)
{
	disk.d.transport->config_write(&disk.d, 32, &value, 1);
}

static void cache_modes(void)
{
	const struct virtio_blk_discard_write_zeroes range = { 8, 2, 0 };
	uint32_t used;

	/* With a cache, and the driver turning it off and on. */
	disk_begin();
	CHECK_EQ(wce(), 1);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.synced, 0);
	set_wce(0);
	CHECK_EQ(wce(), 0);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.synced, 1);
	CHECK_EQ(disk_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, &range, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.calls[BLOCK_FLUSH], 1);
	set_wce(7);
	CHECK_EQ(wce(), 0);
	set_wce(1);
	CHECK_EQ(wce(), 1);
	set_wce(0);
	/* A reset forgets it. */
	REQUIRE(disk_start(1));
	CHECK_EQ(wce(), 1);
	disk_end();

	/* The driver cannot flush: it gets a disk without a cache. */
	disk_begin_with(DISK_F(FLUSH) | DISK_F(CONFIG_WCE), NULL);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.synced, 1);
	/* And may not ask for one that it did not negotiate. */
	set_wce(1);
	CHECK_EQ(wce(), 0);
	disk_end();

	disk_begin_with(0, write_through);
	CHECK_EQ(wce(), 0);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.synced, 1);
	set_wce(1);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.memory.synced, 1);
	disk_end();
}

static void large_blocks(struct virtio_blk_options *options)
{
	(void)options;
	disk.memory.block.logical = disk.memory.block.physical = 4096;
}

static void blocks_of_4096(void)
{
	uint32_t used;

	disk_begin_with(0, large_blocks);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 8, 4096, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 1, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 8, 512, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(disk.memory.submitted, 1);
	disk_end();
}

static void r22_used_length_is_what_was_written(void)
{
	uint32_t used;

	disk_begin();
	disk.memory.at_most = 700;
	disk_fill(DISK_DATA, 0x55, 4096);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 701);
	CHECK(disk_is_pattern(DISK_DATA, 0, 700));
	CHECK_EQ(disk_byte(DISK_DATA + 700), 0x55);
	CHECK_EQ(disk.reports, 1);
	CHECK_STR(disk.said, "memory: reading failed: the file is shorter than it was");
	CHECK_EQ(disk_request(VIRTIO_BLK_T_OUT, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	disk.memory.at_most = UINT64_MAX;
	disk.memory.error = -EIO;
	disk_fill(DISK_DATA, 0x55, 4096);
	CHECK_EQ(disk_request(VIRTIO_BLK_T_IN, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	CHECK_EQ(disk_byte(DISK_DATA), 0x55);
	disk.memory.error = 0;
	CHECK(disk_works());
	disk_end();
}

static void r52_get_id_of_every_length(void)
{
	disk_begin();
	for (uint32_t len = 1; len <= 24; len++) {
		const struct driver_buf bufs[] = { { DISK_HEADER, 16, false }, { DISK_DATA, len, true },
			{ DISK_STATUS, 1, true } };
		uint32_t used = 0, want = len < 20 ? len : 20;
		char got[32] = { 0 };
		uint16_t head;

		disk_put_header(DISK_HEADER, VIRTIO_BLK_T_GET_ID, 0);
		disk_fill(DISK_DATA, 0x55, 32);
		disk_fill(DISK_STATUS, DISK_NOT_STATUS, 1);
		REQUIRE(driver_add(disk.q, bufs, 3) >= 0 && driver_wait_used(disk.q, &head, &used));
		CHECK_EQ(disk_byte(DISK_STATUS), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, want + 1);
		driver_read(&disk.d, DISK_DATA, got, 24);
		CHECK(!memcmp(got, "serial-0123456789abcdef", want));
		CHECK_EQ((uint8_t)got[want], 0x55);
	}
	CHECK(disk_works());
	disk_end();
}

static const struct test tests[] = {
	TEST(reads_and_writes),
	TEST(configuration_space),
	TEST(queue_sizes),
	TEST(writes_to_a_read_only_disk),
	TEST(discards_and_zeroes),
	TEST(errors_of_the_disk_are_the_guest_s_too),
	TEST(cache_modes),
	TEST(blocks_of_4096),
	TEST(r22_used_length_is_what_was_written),
	TEST(r52_get_id_of_every_length),
};

TEST_MAIN_WAYS(tests, &disk_ways)
