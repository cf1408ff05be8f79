/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver and device at the same time, each asleep whenever the other said it need not be told: if either side's wish and
 * the other's look at the ring are not ordered by a full barrier, both sleep sooner or later, and the test sees it. The
 * reordering this needs happens on x86 too; how soon depends on the machine, so this hunts for it and proves
 * nothing. test_virtq_barriers.c takes the four places one at a time and finds it.
 *
 * Both sides race for the rings on purpose, as a guest does, so there is nothing for TSan here.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define BUF	    (RIG_RAM_BASE + 1 * MiB)
#define SIZE	    4
#define REQUESTS    20000
#define PATIENCE_MS 4000

#define PACKED DRIVER_F(VIRTIO_F_RING_PACKED)
#define EVENT  DRIVER_F(VIRTIO_RING_F_EVENT_IDX)

static struct echo echo;
static struct driver_queue *q;
static int interrupt_fd;

static void raise_eventfd(struct irq *irq)
{
	(void)irq;
	eventfd_write(interrupt_fd, 1);
}

static void lower_nothing(struct irq *irq)
{
	(void)irq;
}

static void *device_thread(void *arg)
{
	(void)arg;
	if (loop_run(&echo.rig.loop) < 0)
		printf("# the loop failed\n");
	return NULL;
}

/* Sleeps until an interrupt. false: none came for so long that none will. */
static bool wait_for_interrupt(void)
{
	struct pollfd pfd = { .fd = interrupt_fd, .events = POLLIN };
	eventfd_t count;

	if (poll(&pfd, 1, PATIENCE_MS) != 1)
		return false;
	return eventfd_read(interrupt_fd, &count) == 0;
}

static bool take(void)
{
	uint16_t head;
	uint32_t len;

	return driver_take_used(q, &head, &len);
}

static uint64_t now_ms(void)
{
	return clock_host.monotonic_ns(&clock_host) / 1000000;
}

/* Polls for the answer. false: it does not come. */
static bool spin_for_answer(void)
{
	uint64_t end = 0;

	for (unsigned int spins = 1;; spins++) {
		if (take())
			return true;
		if (spins % 1024)
			continue;
		if (!end)
			end = now_ms() + PATIENCE_MS;
		if (now_ms() > end)
			return false;
		sched_yield();
	}
}

/* Sleeps for the answer, having asked for an interrupt at just any moment. false: none comes. */
static bool sleep_for_answer(unsigned int delay)
{
	for (volatile unsigned int i = 0; i < delay; i++)
		;
	for (;;) {
		driver_interrupts(q, true);
		if (take())
			break;
		if (!wait_for_interrupt())
			return false;
	}
	driver_interrupts(q, false);
	return true;
}

/*
 * One request at a time, the next right after the answer, when the device is about to fall asleep: the moments at which
 * a wish and a look cross. Polling widens the one race, sleeping after a delay that varies the other.
 */
static void run_driver(bool sleeping)
{
	const struct driver_buf buf = { BUF, 8, true };
	unsigned int random = 1;

	driver_interrupts(q, false);
	for (unsigned int n = 0; n < REQUESTS; n++) {
		random = random * 1103515245 + 12345;
		if (driver_add(q, &buf, 1) < 0) {
			TEST_FAIL_("no room after %u requests", n);
			return;
		}
		driver_kick(q);
		if (sleeping ? sleep_for_answer(random >> 16 & 0x1ff) : spin_for_answer())
			continue;
		TEST_FAIL_("%s after %u requests", sleeping ? "no interrupt" : "a kick was missed", n);
		return;
	}
}

static void run(uint64_t features, bool sleeping)
{
	static const struct irq_ops ops = { .raise = raise_eventfd, .lower = lower_nothing };
	struct irq irq = { .ops = &ops };
	pthread_t thread;

	if (TSAN) {
		printf("# skipped: races for guest memory on purpose\n");
		return;
	}
	interrupt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	echo_init(&echo);
	echo.plug.mmio.irq = &irq;
	q = driver_start(&echo.d, features, SIZE);
	if (!q || pthread_create(&thread, NULL, device_thread, NULL)) {
		CHECK(!"started");
		return;
	}
	run_driver(sleeping);
	loop_stop(&echo.rig.loop);
	pthread_join(thread, NULL);
	CHECK_EQ(echo.reports, 0);
	if (!test_failed)
		CHECK_EQ(echo.chains, REQUESTS);
	echo_destroy(&echo);
	close(interrupt_fd);
}

static void kicks_split_flags(void)
{
	run(0, false);
}

static void kicks_split_event_idx(void)
{
	run(EVENT, false);
}

static void kicks_packed_flags(void)
{
	run(PACKED, false);
}

static void kicks_packed_event_idx(void)
{
	run(PACKED | EVENT, false);
}

static void interrupts_split_flags(void)
{
	run(0, true);
}

static void interrupts_split_event_idx(void)
{
	run(EVENT, true);
}

static void interrupts_packed_flags(void)
{
	run(PACKED, true);
}

static void interrupts_packed_event_idx(void)
{
	run(PACKED | EVENT, true);
}

static const struct test tests[] = {
	TEST(kicks_split_flags),
	TEST(kicks_split_event_idx),
	TEST(kicks_packed_flags),
	TEST(kicks_packed_event_idx),
	TEST(interrupts_split_flags),
	TEST(interrupts_split_event_idx),
	TEST(interrupts_packed_flags),
	TEST(interrupts_packed_event_idx),
};

TEST_MAIN(tests)
