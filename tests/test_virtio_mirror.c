/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-mmio's mirror (core/mirror.h): at every moment at which a guest can look, it holds what a read through the bus would
 * have given. Two transports share one, as all of a board do. That KVM shows it to a guest is a system test's to see.
 */
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define STEPS	    100000
#define SECOND	    (PLUG_MMIO_BASE - VIRTIO_MMIO_SIZE)
#define WINDOW	    0x0a000000ULL
#define WINDOW_SIZE 0x4000

static _Alignas(8) uint8_t page[WINDOW_SIZE];

struct spy {
	struct mirror mirror;
	uint8_t seen[WINDOW_SIZE]; /* by a guest that reads past the caches */
	bool hidden;
	unsigned int hides, published;
	bool torn; /* the configuration space was changed in sight */
	unsigned int generations; /* changed in sight */
};

static struct spy spy;
static struct echo echo, other;

static void spy_publish(struct mirror *mirror, const uint32_t *word)
{
	size_t at = (size_t)((const uint8_t *)word - mirror->host);

	memcpy(spy.seen + at, word, sizeof(*word));
	spy.published++;
	if (at % VIRTIO_MMIO_SIZE >= VIRTIO_MMIO_CONFIG && !spy.hidden)
		spy.torn = true;
	spy.generations += at % VIRTIO_MMIO_SIZE == VIRTIO_MMIO_CONFIG_GENERATION && !spy.hidden;
}

static void spy_hide(struct mirror *mirror, bool hidden)
{
	(void)mirror;
	spy.hides += hidden;
	spy.hidden = hidden;
}

static uint32_t shown(gpa_t addr)
{
	uint32_t value;

	memcpy(&value, spy.seen + (addr - WINDOW), sizeof(value));
	return value;
}

/* A second device on the first one's bus. */
static void plug_second(void)
{
	static struct rig_irq irq;

	echo_init(&other);
	virtio_mmio_destroy(&other.plug.mmio);
	rig_irq_init(&irq, 46);
	if (virtio_mmio_init(&other.plug.mmio, &other.v, &echo.rig.bus, SECOND, &irq.irq))
		CHECK(!"a free place on the bus");
}

static void begin(void)
{
	static const struct mirror_ops ops = { .publish = spy_publish, .hide = spy_hide };

	memset(page, 0, sizeof(page));
	memset(&spy, 0, sizeof(spy));
	spy.mirror = (struct mirror){ .ops = &ops, .base = WINDOW, .size = WINDOW_SIZE, .host = page };
	echo_init(&echo);
	plug_second();
	virtio_mmio_mirror(&echo.plug.mmio, &spy.mirror);
	virtio_mmio_mirror(&other.plug.mmio, &spy.mirror);
	spy.torn = false; /* no guest runs yet */
}

static void end(void)
{
	virtio_mmio_destroy(&other.plug.mmio);
	virtio_destroy(&other.v);
	rig_destroy(&other.rig);
	echo_destroy(&echo);
}

/* The first register that differs, or 0. */
static uint32_t differs(gpa_t base, uint32_t config_size)
{
	for (uint32_t offset = 0; offset < VIRTIO_MMIO_CONFIG; offset += 4)
		if (rig_read(&echo.rig, base + offset, 4) != shown(base + offset))
			return offset ? offset : 1;
	for (uint32_t offset = VIRTIO_MMIO_CONFIG; offset < VIRTIO_MMIO_SIZE; offset++) {
		uint8_t want = (uint8_t)rig_read(&echo.rig, base + offset, 1);

		if (spy.seen[base - WINDOW + offset] != want || (offset - VIRTIO_MMIO_CONFIG >= config_size && want))
			return offset;
	}
	return 0;
}

static bool agrees(void)
{
	uint32_t first = differs(PLUG_MMIO_BASE, ECHO_CONFIG), second = differs(SECOND, ECHO_CONFIG);

	if (first || second)
		printf("# register 0x%x of the first device, 0x%x of the second\n", first, second);
	return !first && !second && !spy.hidden && !memcmp(page, spy.seen, sizeof(page));
}

static uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 16);
}

static const uint16_t writable[] = {
	VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
	VIRTIO_MMIO_QUEUE_SEL, VIRTIO_MMIO_QUEUE_NUM, VIRTIO_MMIO_QUEUE_READY, VIRTIO_MMIO_QUEUE_NOTIFY,
	VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
	VIRTIO_MMIO_QUEUE_USED_LOW, 0x0c0, /* QueueReset */
};

/* A write of a driver's, more often sensible than not, so that devices come to life in between. */
static void random_write(uint64_t *state)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 8, 0xb, 0xf, 0x20, 0x80, 0x8f, RIG_RAM_BASE,
		RIG_RAM_BASE + 0x1000, RIG_RAM_BASE + 0x2000, UINT32_MAX };
	gpa_t base = next_random(state) % 2 ? PLUG_MMIO_BASE : SECOND;
	uint32_t value = values[next_random(state) % ARRAY_SIZE(values)];
	unsigned int size = next_random(state) % 16 ? 4 : 1u << next_random(state) % 4;
	uint32_t offset = writable[next_random(state) % ARRAY_SIZE(writable)];

	switch (next_random(state) % 8) {
	case 0: offset = next_random(state) % (VIRTIO_MMIO_SIZE - 8); break;
	case 1:
		offset = VIRTIO_MMIO_CONFIG + next_random(state) % ECHO_CONFIG;
		size = 1u << next_random(state) % 3;
		break;
	default: break;
	}
	rig_write(&echo.rig, base + offset, size, value);
}

/* What devices do by themselves. */
static void random_event(uint64_t *state)
{
	struct echo *e = next_random(state) % 2 ? &echo : &other;

	switch (next_random(state) % 4) {
	case 0:
		e->config[next_random(state) % ECHO_CONFIG] = (uint8_t)next_random(state);
		virtio_notify_config(&e->v);
		break;
	case 1: virtio_fail(&e->v, "a random failure"); break;
	case 2: e->v.transport->notify_queue(&e->v, &e->v.queue[0]); break;
	default: e->start_error = next_random(state) % 4 ? 0 : -5; break;
	}
}

/* A driver that knows what it does, all the way to an answer. */
static bool whole_life(struct echo *e)
{
	bool works = echo_works(e, driver_start(&e->d, 0, 8));

	return works && agrees();
}

static void any_writes(void)
{
	uint64_t state = 20261121;
	unsigned int lives = 0, step;

	begin();
	CHECK(agrees());
	for (step = 0; step < STEPS; step++) {
		if (next_random(&state) % 8)
			random_write(&state);
		else
			random_event(&state);
		rig_run(&echo.rig);
		rig_run(&other.rig);
		if (!agrees() || spy.torn)
			break;
		if (step % 1000)
			continue;
		echo.start_error = 0;
		lives += whole_life(&echo);
	}
	CHECK_EQ(step, STEPS);
	CHECK(!spy.torn);
	CHECK(lives == STEPS / 1000);
	CHECK(spy.hides > 1000);
	end();
}

/* Whoever looks in its interrupt handler finds the cause. */
static uint32_t status_at_raise;

static void looking_raise(struct irq *irq)
{
	(void)irq;
	status_at_raise = shown(PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_STATUS);
}

static void nothing_lower(struct irq *irq)
{
	(void)irq;
}

static void cause_before_interrupt(void)
{
	static const struct irq_ops ops = { .raise = looking_raise, .lower = nothing_lower };
	struct irq irq = { .ops = &ops, .num = PLUG_IRQ };

	begin();
	CHECK(driver_start(&echo.d, 0, 8) != NULL);
	echo.plug.mmio.irq = &irq;
	status_at_raise = 0;
	echo.v.transport->notify_queue(&echo.v, &echo.v.queue[0]);
	CHECK_EQ(status_at_raise, VIRTIO_MMIO_INT_VRING);
	rig_write(&echo.rig, PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_ACK, 4, VIRTIO_MMIO_INT_VRING);
	CHECK_EQ(shown(PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	virtio_fail(&echo.v, "a failure");
	CHECK_EQ(status_at_raise, VIRTIO_MMIO_INT_CONFIG);
	CHECK(shown(PLUG_MMIO_BASE + VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	echo.plug.mmio.irq = &echo.plug.irq.irq;
	end();
}

/* Requests and their interrupts store one word each and hide nothing: no system call is made for the mirror. */
static void running_is_cheap(void)
{
	struct driver_queue *q;
	unsigned int hides, published;

	begin();
	q = driver_start(&echo.d, 0, 8);
	CHECK(echo_works(&echo, q));
	rig_write(&echo.rig, PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_ACK, 4, 1);
	hides = spy.hides;
	published = spy.published;
	CHECK(echo_works(&echo, q));
	rig_write(&echo.rig, PLUG_MMIO_BASE + VIRTIO_MMIO_INTERRUPT_ACK, 4, 1);
	CHECK_EQ(spy.hides, hides);
	CHECK_EQ(spy.published, published + 2);
	CHECK(agrees());
	end();
}

/* The driver sees a change of several words all at once, with the generation that tells it. */
static void config_changes_out_of_sight(void)
{
	begin();
	for (unsigned int i = 0; i < ECHO_CONFIG; i++)
		echo.config[i]++;
	virtio_notify_config(&echo.v);
	CHECK_EQ(spy.hides, 1);
	CHECK(!spy.torn);
	CHECK_EQ(spy.generations, 0);
	CHECK_EQ(shown(PLUG_MMIO_BASE + VIRTIO_MMIO_CONFIG_GENERATION), 1);
	CHECK(agrees());
	/* A new generation of the same bytes is one word. */
	virtio_notify_config(&echo.v);
	CHECK_EQ(spy.hides, 1);
	CHECK(agrees());
	end();
}

static void a_loaded_state_is_shown(void)
{
	struct state saved, in;

	begin();
	CHECK(driver_start(&echo.d, 0, 8) != NULL);
	virtio_pause(&echo.v);
	state_save(&saved);
	virtio_state(&echo.v, &saved);
	CHECK_EQ(state_finish(&saved), 0);
	driver_reset(&echo.d);
	echo.config[3] ^= 0xff; /* as if another host's device had another configuration */
	state_load(&in, saved.data, saved.len);
	virtio_state(&echo.v, &in);
	CHECK_EQ(state_finish(&in), 0);
	state_destroy(&saved);
	CHECK(agrees());
	CHECK_EQ(shown(PLUG_MMIO_BASE + VIRTIO_MMIO_STATUS), 0xf);
	end();
}

static void nothing_is_left_behind(void)
{
	static const uint8_t zero[WINDOW_SIZE];

	begin();
	CHECK(driver_start(&echo.d, 0, 8) != NULL);
	end();
	CHECK(!memcmp(spy.seen, zero, sizeof(zero)));
}

static const struct test tests[] = {
	TEST(any_writes),
	TEST(cause_before_interrupt),
	TEST(running_is_cheap),
	TEST(config_changes_out_of_sight),
	TEST(a_loaded_state_is_shown),
	TEST(nothing_is_left_behind),
};

TEST_MAIN(tests)
