/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An echo device with one queue and the checks that follow a bad chain: what the tests of rings and chains stand on. Requests
 * come as a guest makes them, through the registers, the bus and guest memory.
 */
#ifndef MINIVMM_TEST_RING_RIG_H
#define MINIVMM_TEST_RING_RIG_H

#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define NEXT	     VRING_DESC_F_NEXT
#define WRITE	     VRING_DESC_F_WRITE
#define INDIRECT     VRING_DESC_F_INDIRECT
#define RING_RAM_END (RIG_RAM_BASE + RIG_RAM_SIZE)
#define RING_BUF     (RIG_RAM_BASE + 1 * MiB)
#define RING_SIZE    8 /* of the queue, in most cases */

struct ring_rig {
	struct echo echo;
	struct driver_queue *q; /* NULL: the device refused it */
};

extern struct ring_rig ring;

void ring_begin(uint64_t features, uint16_t size);
void ring_end(void);
bool ring_needs_reset(void);
/* Exposes head, kicks whatever the device asked for, and lets it work. Split only. */
void ring_offer(uint16_t head);
/* The head comes back with length 0, the device is not broken and serves the next request. */
void ring_check_bad_chain(uint16_t want, const char *why);
/* The device needs a reset and says why, and is as new after it. Ends the case in place of ring_end. */
void ring_check_bad_ring(const char *why);

#endif
