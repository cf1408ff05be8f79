/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: sources and their deletion, timers on a virtual and on the real clock, other threads, signals. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define MS 1000000ULL

static struct loop loop;

struct source {
	struct loop_source source;
	unsigned int served;
	struct source *deletes;
};

static void source_ready(struct loop_source *s, uint32_t events)
{
	struct source *self = container_of(s, struct source, source);
	uint64_t n;

	CHECK(events & EPOLLIN);
	CHECK_EQ(read(s->fd, &n, sizeof(n)), sizeof(n));
	self->served++;
	if (self->deletes)
		loop_del(&loop, &self->deletes->source);
}

static void source_init(struct source *s)
{
	*s = (struct source){ .source = { .fd = eventfd(0, EFD_NONBLOCK), .ready = source_ready } };
	CHECK_EQ(loop_add(&loop, &s->source, EPOLLIN), 0);
}

static void edge_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	container_of(source, struct source, source)->served++;
}

static void signal_source(struct source *s)
{
	uint64_t one = 1;

	CHECK_EQ(write(s->source.fd, &one, sizeof(one)), sizeof(one));
}

static void deleted_source_leaves_the_batch(void)
{
	struct source a, b;

	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	source_init(&a);
	source_init(&b);
	a.deletes = &b;
	b.deletes = &a;
	signal_source(&a);
	signal_source(&b);
	/* Both are collected; whichever is served first takes the other out. */
	CHECK_EQ(loop_run_once(&loop, 0), 1);
	CHECK_EQ(a.served + b.served, 1);
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	close(a.source.fd);
	close(b.source.fd);
	loop_destroy(&loop);
}

static void more_than_a_batch(void)
{
	static struct source s[LOOP_BATCH + 5];
	int served = 0;

	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		source_init(&s[i]);
		signal_source(&s[i]);
	}
	CHECK_EQ(served += loop_run_once(&loop, -1), LOOP_BATCH);
	CHECK_EQ(served += loop_run_once(&loop, -1), LOOP_BATCH + 5);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		CHECK_EQ(s[i].served, 1);
		close(s[i].source.fd);
	}
	loop_destroy(&loop);
}

struct timer {
	struct loop_timer timer;
	unsigned int expired, order;
	struct timer *cancels;
	bool again;
};

static unsigned int order;

static void timer_expired(struct loop_timer *t)
{
	struct timer *self = container_of(t, struct timer, timer);

	CHECK(!t->armed);
	self->expired++;
	self->order = ++order;
	if (self->cancels)
		loop_timer_cancel(&loop, &self->cancels->timer);
	if (self->again)
		loop_timer_set(&loop, t, 0);
}

static void timers_virtual(void)
{
	struct rig_clock clock = { .monotonic = 1000 };
	struct timer a = { .timer.expired = timer_expired }, b = a, c = a;
	static struct rig rig;

	rig_init(&rig); /* lends its clock's functions */
	clock.clock = rig.clock.clock;
	rig_destroy(&rig);
	CHECK_EQ(loop_init(&loop, NULL, &clock.clock), 0);
	CHECK_EQ(loop_next_deadline(&loop), UINT64_MAX);
	loop_timer_set(&loop, &a.timer, 3000);
	loop_timer_set(&loop, &b.timer, 2000);
	loop_timer_set(&loop, &c.timer, 2000);
	CHECK_EQ(loop_next_deadline(&loop), 2000);
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	CHECK_EQ(loop_run_once(&loop, 1), 0); /* sleeps 1 ms of real time, which is nothing on this clock */
	clock.monotonic = 1999;
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	clock.monotonic = 2000;
	order = 0;
	CHECK_EQ(loop_run_once(&loop, -1), 2);
	CHECK_EQ(b.order, 1);
	CHECK_EQ(c.order, 2);
	loop_timer_set(&loop, &a.timer, 5000); /* moves it */
	clock.monotonic = 4000;
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	loop_timer_cancel(&loop, &a.timer);
	loop_timer_cancel(&loop, &a.timer);
	clock.monotonic = 9000;
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	/* An expired one cancels another that is due, and rearms itself for at once: not in the same turn. */
	a.cancels = &b;
	a.again = true;
	loop_timer_set(&loop, &a.timer, 0);
	loop_timer_set(&loop, &b.timer, 0);
	loop_timer_set(&loop, &c.timer, 0);
	b.expired = c.expired = a.expired = 0;
	loop_run_once(&loop, 0);
	loop_run_once(&loop, 0);
	CHECK_EQ(b.expired, 0);
	CHECK_EQ(c.expired, 1);
	CHECK(a.expired <= 3);
	loop_destroy(&loop);
}

static uint64_t now(void)
{
	return clock_host.monotonic_ns(&clock_host);
}

static void timer_real_does_not_spin(void)
{
	struct timer a = { .timer.expired = timer_expired };
	uint64_t start = now();
	int turns = 0;

	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	loop_timer_set(&loop, &a.timer, start + 20 * MS + 1);
	while (!a.expired && turns < 100) {
		CHECK(loop_run_once(&loop, -1) >= 0);
		turns++;
	}
	CHECK_EQ(turns, 1);
	CHECK(now() - start >= 20 * MS);
	loop_timer_set(&loop, &a.timer, now() + 1000 * MS);
	start = now();
	CHECK_EQ(loop_run_once(&loop, 5), 0);
	CHECK(now() - start >= 5 * MS && now() - start < 900 * MS);
	loop_destroy(&loop);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *run_loop(void *arg)
{
	(void)arg;
	CHECK_EQ(loop_run(&loop), 0);
	return NULL;
}

struct stopper {
	struct loop_timer timer;
	uint64_t at;
};

static void stop_on_expiry(struct loop_timer *t)
{
	container_of(t, struct stopper, timer)->at = now();
	loop_stop(&loop);
}

static void earlier_deadline_wakes(void)
{
	struct stopper s = { .timer.expired = stop_on_expiry };
	struct timer far = { .timer.expired = timer_expired };
	uint64_t start = now();
	pthread_t thread;

	CHECK_EQ(loop_init(&loop, &lock, NULL), 0);
	loop_timer_set(&loop, &far.timer, start + 60000 * MS);
	CHECK_EQ(pthread_create(&thread, NULL, run_loop, NULL), 0);
	usleep(20000); /* until it waits; if it does not yet, the test is easier */
	pthread_mutex_lock(&lock);
	loop_timer_set(&loop, &s.timer, now() + 10 * MS);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	CHECK(s.at - start < 30000 * MS);
	CHECK_EQ(far.expired, 0);
	loop_destroy(&loop);
}

/* Another thread adds, signals and deletes while the loop serves: never served after loop_del returned. */
static void deletion_against_the_loop(void)
{
	pthread_t thread;

	CHECK_EQ(loop_init(&loop, &lock, NULL), 0);
	CHECK_EQ(pthread_create(&thread, NULL, run_loop, NULL), 0);
	for (int i = 0; i < 300; i++) {
		struct source s;
		unsigned int served;

		pthread_mutex_lock(&lock);
		source_init(&s);
		signal_source(&s);
		pthread_mutex_unlock(&lock);
		if (i & 1)
			usleep(50);
		pthread_mutex_lock(&lock);
		loop_del(&loop, &s.source);
		served = s.served;
		pthread_mutex_unlock(&lock);
		sched_yield();
		pthread_mutex_lock(&lock);
		CHECK_EQ(s.served, served);
		CHECK(served <= 1);
		pthread_mutex_unlock(&lock);
		close(s.source.fd);
	}
	loop_stop(&loop);
	pthread_join(thread, NULL);
	loop_destroy(&loop);
}

/* Two sources wake the loop, which then waits for the lock; one of them goes meanwhile, or wants nothing any more. */
static void changed_between_wait_and_lock(void)
{
	struct source gone, stays;
	pthread_t thread;

	CHECK_EQ(loop_init(&loop, &lock, NULL), 0);
	source_init(&stays);
	CHECK_EQ(pthread_create(&thread, NULL, run_loop, NULL), 0);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_mutex_lock(&lock);
		source_init(&gone);
		while (!loop.waiting) {
			pthread_mutex_unlock(&lock);
			sched_yield();
			pthread_mutex_lock(&lock);
		}
		signal_source(&gone);
		signal_source(&stays);
		usleep(20000); /* it is back from the kernel by now */
		if (i % 2)
			loop_del(&loop, &gone.source);
		else
			CHECK_EQ(loop_mod(&loop, &gone.source, 0), 0);
		pthread_mutex_unlock(&lock);
		usleep(20000);
		pthread_mutex_lock(&lock);
		CHECK_EQ(gone.served, 0);
		CHECK_EQ(stays.served, i + 1);
		close(gone.source.fd); /* and so out of the loop */
		pthread_mutex_unlock(&lock);
	}
	loop_stop(&loop);
	pthread_join(thread, NULL);
	close(stays.source.fd);
	loop_destroy(&loop);
}

/* An edge that was collected is not reported again: it has to survive that what was collected with it does not count. */
static void edge_between_wait_and_lock(void)
{
	struct source gone, edge;
	pthread_t thread;

	CHECK_EQ(loop_init(&loop, &lock, NULL), 0);
	edge = (struct source){ .source = { .fd = eventfd(0, EFD_NONBLOCK), .ready = edge_ready } };
	CHECK_EQ(loop_add(&loop, &edge.source, EPOLLIN | EPOLLET), 0);
	CHECK_EQ(pthread_create(&thread, NULL, run_loop, NULL), 0);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_mutex_lock(&lock);
		source_init(&gone);
		while (!loop.waiting) {
			pthread_mutex_unlock(&lock);
			sched_yield();
			pthread_mutex_lock(&lock);
		}
		signal_source(&edge);
		signal_source(&gone);
		usleep(20000); /* it is back from the kernel by now */
		loop_del(&loop, &gone.source);
		pthread_mutex_unlock(&lock);
		usleep(20000);
		pthread_mutex_lock(&lock);
		CHECK_EQ(gone.served, 0);
		CHECK_EQ(edge.served, i + 1);
		close(gone.source.fd);
		pthread_mutex_unlock(&lock);
	}
	/* And deleted itself it is not served. */
	pthread_mutex_lock(&lock);
	signal_source(&edge);
	usleep(20000);
	loop_del(&loop, &edge.source);
	pthread_mutex_unlock(&lock);
	usleep(20000);
	CHECK_EQ(edge.served, 4);
	loop_stop(&loop);
	pthread_join(thread, NULL);
	close(edge.source.fd);
	loop_destroy(&loop);
}

/* The count is never taken, and each write is served, once. */
static void every_write_is_an_edge(void)
{
	struct source edge = { .source = { .fd = eventfd(0, EFD_NONBLOCK), .ready = edge_ready } };

	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	CHECK_EQ(loop_add(&loop, &edge.source, EPOLLIN | EPOLLET), 0);
	for (unsigned int i = 0; i < 3; i++) {
		signal_source(&edge);
		CHECK_EQ(loop_run_once(&loop, -1), 1);
		CHECK_EQ(loop_run_once(&loop, 0), 0);
	}
	loop_del(&loop, &edge.source);
	signal_source(&edge);
	CHECK_EQ(loop_run_once(&loop, 0), 0);
	close(edge.source.fd);
	loop_destroy(&loop);
}

static void stop_before_run(void)
{
	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	loop_stop(&loop);
	CHECK_EQ(loop_run(&loop), 0);
	loop_stop(&loop);
	CHECK_EQ(loop_run(&loop), 0);
	loop_destroy(&loop);
}

static void on_alarm(int signal)
{
	(void)signal;
	loop_stop(&loop);
}

static void stop_from_signal(void)
{
	struct sigaction action = { .sa_handler = on_alarm };

	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	CHECK_EQ(loop_run(&loop), 0);
	loop_destroy(&loop);
}

static void regular_file_refused(void)
{
	FILE *f = tmpfile();
	struct loop_source s = { .ready = source_ready };

	REQUIRE(f);
	s.fd = fileno(f);
	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	CHECK_EQ(loop_add(&loop, &s, EPOLLIN), -EPERM);
	fclose(f);
	loop_destroy(&loop);
}

static const struct test tests[] = {
	TEST(deleted_source_leaves_the_batch),
	TEST(more_than_a_batch),
	TEST(timers_virtual),
	TEST(timer_real_does_not_spin),
	TEST(earlier_deadline_wakes),
	TEST(deletion_against_the_loop),
	TEST(changed_between_wait_and_lock),
	TEST(edge_between_wait_and_lock),
	TEST(every_write_is_an_edge),
	TEST(stop_before_run),
	TEST(stop_from_signal),
	TEST(regular_file_refused),
};
TEST_MAIN(tests)
