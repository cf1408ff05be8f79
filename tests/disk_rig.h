/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-blk on a disk in memory and a guest's driver in front of it: what the tests of that device stand on. Cases run on
 * each ring format over each transport with disk_ways.
 *
 * Requests by number have a header, a status byte and a page of data of their own, so that many can be in flight.
 */
#ifndef MINIVMM_TEST_DISK_RIG_H
#define MINIVMM_TEST_DISK_RIG_H

#include <linux/virtio_blk.h>

#include "block_memory.h"
#include "driver.h"
#include "plug.h"
#include "rig.h"
#include "test.h"
#include "virtio/blk.h"

/* Of the request number 0, and of those that a test puts together itself. */
#define DISK_HEADER	(RIG_RAM_BASE + 64 * KiB)
#define DISK_STATUS	(RIG_RAM_BASE + 65 * KiB)
#define DISK_DATA	(RIG_RAM_BASE + 1 * MiB)
#define DISK_NOT_STATUS 0xee /* what is in a status byte before the device writes it */
#define DISK_SECTORS	(BLOCK_MEMORY_SIZE / 512)
#define DISK_F(bit)	DRIVER_F(VIRTIO_BLK_F_##bit)
#define DISK_RING_RESET DRIVER_F(40) /* VIRTIO_F_RING_RESET: newer than some headers */

struct disk_rig {
	struct rig rig;
	struct plug plug;
	struct driver d;
	struct driver_queue *q; /* the first, or only, one */
	struct block *block; /* what is behind it: &memory.block */
	struct block_memory memory;
	struct virtio_blk blk;
	unsigned int reports;
	char said[300]; /* the last of them */
};

extern struct disk_rig disk;
/* The ring features of the case that runs. */
extern uint64_t disk_ring;
extern const struct test_ways disk_ways;

/* The device alone; `change` changes its options, disk.memory.block or disk.block before it is there. */
void disk_begin_device(void (*change)(struct virtio_blk_options *options));
/* The device and its driver with one queue, which does not accept the features `without`. */
void disk_begin_with(uint64_t without, void (*change)(struct virtio_blk_options *options));
void disk_begin(void);
void disk_end(void);
/* After a reset by the driver: it starts again with one queue, or `count`. */
bool disk_start(uint16_t count);

void disk_put_header(gpa_t at, uint32_t type, uint64_t sector);
uint8_t disk_byte(gpa_t at);
void disk_fill(gpa_t at, uint8_t byte, size_t len);
/* Adds request number n. Its head, or -1. */
int disk_add(struct driver_queue *queue, unsigned int n, uint32_t type, uint64_t sector, uint32_t len);
uint8_t disk_status(unsigned int n);
/* One request, number 0, from start to end; its status, or DISK_NOT_STATUS. *used gets the used length. */
uint8_t disk_request(uint32_t type, uint64_t sector, uint32_t len, uint32_t *used);
/* The same for ranges, `extra` bytes longer than they are. */
uint8_t disk_ranges(uint32_t type, unsigned int count, const struct virtio_blk_discard_write_zeroes *r, uint32_t extra);
/* The bytes that were on the disk at `offset` at first. */
bool disk_is_pattern(gpa_t at, uint64_t offset, size_t len);
/* It still does its work. */
bool disk_works(void);

#endif
