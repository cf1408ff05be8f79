/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request costs in the device model, in this process and without KVM. tests/bench/device runs each case under
 * callgrind and counts the instructions inside measured_* but not those inside __wrap_*, which are system calls; run
 * plainly, a case prints wall time per request and how many allocations and system calls were made while it was measured.
 *
 *	bench_device CASE COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "block_memory.h"
#include "driver.h"
#include "rig.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

#define BASE  0x0a003e00ULL
#define ARENA (RIG_RAM_BASE + 4 * MiB)
#define BUF   (RIG_RAM_BASE + 1 * MiB)

static struct rig rig;
static struct rig_irq irq;
static struct driver_local local;
static struct driver d;
static struct entropy entropy;
static struct virtio_rng rng;
static struct virtio_mmio mmio;
static struct block_memory disk;
static struct virtio_blk blk;

/* Counted while measuring, by way of the linker's --wrap. */
static bool measuring;
static unsigned long allocations, calls;

#define WRAP(type, name, parameters, arguments, counter)                                                               \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		counter += measuring;                                                                                  \
		return __real_##name arguments;                                                                        \
	}

WRAP(void *, malloc, (size_t size), (size), allocations)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), allocations)
WRAP(void *, realloc, (void *block, size_t size), (block, size), allocations)
WRAP(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len), calls)
WRAP(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len), calls)
WRAP(int, eventfd_read, (int fd, eventfd_t *value), (fd, value), calls)
WRAP(int, eventfd_write, (int fd, eventfd_t value), (fd, value), calls)
WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int max, int timeout), (fd, events, max, timeout), calls)

/* A source that costs nothing, so that what is counted is ours. */
static ssize_t fill(struct entropy *e, const struct iovec *iov, int count)
{
	(void)e;
	(void)count;
	return (ssize_t)iov[0].iov_len;
}

/* The guest's kick and all that follows from it, to the used ring and the interrupt. */
__attribute__((noinline)) static void measured_kick(void)
{
	bus_write(&rig.bus, BASE + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
	loop_run_once(&rig.loop, 0);
}

/* The same for a disk: one turn takes the requests, the next one finishes them. */
__attribute__((noinline)) static void measured_disk(void)
{
	bus_write(&rig.bus, BASE + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
	loop_run_once(&rig.loop, 0);
	loop_run_once(&rig.loop, 0);
}

/* One chain off the ring, and back on. A turn begins, and the driver is notified, once for many: neither is counted. */
__attribute__((noinline)) static bool measured_pop(struct virtq *queue, struct chain *chain)
{
	return virtq_pop(queue, chain);
}

__attribute__((noinline)) static void measured_push(struct virtq *queue, struct chain *chain)
{
	virtq_push(queue, chain);
}

static struct virtio *start_disk(void)
{
	const struct virtio_blk_options options = { .queues = 1 };

	block_memory_init(&disk, &rig.loop);
	disk.still = true;
	if (virtio_blk_init(&blk, &rig.loop, &rig.mem, &disk.block, &options))
		abort();
	return &blk.v;
}

static struct virtio *start_rng(void)
{
	entropy = (struct entropy){ .fill = fill, .fd = -1, .file = -1 };
	if (virtio_rng_init(&rng, &rig.loop, &rig.mem, &entropy))
		abort();
	return &rng.v;
}

static struct driver_queue *start(uint64_t features, bool is_disk)
{
	struct driver_queue *q;
	struct virtio *v;

	rig_init(&rig);
	rig_irq_init(&irq, 47);
	v = is_disk ? start_disk() : start_rng();
	if (virtio_mmio_init(&mmio, v, &rig.bus, BASE, &irq.irq))
		abort();
	v->features_on = features;
	local = (struct driver_local){ &rig.bus, &rig.mem, &rig.loop };
	driver_init(&d, &driver_local_access, &local, &driver_mmio, BASE, ARENA, RIG_RAM_BASE + RIG_RAM_SIZE - ARENA);
	q = driver_start(&d, features, 0);
	if (!q)
		abort();
	rig_run(&rig);
	return q;
}

static void take_all(struct driver_queue *q)
{
	uint16_t head;
	uint32_t len;

	while (driver_take_used(q, &head, &len))
		;
	d.transport->take_interrupt(&d);
}

/* batch requests to a kick. Indirect needs a chain of two buffers to be used at all. */
static void run_rng(struct driver_queue *q, unsigned long count, unsigned int batch, unsigned int buffers)
{
	struct driver_buf bufs[2] = { { BUF, 64 / buffers, true }, { BUF + 4096, 64 / buffers, true } };

	for (unsigned long i = 0; i < count; i += batch) {
		for (unsigned int n = 0; n < batch; n++)
			if (driver_add(q, bufs, buffers) < 0)
				abort();
		measuring = true;
		measured_kick();
		measuring = false;
		take_all(q);
	}
}

/* Reads of 4 KiB that the disk does not really make. */
static void run_disk(struct driver_queue *q, unsigned long count, unsigned int batch)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN };
	const struct driver_buf bufs[] = { { BUF, 16, false }, { BUF + 4096, 4096, true }, { BUF + 64, 1, true } };

	driver_write(&d, BUF, &header, sizeof(header));
	for (unsigned long i = 0; i < count; i += batch) {
		for (unsigned int n = 0; n < batch; n++)
			if (driver_add(q, bufs, ARRAY_SIZE(bufs)) < 0)
				abort();
		measuring = true;
		measured_disk();
		measuring = false;
		take_all(q);
	}
}

static void run_pop_push(struct driver_queue *q, unsigned long count)
{
	const struct driver_buf bufs[] = { { BUF, 16, false }, { BUF + 4096, 4096, true }, { BUF + 8192, 1, true } };
	struct virtq *queue = &rng.v.queue[0];
	static struct chain chain;

	for (unsigned long i = 0; i < count; i++) {
		if (driver_add(q, bufs, ARRAY_SIZE(bufs)) < 0)
			abort();
		measuring = true;
		virtq_begin(queue);
		if (!measured_pop(queue, &chain))
			abort();
		measured_push(queue, &chain);
		measuring = false;
		if (virtq_should_notify(queue))
			mmio.v->transport->notify_queue(mmio.v, queue);
		take_all(q);
	}
}

#define EVENT_IDX DRIVER_F(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC)
#define PACKED	  DRIVER_F(VIRTIO_F_RING_PACKED)

static const struct bench_case {
	const char *name;
	uint64_t features;
	unsigned int batch, buffers; /* batch 0: pop and push only; buffers 0: a disk */
} cases[] = {
	{ "rng-split", 0, 1, 1 },
	{ "rng-split-event-idx", EVENT_IDX, 1, 1 },
	{ "rng-split-indirect", EVENT_IDX | INDIRECT, 1, 2 },
	{ "rng-packed", PACKED, 1, 1 },
	{ "rng-packed-event-idx", PACKED | EVENT_IDX, 1, 1 },
	{ "rng-packed-indirect", PACKED | EVENT_IDX | INDIRECT, 1, 2 },
	{ "rng-split-event-idx-x4", EVENT_IDX, 4, 1 },
	{ "rng-packed-event-idx-x4", PACKED | EVENT_IDX, 4, 1 },
	{ "blk-split-event-idx", EVENT_IDX, 1, 0 },
	{ "blk-split-indirect", EVENT_IDX | INDIRECT, 1, 0 },
	{ "blk-packed-event-idx", PACKED | EVENT_IDX, 1, 0 },
	{ "blk-packed-indirect", PACKED | EVENT_IDX | INDIRECT, 1, 0 },
	{ "blk-split-event-idx-x8", EVENT_IDX, 8, 0 },
	{ "blk-packed-event-idx-x8", PACKED | EVENT_IDX, 8, 0 },
	{ "pop-push-3-split", EVENT_IDX, 0, 3 },
	{ "pop-push-3-split-indirect", EVENT_IDX | INDIRECT, 0, 3 },
	{ "pop-push-3-packed", PACKED | EVENT_IDX, 0, 3 },
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	for (size_t i = 0; count && i < ARRAY_SIZE(cases); i++) {
		const struct bench_case *c = &cases[i];
		struct driver_queue *q;
		double began;

		if (strcmp(argv[1], c->name))
			continue;
		q = start(c->features, !c->buffers);
		began = now_ns();
		if (!c->buffers)
			run_disk(q, count, c->batch);
		else if (c->batch)
			run_rng(q, count, c->batch, c->buffers);
		else
			run_pop_push(q, count);
		printf("%.0f %.2f %.2f\n", (now_ns() - began) / (double)count, (double)allocations / (double)count,
			(double)calls / (double)count);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: bench_device CASE COUNT, CASE one of");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		fprintf(stderr, " %s", cases[i].name);
	fprintf(stderr, "\n");
	return EXIT_FAILURE;
}
