/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng with a source that the test plays, over each transport. Cases named rNN_ are rows of the regression list. */
#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "driver.h"
#include "plug.h"
#include "rig.h"
#include "test.h"
#include "virtio/rng.h"

#define BUF (RIG_RAM_BASE + 1 * MiB)

/* Bytes that count up from 1, so that none is missed, repeated or left at 0. */
struct source {
	struct entropy entropy;
	ssize_t left; /* bytes before it says error */
	int error; /* -EAGAIN or another */
	size_t at_most; /* in one call */
	uint64_t given;
	unsigned int calls;
};

static struct rig rig;
static struct plug plug;
static struct driver d;
static struct driver_queue *q;
static struct source source;
static struct virtio_rng rng;
static unsigned int reports;
static char said[200];

static ssize_t source_fill(struct entropy *entropy, const struct iovec *iov, int count)
{
	struct source *s = container_of(entropy, struct source, entropy);
	size_t room = s->at_most, done = 0;

	s->calls++;
	if (!s->left)
		return s->error;
	if (room > (size_t)s->left)
		room = (size_t)s->left;
	for (int i = 0; i < count; i++)
		for (size_t n = 0; n < iov[i].iov_len && done < room; n++, done++)
			((uint8_t *)iov[i].iov_base)[n] = (uint8_t)(1 + s->given++ % 255);
	s->left -= (ssize_t)done;
	return (ssize_t)done;
}

static void report(struct virtio *v, const char *text)
{
	(void)v;
	reports++;
	snprintf(said, sizeof(said), "%s", text);
}

static void begin(uint64_t features)
{
	rig_init(&rig);
	source = (struct source){ .left = SSIZE_MAX, .error = -EAGAIN, .at_most = SIZE_MAX };
	source.entropy.fill = source_fill;
	source.entropy.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	reports = 0;
	if (virtio_rng_init(&rng, &rig.loop, &rig.mem, &source.entropy) < 0) {
		printf("Bail out! the device cannot be set up\n");
		return;
	}
	rng.v.report = report;
	plug_in(&plug, &rng.v, &rig, &d);
	q = driver_start(&d, features, 0);
}

static void end(void)
{
	plug_out(&plug);
	virtio_rng_destroy(&rng);
	if (source.entropy.fd >= 0)
		close(source.entropy.fd);
	rig_destroy(&rig);
}

/* A request of size bytes at BUF is answered with `want` of them, in order, and nothing behind them is touched. */
static bool request_works(uint32_t size, uint32_t want)
{
	const struct driver_buf buf = { BUF, size, true };
	uint64_t first = source.given;
	uint32_t len = 0;
	uint16_t head;

	for (uint32_t i = 0; i < size; i++)
		driver_write(&d, BUF + i, "", 1);
	if (driver_add(q, &buf, 1) < 0 || !driver_wait_used(q, &head, &len) || len != want)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		uint8_t byte;

		driver_read(&d, BUF + i, &byte, 1);
		if (byte != (i < want ? 1 + (first + i) % 255 : 0))
			return false;
	}
	return true;
}

static void fills_requests(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_RING_F_EVENT_IDX), DRIVER_ANY_FEATURES };
	static const uint32_t sizes[] = { 1, 2, 16, 64, 4095, 65536 };

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		begin(features[i]);
		REQUIRE(q);
		for (int round = 0; round < 5; round++)
			for (size_t n = 0; n < ARRAY_SIZE(sizes); n++)
				CHECK(request_works(sizes[n], sizes[n]));
		CHECK_EQ(reports, 0);
		end();
	}
}

static void identity(void)
{
	uint8_t config[4] = { 1, 1, 1, 1 };

	begin(0);
	CHECK_EQ(d.transport->device_id(&d), VIRTIO_ID_RNG);
	CHECK_STR(rng.v.class->name, "virtio-rng");
	/* It has no configuration space. */
	d.transport->config_write(&d, 0, config, sizeof(config));
	d.transport->config_read(&d, 0, config, sizeof(config));
	CHECK(!config[0] && !config[1] && !config[2] && !config[3]);
	end();
}

static void several_buffers_in_one_request(void)
{
	const struct driver_buf bufs[] = { { BUF, 3, true }, { BUF + 64, 0, true }, { BUF + 3, 5, true } };
	uint8_t got[8];
	uint16_t head;
	uint32_t len;

	for (int indirect = 0; indirect < 2; indirect++) {
		begin(indirect ? DRIVER_ANY_FEATURES : 0);
		REQUIRE(q);
		REQUIRE(driver_add(q, bufs, 3) >= 0);
		REQUIRE(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 8);
		driver_read(&d, BUF, got, 8);
		CHECK(!memcmp(got, "\1\2\3\4\5\6\7\10", 8));
		end();
	}
}

/* What the source has is given, and no more is claimed. */
static void r60_used_length_is_what_was_given(void)
{
	begin(0);
	REQUIRE(q);
	source.at_most = 7;
	CHECK(request_works(64, 7));
	CHECK(request_works(7, 7));
	CHECK(request_works(5, 5));
	source.left = 3;
	CHECK(request_works(64, 3));
	end();
}

static void empty_source_is_waited_for(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_RING_F_EVENT_IDX) };

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		const struct driver_buf buf = { BUF, 16, true };
		uint16_t head;
		uint32_t len;

		begin(features[i]);
		REQUIRE(q);
		source.left = 0;
		driver_add(q, &buf, 1);
		CHECK(!driver_wait_used(q, &head, &len));
		CHECK_EQ(source.calls, 1);
		/* Nobody polls, also when the driver kicks on. */
		driver_add(q, &buf, 1);
		d.transport->notify(&d, 0);
		rig_run(&rig);
		CHECK(!rig_run(&rig));
		CHECK_EQ(source.calls, 1);
		source.left = 100;
		eventfd_write(source.entropy.fd, 1);
		rig_run(&rig);
		CHECK(driver_take_used(q, &head, &len));
		CHECK_EQ(len, 16);
		CHECK(driver_take_used(q, &head, &len));
		CHECK_EQ(len, 16);
		CHECK(!rig_run(&rig));
		CHECK(request_works(16, 16));
		CHECK_EQ(reports, 0);
		end();
	}
}

/* A source that says it is readable and has nothing is asked again later, not at once and not for ever. */
static void source_that_is_ready_and_empty(void)
{
	const struct driver_buf buf = { BUF, 16, true };
	uint16_t head;
	uint32_t len;

	for (int no_fd = 0; no_fd < 2; no_fd++) {
		begin(0);
		REQUIRE(q);
		source.left = 0;
		eventfd_write(source.entropy.fd, 1);
		if (no_fd) {
			close(source.entropy.fd);
			source.entropy.fd = -1;
		}
		driver_add(q, &buf, 1);
		CHECK(!driver_wait_used(q, &head, &len));
		CHECK(source.calls <= 2);
		CHECK(!rig_run(&rig));
		rig_advance(&rig, 50 * 1000000);
		CHECK(source.calls <= 2);
		rig_advance(&rig, 60 * 1000000);
		CHECK(source.calls >= 2);
		source.left = 16;
		rig_advance(&rig, 110 * 1000000);
		CHECK(driver_take_used(q, &head, &len));
		CHECK_EQ(len, 16);
		end();
	}
}

static void reset_while_waiting(void)
{
	const struct driver_buf buf = { BUF, 16, true };
	uint16_t head;
	uint32_t len;

	begin(0);
	REQUIRE(q);
	source.left = 0;
	driver_add(q, &buf, 1);
	CHECK(!driver_wait_used(q, &head, &len));
	driver_reset(&d);
	source.left = SSIZE_MAX;
	eventfd_write(source.entropy.fd, 1);
	CHECK(!rig_run(&rig));
	CHECK_EQ(source.calls, 1);
	q = driver_start(&d, 0, 0);
	REQUIRE(q);
	CHECK(request_works(16, 16));
	end();
}

static void source_that_fails_for_good(void)
{
	const struct driver_buf buf = { BUF, 16, true };
	uint16_t head;
	uint32_t len;

	begin(0);
	REQUIRE(q);
	source.left = 0;
	source.error = -EIO;
	driver_add(q, &buf, 1);
	CHECK(!driver_wait_used(q, &head, &len));
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_EQ(reports, 1);
	CHECK_STR(said, "entropy source: Input/output error");
	CHECK(!rig_run(&rig));
	/* It says so again after a reset, and works once the source does. */
	q = driver_start(&d, 0, 0);
	driver_add(q, &buf, 1);
	CHECK(!driver_wait_used(q, &head, &len));
	CHECK_EQ(reports, 2);
	source.left = SSIZE_MAX;
	q = driver_start(&d, 0, 0);
	CHECK(request_works(16, 16));
	end();
}

/* Buffers that overlap ask for 64 times 4 MiB: each request gets 64 KiB, one each turn of the loop. */
static void r16_huge_requests_are_capped(void)
{
	uint16_t head;
	uint32_t len;

	begin(0);
	REQUIRE(q);
	for (uint16_t i = 0; i < q->size; i++)
		driver_set_desc(q, i, RIG_RAM_BASE, 4 * MiB,
			VRING_DESC_F_WRITE | (i + 1 < q->size ? VRING_DESC_F_NEXT : 0), (uint16_t)(i + 1));
	for (uint16_t i = 0; i < q->size; i++)
		driver_expose(q, i);
	driver_kick(q);
	CHECK_EQ(loop_run_once(&rig.loop, 0), 1);
	CHECK_EQ(source.calls, 1);
	rig_run(&rig);
	for (uint16_t i = 0; i < q->size; i++) {
		REQUIRE(driver_take_used(q, &head, &len));
		CHECK_EQ(head, i);
		CHECK_EQ(len, 65536);
	}
	CHECK_EQ(source.given, 65536 * q->size);
	CHECK(!rig_run(&rig));
	end();
}

static void r17_direction_violated(void)
{
	static const struct {
		struct driver_buf bufs[2];
		unsigned int count;
		const char *why;
	} cases[] = {
		{ { { BUF, 16, false } }, 1, "readable buffer" },
		{ { { BUF, 16, false }, { BUF + 16, 16, true } }, 2, "readable buffer" },
		{ { { BUF, 0, true } }, 1, "no room" },
		{ { { BUF, 0, false } }, 1, "no room" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t got[32], zero[32] = { 0 };
		uint16_t head;
		uint32_t len = 1;

		begin(0);
		REQUIRE(q);
		driver_add(q, cases[i].bufs, cases[i].count);
		CHECK(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 0);
		CHECK_EQ(source.calls, 0);
		CHECK_HAS(said, cases[i].why);
		driver_read(&d, BUF, got, sizeof(got));
		CHECK(!memcmp(got, zero, sizeof(got)));
		CHECK(request_works(16, 16));
		end();
	}
}

/* R10 on this device: a bad chain of each kind, and then business as usual. */
static void r10_bad_chains_do_not_stop_it(void)
{
	uint16_t head;
	uint32_t len;

	begin(0);
	REQUIRE(q);
	for (int round = 0; round < 1000; round++) {
		driver_set_desc(q, 63, round % 2 ? 0 : BUF, 16, round % 2 ? 2 : 1, 63);
		driver_expose(q, 63);
		REQUIRE(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 0);
	}
	CHECK_EQ(reports, 1);
	CHECK(request_works(16, 16));
	end();
}

static const struct test tests[] = {
	TEST(fills_requests),
	TEST(identity),
	TEST(several_buffers_in_one_request),
	TEST(empty_source_is_waited_for),
	TEST(source_that_is_ready_and_empty),
	TEST(reset_while_waiting),
	TEST(source_that_fails_for_good),
	TEST(r10_bad_chains_do_not_stop_it),
	TEST(r16_huge_requests_are_capped),
	TEST(r17_direction_violated),
	TEST(r60_used_length_is_what_was_given),
};

TEST_MAIN_WAYS(tests, &plug_all_ways)
