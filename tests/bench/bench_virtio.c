/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request costs. Does one thing many times inside measured(), which tests/bench/run lets valgrind count; the driver's
 * half stays outside. Not a test: whether it works is the tests' to say.
 *
 *	bench_virtio CASE FEATURES COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "virtio/rng.h"

#define BASE 0x0a003e00ULL
#define BUF  (RIG_RAM_BASE + 1 * MiB)

static struct rig rig;
static struct rig_irq irq;
static struct driver_local local;
static struct driver d;
static struct driver_queue *q;
static struct virtio_rng rng;
static struct virtio_mmio mmio;

/* The source's own work is left out. */
static ssize_t fill_nothing(struct entropy *entropy, const struct iovec *iov, int count)
{
	ssize_t total = 0;

	(void)entropy;
	for (int i = 0; i < count; i++)
		total += (ssize_t)iov[i].iov_len;
	return total;
}

static struct entropy source = { .fill = fill_nothing, .fd = -1 };

static void die(const char *what)
{
	fprintf(stderr, "bench_virtio: %s\n", what);
	exit(1);
}

/* From the doorbell to the used ring and the interrupt. */
static __attribute__((noinline)) void measured_request(void)
{
	bus_write(&rig.bus, BASE + 0x50, 4, 0);
	loop_run_once(&rig.loop, 0);
}

static __attribute__((noinline)) void measured_chain(struct virtq *vq, struct chain *chain)
{
	if (virtq_pop(vq, chain))
		virtq_push(vq, chain);
}

static void bench_request(unsigned long count)
{
	const struct driver_buf bufs[] = { { BUF, 32, true }, { BUF + 64, 32, true } };
	unsigned int pieces = q->indirect ? 2 : 1;
	uint16_t head;
	uint32_t len;

	while (count--) {
		if (driver_add(q, bufs, pieces) < 0)
			die("no room");
		q->added = 0;
		measured_request();
		if (!driver_take_used(q, &head, &len) || len != 32 * pieces)
			die("no answer");
	}
}

static void bench_chain(unsigned long count)
{
	static const struct driver_buf bufs[] = { { BUF, 16, false }, { BUF + 64, 4096, true },
		{ BUF + 8192, 1, true } };
	static struct chain chain;
	struct virtq *vq = &rng.v.queue[0];
	uint16_t head;
	uint32_t len;

	while (count--) {
		if (driver_add(q, bufs, 3) < 0)
			die("no room");
		virtq_begin(vq);
		measured_chain(vq, &chain);
		if (!driver_take_used(q, &head, &len))
			die("no answer");
	}
}

static uint64_t parse_features(const char *names)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} known[] = {
		{ "packed", VIRTIO_F_RING_PACKED },
		{ "event", VIRTIO_RING_F_EVENT_IDX },
		{ "indirect", VIRTIO_RING_F_INDIRECT_DESC },
	};
	uint64_t features = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strstr(names, known[i].name))
			features |= DRIVER_F(known[i].bit);
	return features;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		die("usage: bench_virtio request|chain FEATURES COUNT");
	rig_init(&rig);
	rig_irq_init(&irq, 47);
	if (virtio_rng_init(&rng, &rig.loop, &rig.mem, &source) < 0 ||
		virtio_mmio_init(&mmio, &rng.v, &rig.bus, BASE, &irq.irq) < 0)
		die("cannot be set up");
	rng.v.features_on = UINT64_MAX;
	local = (struct driver_local){ &rig.bus, &rig.mem, &rig.loop };
	driver_init(&d, &driver_local_access, &local, &driver_mmio, BASE, RIG_RAM_BASE + 4 * MiB, 2 * MiB);
	q = driver_start(&d, parse_features(argv[2]), 64);
	if (!q)
		die("no queue");
	rig_run(&rig);
	if (!strcmp(argv[1], "request"))
		bench_request(strtoul(argv[3], NULL, 10));
	else
		bench_chain(strtoul(argv[3], NULL, 10));
	virtio_mmio_destroy(&mmio);
	virtio_rng_destroy(&rng);
	rig_destroy(&rig);
	return 0;
}
