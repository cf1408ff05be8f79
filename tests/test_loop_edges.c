/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No edge is lost, whatever else goes on: one thread signals edge-triggered sources and waits for each to be served, as a guest
 * does that has kicked a queue, while others add, change and delete sources and set timers, so that the loop waits in both of
 * its ways and has to collect again. Where a guest would hang, the source is named and the test goes on.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/loop.h"
#include "test.h"

#define EDGES	3
#define SIGNALS 6000
#define LOST_NS 15000000000ULL

struct edge {
	struct loop_source source;
	unsigned int signalled, served; /* atomic: a serving covers all signals before it */
};

static struct loop loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool over; /* atomic */

static uint64_t now(void)
{
	return clock_host.monotonic_ns(&clock_host);
}

static void edge_ready(struct loop_source *source, uint32_t events)
{
	struct edge *e = container_of(source, struct edge, source);

	(void)events;
	__atomic_store_n(&e->served, __atomic_load_n(&e->signalled, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
}

static void level_ready(struct loop_source *source, uint32_t events)
{
	eventfd_t count;

	(void)events;
	(void)eventfd_read(source->fd, &count);
}

static void edge_init(struct edge *e)
{
	*e = (struct edge){ .source = { .fd = eventfd(0, EFD_NONBLOCK), .ready = edge_ready } };
	CHECK_EQ(loop_add(&loop, &e->source, EPOLLIN | EPOLLET), 0);
}

static void *run_loop(void *unused)
{
	(void)unused;
	CHECK_EQ(loop_run(&loop), 0);
	return NULL;
}

/* Another queue's life, again and again: watched, kicked, stopped; and a source that is level-triggered. */
static void *come_and_go(void *unused)
{
	struct loop_source level = { .fd = eventfd(0, EFD_NONBLOCK), .ready = level_ready };
	struct edge other;

	(void)unused;
	pthread_mutex_lock(&lock);
	CHECK_EQ(loop_add(&loop, &level, EPOLLIN), 0);
	pthread_mutex_unlock(&lock);
	for (unsigned int i = 0; !__atomic_load_n(&over, __ATOMIC_SEQ_CST); i++) {
		pthread_mutex_lock(&lock);
		edge_init(&other);
		pthread_mutex_unlock(&lock);
		CHECK_EQ(eventfd_write(other.source.fd, 1), 0);
		if (i % 2)
			CHECK_EQ(eventfd_write(level.fd, 1), 0);
		if (i % 8 == 0)
			usleep(i % 64);
		pthread_mutex_lock(&lock);
		loop_del(&loop, &other.source);
		CHECK_EQ(loop_mod(&loop, &level, EPOLLIN), 0);
		pthread_mutex_unlock(&lock);
		close(other.source.fd);
	}
	pthread_mutex_lock(&lock);
	loop_del(&loop, &level);
	pthread_mutex_unlock(&lock);
	close(level.fd);
	return NULL;
}

static void expired(struct loop_timer *timer)
{
	(void)timer;
}

static void *set_timers(void *unused)
{
	static struct loop_timer timer = { .expired = expired };

	(void)unused;
	while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
		usleep(500);
		pthread_mutex_lock(&lock);
		loop_timer_set(&loop, &timer, now() + 200000);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Whether it is served before a guest would have been taken for hung. */
static bool signal_and_wait(struct edge *e)
{
	unsigned int mine = __atomic_add_fetch(&e->signalled, 1, __ATOMIC_SEQ_CST);
	uint64_t start = now();

	CHECK_EQ(eventfd_write(e->source.fd, 1), 0);
	while (__atomic_load_n(&e->served, __ATOMIC_SEQ_CST) != mine) {
		if (now() - start > LOST_NS)
			return false;
		sched_yield();
	}
	return true;
}

static void no_edge_is_lost(void)
{
	void *(*const threads[])(void *) = { run_loop, come_and_go, set_timers };
	pthread_t thread[ARRAY_SIZE(threads)];
	struct edge edges[EDGES];
	unsigned int lost = 0;

	CHECK_EQ(loop_init(&loop, &lock, NULL), 0);
	for (unsigned int i = 0; i < EDGES; i++)
		edge_init(&edges[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, threads[i], NULL), 0);
	for (unsigned int i = 0; i < SIGNALS && !lost; i++)
		lost += !signal_and_wait(&edges[i % EDGES]);
	CHECK_EQ(lost, 0);
	loop_stop(&loop);
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < EDGES; i++)
		close(edges[i].source.fd);
	loop_destroy(&loop);
}

static const struct test tests[] = {
	TEST(no_edge_is_lost),
};
TEST_MAIN(tests)
