/* SPDX-License-Identifier: Apache-2.0 */
/* See disk_rig.h. */
#include "disk_rig.h"

#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

struct disk_rig disk;
uint64_t disk_ring;

static const struct {
	const char *name;
	uint64_t features;
} rings[] = {
	{ "split", 0 },
	{ "split event_idx", DRIVER_F(VIRTIO_RING_F_EVENT_IDX) },
	{ "split event_idx indirect", DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) | DRIVER_F(VIRTIO_RING_F_EVENT_IDX) },
	{ "packed", DRIVER_F(VIRTIO_F_RING_PACKED) },
	{ "packed event_idx indirect", DRIVER_F(VIRTIO_F_RING_PACKED) | DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) |
					       DRIVER_F(VIRTIO_RING_F_EVENT_IDX) },
	{ "split in_order", DRIVER_F(VIRTIO_F_IN_ORDER) },
};
static const uint64_t ring_features = DRIVER_F(VIRTIO_RING_F_EVENT_IDX) | DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) |
				      DRIVER_F(VIRTIO_F_RING_PACKED) | DRIVER_F(VIRTIO_F_IN_ORDER) | DISK_RING_RESET;

static const char *take_way(size_t i)
{
	static char name[80];
	const char *transport = plug_all_ways.take(i % PLUG_ALL);

	disk_ring = rings[i / PLUG_ALL].features;
	snprintf(name, sizeof(name), "%s over %s", rings[i / PLUG_ALL].name, transport);
	return name;
}

const struct test_ways disk_ways = { ARRAY_SIZE(rings) * PLUG_ALL, take_way };

static void report(struct virtio *v, const char *text)
{
	(void)v;
	disk.reports++;
	snprintf(disk.said, sizeof(disk.said), "%s", text);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! disk_rig: %s\n", what);
	exit(1);
}

void disk_begin_device(void (*change)(struct virtio_blk_options *options))
{
	struct virtio_blk_options options = { .queues = 1, .serial = "serial-0123456789abcdef" };

	rig_init(&disk.rig);
	block_memory_init(&disk.memory, &disk.rig.loop);
	disk.block = &disk.memory.block;
	if (change)
		change(&options);
	disk.reports = 0;
	disk.said[0] = '\0';
	must(!virtio_blk_init(&disk.blk, &disk.rig.loop, &disk.rig.mem, disk.block, &options), "no device");
	disk.blk.v.report = report;
	disk.blk.v.features_on = ring_features;
	plug_in(&disk.plug, &disk.blk.v, &disk.rig, &disk.d);
}

/* Everything but the ring features that are not this case's. */
static uint64_t wanted(void)
{
	return ~ring_features | disk_ring | DISK_RING_RESET;
}

void disk_begin_with(uint64_t without, void (*change)(struct virtio_blk_options *options))
{
	disk_begin_device(change);
	disk.q = driver_start(&disk.d, wanted() & ~without, 0);
	must(disk.q, "the queue cannot be set up");
}

void disk_begin(void)
{
	disk_begin_with(0, NULL);
}

void disk_end(void)
{
	plug_out(&disk.plug);
	virtio_blk_destroy(&disk.blk);
	block_destroy(disk.block);
	rig_destroy(&disk.rig);
}

bool disk_start(uint16_t count)
{
	driver_reset(&disk.d);
	if (!driver_negotiate(&disk.d, wanted()))
		return false;
	for (uint16_t i = 0; i < count; i++)
		if (!driver_queue_setup(&disk.d, i, 0))
			return false;
	driver_ok(&disk.d);
	disk.q = &disk.d.queue[0];
	return true;
}

void disk_put_header(gpa_t at, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };

	driver_write(&disk.d, at, &header, sizeof(header));
}

uint8_t disk_byte(gpa_t at)
{
	uint8_t byte;

	driver_read(&disk.d, at, &byte, 1);
	return byte;
}

void disk_fill(gpa_t at, uint8_t byte, size_t len)
{
	while (len--)
		driver_write(&disk.d, at++, &byte, 1);
}

int disk_add(struct driver_queue *queue, unsigned int n, uint32_t type, uint64_t sector, uint32_t len)
{
	gpa_t header = DISK_HEADER + 32 * n, status = header + 16;
	struct driver_buf bufs[3] = { { header, 16, false }, { DISK_DATA + n * 4096ULL, len, type == VIRTIO_BLK_T_IN },
		{ status, 1, true } };

	disk_put_header(header, type, sector);
	disk_fill(status, DISK_NOT_STATUS, 1);
	if (len)
		return driver_add(queue, bufs, 3);
	bufs[1] = bufs[2];
	return driver_add(queue, bufs, 2);
}

uint8_t disk_status(unsigned int n)
{
	return disk_byte(DISK_HEADER + 32 * n + 16);
}

uint8_t disk_request(uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
	uint16_t head;

	*used = 0;
	if (disk_add(disk.q, 0, type, sector, len) < 0 || !driver_wait_used(disk.q, &head, used))
		return DISK_NOT_STATUS;
	return disk_status(0);
}

uint8_t disk_ranges(uint32_t type, unsigned int count, const struct virtio_blk_discard_write_zeroes *r, uint32_t extra)
{
	uint32_t used;

	driver_write(&disk.d, DISK_DATA, r, count * sizeof(*r));
	return disk_request(type, 0, (uint32_t)(count * sizeof(*r) + extra), &used);
}

bool disk_is_pattern(gpa_t at, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (disk_byte(at + i) != (offset + i) % 251)
			return false;
	return true;
}

bool disk_works(void)
{
	uint32_t used;

	disk_fill(DISK_DATA, 0, 512);
	return disk_request(VIRTIO_BLK_T_IN, 7, 512, &used) == VIRTIO_BLK_S_OK && used == 513 &&
	       disk_is_pattern(DISK_DATA, 7 * 512, 512);
}
