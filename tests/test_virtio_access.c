/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same driver on the same device by two ways: in this process, and over qtest in the minivmm that was built. Whatever
 * the driver sees has to be the same by both, random bytes too, which come from the seeded generator.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "backend/entropy.h"
#include "driver.h"
#include "qtest_peer.h"
#include "rig.h"
#include "test.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

#define BASE   0x0a003e00ULL
#define SPI    47
#define ARENA  (RIG_RAM_BASE + 4 * MiB)
#define BUF    (RIG_RAM_BASE + 3 * MiB)
#define ANSWER 8192

static struct driver d;

static struct rig rig;
static struct rig_irq irq;
static struct driver_local local;
static struct entropy entropy;
static struct virtio_rng rng;
static struct virtio_mmio mmio;
static struct peer peer;

static void local_begin(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, SPI);
	entropy_init_seeded(&entropy, 0);
	if (virtio_rng_init(&rng, &rig.loop, &rig.mem, &entropy) < 0 ||
		virtio_mmio_init(&mmio, &rng.v, &rig.bus, BASE, &irq.irq) < 0) {
		printf("Bail out! the device cannot be set up\n");
		return;
	}
	local = (struct driver_local){ &rig.bus, &rig.mem, &rig.loop };
	driver_init(&d, &driver_local_access, &local, &driver_mmio, BASE, ARENA, 2 * MiB);
}

static void local_end(void)
{
	virtio_mmio_destroy(&mmio);
	virtio_rng_destroy(&rng);
	entropy_destroy(&entropy);
	rig_destroy(&rig);
}

static bool local_level(void)
{
	return irq.level;
}

static void qtest_begin(void)
{
	static const char *const arguments[] = { "--memory", "8M", NULL };

	peer_start(&peer, arguments);
	CHECK_STR(peer_ask(&peer, "irq_intercept_in gic"), "OK");
	driver_init(&d, &driver_qtest_access, &peer, &driver_mmio, BASE, ARENA, 2 * MiB);
}

static void qtest_end(void)
{
	CHECK_EQ(peer_end(&peer), 0);
}

static bool qtest_level(void)
{
	return peer.level[SPI];
}

static const struct path {
	const char *name;
	void (*begin)(void);
	void (*end)(void);
	bool (*level)(void);
} paths[] = {
	{ "in process", local_begin, local_end, local_level },
	{ "over qtest", qtest_begin, qtest_end, qtest_level },
};

/* Everything a driver can tell about a few requests. */
struct seen {
	uint64_t features;
	uint32_t queue_max, lens[8], causes[8];
	uint16_t heads[8];
	bool high[8], low[8];
	unsigned int kicks;
	uint8_t bytes[ANSWER];
	uint8_t status;
};

static void requests(const struct path *path, uint64_t wanted, struct seen *seen)
{
	static const uint32_t sizes[] = { 1, 16, 64, 4095 };
	const struct driver_buf parts[] = { { BUF, 3, true }, { BUF + 64, 5, true } };
	struct driver_queue *q = driver_start(&d, wanted, 16);
	gpa_t at = 0;

	REQUIRE(q);
	seen->features = d.features;
	seen->queue_max = d.transport->queue_max(&d, 0);
	for (unsigned int i = 0; i < 5; i++) {
		const struct driver_buf whole = { BUF, i < 4 ? sizes[i] : 0, true };

		REQUIRE((i < 4 ? driver_add(q, &whole, 1) : driver_add(q, parts, 2)) >= 0);
		REQUIRE(driver_wait_used(q, &seen->heads[i], &seen->lens[i]));
		seen->high[i] = path->level();
		seen->causes[i] = d.transport->take_interrupt(&d);
		seen->low[i] = path->level();
		driver_read(&d, BUF, seen->bytes + at, i < 4 ? sizes[i] : 128);
		at += i < 4 ? sizes[i] : 128;
	}
	seen->kicks = q->kicks;
	driver_reset(&d);
	seen->status = driver_status(&d);
}

static void the_same_by_both_ways(void)
{
	static const uint64_t features[] = {
		0,
		DRIVER_F(VIRTIO_RING_F_EVENT_IDX),
		DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC),
		DRIVER_ANY_FEATURES,
	};
	static struct seen seen[ARRAY_SIZE(paths)];

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		memset(seen, 0, sizeof(seen));
		for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
			paths[p].begin();
			requests(&paths[p], features[f], &seen[p]);
			paths[p].end();
		}
		CHECK(!memcmp(&seen[0], &seen[1], sizeof(seen[0])));
		CHECK_EQ(seen[1].lens[3], 4095);
		CHECK_EQ(seen[1].lens[4], 8);
		CHECK_EQ(seen[1].status, 0);
		for (int i = 0; i < 5; i++)
			CHECK(seen[1].high[i] && seen[1].causes[i] == 1 && !seen[1].low[i]);
		/* Something came, and not the same twice. */
		CHECK(memcmp(seen[1].bytes + 1, seen[1].bytes + 17, 16));
	}
}

/* A broken chain takes neither way's device down. */
static void bad_chain_by_both_ways(void)
{
	for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
		const struct driver_buf readable = { BUF, 16, false }, good = { BUF, 16, true };
		struct driver_queue *q;
		uint16_t head;
		uint32_t len = 1;

		paths[p].begin();
		q = driver_start(&d, 0, 16);
		REQUIRE(q);
		driver_add(q, &readable, 1);
		CHECK(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 0);
		driver_add(q, &good, 1);
		CHECK(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 16);
		paths[p].end();
	}
}

static const struct test tests[] = {
	TEST(the_same_by_both_ways),
	TEST(bad_chain_by_both_ways),
};

TEST_MAIN(tests)
