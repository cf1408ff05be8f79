/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See accel_qtest.h. One thread does everything: it waits for the client and the loop at once, lets the loop serve what is
 * due, then answers lines. Devices work inside the loop only, and never wait for the client.
 */
#include "accel_qtest.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "qtest.h"
#include "qtest_client.h"

#define EPOCH_S	      1767225600ULL /* 2026-01-01 00:00:00 UTC */
#define NS_PER_S      1000000000ULL
#define SETTLE_TURNS  1000 /* of the loop, before a device counts as one that never comes to rest */
#define BUSY_MS	      5000 /* the longest wait for the host before an answer */
#define BUSY_WAIT_MS  10
#define ADVANCE_TURNS 1000000 /* timers that one command may run: clock_step 9223372036854775807 comes to an end */
#define BLOCK_ACCESS  4 /* the widest access that read and write make outside of RAM, as QEMU's memory core does */

struct accel_qtest {
	struct accel accel;
	struct accel_machine *machine;
	struct mem mem; /* RAM; filled by map */
	struct qtest_clock *clock;
	struct qtest qtest;
	struct qtest_client client;
	char gic[48]; /* the controller's QOM path on QEMU's board */
	struct irq line[LAYOUT_SPIS];
};

static uint64_t clock_monotonic(struct clock *clock)
{
	return container_of(clock, struct qtest_clock, clock)->now;
}

static uint64_t clock_realtime(struct clock *clock)
{
	return container_of(clock, struct qtest_clock, clock)->now + EPOCH_S * NS_PER_S;
}

void qtest_clock_init(struct qtest_clock *clock)
{
	*clock = (struct qtest_clock){ .clock = { clock_monotonic, clock_realtime } };
}

static struct accel_qtest *of_line(struct irq *irq)
{
	/* Back from the line to the first of them, to what holds them. */
	return container_of(irq - irq->num, struct accel_qtest, line[0]);
}

static void line_raise(struct irq *irq)
{
	qtest_irq(&of_line(irq)->qtest, irq->num, true);
}

static void line_lower(struct irq *irq)
{
	qtest_irq(&of_line(irq)->qtest, irq->num, false);
}

static const struct irq_ops line_ops = { .raise = line_raise, .lower = line_lower, .fd = irq_no_fd };

static struct irq *qtest_spi(struct accel *accel, uint32_t spi, struct error *error)
{
	struct accel_qtest *a = container_of(accel, struct accel_qtest, accel);

	(void)error;
	a->line[spi] = (struct irq){ .ops = &line_ops, .num = spi };
	return &a->line[spi];
}

static int qtest_map(struct accel *accel, const struct mem_region *region, struct error *error)
{
	struct accel_qtest *a = container_of(accel, struct accel_qtest, accel);

	return mem_add(&a->mem, region) ? error_set(error, STATUS_INTERNAL, "qtest: too many pieces of RAM") : 0;
}

/* RAM at addr and how much of it follows, or NULL and how far it is to the next RAM. */
static uint8_t *ram_at(const struct mem *mem, uint64_t addr, uint64_t *len)
{
	*len = UINT64_MAX;
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct mem_region *region = &mem->region[i];
		uint64_t offset = addr - region->base;

		if (offset < region->size) {
			*len = region->size - offset;
			return region->host + offset;
		}
		if (addr < region->base && region->base - addr < *len)
			*len = region->base - addr;
	}
	return NULL;
}

/* The next access outside of RAM: a power of two, aligned, at most len and BLOCK_ACCESS. */
static unsigned int block_access(uint64_t addr, uint64_t len)
{
	unsigned int size = BLOCK_ACCESS;

	while (size > 1 && (size > len || addr % size))
		size /= 2;
	return size;
}

/* One step of a block access; to or from RAM as far as it goes. Bytes done. */
static size_t step_block(struct accel_qtest *a, uint64_t addr, uint8_t *in, const uint8_t *out, size_t len)
{
	uint64_t room, value = 0;
	uint8_t *ram = ram_at(&a->mem, addr, &room);

	if (room < len)
		len = (size_t)room;
	if (ram) {
		if (in)
			memcpy(in, ram, len);
		else
			memcpy(ram, out, len);
		return len;
	}
	len = block_access(addr, len);
	if (in) {
		bus_read(a->machine->bus, addr, (unsigned int)len, &value);
		memcpy(in, &value, len);
	} else {
		memcpy(&value, out, len);
		bus_write(a->machine->bus, addr, (unsigned int)len, value);
	}
	return len;
}

/* Addresses wrap at 2^64, as in QEMU. */
static void move_block(struct accel_qtest *a, uint64_t addr, uint8_t *in, const uint8_t *out, size_t len)
{
	pthread_mutex_lock(a->machine->lock);
	for (size_t done = 0; done < len;)
		done += step_block(a, addr + done, in ? in + done : NULL, out ? out + done : NULL, len - done);
	pthread_mutex_unlock(a->machine->lock);
}

static void serve_read_bytes(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
	move_block(opaque, addr, buf, NULL, len);
}

static void serve_write_bytes(void *opaque, uint64_t addr, const uint8_t *buf, size_t len)
{
	move_block(opaque, addr, NULL, buf, len);
}

/* A device sees the width that was asked for; what no one region holds goes by pieces. Little endian, as every host is. */
static uint64_t serve_read(void *opaque, uint64_t addr, unsigned int size)
{
	struct accel_qtest *a = opaque;
	uint64_t value = 0;

	if (bus_find(a->machine->bus, addr, size)) {
		pthread_mutex_lock(a->machine->lock);
		bus_read(a->machine->bus, addr, size, &value);
		pthread_mutex_unlock(a->machine->lock);
	} else {
		move_block(a, addr, (uint8_t *)&value, NULL, size);
	}
	return value;
}

static void serve_write(void *opaque, uint64_t addr, unsigned int size, uint64_t value)
{
	struct accel_qtest *a = opaque;

	if (bus_find(a->machine->bus, addr, size)) {
		pthread_mutex_lock(a->machine->lock);
		bus_write(a->machine->bus, addr, size, value);
		pthread_mutex_unlock(a->machine->lock);
	} else {
		move_block(a, addr, NULL, (const uint8_t *)&value, size);
	}
}

static uint64_t serve_now(void *opaque)
{
	struct accel_qtest *a = opaque;

	return a->clock->now;
}

static uint64_t serve_deadline(void *opaque)
{
	struct accel_qtest *a = opaque;

	return loop_next_deadline(a->machine->loop);
}

static bool stopped(const struct accel_qtest *a)
{
	return __atomic_load_n(&a->machine->loop->stopped, __ATOMIC_ACQUIRE);
}

/* A turn of the loop, longer when the host has work of ours to finish. Whether there may be more to do. */
static bool settle_turn(struct accel_qtest *a, int *patience_ms)
{
	bool busy;

	if (loop_run_once(a->machine->loop, 0) > 0)
		return true;
	pthread_mutex_lock(a->machine->lock);
	busy = a->machine->busy(a->machine);
	pthread_mutex_unlock(a->machine->lock);
	if (!busy || *patience_ms <= 0 || stopped(a))
		return false;
	*patience_ms -= BUSY_WAIT_MS;
	(void)loop_run_once(a->machine->loop, BUSY_WAIT_MS);
	return true;
}

/* Disks too have answered by then: the same script has the same answers. */
static bool serve_settle(void *opaque)
{
	struct accel_qtest *a = opaque;
	int patience_ms = BUSY_MS;

	for (int turn = 0; turn < SETTLE_TURNS && settle_turn(a, &patience_ms); turn++)
		qtest_flush(&a->qtest);
	return !stopped(a);
}

static void serve_advance(void *opaque, uint64_t ns)
{
	struct accel_qtest *a = opaque;

	for (int turn = 0; turn < ADVANCE_TURNS && a->clock->now < ns && !stopped(a); turn++) {
		uint64_t deadline = loop_next_deadline(a->machine->loop);

		/* One in the past is a timer that the last turn left behind. */
		if (deadline > a->clock->now)
			a->clock->now = deadline < ns ? deadline : ns;
		serve_settle(a);
	}
}

static bool serve_is_gic(void *opaque, const char *name)
{
	struct accel_qtest *a = opaque;

	return !strcmp(name, "gic") || !strcmp(name, a->gic);
}

/* Waits for the client to read, and lets the loop work meanwhile: the user's signals come by the loop. */
static void serve_send(void *opaque, const char *text, size_t len)
{
	struct accel_qtest *a = opaque;
	struct pollfd fds[2] = { { a->client.out, POLLOUT, 0 }, { a->machine->loop->epoll_fd, POLLIN, 0 } };

	while (len && !stopped(a)) {
		ssize_t done;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			loop_run_once(a->machine->loop, 0);
		if (!fds[0].revents)
			continue;
		done = qtest_client_write(&a->client, text, len);
		if (done > 0) {
			text += done;
			len -= (size_t)done;
		}
	}
}

static const struct qtest_ops serve_ops = {
	.read = serve_read,
	.write = serve_write,
	.read_bytes = serve_read_bytes,
	.write_bytes = serve_write_bytes,
	.now = serve_now,
	.deadline = serve_deadline,
	.advance = serve_advance,
	.settle = serve_settle,
	.is_gic = serve_is_gic,
	.send = serve_send,
};

/* Until the client leaves or the loop is told to stop. */
static int qtest_serve(struct accel *accel)
{
	struct accel_qtest *a = container_of(accel, struct accel_qtest, accel);
	struct pollfd fds[2] = { { a->client.in, POLLIN, 0 }, { a->machine->loop->epoll_fd, POLLIN, 0 } };
	char bytes[16 * KiB];

	while (!stopped(a)) {
		ssize_t got = -EAGAIN;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		serve_settle(a);
		qtest_flush(&a->qtest);
		if (fds[0].revents)
			got = qtest_client_read(&a->client, bytes, sizeof(bytes));
		if (!got || a->client.gone)
			a->machine->ended(a->machine, RUN_OFF, NULL);
		else if (got > 0)
			(void)qtest_input(&a->qtest, bytes, (size_t)got);
	}
	__atomic_store_n(&a->machine->loop->stopped, false, __ATOMIC_RELEASE);
	return 0;
}

static int qtest_start(struct accel *accel, gpa_t entry, gpa_t dtb, struct error *error)
{
	(void)accel, (void)entry, (void)dtb, (void)error;
	return 0;
}

static void qtest_stop(struct accel *accel)
{
	(void)accel;
}

static void qtest_collect_stats(struct accel *accel, struct stats *total)
{
	(void)accel, (void)total;
}

static void qtest_close(struct accel *accel)
{
	struct accel_qtest *a = container_of(accel, struct accel_qtest, accel);

	qtest_destroy(&a->qtest);
	qtest_client_close(&a->client);
	free(a);
}

static const struct accel_ops qtest_accel_ops = {
	.map = qtest_map,
	.spi = qtest_spi,
	.start = qtest_start,
	.serve = qtest_serve,
	.stop = qtest_stop,
	.collect_stats = qtest_collect_stats,
	.destroy = qtest_close,
};

struct accel *accel_open_qtest(const struct options *options, struct accel_machine *machine, struct error *error)
{
	struct accel_qtest *a = calloc(1, sizeof(*a));

	if (!a) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	a->accel.ops = &qtest_accel_ops;
	accel_describe(&a->accel, options);
	a->machine = machine;
	a->clock = container_of(machine->loop->clock, struct qtest_clock, clock);
	/* The devices without a name of their own are the CPUs, then the controller (hw/arm/virt.c). */
	snprintf(a->gic, sizeof(a->gic), "/machine/unattached/device[%u]", options->cpus);
	qtest_init(&a->qtest, &serve_ops, a);
	if (qtest_client_open(&a->client, options->qtest, error)) {
		qtest_close(&a->accel);
		return NULL;
	}
	return &a->accel;
}
