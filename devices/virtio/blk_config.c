/* SPDX-License-Identifier: Apache-2.0 */
/* Features and configuration space of virtio-blk (virtio 5.2.3, 5.2.4), the cache mode among them. */
#include "blk_config.h"

#include <string.h>

static struct virtio_blk *blk_of(struct virtio *v)
{
	return container_of(v, struct virtio_blk, v);
}

static const struct blk_feature {
	const char *name;
	uint8_t bit;
} blk_features[] = {
	{ "size_max", VIRTIO_BLK_F_SIZE_MAX },
	{ "seg_max", VIRTIO_BLK_F_SEG_MAX },
	{ "blk_size", VIRTIO_BLK_F_BLK_SIZE },
	{ "topology", VIRTIO_BLK_F_TOPOLOGY },
	{ "flush", VIRTIO_BLK_F_FLUSH },
	{ "config_wce", VIRTIO_BLK_F_CONFIG_WCE },
	{ "mq", VIRTIO_BLK_F_MQ },
	{ "discard", VIRTIO_BLK_F_DISCARD },
	{ "write_zeroes", VIRTIO_BLK_F_WRITE_ZEROES },
};

int virtio_blk_feature_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(blk_features); i++)
		if (!strcmp(blk_features[i].name, name))
			return blk_features[i].bit;
	return -1;
}

uint64_t blk_get_features(struct virtio *v)
{
	const struct virtio_blk *d = blk_of(v);
	uint64_t features = VIRTIO_FEATURE(VIRTIO_BLK_F_SIZE_MAX) | VIRTIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
			    VIRTIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) | VIRTIO_FEATURE(VIRTIO_BLK_F_TOPOLOGY) |
			    VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH);

	if (d->class.queue_count > 1)
		features |= VIRTIO_FEATURE(VIRTIO_BLK_F_MQ);
	if (d->block->read_only)
		return features | VIRTIO_FEATURE(VIRTIO_BLK_F_RO);
	return features | VIRTIO_FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD) |
	       VIRTIO_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
}

/* virtio 5.2.5.2: a driver that cannot flush gets a disk that needs none. */
void blk_set_features(struct virtio *v, uint64_t features)
{
	struct virtio_blk *d = blk_of(v);

	d->cache = features & VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH) && !d->write_through;
}

void blk_get_config(struct virtio *v, void *config)
{
	const struct virtio_blk *d = blk_of(v);
	const struct block *b = d->block;
	uint32_t chain_max = d->class.queue_size < CHAIN_MAX_IOV ? d->class.queue_size : CHAIN_MAX_IOV;
	struct virtio_blk_config c = {
		.capacity = b->size / BLOCK_SECTOR,
		.size_max = BLK_SIZE_MAX,
		.seg_max = chain_max - BLK_OVERHEAD,
		.blk_size = b->logical,
		.physical_block_exp = (uint8_t)__builtin_ctz(b->physical / b->logical),
		.min_io_size = (uint16_t)(b->physical / b->logical),
		.wce = d->cache,
		.num_queues = d->class.queue_count,
	};

	if (!b->read_only) {
		c.max_discard_sectors = BLK_DISCARD_MAX;
		c.max_discard_seg = VIRTIO_BLK_MAX_RANGES;
		c.discard_sector_alignment = (uint32_t)(b->logical / BLOCK_SECTOR);
		c.max_write_zeroes_sectors = BLK_WRITE_ZEROES_MAX;
		c.max_write_zeroes_seg = 1;
		c.write_zeroes_may_unmap = 1;
	}
	memcpy(config, &c, BLK_CONFIG_SIZE);
}

/* The one field that is the driver's: whether writes may stay in a cache until it flushes (virtio 5.2.5). */
void blk_set_config(struct virtio *v, const void *config, uint32_t offset, unsigned int size)
{
	const uint32_t at = offsetof(struct virtio_blk_config, wce);
	struct virtio_blk *d = blk_of(v);
	uint8_t wce = ((const uint8_t *)config)[at];

	if (at < offset || at - offset >= size || !virtio_has_feature(v, VIRTIO_BLK_F_CONFIG_WCE) || wce > 1)
		return;
	d->cache = wce;
}
