/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device for testing the core, the rings and the transport: it writes back what it reads. It can keep requests
 * in flight and complete them in any order, be slow, fail to start, and it has a configuration space. A whole rig comes
 * with it, and a driver ready to be started.
 */
#ifndef MINIVMM_TEST_ECHO_H
#define MINIVMM_TEST_ECHO_H

#include "driver.h"
#include "plug.h"
#include "rig.h"

/* Every set of ring features there is, by number; the echo offers all of them. */
#define ECHO_COMBINATIONS 32
uint64_t echo_features(unsigned int combination);

#define ECHO_QUEUES	2
#define ECHO_QUEUE_SIZE 16
#define ECHO_CONFIG	10 /* not a multiple of anything a driver reads at once */

struct echo {
	struct virtio v;
	struct plug plug;
	struct rig rig;
	struct driver d;
	/* How it behaves. */
	bool hold; /* keep requests until echo_complete */
	int start_error; /* what the start hook answers */
	const char *refuse_features;
	/* What happened. */
	unsigned int notified, chains, resets; /* turns, requests popped, reset hooks */
	unsigned int reports;
	char said[300]; /* the last report */
	uint8_t config[ECHO_CONFIG];
	struct chain chain[ECHO_QUEUE_SIZE]; /* held, oldest first */
	struct virtq *chain_queue[ECHO_QUEUE_SIZE];
	unsigned int held;
};

/* Plugged in by plug_type. */
void echo_init(struct echo *e);
void echo_destroy(struct echo *e);
/* Completes the i-th held request and interrupts the driver. */
void echo_complete(struct echo *e, unsigned int i);
/* One request of 24 bytes and its answer, through a running queue. Checks the bytes, the length and that it rests. */
bool echo_works(struct echo *e, struct driver_queue *q);
/* echo_works after a reset and a new start with the same features. */
bool echo_works_after_reset(struct echo *e);

#endif
