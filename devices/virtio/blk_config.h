/* SPDX-License-Identifier: Apache-2.0 */
/* What virtio-blk tells its driver about itself: the hooks for features and configuration space. Private to blk*.c. */
#ifndef MINIVMM_VIRTIO_BLK_CONFIG_H
#define MINIVMM_VIRTIO_BLK_CONFIG_H

#include "blk.h"

/* Of a chain's buffers: the header and the status. */
#define BLK_OVERHEAD 2
#define BLK_SEG_MAX  (CHAIN_MAX_IOV - BLK_OVERHEAD)
#define BLK_SIZE_MAX (1 * MiB)
/* Buffers may overlap, so a driver can ask for far more than its memory; a reset would have to wait for it. */
#define BLK_DATA_MAX (BLK_SEG_MAX * BLK_SIZE_MAX)

/* In sectors, for one range. Without help from the host's file system zeroes are written, which takes its time. */
#define BLK_DISCARD_MAX	     (2 * GiB / BLOCK_SECTOR - 1)
#define BLK_WRITE_ZEROES_MAX (64 * MiB / BLOCK_SECTOR)

#define BLK_CONFIG_SIZE (offsetof(struct virtio_blk_config, unused1) + sizeof(((struct virtio_blk_config *)0)->unused1))

uint64_t blk_get_features(struct virtio *v);
void blk_set_features(struct virtio *v, uint64_t features);
void blk_get_config(struct virtio *v, void *config);
void blk_set_config(struct virtio *v, const void *config, uint32_t offset, unsigned int size);

#endif
