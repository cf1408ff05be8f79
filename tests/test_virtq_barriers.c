/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four places where a store of ours has to be visible before we look at what the other side stored: asking for a kick,
 * and telling of what was used, on both rings. Without a full barrier both sides can miss each other's store and sleep for
 * ever. Processors with strong ordering do that too: a store waits in a buffer while later loads go by.
 *
 * Each round the two threads do one such step each at the same moment. Just before, the device stores to lines that the
 * driver's processor owns: stores leave the buffer in order, so its next one is held up by as much as these take, and
 * the window in which the two can miss each other becomes far longer than a step. Whole lives of a driver and a device are
 * in test_virtq_threads.c.
 *
 * Both sides race for the rings on purpose, as a guest does, so there is nothing for TSan here.
 */
#include <pthread.h>
#include <sched.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define BUF	(RIG_RAM_BASE + 1 * MiB)
#define SIZE	4
#define ROUNDS	20000
#define MOST_NS (5 * 1000 * 1000 * 1000ULL)
#define LINES	32 /* fewer than a store buffer has entries */
#define LINE	64
#define PACKED	DRIVER_F(VIRTIO_F_RING_PACKED)
#define EVENT	DRIVER_F(VIRTIO_RING_F_EVENT_IDX)
#define SPINS	4000

static struct echo echo;
static struct driver_queue *q;
static volatile struct {
	char byte;
	char rest[LINE - 1];
} lines[LINES] __attribute__((aligned(LINE)));

/* A meeting of both threads: nobody leaves before both are there. */
static unsigned int arrived;

static void meet(unsigned int *count)
{
	unsigned int want = *count += 2;

	if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == want)
		return;
	for (unsigned int spins = 1; __atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < want; spins++)
		if (spins % SPINS == 0)
			sched_yield();
}

static void dirty(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		lines[i].byte = 1;
}

/* The driver's step begins at just any moment of the device's: more often soon than late, however fast either is. */
static void dawdle(void)
{
	static unsigned int random = 1;

	random = random * 1103515245 + 12345;
	for (volatile unsigned int i = (random >> 16 & 0x3ff) >> (random >> 28); i; i--)
		;
}

/* What one round is; `told` and `found` are written by one side and read by the other between meetings. */
static bool interrupts; /* the step is telling of what was used, else it is asking for kicks */
static bool told, found, over;

static void *device_thread(void *arg)
{
	struct virtq *vq = &echo.v.queue[0];
	static struct chain chain[2];
	unsigned int count = 0, random = 1;

	(void)arg;
	for (;;) {
		meet(&count);
		if (over)
			return NULL;
		virtq_begin(vq);
		CHECK(virtq_pop(vq, &chain[0]));
		random = random * 1103515245 + 12345;
		meet(&count);
		dirty((random >> 16) % LINES);
		if (interrupts) {
			virtq_push(vq, &chain[0]);
			told = virtq_should_notify(vq);
			meet(&count);
		} else {
			found = virtq_pop(vq, &chain[1]);
			meet(&count);
			if (!found)
				CHECK(virtq_pop(vq, &chain[1]));
			virtq_push(vq, &chain[0]);
			virtq_push(vq, &chain[1]);
			told = virtq_should_notify(vq);
		}
		meet(&count);
	}
}

static bool add(void)
{
	const struct driver_buf buf = { BUF, 8, true };

	return driver_add(q, &buf, 1) >= 0;
}

static bool take(void)
{
	uint16_t head;
	uint32_t len;

	return driver_take_used(q, &head, &len);
}

/* false: the two have missed each other, and a real device and driver would now wait for each other. */
static bool kick_round(unsigned int *count)
{
	bool kick, ok;

	dirty(LINES);
	meet(count);
	dawdle();
	ok = add();
	kick = q->ring->wants_kick(q);
	meet(count);
	ok = ok && (kick || found);
	q->added = 0;
	meet(count);
	return take() && take() && ok;
}

static bool interrupt_round(unsigned int *count)
{
	bool ok;

	driver_interrupts(q, false);
	dirty(LINES);
	meet(count);
	dawdle();
	driver_interrupts(q, true);
	ok = take();
	meet(count);
	if (!ok)
		ok = told && take();
	meet(count);
	return ok;
}

static void drive(void)
{
	uint64_t end = clock_host.monotonic_ns(&clock_host) + MOST_NS;
	unsigned int count = 0;

	for (unsigned int n = 0; n < ROUNDS && !test_failed; n++) {
		if (!add())
			TEST_FAIL_("no room in round %u", n);
		q->added = 0;
		meet(&count);
		if (!(interrupts ? interrupt_round : kick_round)(&count))
			TEST_FAIL_("%s was missed in round %u", interrupts ? "an interrupt" : "a kick", n);
		if (n % 256 == 0 && clock_host.monotonic_ns(&clock_host) > end)
			break;
	}
	over = true;
	meet(&count);
}

/* Each thread on a processor of its own. false: there is only one. */
static bool pin(pthread_t thread, unsigned int which)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || which--)
			continue;
		CPU_SET(cpu, &one);
		return !pthread_setaffinity_np(thread, sizeof(one), &one);
	}
	return false;
}

static void run(uint64_t features, bool of_interrupts)
{
	cpu_set_t before;
	pthread_t thread;

	if (TSAN)
		SKIP("races for guest memory on purpose");
	if (sched_getaffinity(0, sizeof(before), &before) || CPU_COUNT(&before) < 2)
		SKIP("needs two processors");
	echo_init(&echo);
	q = driver_start(&echo.d, features, SIZE);
	REQUIRE(q);
	rig_run(&echo.rig);
	interrupts = of_interrupts;
	arrived = 0;
	over = false;
	REQUIRE(!pthread_create(&thread, NULL, device_thread, NULL));
	CHECK(pin(thread, 1) && pin(pthread_self(), 0));
	drive();
	pthread_join(thread, NULL);
	CHECK_EQ(echo.reports, 0);
	echo_destroy(&echo);
	sched_setaffinity(0, sizeof(before), &before);
}

#define CASE(name, features, of_interrupts)                                                                            \
	static void name(void)                                                                                         \
	{                                                                                                              \
		run(features, of_interrupts);                                                                          \
	}

CASE(kicks_split_flags, 0, false)
CASE(kicks_split_event_idx, EVENT, false)
CASE(kicks_packed_flags, PACKED, false)
CASE(kicks_packed_event_idx, PACKED | EVENT, false)
CASE(interrupts_split_flags, 0, true)
CASE(interrupts_split_event_idx, EVENT, true)
CASE(interrupts_packed_flags, PACKED, true)
CASE(interrupts_packed_event_idx, PACKED | EVENT, true)

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
