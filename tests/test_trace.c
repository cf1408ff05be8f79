/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded of made-up exits and requests, as the file that a viewer gets and as the boot report. */
#include "trace.h"

#include <linux/kvm.h>
#include <stdlib.h>

#include "echo.h"
#include "test.h"
#include "trace_check.h"
#include "trace_track.h"

static const char *reg_name(uint64_t offset)
{
	return offset == 0x60 ? "InterruptStatus" : NULL;
}

static const struct bus_ops ops = { .reg_name = reg_name };
static const struct bus_region rng = { .name = "virtio-rng", .ops = &ops, .base = 0xa003e00, .size = 0x200 };

static struct virtq queues[2];
static const struct virtio_class class = { .name = "virtio-rng", .queue_count = 2 };
static struct virtio device = { .class = &class, .queue = queues };

static char *text;
static struct trace_summary summary;

/* A trace of one CPU and the device's two queues. */
static struct trace *begin(bool events)
{
	struct trace *trace = trace_create(1, events);

	if (!trace)
		abort();
	memset(queues, 0, sizeof(queues));
	queues[1].index = 1;
	trace_life(trace);
	trace_watch(trace, &device);
	return trace;
}

/* Its JSON in text, taken apart in summary. */
static void end(struct trace *trace)
{
	size_t size;
	FILE *file;

	free(text);
	file = open_memstream(&text, &size);
	if (!file)
		abort();
	CHECK(trace_write(trace, file));
	fclose(file);
	CHECK(trace_check(text, &summary));
	CHECK_STR(summary.why, "");
	trace_destroy(trace);
}

static void report(struct trace *trace)
{
	size_t size;
	FILE *file;

	free(text);
	file = open_memstream(&text, &size);
	if (!file)
		abort();
	trace_report(trace, file);
	fclose(file);
	trace_destroy(trace);
}

static void step(unsigned int queue, enum virtq_step what, uint16_t head)
{
	struct virtq *q = &queues[queue];

	q->watch->step(q->watch, q, what, head, what == VIRTQ_USED ? 64 : 0);
}

static void access_at(struct trace *trace, uint64_t offset, bool write)
{
	trace_enter(trace_cpu(trace, 0));
	trace_leave(trace_cpu(trace, 0), KVM_EXIT_MMIO);
	trace_mmio(trace_cpu(trace, 0), rng.base + offset, write, 4, 0x1234, &rng);
}

static void off_is_nothing(void)
{
	trace_phase(NULL, "phase");
	trace_life(NULL);
	trace_watch(NULL, &device);
	trace_enter(trace_cpu(NULL, 0));
	trace_leave(NULL, KVM_EXIT_MMIO);
	trace_mmio(NULL, 0, true, 4, 0, &rng);
	CHECK(trace_cpu(NULL, 0) == NULL);
}

static void phases(void)
{
	struct trace *trace = begin(true);

	trace_phase(trace, "one");
	trace_phase(trace, "two");
	trace_phase(trace, NULL);
	end(trace);
	CHECK_EQ(summary.phase['X'], 2);
	CHECK_HAS(text, "\"name\":\"one\"");
	CHECK_HAS(text, "\"name\":\"two\"");
}

/* A phase that something broke off has no length, but is there. */
static void phase_without_an_end(void)
{
	struct trace *trace = begin(true);

	trace_phase(trace, "broken off");
	end(trace);
	CHECK_HAS(text, "\"dur\":0.000,\"cat\":\"phase\",\"name\":\"broken off\"");
}

static void exits_by_device_and_register(void)
{
	struct trace *trace = begin(true);

	access_at(trace, 0x60, false);
	access_at(trace, 0x64, true);
	trace_enter(trace_cpu(trace, 0));
	trace_leave(trace_cpu(trace, 0), KVM_EXIT_SYSTEM_EVENT);
	trace_enter(trace_cpu(trace, 0));
	end(trace);
	/* Four stays in the guest, the last one without an exit. */
	CHECK_EQ(summary.phase['X'], 7);
	CHECK_HAS(text, "\"name\":\"read virtio-rng InterruptStatus\",\"args\":{\"address\":\"0xa003e60\",\"size\":4,"
			"\"value\":\"0x1234\"}");
	CHECK_HAS(text, "\"name\":\"write virtio-rng 0x64\"");
	CHECK_HAS(text, "\"name\":\"SYSTEM_EVENT\"");
	CHECK_HAS(text, "\"name\":\"cpu0\"");
}

static void a_request_from_kick_to_interrupt(void)
{
	struct trace *trace = begin(true);

	step(1, VIRTQ_BEGIN, 0);
	step(1, VIRTQ_POPPED, 3);
	step(1, VIRTQ_POPPED, 4);
	step(1, VIRTQ_USED, 4);
	step(1, VIRTQ_USED, 3);
	step(1, VIRTQ_TOLD, 0);
	end(trace);
	CHECK_EQ(summary.phase['b'], 2);
	CHECK_EQ(summary.phase['n'], 2);
	CHECK_EQ(summary.phase['e'], 2);
	CHECK_EQ(summary.phase['i'], 2);
	CHECK_EQ(summary.open, 0);
	CHECK_HAS(text, "\"name\":\"virtio-rng 0 queue 1\"");
	CHECK_HAS(text, "\"args\":{\"used\":64}");
	CHECK_HAS(text, "\"args\":{\"interrupt\":true}");
}

static void a_driver_that_wants_no_interrupt(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_BEGIN, 0);
	step(0, VIRTQ_POPPED, 0);
	step(0, VIRTQ_USED, 0);
	step(0, VIRTQ_NOT_TOLD, 0);
	end(trace);
	CHECK_EQ(summary.phase['e'], 1);
	CHECK_EQ(summary.phase['i'], 1);
	CHECK_HAS(text, "\"args\":{\"interrupt\":false}");
}

/* The driver has seen the used ring and is back with the same head before it was told. */
static void a_head_that_is_back_early(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_BEGIN, 0);
	for (int i = 0; i < 3; i++) {
		step(0, VIRTQ_POPPED, 7);
		step(0, VIRTQ_USED, 7);
	}
	step(0, VIRTQ_TOLD, 0);
	step(0, VIRTQ_POPPED, 7);
	end(trace);
	CHECK_EQ(summary.phase['b'], 4);
	CHECK_EQ(summary.phase['e'], 3);
	CHECK_EQ(summary.open, 1);
}

static void a_request_put_back(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_BEGIN, 0);
	step(0, VIRTQ_POPPED, 1);
	step(0, VIRTQ_UNPOPPED, 1);
	step(0, VIRTQ_POPPED, 1);
	step(0, VIRTQ_USED, 1);
	step(0, VIRTQ_TOLD, 0);
	end(trace);
	CHECK_EQ(summary.phase['b'], 2);
	CHECK_EQ(summary.phase['e'], 2);
	CHECK_EQ(summary.open, 0);
}

/* Whatever comes, the file is one that viewers take. */
static void a_request_used_twice(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_POPPED, 1);
	for (int i = 0; i < 2; i++) {
		step(0, VIRTQ_USED, 1);
		step(0, VIRTQ_TOLD, 0);
	}
	end(trace);
	CHECK_EQ(summary.phase['e'], 1);
}

/* From the exit to the next entry: what the monitor spends on a register. */
static void time_of_a_register(void)
{
	struct trace *trace = begin(false);
	uint64_t out;

	access_at(trace, 0x60, false);
	out = trace_clock();
	while (trace_clock() < out + 1000000)
		;
	access_at(trace, 0x64, false);
	for (size_t i = 0; i < STATS_ACCESSES; i++)
		if (trace_cpu(trace, 0)->names.access[i].offset == 0x60)
			CHECK(trace_cpu(trace, 0)->names.access[i].time >= 1000000);
	CHECK_EQ(trace_cpu(trace, 0)->last.name > 0, 1);
	trace_destroy(trace);
}

/* What a queue tells of a request that a driver makes, on each format of the ring. */
static void requests_of_a_driver(void)
{
	static struct echo echo;

	for (unsigned int combination = 0; combination < ECHO_COMBINATIONS; combination++) {
		struct trace *trace = begin(true);
		struct driver_queue *q;

		echo_init(&echo);
		trace_life(trace);
		trace_watch(trace, &echo.v);
		q = driver_start(&echo.d, echo_features(combination), 8);
		for (int i = 0; i < 3; i++)
			CHECK(echo_works(&echo, q));
		echo_destroy(&echo);
		end(trace);
		CHECK_EQ(summary.phase['b'], 3);
		CHECK_EQ(summary.phase['n'], 3);
		CHECK_EQ(summary.phase['e'], 3);
		CHECK_EQ(summary.open, 0);
		/* A kick and an interrupt each. */
		CHECK_EQ(summary.phase['i'], 6);
		CHECK_HAS(text, "{\"used\":24}");
		CHECK_HAS(text, "{\"interrupt\":true}");
	}
}

/* The newest are kept, and how many are gone is said. */
static void more_exits_than_there_is_room_for(void)
{
	struct trace *trace = begin(true);

	access_at(trace, 0x4, false);
	for (unsigned int i = 0; i < TRACE_EVENTS + 9; i++)
		access_at(trace, 0x60, false);
	end(trace);
	CHECK_EQ(summary.dropped, 10);
	CHECK_EQ(summary.phase['X'], 2 * TRACE_EVENTS);
	CHECK(!strstr(text, "virtio-rng 0x4\""));
}

/* A request whose beginning is gone is left out, whatever of it is still there. */
static void requests_cut_by_the_ring(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_BEGIN, 0);
	step(0, VIRTQ_POPPED, 1);
	for (unsigned int i = 0; i < TRACE_EVENTS - 2; i++)
		step(1, VIRTQ_BEGIN, 0);
	step(0, VIRTQ_USED, 1);
	step(0, VIRTQ_TOLD, 0);
	end(trace);
	CHECK_EQ(summary.dropped, 2);
	CHECK_EQ(summary.phase['b'], 0);
	CHECK_EQ(summary.phase['n'], 0);
	CHECK_EQ(summary.phase['e'], 0);
}

/* A machine's next life has the same devices; their requests go on in the same places. */
static void another_life(void)
{
	struct trace *trace = begin(true);

	step(0, VIRTQ_POPPED, 1);
	trace_life(trace);
	trace_watch(trace, &device);
	step(0, VIRTQ_POPPED, 1);
	end(trace);
	CHECK_EQ(summary.phase['b'], 2);
	CHECK_HAS(text, "virtio-rng 0 queue 0");
	CHECK(!strstr(text, "virtio-rng 1"));
}

static void phases_beyond_the_table(void)
{
	struct trace *trace = begin(true);

	for (int i = 0; i < TRACE_PHASES + 5; i++)
		trace_phase(trace, "again");
	end(trace);
	CHECK_EQ(summary.phase['X'], TRACE_PHASES);
	CHECK_EQ(summary.dropped, 5);
}

static void a_file_that_is_full(void)
{
	struct trace *trace = begin(true);
	FILE *file = fopen("/dev/full", "w");

	REQUIRE(file);
	trace_phase(trace, "phase");
	CHECK(!trace_write(trace, file));
	fclose(file);
	trace_destroy(trace);
}

static void the_report(void)
{
	struct trace *trace = begin(false);
	const char *first;

	trace_phase(trace, "building");
	trace_phase(trace, NULL);
	for (unsigned int i = 0; i < 12; i++)
		access_at(trace, 0x100 + 4 * i, true);
	access_at(trace, 0x60, false);
	access_at(trace, 0x60, false);
	trace_enter(trace_cpu(trace, 0));
	/* The clock is the host's: make one register the costliest by far. */
	for (size_t i = 0; i < STATS_ACCESSES; i++)
		if (trace_cpu(trace, 0)->names.access[i].offset == 0x60)
			trace_cpu(trace, 0)->names.access[i].time = 5000000000;
	report(trace);
	CHECK_HAS(text, "building");
	first = strstr(text, "register\n");
	REQUIRE(first);
	CHECK_HAS(first, "register\n           2   5000000.000   2500000.000  read virtio-rng InterruptStatus\n");
	first += strlen("register\n");
	for (int i = 0; i < 10; i++) {
		CHECK(*first);
		first = strchr(first, '\n') + 1;
	}
	CHECK_EQ(*first, '\0');
}

static const struct test tests[] = {
	TEST(off_is_nothing),
	TEST(phases),
	TEST(phase_without_an_end),
	TEST(exits_by_device_and_register),
	TEST(a_request_from_kick_to_interrupt),
	TEST(a_driver_that_wants_no_interrupt),
	TEST(a_head_that_is_back_early),
	TEST(a_request_put_back),
	TEST(a_request_used_twice),
	TEST(time_of_a_register),
	TEST(requests_of_a_driver),
	TEST(more_exits_than_there_is_room_for),
	TEST(requests_cut_by_the_ring),
	TEST(another_life),
	TEST(phases_beyond_the_table),
	TEST(a_file_that_is_full),
	TEST(the_report),
};

TEST_MAIN(tests)
