/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings and chains, driven as a guest does: through the registers, the bus and guest memory. Cases named rNN_ are rows of
 * the regression list; each ends with a valid request, after a reset where the rule asks for one.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"
#include "virtio/ring.h"

#define NEXT	 VRING_DESC_F_NEXT
#define WRITE	 VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define RAM	 RIG_RAM_BASE
#define RAM_END	 (RIG_RAM_BASE + RIG_RAM_SIZE)
#define BUF	 (RAM + 1 * MiB)
#define SIZE	 8 /* of the queue, in most cases */

static struct echo echo;
static struct driver_queue *q;

static void begin(uint64_t features, uint16_t size)
{
	echo_init(&echo);
	q = driver_start(&echo.d, features, size);
}

static bool needs_reset(void)
{
	return driver_status(&echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Exposes head, kicks whatever the device asked for, and lets it work. */
static void offer(uint16_t head)
{
	driver_expose(q, head);
	echo.d.transport->notify(&echo.d, q->index);
	rig_run(&echo.rig);
}

/* The head comes back with length 0, the device is not broken and serves the next request. */
static void check_bad_chain(uint16_t want, const char *why)
{
	uint16_t head = 0xffff;
	uint32_t len = 0xffffffff;

	CHECK(!needs_reset());
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(head, want);
	CHECK_EQ(len, 0);
	CHECK_HAS(echo.said, why);
	CHECK_EQ(echo.chains, 0);
	/* The driver's own book-keeping starts after the descriptors the case wrote by hand. */
	CHECK(echo_works(&echo, q));
}

static void check_bad_ring(const char *why)
{
	uint16_t head;
	uint32_t len;

	CHECK(needs_reset());
	CHECK_EQ(echo.d.transport->take_interrupt(&echo.d) & 2, 2);
	CHECK_HAS(echo.said, why);
	CHECK(!driver_take_used(q, &head, &len));
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

static void end(void)
{
	echo_destroy(&echo);
}

static void requests_on_every_ring_feature(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		begin(echo_features(i), SIZE);
		REQUIRE(q);
		for (int n = 0; n < 200; n++)
			REQUIRE(echo_works(&echo, q));
		CHECK_EQ(echo.chains, 200);
		CHECK_EQ(echo.reports, 0);
		end();
	}
}

/* More than 65536 requests, so that every free running index wraps. */
static void indices_wrap(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		const struct driver_buf bufs[] = { { BUF, 8, false }, { BUF + 8, 8, true } };
		uint16_t head;
		uint32_t len;

		begin(echo_features(i), SIZE);
		REQUIRE(q);
		for (unsigned int n = 0; n < 70000; n++) {
			REQUIRE(driver_add(q, bufs, 2) >= 0);
			REQUIRE(driver_wait_used(q, &head, &len));
			REQUIRE(len == 8);
		}
		end();
	}
}

/* A batch is served by one kick and makes one interrupt. */
static void batch_of_requests(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		const struct driver_buf buf = { BUF, 16, true };
		uint16_t head;
		uint32_t len;

		begin(echo_features(i), 16);
		REQUIRE(q);
		for (int round = 0; round < 10; round++) {
			unsigned int raised = echo.plug.irq.raised, kicks = q->kicks;

			for (int n = 0; n < 16; n++)
				REQUIRE(driver_add(q, &buf, 1) >= 0);
			CHECK(driver_kick(q));
			rig_run(&echo.rig);
			CHECK_EQ(echo.plug.irq.raised, raised + 1);
			CHECK(q->kicks - kicks <= 2);
			for (int n = 0; n < 16; n++)
				REQUIRE(driver_take_used(q, &head, &len));
			CHECK_EQ(driver_status(&echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
		}
		end();
	}
}

/* A driver that polls is not interrupted; once it asks again it is. */
static void interrupts_off_and_on(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		unsigned int raised;

		begin(echo_features(i), SIZE);
		REQUIRE(q);
		driver_interrupts(q, false);
		raised = echo.plug.irq.raised;
		CHECK(echo_works(&echo, q));
		CHECK_EQ(echo.plug.irq.raised, raised);
		driver_interrupts(q, true);
		CHECK(echo_works(&echo, q));
		CHECK_EQ(echo.plug.irq.raised, raised + 1);
		CHECK_EQ(echo.d.transport->take_interrupt(&echo.d), 1);
		CHECK(!echo.plug.irq.level);
		end();
	}
}

/* While the device is at work it asks for no kicks, and afterwards for one. */
static void kicks_are_suppressed(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		const struct driver_buf buf = { BUF, 16, true };
		uint16_t head;
		uint32_t len;

		begin(echo_features(i), 16);
		REQUIRE(q);
		/* One queue full in flight: the echo stops popping, so it has not asked for more kicks. */
		echo.hold = true;
		for (int n = 0; n < 16; n++)
			REQUIRE(driver_add(q, &buf, 1) >= 0);
		CHECK(driver_kick(q));
		rig_run(&echo.rig);
		CHECK_EQ(echo.held, 16);
		CHECK(!driver_kick(q));
		echo.hold = false;
		for (unsigned int n = 0; n < 16; n++)
			echo_complete(&echo, n);
		for (unsigned int n = 0; n < 16; n++)
			REQUIRE(driver_take_used(q, &head, &len));
		/* A turn finds nothing and turns kicks on again. */
		virtio_serve(&echo.v, &echo.v.queue[0]);
		CHECK(echo_works(&echo, q));
		end();
	}
}

/*
 * The driver adds a request after the device found the ring empty and before it asks for kicks: nobody tells the device,
 * so it has to look once more after asking.
 */
static const struct ring_ops *real_ring;
static bool added_late;

static bool kicks_on_late(struct virtq *vq)
{
	static const struct driver_buf buf = { BUF, 8, true };

	if (!added_late && driver_add(q, &buf, 1) >= 0)
		added_late = !q->ring->wants_kick(q);
	return real_ring->kicks_on(vq);
}

static void request_added_while_falling_asleep(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		struct ring_ops late;
		uint16_t head;
		uint32_t len;

		begin(echo_features(i), SIZE);
		REQUIRE(q);
		CHECK(echo_works(&echo, q));
		real_ring = echo.v.queue[0].ring;
		late = *real_ring;
		late.kicks_on = kicks_on_late;
		echo.v.queue[0].ring = &late;
		added_late = false;
		echo.chains = 0;
		/* The device is awake for this one, and on its way to sleep when the other comes. */
		CHECK(driver_add(q, &(struct driver_buf){ BUF, 8, true }, 1) >= 0);
		driver_kick(q);
		rig_run(&echo.rig);
		CHECK(added_late);
		CHECK_EQ(echo.chains, 2);
		CHECK(driver_take_used(q, &head, &len));
		CHECK(driver_take_used(q, &head, &len));
		echo.v.queue[0].ring = real_ring;
		q->added = 0;
		CHECK(echo_works(&echo, q));
		end();
	}
}

static void completed_out_of_order(void)
{
	static const unsigned int order[] = { 2, 0, 3, 1 };
	/* With IN_ORDER: how many the driver sees after each completion. */
	static const unsigned int visible[] = { 0, 1, 1, 4 };

	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		unsigned int seen = 0;
		int heads[4];
		uint16_t head;
		uint32_t len;

		begin(echo_features(i), 16);
		REQUIRE(q);
		echo.hold = true;
		for (unsigned int n = 0; n < 4; n++) {
			const struct driver_buf bufs[] = { { BUF + 8 * n, 8, false }, { BUF + 64 * n, n + 1, true } };

			heads[n] = driver_add(q, bufs, 2);
		}
		driver_kick(q);
		rig_run(&echo.rig);
		REQUIRE(echo.held == 4);
		for (unsigned int n = 0; n < 4; n++) {
			echo_complete(&echo, order[n]);
			while (driver_take_used(q, &head, &len)) {
				unsigned int want = q->in_order ? seen : order[n];

				CHECK_EQ(head, heads[want]);
				CHECK_EQ(len, want + 1);
				seen++;
			}
			CHECK_EQ(seen, q->in_order ? visible[n] : n + 1);
		}
		echo.hold = false;
		CHECK(echo_works(&echo, q));
		end();
	}
}

/* A bad chain does not overtake a good one that is still being worked on. */
static void bad_chain_waits_its_turn_in_order(void)
{
	uint16_t head;
	uint32_t len;

	begin(DRIVER_F(VIRTIO_F_IN_ORDER), SIZE);
	REQUIRE(q);
	echo.hold = true;
	driver_set_desc(q, 4, BUF, 8, WRITE, 0);
	driver_set_desc(q, 5, 0, 8, WRITE, 0);
	driver_expose(q, 4);
	offer(5);
	REQUIRE(echo.held == 1);
	CHECK(!driver_take_used(q, &head, &len));
	echo_complete(&echo, 0);
	CHECK(driver_take_used(q, &head, &len) && head == 4);
	CHECK(driver_take_used(q, &head, &len) && head == 5);
	echo.hold = false;
	CHECK(echo_works(&echo, q));
	end();
}

/* A chain put back is found again, read anew. */
static void unpop_reads_again(void)
{
	struct chain chain;
	struct virtq *vq;
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	vq = &echo.v.queue[0];
	driver_set_desc(q, 7, BUF, 100, WRITE, 0);
	driver_expose(q, 7);
	virtq_begin(vq);
	REQUIRE(virtq_pop(vq, &chain));
	CHECK_EQ(chain.in_len, 100);
	virtq_unpop(vq, &chain);
	CHECK_EQ(vq->in_flight_count, 0);
	driver_set_desc(q, 7, BUF, 50, WRITE, 0);
	REQUIRE(virtq_pop(vq, &chain));
	CHECK_EQ(chain.in_len, 50);
	CHECK_EQ(chain_write(&chain, "abc", 3), 3);
	virtq_push(vq, &chain);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(head, 7);
	CHECK_EQ(len, 3);
	/* Given back once: a second push of it does nothing. */
	virtq_push(vq, &chain);
	CHECK(!driver_take_used(q, &head, &len));
	end();
}

static void chain_bytes_in_and_out(void)
{
	uint8_t mem[16] = "0123456789abcdef", buf[16];
	struct chain chain = { .out_count = 3, .out_len = 6, .in_count = 2, .in_len = 6 };

	chain.out = chain.iov;
	chain.in = chain.iov + 3;
	chain.iov[0] = (struct iovec){ mem, 1 };
	chain.iov[1] = (struct iovec){ mem + 4, 3 };
	chain.iov[2] = (struct iovec){ mem + 8, 2 };
	chain.iov[3] = (struct iovec){ mem + 10, 2 };
	chain.iov[4] = (struct iovec){ mem + 12, 4 };
	CHECK_EQ(chain_read(&chain, buf, 3), 3);
	CHECK(!memcmp(buf, "045", 3));
	CHECK_EQ(chain.out_len, 3);
	CHECK_EQ(chain_read(&chain, buf, sizeof(buf)), 3);
	CHECK(!memcmp(buf, "689", 3));
	CHECK_EQ(chain_read(&chain, buf, 1), 0);
	CHECK_EQ(chain_write(&chain, "ABC", 3), 3);
	CHECK_EQ(chain.in_count, 1);
	chain_limit(&chain, 2);
	CHECK_EQ(chain_write(&chain, "DEFG", 4), 2);
	CHECK_EQ(chain.written, 5);
	CHECK(!memcmp(mem + 10, "ABCDEf", 6));
	CHECK_EQ(chain.in_count, 0);
}

/* Bad chains in the ring's own table: the rows that are one descriptor list each. */
struct descs {
	const char *why;
	uint16_t head;
	struct {
		gpa_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d[SIZE + 1];
};

/* From the top of the table, so that the driver's own requests, which start at 0, do not mix with them. */
static void run_bad_chains(const struct descs *cases, size_t count, uint64_t features)
{
	for (size_t i = 0; i < count; i++) {
		begin(features, SIZE);
		REQUIRE(q);
		for (uint16_t n = 0; n < SIZE; n++)
			if (cases[i].d[n].addr || cases[i].d[n].flags)
				driver_set_desc(q, n, cases[i].d[n].addr, cases[i].d[n].len, cases[i].d[n].flags,
					cases[i].d[n].next);
		offer(cases[i].head);
		check_bad_chain(cases[i].head, cases[i].why);
		if (test_failed)
			printf("# in case %zu\n", i);
		end();
	}
}

static void r01_descriptor_loop(void)
{
	static const struct descs cases[] = {
		{ "longer than the queue", 0, { { BUF, 1, NEXT, 0 } } },
		{ "longer than the queue", 5, { [5] = { BUF, 1, NEXT, 6 }, [6] = { BUF, 1, NEXT, 5 } } },
		{ "longer than the queue", 3, { [3] = { BUF, 0, NEXT, 3 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* Writes an indirect table of count entries at addr, each of len bytes for the device, chained one to the next. */
static void write_table(gpa_t addr, unsigned int count, uint32_t len, uint16_t last_flags)
{
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc desc = {
			.addr = BUF + 64 * KiB + i,
			.len = len,
			.flags = (uint16_t)(WRITE | (i + 1 < count ? NEXT : last_flags)),
			.next = (uint16_t)(i + 1),
		};

		driver_write(&echo.d, addr + 16ULL * i, &desc, sizeof(desc));
	}
}

static void r01_loop_in_an_indirect_table(void)
{
	struct vring_desc desc = { .addr = BUF, .len = 1, .flags = NEXT, .next = 0 };

	begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
	REQUIRE(q);
	driver_write(&echo.d, BUF, &desc, sizeof(desc));
	driver_set_desc(q, 7, BUF, 16, INDIRECT, 0);
	offer(7);
	check_bad_chain(7, "longer than the queue");
	end();
}

static void r02_chain_as_long_as_the_ring_and_longer(void)
{
	for (int indirect = 0; indirect < 2; indirect++) {
		for (unsigned int count = SIZE; count <= SIZE + 1; count++) {
			uint16_t head;
			uint32_t len;

			begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
			REQUIRE(q);
			if (indirect) {
				write_table(BUF, count, 1, 0);
				driver_set_desc(q, 0, BUF, 16 * count, INDIRECT, 0);
			}
			for (uint16_t i = 0; !indirect && i < SIZE; i++)
				driver_set_desc(q, i, BUF, 1, i + 1u < count ? WRITE | NEXT : WRITE, (i + 1) % SIZE);
			offer(0);
			CHECK(driver_take_used(q, &head, &len));
			CHECK_EQ(echo.chains, count == SIZE);
			CHECK_EQ(echo.reports, count != SIZE);
			CHECK(echo_works(&echo, q));
			end();
		}
	}
}

/* Needs guest memory of more than 4 GiB: reserved, never touched. */
static void r03_chain_of_more_than_4_gib(void)
{
	const uint64_t size = 5 * GiB;
	struct mem_region region = { .base = 1ULL << 40, .size = size, .fd = -1 };

	begin(0, SIZE);
	REQUIRE(q);
	region.host = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(region.host != MAP_FAILED);
	REQUIRE(mem_add(&echo.rig.mem, &region) == 0);
	for (uint16_t i = 0; i < 3; i++)
		driver_set_desc(q, 5 + i, region.base, 0xffffffff, i < 2 ? NEXT : 0, 6 + i);
	offer(5);
	check_bad_chain(5, "2^32");
	munmap(region.host, size);
	end();
}

static void r04_next_outside_the_table(void)
{
	static const struct descs cases[] = {
		{ "outside its table", 4, { [4] = { BUF, 1, NEXT, SIZE } } },
		{ "outside its table", 4, { [4] = { BUF, 1, NEXT, 0xffff } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

static void r04_head_outside_the_table(void)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		begin(0, SIZE);
		REQUIRE(q);
		offer(heads[i]);
		check_bad_ring("outside the table");
	}
}

static void r05_available_index_jumps(void)
{
	static const struct {
		uint16_t at, jump;
	} cases[] = { { 0, SIZE + 1 }, { 3, SIZE + 1 }, { 3, 0xffff }, { 0, 0x8000 }, { 0xfffe, SIZE + 1 },
		{ 1, 0xfff0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t head;
		uint32_t len;
		const struct driver_buf buf = { BUF, 1, true };

		begin(0, SIZE);
		REQUIRE(q);
		for (uint16_t n = 0; n < cases[i].at; n++) {
			REQUIRE(driver_add(q, &buf, 1) >= 0);
			REQUIRE(driver_wait_used(q, &head, &len));
		}
		driver_write16(&echo.d, q->avail + 2, (uint16_t)(cases[i].at + cases[i].jump));
		echo.d.transport->notify(&echo.d, 0);
		rig_run(&echo.rig);
		CHECK_EQ(echo.chains, cases[i].at);
		check_bad_ring("moved by more than");
	}
}

/* While one queue full is served the index has moved on: the turn ends there and another follows. */
static unsigned int refill_left;
static void (*real_notify)(struct virtio *v, struct virtq *q);

static void refilling_notify(struct virtio *v, struct virtq *vq)
{
	struct chain chain;
	unsigned int popped = 0;

	while (virtq_pop(vq, &chain)) {
		popped++;
		virtq_push(vq, &chain);
		/* As fast as the device takes them, the driver adds more. */
		if (refill_left) {
			refill_left--;
			driver_expose(q, 0);
		}
	}
	CHECK(popped <= SIZE);
	container_of(v, struct echo, v)->notified++;
}

static void r06_ring_refilled_while_draining(void)
{
	struct virtio_class class;

	begin(0, SIZE);
	REQUIRE(q);
	class = *echo.v.class;
	real_notify = class.queue_notify;
	class.queue_notify = refilling_notify;
	echo.v.class = &class;
	rig_run(&echo.rig);
	echo.notified = 0;
	driver_set_desc(q, 0, BUF, 1, WRITE, 0);
	refill_left = 10 * SIZE - 1;
	offer(0);
	CHECK_EQ(refill_left, 0);
	CHECK(echo.notified >= 10);
	class.queue_notify = real_notify;
	CHECK(!needs_reset());
	CHECK(!rig_run(&echo.rig));
	end();
}

static void r07_duplicate_head_in_flight(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	echo.hold = true;
	driver_set_desc(q, 3, BUF, 8, WRITE, 0);
	offer(3);
	CHECK_EQ(echo.held, 1);
	offer(3);
	CHECK_EQ(echo.held, 1);
	/* The completion of the first comes after the queue broke, and is dropped with it. */
	echo_complete(&echo, 0);
	check_bad_ring("again while in flight");
}

static void r07_duplicate_head_in_one_batch(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	/* One after the other the same head is legal: the first is done before the second is looked at. */
	driver_set_desc(q, 3, BUF, 8, WRITE, 0);
	driver_expose(q, 3);
	offer(3);
	CHECK(!needs_reset());
	CHECK_EQ(echo.chains, 2);
	end();
}

/* R08, R09, R10: nothing is lost or left spinning however many bad chains came before. */
static void r09_many_bad_chains_then_a_good_one(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		uint16_t head;
		uint32_t len;

		if (echo_features(i) & DRIVER_F(VIRTIO_F_RING_PACKED))
			continue;
		begin(echo_features(i), SIZE);
		REQUIRE(q);
		driver_set_desc(q, 7, BUF, 1, NEXT, 7);
		for (unsigned int n = 0; n < 5 * SIZE + 1; n++) {
			driver_expose(q, 7);
			driver_kick(q);
			if (n % 3 == 0)
				continue;
			rig_run(&echo.rig);
		}
		rig_run(&echo.rig);
		for (unsigned int n = 0; n < 5 * SIZE + 1; n++) {
			REQUIRE(driver_take_used(q, &head, &len));
			CHECK_EQ(len, 0);
		}
		CHECK_EQ(echo.reports, 1);
		CHECK(!rig_run(&echo.rig));
		CHECK(echo_works(&echo, q));
		end();
	}
}

static void r08_the_loop_sleeps_after_an_error(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	driver_expose(q, SIZE);
	echo.d.transport->notify(&echo.d, 0);
	CHECK(rig_run(&echo.rig) < 10);
	/* Kicks of a broken queue are taken and forgotten. */
	echo.d.transport->notify(&echo.d, 0);
	CHECK(rig_run(&echo.rig) < 10);
	CHECK_EQ(loop_run_once(&echo.rig.loop, 0), 0);
	check_bad_ring("outside the table");
}

static void r10_second_queue_lives_on(void)
{
	struct driver_queue *second;
	uint16_t head;
	uint32_t len;

	echo_init(&echo);
	REQUIRE(driver_negotiate(&echo.d, 0));
	q = driver_queue_setup(&echo.d, 0, SIZE);
	second = driver_queue_setup(&echo.d, 1, SIZE);
	REQUIRE(q && second);
	driver_ok(&echo.d);
	driver_set_desc(q, 7, 0, 16, 0, 0);
	offer(7);
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(len, 0);
	CHECK(echo_works(&echo, second));
	CHECK(echo_works(&echo, q));
	end();
}

static void r11_indirect_misuse(void)
{
	static const struct descs cases[] = {
		{ "both INDIRECT and NEXT", 6, { [6] = { BUF, 16, INDIRECT | NEXT, 7 }, [7] = { BUF, 16, 0, 0 } } },
		{ "inside an indirect", 6, { [6] = { BUF, 16, INDIRECT, 0 } } },
	};
	static const struct descs no_feature[] = {
		{ "without VIRTIO_F_INDIRECT_DESC", 6, { [6] = { BUF, 16, INDIRECT, 0 } } },
	};
	struct vring_desc inner = { .addr = BUF, .len = 16, .flags = INDIRECT };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
		REQUIRE(q);
		driver_write(&echo.d, BUF, &inner, sizeof(inner));
		for (uint16_t n = 6; n < SIZE; n++)
			driver_set_desc(q, n, cases[i].d[n].addr, cases[i].d[n].len, cases[i].d[n].flags, 7);
		offer(6);
		check_bad_chain(6, cases[i].why);
		end();
	}
	run_bad_chains(no_feature, ARRAY_SIZE(no_feature), 0);
}

/* The WRITE flag beside INDIRECT means nothing, and direct descriptors may come before the table. */
static void r11_legal_indirect(void)
{
	uint16_t head;
	uint32_t len;

	begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
	REQUIRE(q);
	write_table(BUF, 2, 4, 0);
	driver_set_desc(q, 6, BUF + 4 * KiB, 8, NEXT, 7);
	driver_set_desc(q, 7, BUF, 32, INDIRECT | WRITE, 0);
	offer(6);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(len, 8);
	CHECK_EQ(echo.reports, 0);
	CHECK(echo_works(&echo, q));
	end();
}

static void r12_indirect_table_length(void)
{
	static const struct {
		gpa_t addr;
		uint32_t len;
		const char *why;
	} cases[] = {
		{ BUF, 0, "multiple of 16" },
		{ BUF, 15, "multiple of 16" },
		{ BUF, 17, "multiple of 16" },
		{ BUF, 0xfffffff0, "table is not in guest memory" },
		{ RAM_END - 16, 32, "table is not in guest memory" },
		{ RAM - 16, 32, "table is not in guest memory" },
		{ UINT64_MAX - 15, 32, "table is not in guest memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
		REQUIRE(q);
		driver_set_desc(q, 7, cases[i].addr, cases[i].len, INDIRECT, 0);
		offer(7);
		check_bad_chain(7, cases[i].why);
		end();
	}
}

static void r12_unaligned_indirect_table_is_legal(void)
{
	uint16_t head;
	uint32_t len;

	begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
	REQUIRE(q);
	write_table(BUF + 1, 3, 5, 0);
	driver_set_desc(q, 7, BUF + 1, 48, INDIRECT, 0);
	offer(7);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(echo.chains, 1);
	CHECK_EQ(echo.reports, 0);
	end();
}

static void r13_address_plus_length_wraps(void)
{
	static const struct descs cases[] = {
		{ "not in guest memory", 7, { [7] = { UINT64_MAX - 7, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { UINT64_MAX, 1, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { UINT64_MAX - 0xfffffffe, 0xffffffff, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { 0 - RAM, 0xffffffff, WRITE, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* An address is guest RAM from its first to its last byte, or it is nothing. */
static void r14_buffers_outside_ram(void)
{
	static const struct descs cases[] = {
		{ "not in guest memory", 7, { [7] = { RAM_END - 8, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { RAM_END - 15, 16, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RAM - 8, 16, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RAM - 1, 1, 0, 0 } } },
		{ "not in guest memory", 7, { [7] = { RAM_END, 1, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { 1, 16, WRITE, 0 } } },
		{ "not in guest memory", 7, { [7] = { BUF, 0xffffffff, WRITE, 0 } } },
		{ "not in guest memory", 6, { [6] = { BUF, 16, NEXT, 7 }, [7] = { RAM_END - 1, 2, WRITE, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

static unsigned int register_accesses;

static uint64_t counting_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	register_accesses++;
	return 0;
}

static void counting_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)opaque;
	(void)offset;
	(void)size;
	(void)value;
	register_accesses++;
}

/* A request that reads or writes registers, the device's own or another's: nobody's handler runs. */
static void r25_dma_into_registers(void)
{
	static const struct bus_ops ops = { .read = counting_read, .write = counting_write };
	static const gpa_t addrs[] = { PLUG_MMIO_BASE, PLUG_MMIO_BASE + 0x50, PLUG_MMIO_BASE + 0x70, 0x08000000,
		0x08000ffc };
	static const uint16_t flags[] = { 0, WRITE };

	for (size_t i = 0; i < ARRAY_SIZE(addrs) * 2; i++) {
		struct bus_region other = { .name = "gic", .ops = &ops, .base = 0x08000000, .size = 0x1000 };
		struct bus_region own;

		begin(0, SIZE);
		REQUIRE(q);
		REQUIRE(bus_add(&echo.rig.bus, &other) == 0);
		driver_set_desc(q, 7, addrs[i / 2], 4, flags[i % 2], 0);
		driver_expose(q, 7);
		echo.d.transport->notify(&echo.d, 0);
		own = echo.plug.mmio.region;
		echo.plug.mmio.region.ops = &ops;
		register_accesses = 0;
		rig_run(&echo.rig);
		CHECK_EQ(register_accesses, 0);
		echo.plug.mmio.region = own;
		check_bad_chain(7, "not in guest memory");
		end();
	}
}

/* Two regions that touch are still two: no buffer spans them, and the last byte of memory is a good one. */
static void r14_region_ends(void)
{
	static uint8_t more[4096];
	const struct mem_region region = { .base = RAM_END, .size = sizeof(more), .host = more, .fd = -1 };
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	REQUIRE(mem_add(&echo.rig.mem, &region) == 0);
	driver_set_desc(q, 7, RAM_END - 8, 16, WRITE, 0);
	offer(7);
	check_bad_chain(7, "not in guest memory");
	driver_set_desc(q, 7, RAM_END + sizeof(more) - 8, 8, WRITE, 0);
	offer(7);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(echo.chains, 2);
	end();
}

static void r15_zero_length_descriptors(void)
{
	static const gpa_t addrs[] = { 0, BUF, RAM_END, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		uint16_t head;
		uint32_t len;
		char got[4];

		begin(0, SIZE);
		REQUIRE(q);
		/* At the front, in the middle and at the end of a request of 4 bytes. */
		driver_write(&echo.d, BUF, "ping", 4);
		driver_set_desc(q, 2, addrs[i], 0, NEXT, 3);
		driver_set_desc(q, 3, BUF, 4, NEXT, 4);
		driver_set_desc(q, 4, addrs[i], 0, NEXT, 5);
		driver_set_desc(q, 5, BUF + 8, 4, NEXT | WRITE, 6);
		driver_set_desc(q, 6, addrs[i], 0, WRITE, 0);
		offer(2);
		REQUIRE(driver_take_used(q, &head, &len));
		CHECK_EQ(len, 4);
		driver_read(&echo.d, BUF + 8, got, 4);
		CHECK(!memcmp(got, "ping", 4));
		/* Alone: a chain of nothing. */
		driver_set_desc(q, 2, addrs[i], 0, 0, 0);
		offer(2);
		REQUIRE(driver_take_used(q, &head, &len));
		CHECK_EQ(len, 0);
		CHECK_EQ(echo.chains, 2);
		end();
	}
}

static void r18_readable_after_writable(void)
{
	static const struct descs cases[] = {
		{ "readable buffer follows", 5,
			{ [5] = { BUF, 4, NEXT, 6 }, [6] = { BUF + 8, 4, NEXT | WRITE, 7 }, [7] = { BUF, 4, 0, 0 } } },
		{ "readable buffer follows", 6, { [6] = { BUF + 8, 4, NEXT | WRITE, 7 }, [7] = { BUF, 4, 0, 0 } } },
	};

	run_bad_chains(cases, ARRAY_SIZE(cases), 0);
}

/* A request of 12 + 12 bytes in six buffers with those ends gives what the uncut one gives. */
static bool cut_request_works(const unsigned int *ends, unsigned int count)
{
	static const char text[] = "cut anywhere";
	struct driver_buf bufs[6];
	char got[12], zero[12] = { 0 };
	unsigned int start = 0;
	uint16_t head;
	uint32_t len;

	driver_write(&echo.d, BUF, text, 12);
	driver_write(&echo.d, BUF + 12, zero, 12);
	for (unsigned int i = 0; i < count; i++) {
		bufs[i] = (struct driver_buf){ BUF + start, ends[i] - start, i >= 3 };
		start = ends[i];
	}
	if (driver_add(q, bufs, count) < 0 || !driver_wait_used(q, &head, &len) || len != 12)
		return false;
	driver_read(&echo.d, BUF + 12, got, 12);
	return !memcmp(got, text, 12);
}

/* Message framing is the driver's: any two cuts on either side, empty pieces too (virtio 2.7.4). */
static void r20_request_cut_at_every_byte(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int ends[6] = { [2] = 12, [5] = 24 };

		begin(echo_features(i), SIZE);
		REQUIRE(q);
		for (ends[0] = 0; ends[0] <= 12; ends[0]++)
			for (ends[1] = ends[0]; ends[1] <= 12; ends[1]++)
				for (ends[3] = 12; ends[3] < 24; ends[3] += 5)
					for (ends[4] = ends[3]; ends[4] <= 24; ends[4] += 4)
						REQUIRE(cut_request_works(ends, 6));
		/* An empty piece in the middle must not be taken for the writable part. */
		for (ends[3] = 12; ends[3] <= 24; ends[3]++)
			for (ends[0] = 0, ends[1] = 5, ends[4] = ends[3]; ends[4] <= 24; ends[4]++)
				REQUIRE(cut_request_works(ends, 6));
		CHECK_EQ(echo.reports, 0);
		end();
	}
}

static void r22_used_length_is_what_was_written(void)
{
	uint8_t got[32];
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	memset(got, 0x5a, sizeof(got));
	driver_write(&echo.d, BUF + 64, got, sizeof(got));
	driver_write(&echo.d, BUF, "short", 5);
	driver_set_desc(q, 6, BUF, 5, NEXT, 7);
	driver_set_desc(q, 7, BUF + 64, 32, WRITE, 0);
	offer(6);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(len, 5);
	driver_read(&echo.d, BUF + 64, got, sizeof(got));
	CHECK(!memcmp(got, "short", 5));
	for (size_t i = 5; i < sizeof(got); i++)
		CHECK_EQ(got[i], 0x5a);
	end();
}

/* A request that makes the device write over its own rings: any result but a crash, and a reset repairs it. */
static void r23_buffers_over_rings(void)
{
	for (int ring = 0; ring < 3; ring++) {
		gpa_t target;

		begin(0, SIZE);
		REQUIRE(q);
		target = ring == 0 ? q->desc : ring == 1 ? q->avail : q->used;
		for (int n = 0; n < 256; n++) {
			uint8_t noise[128];

			memset(noise, n, sizeof(noise));
			driver_write(&echo.d, BUF, noise, sizeof(noise));
			driver_set_desc(q, 6, BUF, 64, NEXT, 7);
			driver_set_desc(q, 7, target, 64, WRITE, 0);
			offer(6);
		}
		CHECK(echo_works_after_reset(&echo));
		end();
	}
}

/* Starts with one ring moved; the case says whether that is acceptable. */
static bool starts_with(gpa_t desc, gpa_t avail, gpa_t used)
{
	struct virtq *vq = &echo.v.queue[0];

	driver_reset(&echo.d);
	echo.reports = 0;
	if (!driver_negotiate(&echo.d, 0))
		return false;
	q = &echo.d.queue[0];
	*q = (struct driver_queue){ .d = &echo.d, .size = SIZE, .desc = desc, .avail = avail, .used = used };
	echo.d.transport->queue_enable(&echo.d, q);
	driver_ok(&echo.d);
	echo.d.transport->notify(&echo.d, 0);
	rig_run(&echo.rig);
	return vq->ready;
}

static void r24_rings_where_they_cannot_be(void)
{
	static const struct {
		gpa_t addr;
		bool desc, avail, used; /* acceptable as */
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ BUF + 4096, 1, 1, 1 },
		{ BUF + 4096 + 8, 0, 1, 1 },
		{ BUF + 4096 + 2, 0, 1, 0 },
		{ BUF + 4096 + 1, 0, 0, 0 },
		{ PLUG_MMIO_BASE, 0, 0, 0 },
		{ RAM - 16, 0, 0, 0 },
		{ RAM_END, 0, 0, 0 },
		{ RAM_END - 16 * SIZE, 1, 1, 1 },
		{ RAM_END - 16 * SIZE + 16, 0, 1, 1 },
		{ RAM_END - 6 - 2 * SIZE, 0, 1, 0 },
		{ RAM_END - 4 - 2 * SIZE, 0, 0, 0 },
		{ RAM_END - 8 - 8 * SIZE, 0, 1, 1 },
		{ RAM_END - 4 - 8 * SIZE, 0, 1, 0 },
		{ UINT64_MAX - 15, 0, 0, 0 },
	};

	echo_init(&echo);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(starts_with(cases[i].addr, BUF, BUF + 2048), cases[i].desc);
		CHECK_EQ(echo.reports, !cases[i].desc);
		CHECK_EQ(starts_with(BUF, cases[i].addr, BUF + 2048), cases[i].avail);
		CHECK_EQ(starts_with(BUF, BUF + 2048, cases[i].addr), cases[i].used);
		if (test_failed)
			printf("# in case %zu\n", i);
	}
	CHECK(echo_works_after_reset(&echo));
	end();
}

/* The driver's used_event against the device's decision, far and near, over the wrap (virtio 2.7.7.2). */
static void r26_event_index_arithmetic(void)
{
	static const uint16_t events[] = { 0, 1, 2, 3, 7, 8, 0x7fff, 0x8000, 0xfffe, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		uint16_t head;
		uint32_t len;

		begin(DRIVER_F(VIRTIO_RING_F_EVENT_IDX), SIZE);
		REQUIRE(q);
		driver_interrupts(q, false);
		for (uint32_t n = 0; n < 70000; n++) {
			const struct driver_buf buf = { BUF, 1, true };
			unsigned int raised = echo.plug.irq.raised;

			driver_write16(&echo.d, q->avail + 4 + 2 * SIZE, events[i]);
			REQUIRE(driver_add(q, &buf, 1) >= 0);
			REQUIRE(driver_wait_used(q, &head, &len));
			/* One more was used: the device passed the event exactly when it is the one before it. */
			REQUIRE((echo.plug.irq.raised != raised) == ((uint16_t)n == events[i]));
		}
		end();
	}
}

static void r27_driver_writes_the_used_ring(void)
{
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	echo.hold = true;
	driver_set_desc(q, 3, BUF, 8, WRITE, 0);
	offer(3);
	REQUIRE(echo.held == 1);
	driver_write16(&echo.d, q->used + 2, 0x1234);
	driver_write16(&echo.d, q->used, 0xffff);
	echo_complete(&echo, 0);
	/* Ours is the index that counts: 1, at element 0. */
	CHECK_EQ(driver_read16(&echo.d, q->used + 2), 1);
	REQUIRE(driver_take_used(q, &head, &len));
	CHECK_EQ(head, 3);
	echo.hold = false;
	/* Its own scribble told the driver not to kick. */
	driver_write16(&echo.d, q->used, 0);
	CHECK(echo_works(&echo, q));
	end();
}

static void r28_no_head_leaks_on_errors(void)
{
	begin(0, SIZE);
	REQUIRE(q);
	driver_set_desc(q, 7, 0, 8, WRITE, 0);
	for (int n = 0; n < 100000; n++)
		offer(7);
	CHECK_EQ(echo.v.queue[0].in_flight_count, 0);
	q->used_idx = (uint16_t)(q->used_idx + 100000);
	CHECK(echo_works(&echo, q));
	end();
}

/* R38 in the core: a completion that arrives after a reset belongs to nobody. */
static void r38_completion_after_reset_is_dropped(void)
{
	uint8_t before[4096], after[4096];
	unsigned int raised;
	uint16_t head;
	uint32_t len;

	begin(0, SIZE);
	REQUIRE(q);
	echo.hold = true;
	driver_set_desc(q, 3, BUF, 8, WRITE, 0);
	offer(3);
	REQUIRE(echo.held == 1);
	/* The same head is in flight in the new life, so only the life tells them apart. */
	q = driver_start(&echo.d, 0, SIZE);
	REQUIRE(q);
	driver_set_desc(q, 3, BUF, 8, WRITE, 0);
	offer(3);
	REQUIRE(echo.held == 2);
	driver_read(&echo.d, PLUG_ARENA, before, sizeof(before));
	raised = echo.plug.irq.raised;
	echo.chain[0].in_len = echo.chain[0].in_count = 0;
	echo_complete(&echo, 0);
	CHECK_EQ(echo.plug.irq.raised, raised);
	driver_read(&echo.d, PLUG_ARENA, after, sizeof(after));
	CHECK(!memcmp(before, after, sizeof(before)));
	echo_complete(&echo, 1);
	CHECK_EQ(echo.plug.irq.raised, raised + 1);
	CHECK(driver_take_used(q, &head, &len));
	echo.hold = false;
	CHECK(echo_works(&echo, q));
	end();
}

static const struct test tests[] = {
	TEST(requests_on_every_ring_feature),
	TEST(indices_wrap),
	TEST(batch_of_requests),
	TEST(interrupts_off_and_on),
	TEST(kicks_are_suppressed),
	TEST(request_added_while_falling_asleep),
	TEST(completed_out_of_order),
	TEST(bad_chain_waits_its_turn_in_order),
	TEST(unpop_reads_again),
	TEST(chain_bytes_in_and_out),
	TEST(r01_descriptor_loop),
	TEST(r01_loop_in_an_indirect_table),
	TEST(r02_chain_as_long_as_the_ring_and_longer),
	TEST(r03_chain_of_more_than_4_gib),
	TEST(r04_next_outside_the_table),
	TEST(r04_head_outside_the_table),
	TEST(r05_available_index_jumps),
	TEST(r06_ring_refilled_while_draining),
	TEST(r07_duplicate_head_in_flight),
	TEST(r07_duplicate_head_in_one_batch),
	TEST(r08_the_loop_sleeps_after_an_error),
	TEST(r09_many_bad_chains_then_a_good_one),
	TEST(r10_second_queue_lives_on),
	TEST(r11_indirect_misuse),
	TEST(r11_legal_indirect),
	TEST(r12_indirect_table_length),
	TEST(r12_unaligned_indirect_table_is_legal),
	TEST(r13_address_plus_length_wraps),
	TEST(r14_buffers_outside_ram),
	TEST(r14_region_ends),
	TEST(r15_zero_length_descriptors),
	TEST(r18_readable_after_writable),
	TEST(r20_request_cut_at_every_byte),
	TEST(r22_used_length_is_what_was_written),
	TEST(r23_buffers_over_rings),
	TEST(r24_rings_where_they_cannot_be),
	TEST(r25_dma_into_registers),
	TEST(r26_event_index_arithmetic),
	TEST(r27_driver_writes_the_used_ring),
	TEST(r28_no_head_leaks_on_errors),
	TEST(r38_completion_after_reset_is_dropped),
};

TEST_MAIN(tests)
