/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h. Chains are told by virtq_watch; loads are oracle_load.c's. */
#include "oracle.h"

#include <string.h>

#include "arena.h"
#include "fuzz.h"
#include "kernel.h"
#include "machine.h"
#include "oracle_load.h"
#include "world.h"

#define MAX_HEADS  256
/* Turns in a row in which nothing is done: more than a backend is ever told to wait. */
#define MOST_IDLE  24
/* What a device may allocate as it runs: one order of chains for each queue, one table of doorbells, snapshots of its state. */
#define MOST_GROWN (64 * KiB)

/* A chain that was popped and not used. */
struct flight {
	bool out;
	const struct chain *chain; /* NULL: it was pushed, and waits for those before it (VIRTIO_F_IN_ORDER) */
	uint32_t room; /* bytes that it takes */
	uint64_t written;
};

static struct {
	struct flight flight[FUZZ_GUEST_QUEUES][MAX_HEADS];
	uint16_t live[FUZZ_GUEST_QUEUES]; /* of them */
	uint32_t popped[FUZZ_GUEST_QUEUES]; /* in this turn */
	uint64_t work; /* things done since the reset */
	uint64_t work_then, idle; /* as the last turn began; turns since then */
	uint32_t raised; /* of the line, as the step began */
	bool told;
	unsigned int fds,
		bells; /* the most there can be: a descriptor and a doorbell for each queue beyond what the machine was built with */
} oracle;

static struct flight *flight_of(const struct virtq *q, uint16_t head)
{
	if (q->index >= FUZZ_GUEST_QUEUES || head >= MAX_HEADS)
		fuzz_failed("used", "queue %u, head %u: there is no such chain", q->index, head);
	return &oracle.flight[q->index][head];
}

/* The chain is another one's now: the one before is done with it. */
static void take_over(const struct chain *chain)
{
	for (unsigned int queue = 0; queue < FUZZ_GUEST_QUEUES; queue++)
		for (unsigned int head = 0; oracle.live[queue] && head < MAX_HEADS; head++)
			if (oracle.flight[queue][head].chain == chain)
				oracle.flight[queue][head].chain = NULL;
}

static void popped(const struct virtq *q, uint16_t head)
{
	struct flight *f = flight_of(q, head);

	if (q->in_order)
		take_over(q->in_flight[head]);
	oracle.live[q->index] += !f->out;
	f->out = true;
	f->chain = q->in_flight[head];
	f->room = f->chain->in_len;
	f->written = 0;
	if (++oracle.popped[q->index] > q->size)
		fuzz_failed("work", "queue %u: %u chains in a turn, the queue has %u entries", q->index,
			oracle.popped[q->index], q->size);
	if (oracle.live[q->index] > q->size)
		fuzz_failed("work", "queue %u: %u chains in flight, the queue has %u entries", q->index,
			oracle.live[q->index], q->size);
	fuzz_oracle_popped(f->chain);
}

static void gone(const struct virtq *q, uint16_t head)
{
	struct flight *f = flight_of(q, head);

	if (!f->out)
		fuzz_failed("used", "queue %u, head %u is given back and was not popped", q->index, head);
	f->out = false;
	f->chain = NULL;
	oracle.live[q->index]--;
}

static void used(const struct virtq *q, uint16_t head, uint32_t len)
{
	const struct flight *f = flight_of(q, head);
	uint32_t own = fuzz_machine->device->writes_itself;

	/* A bad chain has room for who knows what, and is given back with nothing. */
	if (len && len > f->room)
		fuzz_failed("used", "queue %u, head %u: used length %u, room for %u", q->index, head, len, f->room);
	if (len > f->written + own)
		fuzz_failed("used", "queue %u, head %u: used length %u, %llu bytes were written", q->index, head, len,
			(unsigned long long)f->written);
	gone(q, head);
	fuzz_machine_used(q->index, head, len);
}

static void watch_step(
	struct virtq_watch *watch, const struct virtq *q, enum virtq_step step, uint16_t head, uint32_t len)
{
	(void)watch;
	switch (step) {
	case VIRTQ_BEGIN: oracle.popped[q->index] = 0; break;
	case VIRTQ_POPPED:
		oracle.work++;
		popped(q, head);
		break;
	case VIRTQ_UNPOPPED:
		oracle.popped[q->index]--;
		gone(q, head);
		break;
	case VIRTQ_USED:
		oracle.work++;
		used(q, head, len);
		break;
	case VIRTQ_TOLD: oracle.told = true; break;
	case VIRTQ_NOT_TOLD: break;
	}
}

void fuzz_oracle_start(void)
{
	static struct virtq_watch watch = { .step = watch_step };
	struct virtio *v = fuzz_machine->v;

	for (uint16_t i = 0; v && i < v->class->queue_count; i++)
		v->queue[i].watch = &watch;
	oracle.bells = (v ? v->class->queue_count : 0u) + fuzz_machine->device->doorbells;
	oracle.fds = fuzz_fds_open() + oracle.bells;
}

static void forget(unsigned int queue)
{
	if (!oracle.live[queue])
		return;
	memset(oracle.flight[queue], 0, sizeof(oracle.flight[queue]));
	oracle.live[queue] = 0;
}

void fuzz_oracle_reset(void)
{
	for (unsigned int i = 0; i < FUZZ_GUEST_QUEUES; i++)
		forget(i);
	oracle.work = oracle.work_then = oracle.idle = 0;
	oracle.told = false;
	fuzz_oracle_load_reset();
}

void fuzz_oracle_before(const struct fuzz_op *op)
{
	(void)op;
	oracle.raised = fuzz_machine->line[0].raised;
	oracle.told = false;
	oracle.idle = 0;
}

void fuzz_oracle_turn(void)
{
	if (!fuzz_machine->v)
		return;
	oracle.idle = oracle.work == oracle.work_then ? oracle.idle + 1 : 0;
	oracle.work_then = oracle.work;
	if (oracle.idle > MOST_IDLE)
		fuzz_failed("work", "the loop does not come to rest: %llu turns in which nothing was done",
			(unsigned long long)oracle.idle);
}

static void check_queue(const struct virtq *q)
{
	if (!q->ready)
		forget(q->index);
	else if (q->in_flight_count != oracle.live[q->index])
		fuzz_failed("used", "queue %u: %u chains are in flight, it has counted %u", q->index,
			oracle.live[q->index], q->in_flight_count);
}

void fuzz_oracle_after(const struct fuzz_op *op)
{
	const struct fuzz_device *device = fuzz_machine->device;
	const struct virtio *v = fuzz_machine->v;
	const char *why = device->check ? device->check(fuzz_machine) : NULL;

	(void)op;
	if (why)
		fuzz_failed("state", "%s: %s", device->name, why);
	for (uint16_t i = 0; v && i < v->class->queue_count; i++)
		check_queue(&v->queue[i]);
	/* On PCI it may have gone to a vector that is masked, or to none. */
	if (oracle.told && !device->lies && !fuzz_machine->host && fuzz_machine->line[0].raised == oracle.raised)
		fuzz_failed("irq", "the driver waits for an interrupt and none came");
	if (fuzz_machine->bus.doorbell_count > oracle.bells)
		fuzz_failed("memory", "%u doorbells are on the bus, at most %u were to be expected",
			fuzz_machine->bus.doorbell_count, oracle.bells);
	if (fuzz_arena_grown() > MOST_GROWN)
		fuzz_failed("memory", "%zu bytes more are allocated than after the start", fuzz_arena_grown());
	if (fuzz_fds_open() > oracle.fds)
		fuzz_failed("memory", "%u descriptors are open, at most %u were to be expected", fuzz_fds_open(),
			oracle.fds);
}

void fuzz_oracle_was_reset(void)
{
	const struct virtio *v = fuzz_machine->v;

	for (uint16_t i = 0; i < v->class->queue_count; i++) {
		if (v->queue[i].ready || v->queue[i].in_flight_count)
			fuzz_failed("reset", "queue %u is ready, or has something in flight", i);
		forget(i);
	}
	if (fuzz_world->requests)
		fuzz_failed("reset", "%u requests are with the disk", fuzz_world->requests);
	if (!fuzz_machine->host && fuzz_machine->line[0].level)
		fuzz_failed("reset", "the interrupt is still raised");
	fuzz_memory_revoke();
}

void fuzz_oracle_forget(void)
{
	for (unsigned int i = 0; i < FUZZ_GUEST_QUEUES; i++)
		forget(i);
	fuzz_memory_revoke();
}

void fuzz_oracle_end(void)
{
	oracle.idle = 0;
}

/* A liar between a device and its source hands on a part of the first buffer, in a list of its own. */
static bool begins_there(const struct chain *chain, const struct iovec *iov)
{
	for (unsigned int i = 0; i < chain->in_count; i++)
		if (chain->in[i].iov_len && chain->in[i].iov_base == iov->iov_base)
			return true;
	return false;
}

static bool is_part(const struct chain *chain, const struct iovec *iov)
{
	return iov >= chain->iov && iov < chain->iov + CHAIN_MAX_IOV;
}

static struct flight *find_by(bool (*is)(const struct chain *chain, const struct iovec *iov), const struct iovec *iov)
{
	for (unsigned int queue = 0; queue < FUZZ_GUEST_QUEUES; queue++) {
		unsigned int left = oracle.live[queue];

		for (unsigned int head = 0; left && head < MAX_HEADS; head++) {
			struct flight *f = &oracle.flight[queue][head];

			left -= f->out;
			if (f->chain && is(f->chain, iov))
				return f;
		}
	}
	return NULL;
}

/* The chain that these buffers are part of, NULL: none that is out. */
static struct flight *find_flight(const struct iovec *iov)
{
	struct flight *f = find_by(is_part, iov);

	return f || !fuzz_machine || !fuzz_machine->device->lies ? f : find_by(begins_there, iov);
}

void fuzz_oracle_backend(const char *what, const struct iovec *iov, unsigned int count)
{
	if (!count || !find_flight(iov))
		fuzz_failed("dma", "the %s is given %u buffers that are no chain's", what, count);
	for (unsigned int i = 0; i < count; i++)
		if (!iov[i].iov_len || !fuzz_memory_is_mapped(iov[i].iov_base, iov[i].iov_len))
			fuzz_failed("dma", "the %s is given %zu bytes at 0x%llx, which the device has not mapped", what,
				iov[i].iov_len, (unsigned long long)fuzz_memory_gpa(iov[i].iov_base));
}

void fuzz_oracle_worked(void)
{
	oracle.work++;
}

void fuzz_oracle_wrote(const struct iovec *iov, size_t len)
{
	struct flight *f = find_flight(iov);

	if (f)
		f->written += len;
}

/* Calls from outside of virtq.c; what a device copies into a chain. */
size_t __real_chain_write(struct chain *chain, const void *src, size_t len);
size_t __wrap_chain_write(struct chain *chain, const void *src, size_t len);

size_t __wrap_chain_write(struct chain *chain, const void *src, size_t len)
{
	size_t n = __real_chain_write(chain, src, len);

	fuzz_oracle_wrote(chain->iov, n);
	return n;
}
