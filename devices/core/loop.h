/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: file descriptors and timers, served one at a time under the machine lock. One thread runs it; sources
 * and timers may be changed by any thread that holds the lock.
 *
 * Waiting happens outside the lock and collecting inside it: a source deleted by a vCPU thread can then never be served
 * late, and one deleted by an earlier handler of the same batch is cleared from the batch.
 */
#ifndef MINIVMM_LOOP_H
#define MINIVMM_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "clock.h"
#include "util.h"

#define LOOP_BATCH 32 /* events collected at a time; more stay in the kernel for the next turn */

/*
 * Embedded in its owner, found with container_of. events are EPOLLIN, EPOLLOUT, ...: level-triggered, unless EPOLLET is among
 * them. An edge is served at least once after it, never before; a source that was deleted and added again may be served for
 * an edge of before.
 */
struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source, uint32_t events);
	struct loop_source *next_edge; /* the loop's: another source added with EPOLLET */
};

/* One shot. Embedded in its owner; next and armed belong to the loop. */
struct loop_timer {
	void (*expired)(struct loop_timer *timer);
	uint64_t deadline_ns; /* on the loop's monotonic clock */
	struct loop_timer *next;
	bool armed;
};

struct loop {
	int epoll_fd;
	int wake_fd; /* eventfd: loop_stop, or an earlier deadline set by another thread */
	pthread_mutex_t *lock;
	struct clock *clock;
	struct loop_timer *timers; /* sorted by deadline */
	struct loop_source *edges; /* sources added with EPOLLET: what was collected of them is not found again */
	struct epoll_event batch[LOOP_BATCH];
	int batch_count, batch_next;
	bool waiting; /* outside the lock, in the kernel: an earlier deadline has to wake it */
	bool stale; /* a source was changed or deleted since the wait began */
	bool stopped; /* atomic */
};

/* lock is held around every handler; NULL where one thread does everything. clock NULL means clock_host. 0 or -errno. */
must_check int loop_init(struct loop *loop, pthread_mutex_t *lock, struct clock *clock);
void loop_destroy(struct loop *loop);

/* 0 or -errno of epoll_ctl. A regular file gives -EPERM: it is always ready. */
must_check int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
/* Level-triggered before and after. */
must_check int loop_mod(struct loop *loop, struct loop_source *source, uint32_t events);
/* The source is never served again once this returns. source->fd must still be open. */
void loop_del(struct loop *loop, struct loop_source *source);

/*
 * (Re)arm for deadline_ns on the monotonic clock; a deadline in the past means now, which is served on the next turn,
 * after those already due. A clock other than clock_host does not end a wait: whoever steps it runs the loop.
 */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);
/* Earliest deadline, or UINT64_MAX when no timer is armed. */
uint64_t loop_next_deadline(const struct loop *loop);

/* Waits at most timeout_ms (-1: for ever, 0: not at all), serves what is ready. The number served, or -errno. */
int loop_run_once(struct loop *loop, int timeout_ms);
/*
 * A turn without waiting, by any thread that holds the lock. The loop's own thread may wait meanwhile, but only with a timeout: in
 * loop_run it collects before it has the lock. The number served, or -errno.
 */
int loop_serve(struct loop *loop);
/* Until loop_stop. 0, or -errno when waiting fails. Lock not held by the caller. */
must_check int loop_run(struct loop *loop);
/* Any thread and signal handlers. Stays in force until loop_run returns, also when called before it. */
void loop_stop(struct loop *loop);

#endif
