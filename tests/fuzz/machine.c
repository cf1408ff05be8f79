/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "fuzz.h"
#include "kernel.h"
#include "lifecycle.h"
#include "oracle.h"
#include "world.h"

/* Of the loop after a step: what is not done by then has its turn after the next one. */
#define MOST_TURNS 32

#define HASH_START 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

struct fuzz_machine *fuzz_machine;

static struct fuzz_watch *watcher;
static struct fuzz_kernel saved_kernel;

void fuzz_must(bool ok, const char *what)
{
	if (ok)
		return;
	fuzz_arena_on(false);
	fprintf(stderr, "fuzz: the machine cannot be built: %s\n", what);
	exit(1);
}

void fuzz_machine_mix(uint64_t value)
{
	fuzz_machine->hash = (fuzz_machine->hash ^ value) * HASH_PRIME;
	fuzz_machine->hash ^= fuzz_machine->hash >> 29;
}

uint64_t fuzz_machine_hash(void)
{
	return fuzz_machine->hash;
}

static void line_raise(struct irq *irq)
{
	struct fuzz_irq *line = container_of(irq, struct fuzz_irq, irq);

	line->raised++;
	line->level = true;
	fuzz_machine_mix(0x100 + irq->num);
}

static void line_lower(struct irq *irq)
{
	container_of(irq, struct fuzz_irq, irq)->level = false;
	fuzz_machine_mix(0x200 + irq->num);
}

struct irq *fuzz_machine_line(unsigned int n, uint32_t spi)
{
	static const struct irq_ops ops = { .raise = line_raise, .lower = line_lower, .fd = irq_no_fd };
	struct fuzz_irq *line = &fuzz_machine->line[n];

	fuzz_must(n < FUZZ_LINES, "more interrupt lines than it has");
	line->irq = (struct irq){ .ops = &ops, .num = spi };
	return &line->irq;
}

static void msi_raise(struct irq *irq)
{
	struct fuzz_msi *msi = container_of(irq, struct fuzz_msi, irq);

	if (!msi->used || !msi->routed)
		fuzz_failed("msi", "an interrupt without a message was raised");
	msi->sent++;
	fuzz_machine_mix(msi->addr);
	fuzz_machine_mix(0x300 + msi->data);
}

static struct irq *msi_alloc(void *opaque, uint32_t requester)
{
	static const struct irq_ops ops = { .raise = msi_raise, .lower = irq_no_level, .fd = irq_no_fd };

	(void)opaque, (void)requester;
	for (uint32_t i = 0; i < FUZZ_MSIS; i++) {
		struct fuzz_msi *msi = &fuzz_machine->msi[i];

		if (msi->used)
			continue;
		*msi = (struct fuzz_msi){ .irq = { .ops = &ops, .num = i }, .used = true };
		return &msi->irq;
	}
	return NULL;
}

/* Every other page is one that this machine's controller does not take. */
static int msi_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct fuzz_msi *msi = container_of(irq, struct fuzz_msi, irq);

	(void)opaque;
	if (!msi->used)
		fuzz_failed("msi", "an interrupt that was freed is given a message");
	msi->routed = !(addr & 0x1000);
	msi->addr = addr;
	msi->data = data;
	return msi->routed ? 0 : -1;
}

static void msi_free(void *opaque, struct irq *irq)
{
	struct fuzz_msi *msi = container_of(irq, struct fuzz_msi, irq);

	(void)opaque;
	if (!msi->used)
		fuzz_failed("msi", "an interrupt was freed twice");
	msi->used = false;
}

const struct msi_ops fuzz_msi_ops = { .alloc = msi_alloc, .route = msi_route, .free = msi_free };

static uint64_t clock_now(struct clock *clock)
{
	return container_of(clock, struct fuzz_machine, clock)->now;
}

/* As a monitor that counts or traces accesses does: of anything in a device's range. */
static void ask_for_name(const struct fuzz_op *op)
{
	const struct bus_region *region = bus_find(&fuzz_machine->bus, op->addr, op->size);
	const char *name = region && region->ops->reg_name ? region->ops->reg_name(op->addr - region->base) : "-";

	if (name && !*name)
		fuzz_failed("state", "the register at 0x%llx has an empty name", (unsigned long long)op->addr);
}

/* The guest's memory, or a device. */
static void access_guest(struct fuzz_op *op)
{
	struct bus *bus = &fuzz_machine->bus;

	if (op->kind == FUZZ_WRITE) {
		if (op->addr - FUZZ_RAM_BASE < FUZZ_RAM_SIZE || !bus_write(bus, op->addr, op->size, op->value))
			(void)fuzz_memory_write(op->addr, &op->value, op->size);
		return;
	}
	if (bus_read(bus, op->addr, op->size, &op->value))
		ask_for_name(op);
	else
		(void)fuzz_memory_read(op->addr, &op->value, op->size);
	fuzz_machine_mix(op->value);
}

static bool is_due(const struct loop *loop)
{
	return fuzz_kernel.ready || (loop->timers && loop->timers->deadline_ns <= fuzz_machine->now);
}

/* Until nothing is left to do now. */
static void run_loop(void)
{
	struct loop *loop = &fuzz_machine->loop;

	for (unsigned int turn = 0; turn < MOST_TURNS && is_due(loop); turn++) {
		fuzz_oracle_turn();
		(void)loop_run_once(loop, 0);
	}
}

static void host_event(struct fuzz_op *op)
{
	const struct fuzz_device *device = fuzz_machine->device;

	if (op->host == FUZZ_HOST_MEMORY)
		fuzz_memory.everywhere = op->value;
	else if (op->host == FUZZ_HOST_SAVED)
		fuzz_lifecycle_saved(op);
	else if (op->host == FUZZ_HOST_POWER)
		fuzz_lifecycle_power();
	else if (device->host)
		device->host(fuzz_machine, op);
	fuzz_world_host(op);
}

static void step(struct fuzz_op *op)
{
	struct fuzz_machine *m = fuzz_machine;

	switch (op->kind) {
	case FUZZ_READ:
	case FUZZ_WRITE: access_guest(op); break;
	case FUZZ_WRITE_BYTES: (void)fuzz_memory_write(op->addr, op->data, op->len); break;
	case FUZZ_CLOCK: m->now += op->value < UINT64_MAX / 2 - m->now ? op->value : 0; break;
	case FUZZ_LATE: fuzz_memory_late(op); break;
	case FUZZ_HOST: host_event(op); break;
	}
}

void fuzz_do(struct fuzz_op *op)
{
	bool before;

	if (watcher && watcher->before)
		watcher->before(watcher, op);
	before = fuzz_arena_on(true);
	fuzz_machine->ops++;
	fuzz_oracle_before(op);
	step(op);
	if (op->kind == FUZZ_WRITE && fuzz_machine->v && !fuzz_machine->v->status)
		fuzz_oracle_was_reset();
	run_loop();
	fuzz_oracle_after(op);
	fuzz_arena_on(before);
	if (watcher && watcher->op)
		watcher->op(watcher, op);
}

void fuzz_machine_fed(const struct fuzz_load *load)
{
	struct fuzz_op op = {
		.kind = FUZZ_LATE, .addr = load->gpa, .len = load->len, .nth = load->nth, .data = load->there
	};
	bool before;

	if (!watcher || !watcher->op)
		return;
	before = fuzz_arena_on(false);
	watcher->op(watcher, &op);
	fuzz_arena_on(before);
}

void fuzz_machine_used(unsigned int queue, unsigned int head, uint32_t len)
{
	bool before;

	fuzz_machine_mix((uint64_t)queue << 48 | (uint64_t)head << 32 | len);
	if (!watcher || !watcher->used)
		return;
	before = fuzz_arena_on(false);
	watcher->used(watcher, queue, head, len);
	fuzz_arena_on(before);
}

void fuzz_machine_watch(struct fuzz_watch *watch)
{
	watcher = watch;
}

void fuzz_machine_start(const struct fuzz_device *device)
{
	struct fuzz_machine *m;

	fuzz_arena_on(true);
	fuzz_kernel.on = true;
	fuzz_memory_start();
	m = fuzz_arena_alloc(sizeof(*m));
	fuzz_machine = m;
	m->device = device;
	m->clock = (struct clock){ .monotonic_ns = clock_now, .realtime_ns = clock_now };
	m->now = 1700000000ULL * 1000000000;
	m->hash = HASH_START;
	bus_init(&m->bus);
	fuzz_must(!loop_init(&m->loop, NULL, &m->clock), "no loop");
	fuzz_world_start(&m->loop);
	device->build(m, device);
	fuzz_oracle_start();
	fuzz_arena_snapshot();
	saved_kernel = fuzz_kernel;
	fuzz_kernel.on = false;
	fuzz_arena_on(false);
}

void fuzz_machine_reset(void)
{
	const struct fuzz_device *device = fuzz_machine->device;

	if (device->scrub)
		device->scrub(fuzz_machine);
	fuzz_world_reset();
	fuzz_arena_restore();
	fuzz_kernel = saved_kernel;
	fuzz_memory_reset();
	fuzz_oracle_reset();
}

void fuzz_machine_check(void)
{
	const char *why;

	fuzz_memory.feeder = NULL;
	fuzz_world_heal();
	fuzz_oracle_end();
	why = fuzz_machine->device->works ? fuzz_machine->device->works(fuzz_machine) : NULL;
	if (why)
		fuzz_failed("works", "%s does not work after a reset: %s", fuzz_machine->device->name, why);
	fuzz_lifecycle_end();
}
