/* SPDX-License-Identifier: Apache-2.0 */
/* What rig.h promises. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! rig: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void rig_irq_raise(struct irq *irq)
{
	struct rig_irq *r = container_of(irq, struct rig_irq, irq);

	r->raised++;
	r->level = true;
}

static void rig_irq_lower(struct irq *irq)
{
	struct rig_irq *r = container_of(irq, struct rig_irq, irq);

	r->lowered++;
	r->level = false;
}

static int rig_irq_fd(struct irq *irq)
{
	return container_of(irq, struct rig_irq, irq)->fd;
}

void rig_irq_init(struct rig_irq *irq, uint32_t num)
{
	static const struct irq_ops ops = { .raise = rig_irq_raise, .lower = rig_irq_lower, .fd = rig_irq_fd };

	memset(irq, 0, sizeof(*irq));
	irq->irq.ops = &ops;
	irq->irq.num = num;
	irq->fd = -1;
}

static uint64_t rig_monotonic(struct clock *clock)
{
	return container_of(clock, struct rig_clock, clock)->monotonic;
}

static uint64_t rig_realtime(struct clock *clock)
{
	return container_of(clock, struct rig_clock, clock)->realtime;
}

void rig_init(struct rig *rig)
{
	struct mem_region region = { .base = RIG_RAM_BASE, .size = RIG_RAM_SIZE };

	memset(rig, 0, sizeof(*rig));
	rig->clock.clock.monotonic_ns = rig_monotonic;
	rig->clock.clock.realtime_ns = rig_realtime;
	rig->clock.monotonic = 1000000000;
	rig->clock.realtime = 1700000000ULL * 1000000000;
	rig->ram_fd = memfd_create("rig", MFD_CLOEXEC);
	must(rig->ram_fd >= 0 && !ftruncate(rig->ram_fd, RIG_RAM_SIZE), "memfd");
	rig->ram = mmap(NULL, RIG_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, rig->ram_fd, 0);
	must(rig->ram != MAP_FAILED, "mmap");
	region.host = rig->ram;
	region.fd = rig->ram_fd;
	must(!mem_add(&rig->mem, &region), "mem_add");
	bus_init(&rig->bus);
	must(!loop_init(&rig->loop, NULL, &rig->clock.clock), "loop_init");
}

void rig_destroy(struct rig *rig)
{
	loop_destroy(&rig->loop);
	munmap(rig->ram, RIG_RAM_SIZE);
	close(rig->ram_fd);
}

int rig_run(struct rig *rig)
{
	int total = 0;

	for (int turn = 0; turn < 1000; turn++) {
		int served = loop_run_once(&rig->loop, 0);

		must(served >= 0, "loop_run_once");
		if (!served)
			break;
		total += served;
	}
	return total;
}

int rig_advance(struct rig *rig, uint64_t ns)
{
	rig->clock.monotonic += ns;
	rig->clock.realtime += ns;
	return rig_run(rig);
}

uint64_t rig_read(struct rig *rig, gpa_t addr, unsigned int size)
{
	uint64_t value;

	return bus_read(&rig->bus, addr, size, &value) ? value : 0;
}

void rig_write(struct rig *rig, gpa_t addr, unsigned int size, uint64_t value)
{
	bus_write(&rig->bus, addr, size, value);
}

void rig_sweep(struct rig *rig, gpa_t base, uint64_t size, uint64_t value)
{
	for (unsigned int width = 1; width <= 8; width *= 2) {
		for (uint64_t offset = 0; offset <= size - width; offset++) {
			rig_read(rig, base + offset, width);
			rig_write(rig, base + offset, width, value);
			rig_read(rig, base + offset, width);
		}
	}
}

static ssize_t rig_chardev_read(struct chardev *dev, void *buf, size_t len)
{
	struct rig_chardev *c = container_of(dev, struct rig_chardev, dev);
	size_t left = c->in_len - c->in_taken, n = len < left ? len : left;

	memcpy(buf, c->in + c->in_taken, n);
	c->in_taken += n;
	return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t rig_chardev_write(struct chardev *dev, const void *buf, size_t len)
{
	struct rig_chardev *c = container_of(dev, struct rig_chardev, dev);
	size_t n = len < c->out_room ? len : c->out_room;

	must(n <= sizeof(c->out) - c->out_len, "more output than a test expects");
	memcpy(c->out + c->out_len, buf, n);
	c->out_len += n;
	if (c->out_room != SIZE_MAX)
		c->out_room -= n;
	return n ? (ssize_t)n : -EAGAIN;
}

static void rig_chardev_watch(struct chardev *dev, bool in, bool out)
{
	struct rig_chardev *c = container_of(dev, struct rig_chardev, dev);

	if ((in && c->in_taken < c->in_len) || (out && c->out_room))
		loop_timer_set(dev->loop, &c->offer, 0);
}

static void rig_chardev_destroy(struct chardev *dev)
{
	(void)dev;
}

/* As the loop would while a descriptor stays ready: again and again until nothing moves. */
static void offer_input(struct rig_chardev *c)
{
	size_t before;

	do {
		before = c->in_taken;
		if (c->dev.watch_in && c->in_taken < c->in_len)
			chardev_readable(&c->dev);
	} while (c->in_taken != before);
}

static void rig_chardev_offer(struct loop_timer *timer)
{
	struct rig_chardev *c = container_of(timer, struct rig_chardev, offer);

	offer_input(c);
	if (c->dev.watch_out && c->out_room)
		chardev_writable(&c->dev);
}

void rig_chardev_init(struct rig_chardev *c, struct rig *rig)
{
	static const struct chardev_ops ops = {
		.read = rig_chardev_read,
		.write = rig_chardev_write,
		.watch = rig_chardev_watch,
		.destroy = rig_chardev_destroy,
	};

	memset(c, 0, sizeof(*c));
	chardev_init(&c->dev, &ops, &rig->loop, "rig");
	c->offer.expired = rig_chardev_offer;
	c->out_room = SIZE_MAX;
}

void rig_chardev_type(struct rig_chardev *c, const void *bytes, size_t len)
{
	must(len <= sizeof(c->in) - c->in_len, "more input than a test holds");
	memcpy(c->in + c->in_len, bytes, len);
	c->in_len += len;
	offer_input(c);
}

void rig_chardev_drain(struct rig_chardev *c, size_t room)
{
	c->out_room = c->out_room > SIZE_MAX - room ? SIZE_MAX : c->out_room + room;
	if (c->dev.watch_out)
		chardev_writable(&c->dev);
}
