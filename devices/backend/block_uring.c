/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine that has the kernel do the work: requests are queued in an io_uring and handed over once for a batch;
 * completions make the ring's descriptor readable, which is a source of the loop. No threads of ours.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <time.h>

#include "block_io.h"

/* After the kernel had no room for a batch and nothing is on its way whose end would call us. */
#define RETRY_NS (10 * 1000 * 1000ULL)

struct block_uring {
	struct block_file *f;
	struct io_uring ring;
	struct loop_source source; /* the ring: readable while completions are in it (io_uring_setup(2)) */
	struct loop_timer retry;
	unsigned int in_flight; /* requests the user waits for */
	unsigned int bounces_free; /* a bit each */
	struct block_request *waiting, **waiting_tail; /* for a bounce buffer */
};

static struct block_uring *uring_of(struct block *b)
{
	return container_of(b, struct block_file, block)->engine;
}

static void start(struct block_uring *u, struct block_request *r)
{
	/* As many entries as requests in flight, and a request has one at a time. */
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	struct block_step step;

	assert(sqe);
	block_io_step(r, &step);
	switch (step.call) {
	case BLOCK_CALL_READV:
		io_uring_prep_readv2(sqe, u->f->fd, step.iov, step.count, step.offset, step.flags);
		break;
	case BLOCK_CALL_WRITEV:
		io_uring_prep_writev2(sqe, u->f->fd, step.iov, step.count, step.offset, step.flags);
		break;
	case BLOCK_CALL_SYNC: io_uring_prep_fsync(sqe, u->f->fd, IORING_FSYNC_DATASYNC); break;
	case BLOCK_CALL_FALLOCATE:
		/* By hand: the helper's types have changed between versions of the library. */
		io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, u->f->fd, NULL, (unsigned int)step.flags, step.offset);
		sqe->addr = step.len;
		break;
	}
	io_uring_sqe_set_data(sqe, r);
}

/* Starts r unless it has to wait for a buffer. */
static void begin(struct block_uring *u, struct block_request *r)
{
	unsigned int i;

	if (r->bounced) {
		if (!u->bounces_free) {
			*u->waiting_tail = r;
			u->waiting_tail = &r->next;
			return;
		}
		i = (unsigned int)__builtin_ctz(u->bounces_free);
		u->bounces_free &= ~(1u << i);
		r->bounce = u->f->bounce + i * BLOCK_BOUNCE_SIZE;
	}
	start(u, r);
}

static void release_bounce(struct block_uring *u, struct block_request *r)
{
	struct block_request *next = u->waiting;

	if (!r->bounce)
		return;
	u->bounces_free |= 1u << (unsigned int)((size_t)(r->bounce - u->f->bounce) / BLOCK_BOUNCE_SIZE);
	if (!next)
		return;
	u->waiting = next->next;
	if (!u->waiting)
		u->waiting_tail = &u->waiting;
	next->next = NULL;
	begin(u, next);
}

static void uring_submit(struct block *b, struct block_request *r)
{
	struct block_uring *u = uring_of(b);

	block_io_begin(u->f, r);
	u->in_flight++;
	begin(u, r);
}

/* Entries that the kernel does not take now (no memory) stay in the ring for the next call. */
static void uring_commit(struct block *b)
{
	struct block_uring *u = uring_of(b);
	struct clock *clock = u->f->loop->clock;

	if (!io_uring_sq_ready(&u->ring))
		return;
	(void)io_uring_submit(&u->ring);
	if (io_uring_sq_ready(&u->ring))
		loop_timer_set(u->f->loop, &u->retry, clock->monotonic_ns(clock) + RETRY_NS);
}

static void retry(struct loop_timer *timer)
{
	uring_commit(&container_of(timer, struct block_uring, retry)->f->block);
}

/* Takes one completion. false: there is none. */
static bool reap_one(struct block_uring *u)
{
	struct block *b = &u->f->block;
	struct io_uring_cqe *cqe;
	struct block_request *r;
	int got;

	if (io_uring_peek_cqe(&u->ring, &cqe))
		return false;
	r = io_uring_cqe_get_data(cqe);
	got = cqe->res;
	io_uring_cqe_seen(&u->ring, cqe);
	if (!block_io_finished(r, got)) {
		start(u, r);
		return true;
	}
	release_bounce(u, r);
	u->in_flight--;
	b->user->done(b->user, r, r->result);
	return true;
}

static void uring_ready(struct loop_source *source, uint32_t events)
{
	struct block_uring *u = container_of(source, struct block_uring, source);
	struct block *b = &u->f->block;
	unsigned int finished = u->in_flight;

	(void)events;
	/* No more than were there: what is done again and again must not keep the loop from others. */
	for (unsigned int n = 0; n < BLOCK_MAX_IN_FLIGHT; n++)
		if (!reap_one(u))
			break;
	uring_commit(b);
	if (finished)
		b->user->settled(b->user);
}

static void uring_drain(struct block *b)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct block_uring *u = uring_of(b);

	while (u->in_flight) {
		/* An error is no room for the batch or a signal: what can be reaped makes room, and time does. */
		if (io_uring_submit_and_wait(&u->ring, 1) < 0 && !io_uring_cq_ready(&u->ring))
			nanosleep(&moment, NULL);
		while (reap_one(u))
			;
	}
}

static void uring_destroy(struct block *b)
{
	struct block_uring *u = uring_of(b);
	struct block_file *f = u->f;

	loop_timer_cancel(f->loop, &u->retry);
	loop_del(f->loop, &u->source);
	io_uring_queue_exit(&u->ring);
	free(u);
	block_file_close(f);
}

static const struct block_ops uring_ops = {
	.submit = uring_submit,
	.commit = uring_commit,
	.drain = uring_drain,
	.destroy = uring_destroy,
};

static int set_up(struct block_uring *u)
{
	/*
	 * Linux 5.7, one after the newest operation that is used (fallocate): the kernel's refusal would otherwise come with the
	 * first request.
	 */
	if (!(u->ring.features & IORING_FEAT_FAST_POLL))
		return -ENOSYS;
	u->source.fd = u->ring.ring_fd;
	return loop_add(u->f->loop, &u->source, EPOLLIN);
}

int block_uring_open(struct block_file *f)
{
	struct block_uring *u = calloc(1, sizeof(*u));
	int ret;

	if (!u)
		return -ENOMEM;
	u->f = f;
	u->source = (struct loop_source){ .fd = -1, .ready = uring_ready };
	u->retry = (struct loop_timer){ .expired = retry };
	u->bounces_free = f->bounce ? (1u << BLOCK_BOUNCES) - 1 : 0;
	u->waiting_tail = &u->waiting;
	ret = io_uring_queue_init(BLOCK_MAX_IN_FLIGHT, &u->ring, 0);
	if (!ret) {
		ret = set_up(u);
		if (ret)
			io_uring_queue_exit(&u->ring);
	}
	if (ret) {
		free(u);
		return ret;
	}
	f->engine = u;
	f->aio = BLOCK_AIO_URING;
	f->block.ops = &uring_ops;
	return 0;
}
