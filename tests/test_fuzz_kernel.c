/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzzer's eventfd and epoll do what the host's kernel does: the same calls on both, the same answers. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fuzz/kernel.h"
#include "test.h"

#define FDS   4
#define STEPS 20000

/* The same descriptors twice: of the host's, and of ours. */
struct side {
	int epoll, fd[FDS];
};

static void open_side(struct side *s, bool ours)
{
	fuzz_kernel.on = ours;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int i = 0; i < FDS; i++)
		s->fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fuzz_kernel.on = false;
}

static void close_side(struct side *s)
{
	close(s->epoll);
	for (unsigned int i = 0; i < FDS; i++)
		close(s->fd[i]);
}

static long answer(long result)
{
	return result < 0 ? -errno : result;
}

/* Which were given, a bit each. */
static long wait_all(const struct side *s)
{
	struct epoll_event events[FDS * 2];
	int count = epoll_wait(s->epoll, events, FDS * 2, 0);
	long mask = 0;

	for (int i = 0; i < count; i++)
		mask |= 1L << events[i].data.u32;
	return count < 0 ? -errno : mask;
}

static long control(const struct side *s, int op, unsigned int i, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = i };

	return answer(epoll_ctl(s->epoll, op, s->fd[i], &event));
}

static long take(const struct side *s, unsigned int i)
{
	eventfd_t count = 0;
	int err = eventfd_read(s->fd[i], &count);

	return err < 0 ? -errno : (long)count;
}

static long signal_it(const struct side *s, unsigned int i, bool plain)
{
	const uint64_t one = 1;

	return plain ? answer(write(s->fd[i], &one, sizeof(one))) : answer(eventfd_write(s->fd[i], 3));
}

static long act(const struct side *s, unsigned int what, unsigned int i)
{
	switch (what) {
	case 0: return control(s, EPOLL_CTL_ADD, i, EPOLLIN | EPOLLET);
	case 1: return control(s, EPOLL_CTL_ADD, i, EPOLLIN);
	case 2: return control(s, EPOLL_CTL_DEL, i, 0);
	case 3: return take(s, i);
	case 4: return signal_it(s, i, true);
	case 5: return signal_it(s, i, false);
	default: return wait_all(s);
	}
}

static void any_calls_have_the_same_answers(void)
{
	struct side host, ours;
	unsigned int woken = 0;

	open_side(&host, false);
	open_side(&ours, true);
	CHECK(host.epoll < FUZZ_FD && ours.epoll >= FUZZ_FD);
	srand(7);
	for (unsigned int step = 0; step < STEPS && !test_failed; step++) {
		unsigned int what = (unsigned int)rand() % 8, i = (unsigned int)rand() % FDS;
		long want = act(&host, what, i);

		CHECK_EQ(act(&ours, what, i), want);
		woken += what >= 6 && want;
	}
	/* Or nothing was tried. */
	CHECK(woken > STEPS / 100);
	close_side(&host);
	close_side(&ours);
	CHECK_EQ(fuzz_fds_open(), 0);
}

static void there_are_only_so_many(void)
{
	int fd = 0;

	fuzz_kernel.on = true;
	for (unsigned int i = 0; i < FUZZ_FDS_MAX; i++)
		fd = eventfd(0, 0);
	CHECK_EQ(fuzz_fds_open(), FUZZ_FDS_MAX);
	CHECK(eventfd(0, 0) < 0 && errno == EMFILE);
	close(fd);
	CHECK_EQ(eventfd(0, 0), fd);
	for (unsigned int i = 0; i < FUZZ_FDS_MAX; i++)
		close(FUZZ_FD + (int)i);
	fuzz_kernel.on = false;
}

static const struct test tests[] = { TEST(any_calls_have_the_same_answers), TEST(there_are_only_so_many) };

TEST_MAIN(tests)
