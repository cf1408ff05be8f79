/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio block device (virtio 5.2): takes requests off its queues, has a struct block do them, many at a time and
 * finished in any order, and answers each with its status byte.
 */
#ifndef MINIVMM_VIRTIO_BLK_H
#define MINIVMM_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "backend/block.h"
#include "virtio.h"

#define VIRTIO_BLK_MAX_QUEUES	  16
#define VIRTIO_BLK_QUEUE_SIZE	  256
/* A request has a header and a status beside its data. */
#define VIRTIO_BLK_QUEUE_SIZE_MIN 4
/* Ranges in one discard request. */
#ifndef VIRTIO_BLK_MAX_RANGES /* tests/proofs has fewer */
#define VIRTIO_BLK_MAX_RANGES 32
#endif

struct virtio_blk_options {
	uint16_t queues; /* 1 to VIRTIO_BLK_MAX_QUEUES */
	/*
	 * Of each ring: a power of 2 from VIRTIO_BLK_QUEUE_SIZE_MIN on; 0: VIRTIO_BLK_QUEUE_SIZE. seg_max follows from it, by which a
	 * driver goes that has indirect tables, although no chain may be longer than the ring (virtio 2.7.5.3.1).
	 */
	uint16_t queue_size;
	bool write_through; /* every write is on stable storage before it is done, unless the driver asks for a cache */
	const char *serial; /* up to 20 bytes of it are the answer to GET_ID; NULL: none */
};

struct virtio_blk;

/* A request in flight, or free for one. */
struct virtio_blk_request {
	struct block_request block;
	struct virtio_blk *d;
	struct virtq *q;
	struct virtio_blk_request *next; /* free list */
	uint8_t *status; /* in guest memory */
	uint32_t type;
	uint16_t range, range_count; /* DISCARD, WRITE_ZEROES: the one that is done now, of how many */
	struct virtio_blk_discard_write_zeroes ranges[VIRTIO_BLK_MAX_RANGES];
	struct chain chain;
};

struct virtio_blk {
	struct virtio v;
	struct virtio_class class; /* with this disk's number of queues */
	struct block *block;
	struct block_user user;
	struct virtio_blk_request *requests, *free; /* BLOCK_MAX_IN_FLIGHT of them */
	uint16_t untouched; /* the first that never was in use: half a megabyte, of which most disks need little */
	uint32_t waiting; /* queues that have more than there were free requests for, a bit each */
	uint16_t serve_next; /* the waiting queue that is first next time */
	bool write_through, cache; /* as created; what is in force: writes are done once they are cached */
	const struct virtq *dropping; /* the queue whose requests end without a trace */
	char serial[VIRTIO_BLK_ID_BYTES];
};

/* loop, mem and block outlive d; block has no other user meanwhile. 0 or -ENOMEM. */
must_check int virtio_blk_init(struct virtio_blk *d, struct loop *loop, const struct mem *mem, struct block *block,
	const struct virtio_blk_options *options);
/* The bit of a feature of this device by its name in lower case ("flush"), for options. -1: no such name. */
int virtio_blk_feature_bit(const char *name);
/* After the transport is gone or the device was reset. */
void virtio_blk_destroy(struct virtio_blk *d);

#endif
