/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same driver on the same device by two ways: in this process, and over qtest in the minivmm that was built. Whatever
 * the driver sees has to be the same by both: random bytes too, which come from the seeded generator, and what is on a
 * disk, in memory here and in a file there. Every device on every set of ring features over every transport.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "backend/entropy.h"
#include "block_memory.h"
#include "driver.h"
#include "echo.h"
#include "plug.h"
#include "qtest_peer.h"
#include "rig.h"
#include "test.h"
#include "virtio/blk.h"
#include "virtio/rng.h"

#define BUF    (RIG_RAM_BASE + 3 * MiB)
#define HEADER BUF
#define STATUS (BUF + 64)
#define DATA   (BUF + 4 * KiB)

enum device_id { RNG, BLK, DEVICES };

#define FUNCTION(slot) (RIG_ECAM + (slot)*0x8000ULL)
/* The SPIs that a GICv2M frame makes of messages, and the number that a message names the first of them by. */
#define MESSAGE_SPI    48
#define MESSAGE_DATA   (32 + MESSAGE_SPI)
#define MAX_MESSAGES   8

/* Where minivmm has the devices with a transport: what driver_init and the interrupt messages need. */
static const struct place {
	const struct plug_type *type;
	const char *argument; /* NULL: none is needed */
	gpa_t base[DEVICES];
	unsigned int irq[DEVICES]; /* 0: messages */
} places[] = {
	{ &plug_types[PLUG_MMIO], NULL, { 0x0a003e00, 0x0a003c00 }, { 47, 46 } },
	{ &plug_types[PLUG_PCI], "pci", { FUNCTION(1), FUNCTION(2) }, { 0, 0 } },
	{ &plug_types[PLUG_PCI_INTX], "pci", { FUNCTION(1), FUNCTION(2) }, { 4, 5 } },
};

static const struct place *place;
static uint64_t ring;

static const char *take_way(size_t i)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ VIRTIO_RING_F_EVENT_IDX, " event_idx" },
		{ VIRTIO_RING_F_INDIRECT_DESC, " indirect" },
		{ VIRTIO_F_IN_ORDER, " in_order" },
		{ VIRTIO_F_NOTIFICATION_DATA, " notification_data" },
	};
	static char name[120];

	place = &places[i % ARRAY_SIZE(places)];
	ring = echo_features((unsigned int)(i / ARRAY_SIZE(places)));
	plug_type = place->type;
	snprintf(name, sizeof(name), "%s", ring & DRIVER_F(VIRTIO_F_RING_PACKED) ? "packed" : "split");
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		if (ring & DRIVER_F(names[n].bit))
			strcat(name, names[n].name);
	strcat(name, " over ");
	strcat(name, place->type->name);
	return name;
}

static const struct test_ways ways = { ECHO_COMBINATIONS * ARRAY_SIZE(places), take_way };

static struct driver d;
static struct driver_queue *q;

static struct rig rig;
static struct plug plug;
static struct entropy entropy;
static struct virtio_rng rng;
static struct block_memory memory;
static struct virtio_blk blk;

static struct peer peer;
static unsigned int messages_taken[MAX_MESSAGES];
static char path[] = "/tmp/minivmm-virtio-access-XXXXXX";
static char disk_argument[160];

/* Everything a driver can tell about a few requests. */
struct seen {
	uint64_t features;
	uint32_t queue_max;
	uint8_t config[64];
	struct {
		uint16_t head;
		uint32_t len, cause;
		bool high, low; /* the interrupt before and after it was acknowledged */
	} request[16];
	unsigned int requests, kicks;
	uint8_t bytes[16 * KiB];
	size_t len;
	uint8_t status;
};

static struct virtio *make_rng(void)
{
	entropy_init_seeded(&entropy, 0);
	return virtio_rng_init(&rng, &rig.loop, &rig.mem, &entropy) ? NULL : &rng.v;
}

static void end_rng(void)
{
	virtio_rng_destroy(&rng);
	entropy_destroy(&entropy);
}

static struct virtio *make_blk(void)
{
	const struct virtio_blk_options options = { .queues = 1, .serial = "the-disk" };

	block_memory_init(&memory, &rig.loop);
	return virtio_blk_init(&blk, &rig.loop, &rig.mem, &memory.block, &options) ? NULL : &blk.v;
}

static void end_blk(void)
{
	virtio_blk_destroy(&blk);
	block_destroy(&memory.block);
}

/* The file has what block_memory begins with. */
static void write_file(void)
{
	FILE *f = fopen(path, "wb");
	bool ok = f;

	for (size_t i = 0; ok && i < BLOCK_MEMORY_SIZE; i++)
		ok = fputc((int)(i % 251), f) != EOF;
	ok = f && !fclose(f) && ok;
	if (!ok) {
		printf("Bail out! %s cannot be written: %s\n", path, strerror(errno));
		exit(1);
	}
}

static const struct device {
	enum device_id id;
	struct virtio *(*make)(void);
	void (*end)(void);
	void (*requests)(struct seen *seen);
	void (*bad)(void); /* adds what is answered without a byte written */
	bool (*good)(void); /* one request that works */
} devices[DEVICES];

static bool by_qtest;

static uint32_t messages(bool take)
{
	uint32_t came = 0;

	for (unsigned int i = 0; i < MAX_MESSAGES; i++) {
		if (peer.raised[MESSAGE_SPI + i] == messages_taken[i])
			continue;
		came |= 1u << i;
		if (take)
			messages_taken[i] = peer.raised[MESSAGE_SPI + i];
	}
	return came;
}

static uint32_t take_messages(void *opaque)
{
	(void)opaque;
	return messages(true);
}

static void begin(const struct device *device)
{
	static const char offer[] = "features=+ring_packed,+in_order,+notification_data";
	char rng_argument[80];
	const char *arguments[] = { "--memory", "8M", "--rng", rng_argument, "--disk", disk_argument, NULL, NULL,
		NULL };

	if (by_qtest) {
		write_file();
		snprintf(rng_argument, sizeof(rng_argument), "%s", offer);
		snprintf(disk_argument, sizeof(disk_argument), "path=%s,id=the-disk,logical=512,physical=512,%s", path,
			offer);
		if (place->argument) {
			arguments[6] = "--transport";
			arguments[7] = place->argument;
		}
		peer_start(&peer, arguments);
		CHECK_STR(peer_ask(&peer, "irq_intercept_in gic"), "OK");
		driver_init(&d, &driver_qtest_access, &peer, place->type->driver, place->base[device->id], PLUG_ARENA,
			PLUG_ARENA_SIZE);
		memset(messages_taken, 0, sizeof(messages_taken));
		d.messages = (struct driver_messages){ PLUG_MESSAGES, MESSAGE_DATA, take_messages, NULL };
	} else {
		struct virtio *v;

		rig_init(&rig);
		v = device->make();
		if (!v) {
			printf("Bail out! the device cannot be set up\n");
			exit(1);
		}
		v->features_on = echo_features(ECHO_COMBINATIONS - 1);
		plug_in(&plug, v, &rig, &d);
	}
	q = driver_start(&d, ring | ~echo_features(ECHO_COMBINATIONS - 1), 16);
}

static void end(const struct device *device)
{
	if (by_qtest) {
		CHECK_EQ(peer_end(&peer), 0);
		return;
	}
	plug_out(&plug);
	device->end();
	rig_destroy(&rig);
}

static bool level(const struct device *device)
{
	if (!by_qtest)
		return plug_interrupted(&plug);
	return place->irq[device->id] ? peer.level[place->irq[device->id]] : messages(false);
}

/* Adds, waits, and notes what there is to see; then the `len` bytes at `at` too. */
static void see(struct seen *seen, const struct device *device, const struct driver_buf *bufs, unsigned int count,
	gpa_t at, size_t len)
{
	unsigned int i = seen->requests++;

	REQUIRE(driver_add(q, bufs, count) >= 0);
	REQUIRE(driver_wait_used(q, &seen->request[i].head, &seen->request[i].len));
	seen->request[i].high = level(device);
	seen->request[i].cause = d.transport->take_interrupt(&d);
	seen->request[i].low = level(device);
	REQUIRE(len <= sizeof(seen->bytes) - seen->len);
	driver_read(&d, at, seen->bytes + seen->len, len);
	seen->len += len;
}

static void rng_requests(struct seen *seen)
{
	static const uint32_t sizes[] = { 1, 16, 64, 4095 };
	const struct driver_buf parts[] = { { DATA, 3, true }, { DATA + 64, 5, true } };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct driver_buf whole = { DATA, sizes[i], true };

		see(seen, &devices[RNG], &whole, 1, DATA, sizes[i]);
	}
	see(seen, &devices[RNG], parts, 2, DATA, 128);
	CHECK_EQ(seen->request[3].len, 4095);
	CHECK_EQ(seen->request[4].len, 8);
	/* Something came, and not the same twice. */
	CHECK(memcmp(seen->bytes + 1, seen->bytes + 17, 16));
}

static void rng_bad(void)
{
	const struct driver_buf readable = { DATA, 16, false };

	driver_add(q, &readable, 1);
}

static bool rng_good(void)
{
	const struct driver_buf buf = { DATA, 16, true };
	uint16_t head;
	uint32_t len;

	return driver_add(q, &buf, 1) >= 0 && driver_wait_used(q, &head, &len) && len == 16;
}

static void put_header(uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };

	driver_write(&d, HEADER, &header, sizeof(header));
	driver_write(&d, STATUS, "\xee", 1);
}

static void blk_requests(struct seen *seen)
{
	static const struct {
		uint32_t type, sector, len;
		uint8_t want;
	} steps[] = {
		{ VIRTIO_BLK_T_IN, 0, 512, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_OUT, 3, 1024, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_IN, 2, 2048, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_FLUSH, 0, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_GET_ID, 0, 20, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_IN, 3, 1024, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_DISCARD, 0, 16, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_IN, BLOCK_MEMORY_SIZE / 512, 512, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 0, 511, VIRTIO_BLK_S_IOERR },
		{ 99, 0, 512, VIRTIO_BLK_S_UNSUPP },
	};
	const struct virtio_blk_discard_write_zeroes range = { 3, 1, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bool in = steps[i].type == VIRTIO_BLK_T_IN || steps[i].type == VIRTIO_BLK_T_GET_ID;
		struct driver_buf bufs[] = { { HEADER, 16, false }, { DATA, steps[i].len, in }, { STATUS, 1, true } };
		uint8_t status;

		put_header(steps[i].type, steps[i].sector);
		if (steps[i].len == 16)
			driver_write(&d, DATA, &range, sizeof(range));
		if (!steps[i].len)
			bufs[1] = bufs[2];
		see(seen, &devices[BLK], bufs, steps[i].len ? 3 : 2, DATA, steps[i].len);
		driver_read(&d, STATUS, &status, 1);
		CHECK_EQ(status, steps[i].want);
		CHECK_EQ(seen->request[i].len, in && steps[i].want == VIRTIO_BLK_S_OK ? steps[i].len + 1 : 1);
	}
	/* Sector 3 is what was read from sector 0 and written there, then zeroes. */
	CHECK(!memcmp(seen->bytes, seen->bytes + 512 + 1024 + 512, 512));
	CHECK_EQ(seen->bytes[511], 511 % 251);
	CHECK_STR((const char *)seen->bytes + 512 + 1024 + 2048, "the-disk");
	CHECK_EQ(seen->bytes[512 + 1024 + 2048 + 20 + 16 + 511], 0);
}

static void blk_bad(void)
{
	const struct driver_buf header = { HEADER, 16, false };

	driver_add(q, &header, 1);
}

static bool blk_good(void)
{
	const struct driver_buf bufs[] = { { HEADER, 16, false }, { DATA, 512, true }, { STATUS, 1, true } };
	uint16_t head;
	uint32_t len;

	put_header(VIRTIO_BLK_T_IN, 1);
	return driver_add(q, bufs, 3) >= 0 && driver_wait_used(q, &head, &len) && len == 513;
}

static const struct device devices[DEVICES] = {
	{ RNG, make_rng, end_rng, rng_requests, rng_bad, rng_good },
	{ BLK, make_blk, end_blk, blk_requests, blk_bad, blk_good },
};

static void observe(const struct device *device, struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	begin(device);
	REQUIRE(q);
	seen->features = d.features;
	seen->queue_max = d.transport->queue_max(&d, 0);
	d.transport->config_read(&d, 0, seen->config, sizeof(seen->config));
	device->requests(seen);
	for (unsigned int i = 0; i < seen->requests; i++)
		CHECK(seen->request[i].high && seen->request[i].cause == 1 && !seen->request[i].low);
	CHECK_EQ(d.features & echo_features(ECHO_COMBINATIONS - 1), ring);
	seen->kicks = q->kicks;
	driver_reset(&d);
	seen->status = driver_status(&d);
	CHECK_EQ(seen->status, 0);
	end(device);
}

static void the_same_by_both_ways(const struct device *device)
{
	static struct seen seen[2];

	for (int i = 0; i < 2; i++) {
		by_qtest = i;
		observe(device, &seen[i]);
	}
	CHECK_EQ(seen[0].features, seen[1].features);
	CHECK(!memcmp(seen[0].config, seen[1].config, sizeof(seen[0].config)));
	CHECK(!memcmp(&seen[0], &seen[1], sizeof(seen[0])));
}

/* A broken chain takes neither way's device down. */
static void bad_chain(const struct device *device)
{
	for (int i = 0; i < 2; i++) {
		uint16_t head;
		uint32_t len = 1;

		by_qtest = i;
		begin(device);
		REQUIRE(q);
		device->bad();
		CHECK(driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 0);
		CHECK(device->good());
		end(device);
	}
}

static void rng_the_same_by_both_ways(void)
{
	the_same_by_both_ways(&devices[RNG]);
}

static void blk_the_same_by_both_ways(void)
{
	the_same_by_both_ways(&devices[BLK]);
}

static void rng_bad_chain_by_both_ways(void)
{
	bad_chain(&devices[RNG]);
}

static void blk_bad_chain_by_both_ways(void)
{
	bad_chain(&devices[BLK]);
}

static const struct test tests[] = {
	TEST(rng_the_same_by_both_ways),
	TEST(blk_the_same_by_both_ways),
	TEST(rng_bad_chain_by_both_ways),
	TEST(blk_bad_chain_by_both_ways),
};

int main(int argc, char **argv)
{
	int fd = mkstemp(path), ret;

	if (fd < 0) {
		printf("Bail out! no temporary file: %s\n", strerror(errno));
		return 1;
	}
	close(fd);
	ret = test_main_ways(tests, ARRAY_SIZE(tests), &ways, argc, argv);
	unlink(path);
	return ret;
}
