/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop. One turn: wait without the lock, take the lock, collect what is ready now, serve it, serve the timers that
 * have expired, release the lock.
 *
 * Without a timer, which is how a busy machine waits, waiting and collecting are one system call: what was collected counts
 * only if no source was changed or deleted before the lock was had again. What does not count is found once more, where a source
 * is level-triggered. An edge is reported once: what was collected of the edge-triggered sources that are still there is kept.
 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "syscall.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

static void loop_lock(struct loop *loop)
{
	if (loop->lock)
		pthread_mutex_lock(loop->lock);
}

static void loop_unlock(struct loop *loop)
{
	if (loop->lock)
		pthread_mutex_unlock(loop->lock);
}

static uint64_t loop_now(const struct loop *loop)
{
	return loop->clock->monotonic_ns(loop->clock);
}

static int control(struct loop *loop, int op, int fd, void *ptr, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = ptr };

	return epoll_ctl(loop->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

int loop_init(struct loop *loop, pthread_mutex_t *lock, struct clock *clock)
{
	int err;

	memset(loop, 0, sizeof(*loop));
	loop->lock = lock;
	loop->clock = clock ? clock : &clock_host;
	loop->wake_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* The loop itself marks the wake descriptor in a batch: no source can have that address. */
	err = loop->wake_fd < 0 ? -errno : control(loop, EPOLL_CTL_ADD, loop->wake_fd, loop, EPOLLIN);
	if (err)
		loop_destroy(loop);
	return err;
}

void loop_destroy(struct loop *loop)
{
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->wake_fd = -1;
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	int err = control(loop, EPOLL_CTL_ADD, source->fd, source, events);

	if (!err && events & EPOLLET) {
		source->next_edge = loop->edges;
		loop->edges = source;
	}
	return err;
}

int loop_mod(struct loop *loop, struct loop_source *source, uint32_t events)
{
	loop->stale = true;
	return control(loop, EPOLL_CTL_MOD, source->fd, source, events);
}

static struct loop_source **find_edge(struct loop *loop, const void *source)
{
	struct loop_source **link = &loop->edges;

	while (*link && *link != source)
		link = &(*link)->next_edge;
	return link;
}

void loop_del(struct loop *loop, struct loop_source *source)
{
	struct loop_source **link = find_edge(loop, source);

	if (*link)
		*link = source->next_edge;
	loop->stale = true;
	(void)control(loop, EPOLL_CTL_DEL, source->fd, NULL, 0);
	/* It may have been collected already, behind the source being served now. */
	for (int i = loop->batch_next; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	}
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t done = write(loop->wake_fd, &one, sizeof(one));

	(void)done; /* fails only when the counter is full, and then the loop is awake */
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns)
{
	struct loop_timer **link = &loop->timers;
	uint64_t now = loop_now(loop);

	loop_timer_cancel(loop, timer);
	/* Never before now: a timer that keeps asking for "at once" must queue behind those already due. */
	timer->deadline_ns = deadline_ns < now ? now : deadline_ns;
	while (*link && (*link)->deadline_ns <= timer->deadline_ns)
		link = &(*link)->next;
	timer->next = *link;
	timer->armed = true;
	*link = timer;
	if (loop->timers == timer && loop->waiting)
		wake(loop);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **link = &loop->timers;

	if (!timer->armed)
		return;
	while (*link != timer)
		link = &(*link)->next;
	*link = timer->next;
	timer->next = NULL;
	timer->armed = false;
}

uint64_t loop_next_deadline(const struct loop *loop)
{
	return loop->timers ? loop->timers->deadline_ns : UINT64_MAX;
}

/* How long to wait, in ns; UINT64_MAX: until a descriptor is ready. */
static uint64_t wait_ns(const struct loop *loop, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * NS_PER_MS;
	uint64_t deadline = loop_next_deadline(loop), now;

	if (deadline == UINT64_MAX || !limit)
		return limit;
	now = loop_now(loop);
	if (deadline <= now)
		return 0;
	/* Somebody else's clock does not move while we sleep: only what steps it can make its timers expire. */
	if (loop->clock != &clock_host)
		return limit;
	return deadline - now < limit ? deadline - now : limit;
}

/*
 * Wait without the lock until the epoll descriptor has something to collect. poll and not epoll_wait, because that would
 * collect. The kernel never ends a timeout early, so a timer that ended the wait has expired: no turn is in vain.
 */
static int poll_ready(struct loop *loop, uint64_t ns)
{
	struct pollfd pfd = { .fd = loop->epoll_fd, .events = POLLIN };
	struct timespec ts = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };

	if (ppoll(&pfd, 1, ns == UINT64_MAX ? NULL : &ts, NULL) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

/* With the lock, which is released meanwhile. 0 or -errno. */
static not_inline int wait_ready(struct loop *loop, int timeout_ms)
{
	uint64_t ns = wait_ns(loop, timeout_ms);
	int err;

	if (!ns)
		return 0;
	loop->waiting = true;
	loop_unlock(loop);
	err = poll_ready(loop, ns);
	loop_lock(loop);
	loop->waiting = false;
	return err;
}

/* What epoll_wait gave is to be served. The number, or -errno. */
static int take_batch(struct loop *loop, int count)
{
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	loop->batch_count = count;
	loop->batch_next = 0;
	return count;
}

static int collect(struct loop *loop)
{
	return take_batch(loop, epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, 0));
}

/*
 * Of count events collected before some source was changed or deleted: those of edge-triggered sources, and behind them all that
 * is ready now.
 */
static not_inline int collect_again(struct loop *loop, int count)
{
	int kept = 0, more;

	for (int i = 0; i < count; i++)
		if (*find_edge(loop, loop->batch[i].data.ptr))
			loop->batch[kept++] = loop->batch[i];
	if (kept == LOOP_BATCH)
		return take_batch(loop, kept);
	more = epoll_wait(loop->epoll_fd, loop->batch + kept, LOOP_BATCH - kept, 0);
	return take_batch(loop, kept && more < 0 ? kept : kept + more);
}

/* With the lock, which is released meanwhile: waits for ever. */
static int wait_and_collect(struct loop *loop)
{
	int count;

	loop->waiting = true;
	loop->stale = false;
	loop_unlock(loop);
	count = direct_epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH);
	loop_lock(loop);
	loop->waiting = false;
	return loop->stale ? collect_again(loop, count) : take_batch(loop, count);
}

static not_inline void take_wake(struct loop *loop)
{
	uint64_t count;
	ssize_t got = read(loop->wake_fd, &count, sizeof(count));

	(void)got;
}

static int serve_sources(struct loop *loop)
{
	int served = 0;

	while (loop->batch_next < loop->batch_count) {
		struct epoll_event *event = &loop->batch[loop->batch_next++];

		if (event->data.ptr == loop) {
			take_wake(loop);
		} else if (event->data.ptr) {
			struct loop_source *source = event->data.ptr;

			source->ready(source, event->events);
			served++;
		}
	}
	loop->batch_count = 0;
	loop->batch_next = 0;
	return served;
}

static not_inline int serve_timers(struct loop *loop)
{
	uint64_t now = loop_now(loop);
	int due = 0, served = 0;

	/* One armed for "at once" by a handler waits for the next turn, or two of them could keep the loop here for ever. */
	for (struct loop_timer *t = loop->timers; t && t->deadline_ns <= now; t = t->next)
		due++;
	while (served < due && loop->timers && loop->timers->deadline_ns <= now) {
		struct loop_timer *timer = loop->timers;

		loop_timer_cancel(loop, timer);
		timer->expired(timer);
		served++;
	}
	return served;
}

/* Of what collecting gave; an error of it is passed on. */
static int serve(struct loop *loop, int err)
{
	int served;

	if (err < 0)
		return err;
	served = serve_sources(loop);
	return loop->timers ? served + serve_timers(loop) : served;
}

int loop_serve(struct loop *loop)
{
	return serve(loop, collect(loop));
}

int loop_run_once(struct loop *loop, int timeout_ms)
{
	int err = 0;

	loop_lock(loop);
	if (timeout_ms < 0 && !loop->timers) {
		err = wait_and_collect(loop);
	} else {
		if (timeout_ms)
			err = wait_ready(loop, timeout_ms);
		if (!err)
			err = collect(loop);
	}
	err = serve(loop, err);
	loop_unlock(loop);
	return err;
}

int loop_run(struct loop *loop)
{
	int ret = 0;

	while (ret >= 0 && !__atomic_load_n(&loop->stopped, __ATOMIC_ACQUIRE))
		ret = loop_run_once(loop, -1);
	__atomic_store_n(&loop->stopped, false, __ATOMIC_RELEASE);
	return ret < 0 ? ret : 0;
}

void loop_stop(struct loop *loop)
{
	int saved = errno; /* a signal handler must not change what the interrupted code is about to read */

	__atomic_store_n(&loop->stopped, true, __ATOMIC_RELEASE);
	wake(loop);
	errno = saved;
}
