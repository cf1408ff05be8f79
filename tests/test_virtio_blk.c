/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk on a disk in memory, driven by a guest's driver over virtio-mmio; every case on split and packed rings. */
#include <errno.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "block_memory.h"
#include "driver.h"
#include "rig.h"
#include "test.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"

#define BASE	   0x0a003e00ULL
#define ARENA	   (RIG_RAM_BASE + 4 * MiB)
#define HEADER	   (RIG_RAM_BASE + 64 * KiB)
#define STATUS	   (RIG_RAM_BASE + 65 * KiB)
#define DATA	   (RIG_RAM_BASE + 1 * MiB)
#define NOT_STATUS 0xee
#define BLK_F(bit) DRIVER_F(VIRTIO_BLK_F_##bit)
#define SECTORS	   (BLOCK_MEMORY_SIZE / 512)

static struct rig rig;
static struct rig_irq irq;
static struct driver_local local;
static struct driver d;
static struct driver_queue *q;
static struct block_memory disk;
static struct virtio_blk blk;
static struct virtio_mmio mmio;
static unsigned int reports;
static char said[300];

/* The rings every case runs on. */
static const uint64_t rings[] = {
	0,
	DRIVER_F(VIRTIO_RING_F_EVENT_IDX),
	DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) | DRIVER_F(VIRTIO_RING_F_EVENT_IDX),
	DRIVER_F(VIRTIO_F_RING_PACKED),
	DRIVER_F(VIRTIO_F_RING_PACKED) | DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) | DRIVER_F(VIRTIO_RING_F_EVENT_IDX),
	DRIVER_F(VIRTIO_F_IN_ORDER),
};
static const uint64_t ring_features = DRIVER_F(VIRTIO_RING_F_EVENT_IDX) | DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) |
				      DRIVER_F(VIRTIO_F_RING_PACKED) | DRIVER_F(VIRTIO_F_IN_ORDER) | DRIVER_F(40);
static uint64_t ring;

static void report(struct virtio *v, const char *text)
{
	(void)v;
	reports++;
	snprintf(said, sizeof(said), "%s", text);
}

/* The device with a change to the disk or its options first; then the driver with all device features but `without`. */
static void begin_device(void (*change)(struct virtio_blk_options *options))
{
	struct virtio_blk_options options = { .queues = 1, .serial = "serial-0123456789abcdef" };

	rig_init(&rig);
	rig_irq_init(&irq, 47);
	block_memory_init(&disk, &rig.loop);
	if (change)
		change(&options);
	reports = 0;
	said[0] = '\0';
	if (virtio_blk_init(&blk, &rig.loop, &rig.mem, &disk.block, &options) < 0 ||
		virtio_mmio_init(&mmio, &blk.v, &rig.bus, BASE, &irq.irq) < 0)
		printf("Bail out! the device cannot be set up\n");
	blk.v.report = report;
	blk.v.features_on = ring_features;
	local = (struct driver_local){ &rig.bus, &rig.mem, &rig.loop };
	driver_init(&d, &driver_local_access, &local, &driver_mmio, BASE, ARENA, 2 * MiB);
}

static void begin_with(uint64_t without, void (*change)(struct virtio_blk_options *options))
{
	begin_device(change);
	q = driver_start(&d, (~ring_features & ~without) | ring | DRIVER_F(40), 0);
	if (!q)
		printf("Bail out! the queue cannot be set up\n");
}

static void begin(void)
{
	begin_with(0, NULL);
}

static void end(void)
{
	virtio_mmio_destroy(&mmio);
	virtio_blk_destroy(&blk);
	block_destroy(&disk.block);
	rig_destroy(&rig);
}

static void put_header(gpa_t at, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };

	driver_write(&d, at, &header, sizeof(header));
}

static uint8_t byte_at(gpa_t at)
{
	uint8_t byte;

	driver_read(&d, at, &byte, 1);
	return byte;
}

static void fill(gpa_t at, uint8_t byte, size_t len)
{
	while (len--)
		driver_write(&d, at++, &byte, 1);
}

/* Adds a request with its header, status and data of its own by number. Its head. */
static int add_request(struct driver_queue *queue, unsigned int n, uint32_t type, uint64_t sector, uint32_t len)
{
	gpa_t header = HEADER + 32 * n, status = header + 16;
	struct driver_buf bufs[3] = { { header, 16, false }, { DATA + n * 4096ULL, len, type == VIRTIO_BLK_T_IN },
		{ status, 1, true } };

	put_header(header, type, sector);
	fill(status, NOT_STATUS, 1);
	if (len)
		return driver_add(queue, bufs, 3);
	bufs[1] = bufs[2];
	return driver_add(queue, bufs, 2);
}

static uint8_t status_of(unsigned int n)
{
	return byte_at(HEADER + 32 * n + 16);
}

/* One request from start to end; its status, or NOT_STATUS. *used gets the used length. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
	uint16_t head;

	*used = 0;
	if (add_request(q, 0, type, sector, len) < 0 || !driver_wait_used(q, &head, used))
		return NOT_STATUS;
	return status_of(0);
}

static bool is_pattern(gpa_t at, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (byte_at(at + i) != (offset + i) % 251)
			return false;
	return true;
}

/* The device still does its work. */
static bool works(void)
{
	uint32_t used;

	fill(DATA, 0, 512);
	return request(VIRTIO_BLK_T_IN, 7, 512, &used) == VIRTIO_BLK_S_OK && used == 513 &&
	       is_pattern(DATA, 7 * 512, 512);
}

static void reads_and_writes(void)
{
	uint32_t used;

	begin();
	for (int round = 0; round < 300; round++) {
		uint64_t sector = (uint64_t)round * 3 % (SECTORS - 8);

		fill(DATA, (uint8_t)round, 64);
		CHECK_EQ(request(VIRTIO_BLK_T_OUT, sector, 4096, &used), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 1);
		CHECK(!memcmp(disk.data + sector * 512, rig.ram + (DATA - RIG_RAM_BASE), 4096));
		fill(DATA, 0xaa, 64);
		CHECK_EQ(request(VIRTIO_BLK_T_IN, sector, 4096, &used), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 4097);
		CHECK(!memcmp(disk.data + sector * 512, rig.ram + (DATA - RIG_RAM_BASE), 4096));
	}
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.calls[BLOCK_FLUSH], 1);
	CHECK_EQ(disk.synced, 0);
	CHECK_EQ(reports, 0);
	end();
}

static void four_k(struct virtio_blk_options *options)
{
	options->queues = 3;
	disk.block.logical = 1024;
	disk.block.physical = 4096;
}

static uint32_t config32(uint32_t offset)
{
	uint32_t value;

	d.transport->config_read(&d, offset, &value, 4);
	return value;
}

static void configuration_space(void)
{
	begin_device(four_k);
	CHECK_EQ(rig_read(&rig, BASE + 8, 4), 2);
	CHECK_EQ(config32(0), SECTORS);
	CHECK_EQ(config32(4), 0);
	CHECK_EQ(config32(12), 254); /* seg_max */
	CHECK_EQ(config32(20), 1024); /* blk_size */
	CHECK_EQ(config32(24), 2 | 4 << 16); /* physical block exponent, min_io_size */
	CHECK_EQ(config32(32) >> 16, 3); /* num_queues */
	CHECK_EQ(config32(32) & 0xff, 1); /* writeback */
	CHECK_EQ(config32(40), 32); /* max_discard_seg */
	CHECK_EQ(config32(44), 2); /* discard_sector_alignment */
	CHECK_EQ(config32(52), 1); /* max_write_zeroes_seg */
	CHECK_EQ(config32(56) & 0xff, 1);
	CHECK_EQ(config32(60), 0);
	end();
}

static void read_only(struct virtio_blk_options *options)
{
	(void)options;
	disk.block.read_only = true;
}

static void writes_to_a_read_only_disk(void)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	uint8_t before[512];
	uint32_t used;

	begin_with(0, read_only);
	memcpy(before, disk.data, sizeof(before));
	CHECK(d.features & BLK_F(RO));
	CHECK(!(d.features & (BLK_F(DISCARD) | BLK_F(WRITE_ZEROES) | BLK_F(CONFIG_WCE))));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t status = request(types[i], 0, i ? 16 : 512, &used);

		CHECK_EQ(status, i ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
		CHECK_EQ(used, 1);
	}
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.submitted, 0);
	CHECK(!memcmp(before, disk.data, sizeof(before)));
	CHECK(works());
	end();
}

static void r50_sectors_outside_the_disk(void)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} cases[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ SECTORS - 7, 4096 },
		{ 1ULL << 55, 512 }, /* times 512 is 2^64 */
		{ (1ULL << 55) + 1, 512 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX - 1, 1024 },
		{ UINT64_MAX / 512, 512 },
	};
	uint32_t used;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			fill(DATA, 0x55, 16);
			CHECK_EQ(request(type, cases[i].sector, cases[i].len, &used), VIRTIO_BLK_S_IOERR);
			CHECK_EQ(used, 1);
			CHECK_EQ(byte_at(DATA), 0x55);
		}
	}
	CHECK_EQ(disk.submitted, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, SECTORS - 1, 512, &used), VIRTIO_BLK_S_OK);
	CHECK(works());
	end();
}

/* A request for ranges; each is sector, count, flags. */
static uint8_t ranges(
	uint32_t type, unsigned int count, const struct virtio_blk_discard_write_zeroes *r, uint32_t extra)
{
	uint32_t used;

	driver_write(&d, DATA, r, count * sizeof(*r));
	return request(type, 0, (uint32_t)(count * sizeof(*r) + extra), &used);
}

static void discards_and_zeroes(void)
{
	const struct virtio_blk_discard_write_zeroes two[] = { { 8, 2, 0 }, { 9, 0, 0 }, { 20, 4, 0 } };
	const struct virtio_blk_discard_write_zeroes unmap = { 30, 2, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP };
	const struct virtio_blk_discard_write_zeroes empty = { 30, 0, 0 };

	begin();
	CHECK_EQ(ranges(VIRTIO_BLK_T_DISCARD, 3, two, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.calls[BLOCK_DISCARD], 2);
	CHECK_EQ(disk.data[8 * 512], 0xdd);
	CHECK_EQ(disk.data[10 * 512 - 1], 0xdd);
	CHECK_EQ(disk.data[10 * 512], 10 * 512 % 251);
	CHECK_EQ(disk.data[20 * 512], 0xdd);
	CHECK_EQ(disk.data[24 * 512 - 1], 0xdd);
	CHECK_EQ(disk.data[24 * 512], 24 * 512 % 251);
	CHECK_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, two, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.data[8 * 512], 0);
	CHECK_EQ(disk.unmapped, 0);
	CHECK_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, &unmap, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.unmapped, 1);
	CHECK_EQ(disk.calls[BLOCK_FLUSH], 0);
	CHECK_EQ(ranges(VIRTIO_BLK_T_DISCARD, 1, &empty, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(reports, 0);
	end();
}

static void r51_discards_that_cannot_be(void)
{
	static const struct {
		const char *what;
		uint32_t type, count, extra;
		struct virtio_blk_discard_write_zeroes range;
		uint8_t want;
	} cases[] = {
		{ "all sectors there are", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 0xffffffff, 0 }, VIRTIO_BLK_S_IOERR },
		{ "the same zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { 0, 0xffffffff, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past the end", VIRTIO_BLK_T_DISCARD, 1, 0, { SECTORS - 1, 2, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past 2^64", VIRTIO_BLK_T_DISCARD, 1, 0, { 1ULL << 55, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "past 2^64, zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { UINT64_MAX, 2, 0 }, VIRTIO_BLK_S_IOERR },
		{ "33 ranges", VIRTIO_BLK_T_DISCARD, 33, 0, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "2 ranges zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 2, 0, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "no range", VIRTIO_BLK_T_DISCARD, 0, 0, { 0, 0, 0 }, VIRTIO_BLK_S_IOERR },
		{ "half a range", VIRTIO_BLK_T_DISCARD, 0, 8, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "a range and a byte", VIRTIO_BLK_T_DISCARD, 1, 1, { 0, 1, 0 }, VIRTIO_BLK_S_IOERR },
		{ "unmap in a discard", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 1, 1 }, VIRTIO_BLK_S_UNSUPP },
		{ "a flag nobody knows", VIRTIO_BLK_T_DISCARD, 1, 0, { 0, 1, 0x80000000 }, VIRTIO_BLK_S_UNSUPP },
		{ "the same zeroed", VIRTIO_BLK_T_WRITE_ZEROES, 1, 0, { 0, 1, 2 }, VIRTIO_BLK_S_UNSUPP },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_blk_discard_write_zeroes list[33];
		uint8_t got;

		for (size_t n = 0; n < ARRAY_SIZE(list); n++)
			list[n] = cases[i].range;
		got = ranges(cases[i].type, cases[i].count, list, cases[i].extra);
		if (got != cases[i].want)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(got, cases[i].want);
	}
	CHECK_EQ(disk.submitted, 0);
	/* A bad one behind a good one: nothing of either is done. */
	{
		const struct virtio_blk_discard_write_zeroes mixed[] = { { 0, 1, 0 }, { SECTORS, 1, 0 } };

		CHECK_EQ(ranges(VIRTIO_BLK_T_DISCARD, 2, mixed, 0), VIRTIO_BLK_S_IOERR);
		CHECK_EQ(disk.submitted, 0);
	}
	{
		struct virtio_blk_discard_write_zeroes most[32];

		for (uint16_t n = 0; n < 32; n++)
			most[n] = (struct virtio_blk_discard_write_zeroes){ n * 2, 1, 0 };
		CHECK_EQ(ranges(VIRTIO_BLK_T_DISCARD, 32, most, 0), VIRTIO_BLK_S_OK);
		CHECK_EQ(disk.calls[BLOCK_DISCARD], 32);
		CHECK_EQ(disk.most, 1);
	}
	CHECK(works());
	end();
}

static void r52_get_id_of_every_length(void)
{
	begin();
	for (uint32_t len = 1; len <= 24; len++) {
		const struct driver_buf bufs[] = { { HEADER, 16, false }, { DATA, len, true }, { STATUS, 1, true } };
		uint32_t used = 0, want = len < 20 ? len : 20;
		char got[32] = { 0 };
		uint16_t head;

		put_header(HEADER, VIRTIO_BLK_T_GET_ID, 0);
		fill(DATA, 0x55, 32);
		fill(STATUS, NOT_STATUS, 1);
		REQUIRE(driver_add(q, bufs, 3) >= 0 && driver_wait_used(q, &head, &used));
		CHECK_EQ(byte_at(STATUS), VIRTIO_BLK_S_OK);
		CHECK_EQ(used, want + 1);
		driver_read(&d, DATA, got, 24);
		CHECK(!memcmp(got, "serial-0123456789abcdef", want));
		CHECK_EQ((uint8_t)got[want], 0x55);
	}
	CHECK(works());
	end();
}

/* Where the status is not one byte of its own, and types nobody knows. */
static void r52_parts(void)
{
	static const struct {
		const char *what;
		uint32_t type, out, in, status; /* bytes: data each way, status descriptor */
		uint8_t want; /* in the last writable byte */
		uint32_t used;
	} cases[] = {
		{ "unknown type", 77, 0, 0, 1, VIRTIO_BLK_S_UNSUPP, 1 },
		{ "unknown type with data", 0xffffffff, 512, 512, 1, VIRTIO_BLK_S_UNSUPP, 1 },
		{ "write into a status of 2", VIRTIO_BLK_T_OUT, 512, 0, 2, VIRTIO_BLK_S_OK, 1 },
		{ "read and status in one", VIRTIO_BLK_T_IN, 0, 0, 513, VIRTIO_BLK_S_OK, 513 },
		{ "read with a status of 2", VIRTIO_BLK_T_IN, 0, 512, 2, VIRTIO_BLK_S_IOERR, 1 },
		{ "read into a part of a sector", VIRTIO_BLK_T_IN, 0, 511, 1, VIRTIO_BLK_S_IOERR, 1 },
		{ "write of a part of a sector", VIRTIO_BLK_T_OUT, 513, 0, 1, VIRTIO_BLK_S_IOERR, 1 },
		{ "read of nothing", VIRTIO_BLK_T_IN, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
		{ "write of nothing", VIRTIO_BLK_T_OUT, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
		{ "empty status behind a read", VIRTIO_BLK_T_IN, 0, 513, 0, VIRTIO_BLK_S_OK, 513 },
		{ "flush", VIRTIO_BLK_T_FLUSH, 0, 0, 1, VIRTIO_BLK_S_OK, 1 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		gpa_t in = DATA + 4096, status = in + cases[i].in;
		struct driver_buf bufs[] = { { HEADER, 16, false }, { DATA, cases[i].out, false },
			{ in, cases[i].in, true }, { status, cases[i].status, true } };
		uint32_t used = 0;
		uint16_t head;

		put_header(HEADER, cases[i].type, 1);
		fill(in, NOT_STATUS, 1100);
		REQUIRE(driver_add(q, bufs, 4) >= 0 && driver_wait_used(q, &head, &used));
		if (byte_at(status + cases[i].status - 1) != cases[i].want || used != cases[i].used)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(byte_at(status + cases[i].status - 1), cases[i].want);
		CHECK_EQ(used, cases[i].used);
		CHECK_EQ(byte_at(status + cases[i].status), NOT_STATUS);
		if (cases[i].want != VIRTIO_BLK_S_OK && cases[i].status > 1)
			CHECK_EQ(byte_at(status), NOT_STATUS);
	}
	CHECK(works());
	end();
}

static void r19_missing_parts(void)
{
	static const struct {
		const char *what;
		uint32_t out, in;
		bool answered;
	} cases[] = {
		{ "header alone", 16, 0, false },
		{ "header of 15 bytes", 15, 1, true },
		{ "one byte", 1, 1, true },
		{ "status alone", 0, 1, true },
		{ "read buffer alone", 0, 513, true },
		{ "nothing at all", 0, 0, false },
		{ "half a header alone", 8, 0, false },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct driver_buf bufs[] = { { HEADER, cases[i].out, false }, { DATA, cases[i].in, true } };
		uint32_t used = 99;
		uint16_t head;

		put_header(HEADER, VIRTIO_BLK_T_IN, 0);
		fill(DATA, NOT_STATUS, 600);
		REQUIRE(driver_add(q, bufs, 2) >= 0 && driver_wait_used(q, &head, &used));
		if (used != cases[i].answered)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(used, cases[i].answered);
		if (cases[i].answered)
			CHECK_EQ(byte_at(DATA + cases[i].in - 1), VIRTIO_BLK_S_IOERR);
		if (cases[i].in != 1)
			CHECK_EQ(byte_at(DATA), NOT_STATUS);
	}
	CHECK_EQ(disk.submitted, 0);
	CHECK_EQ(reports, 1);
	CHECK(works());
	end();
}

/* One read and one write, cut in two at every byte of either part, and into pieces of every small size. */
static void cut_request(uint32_t type, uint32_t first, uint32_t piece)
{
	uint32_t out = type == VIRTIO_BLK_T_OUT ? 16 + 512 : 16, in = type == VIRTIO_BLK_T_OUT ? 1 : 513;
	struct driver_buf bufs[DRIVER_MAX_CHAIN];
	uint32_t at = 0, used = 0, total = out + in, step = first ? first : piece;
	unsigned int count = 0;
	uint16_t head;

	put_header(DATA, type, 9);
	if (type == VIRTIO_BLK_T_OUT)
		for (uint32_t i = 0; i < 512; i++)
			fill(DATA + 16 + i, (uint8_t)(i * 7), 1);
	fill(DATA + out, NOT_STATUS, in);
	memset(disk.data + 9 * 512, 0x11, 512);
	while (at < total) {
		uint32_t limit = at < out ? out : total, n = step < limit - at ? step : limit - at;

		bufs[count++] = (struct driver_buf){ DATA + at, n, at >= out };
		at += n;
		step = piece;
	}
	REQUIRE(driver_add(q, bufs, count) >= 0 && driver_wait_used(q, &head, &used));
	CHECK_EQ(used, in);
	CHECK_EQ(byte_at(DATA + total - 1), VIRTIO_BLK_S_OK);
	CHECK(!memcmp(disk.data + 9 * 512, rig.ram + (DATA + 16 - RIG_RAM_BASE), 512));
}

static void r20_request_cut_anywhere(void)
{
	begin();
	for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT && !test_failed; type++) {
		for (uint32_t first = 1; first < 528 && !test_failed; first++)
			cut_request(type, first, 1000);
		for (uint32_t piece = 9; piece < 60 && !test_failed; piece++)
			cut_request(type, 0, piece);
		/* The header byte by byte. */
		{
			struct driver_buf bufs[18];
			uint32_t used = 0;
			uint16_t head;

			put_header(HEADER, VIRTIO_BLK_T_IN, 3);
			for (unsigned int i = 0; i < 16; i++)
				bufs[i] = (struct driver_buf){ HEADER + i, 1, false };
			bufs[16] = (struct driver_buf){ DATA, 512, true };
			bufs[17] = (struct driver_buf){ STATUS, 1, true };
			fill(DATA, 0, 512);
			REQUIRE(driver_add(q, bufs, 18) >= 0 && driver_wait_used(q, &head, &used));
			CHECK_EQ(used, 513);
			CHECK(is_pattern(DATA, 3 * 512, 512));
		}
	}
	end();
}

static void r22_used_length_is_what_was_written(void)
{
	uint32_t used;

	begin();
	disk.at_most = 700;
	fill(DATA, 0x55, 4096);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 701);
	CHECK(is_pattern(DATA, 0, 700));
	CHECK_EQ(byte_at(DATA + 700), 0x55);
	CHECK_EQ(reports, 1);
	CHECK_STR(said, "memory: reading failed: the file is shorter than it was");
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	disk.at_most = UINT64_MAX;
	disk.error = -EIO;
	fill(DATA, 0x55, 4096);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	CHECK_EQ(byte_at(DATA), 0x55);
	disk.error = 0;
	CHECK(works());
	end();
}

static void errors_of_the_disk_are_the_guest_s_too(void)
{
	static const int errors[] = { -EIO, -ENOSPC, -EFBIG };
	uint32_t used;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		disk.error = errors[i];
		CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_IOERR);
		CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0, &used), VIRTIO_BLK_S_IOERR);
	}
	/* One message, however long it goes on. */
	CHECK_EQ(reports, 1);
	CHECK_STR(said, "memory: writing failed: Input/output error");
	CHECK_EQ(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	disk.error = 0;
	CHECK(works());
	end();
}

static void done_out_of_order(void)
{
	uint16_t head;
	uint32_t len;
	int heads[3];

	begin();
	if (q->in_order) {
		end();
		return;
	}
	disk.hold = true;
	for (unsigned int n = 0; n < 3; n++)
		heads[n] = add_request(q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(q);
	rig_run(&rig);
	CHECK_EQ(disk.count, 3);
	CHECK_EQ(disk.commits, 1);
	CHECK(!driver_take_used(q, &head, &len));
	block_memory_release(&disk, 2);
	CHECK(driver_take_used(q, &head, &len) && head == heads[2]);
	CHECK_EQ(irq.level, 1);
	block_memory_release(&disk, 0);
	CHECK(driver_take_used(q, &head, &len) && head == heads[0]);
	CHECK_EQ(status_of(0), VIRTIO_BLK_S_OK);
	CHECK_EQ(status_of(1), NOT_STATUS);
	block_memory_release(&disk, 0);
	CHECK(driver_take_used(q, &head, &len) && head == heads[1]);
	CHECK(is_pattern(DATA + 4096, 512, 512));
	end();
}

/* More than there are requests for, and a driver that refills at once: bounded, and nothing is forgotten. */
static void r06_ring_refilled_while_draining(void)
{
	unsigned int added = 0, taken = 0;
	uint16_t head;
	uint32_t len;

	begin_with(DRIVER_F(VIRTIO_RING_F_EVENT_IDX), NULL);
	q->indirect = d.features & DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC);
	disk.hold = true;
	while (added < 300 && add_request(q, added % 200, VIRTIO_BLK_T_IN, added % SECTORS, 0) >= 0)
		added++;
	CHECK(added >= 128);
	/* Requests of no bytes are answered at once: a turn takes a queue full and no more. */
	driver_kick(q);
	rig_run(&rig);
	while (driver_take_used(q, &head, &len))
		taken++;
	CHECK_EQ(taken, added);
	CHECK_EQ(disk.submitted, 0);
	/* Those that take their time: as many as there are requests. */
	added = taken = 0;
	while (added < 200 && add_request(q, added, VIRTIO_BLK_T_FLUSH, 0, 0) >= 0)
		added++;
	driver_kick(q);
	rig_run(&rig);
	CHECK_EQ(disk.count, added < BLOCK_MAX_IN_FLIGHT ? added : BLOCK_MAX_IN_FLIGHT);
	CHECK(!rig_run(&rig));
	disk.hold = false;
	while (disk.count)
		block_memory_release(&disk, disk.count / 2);
	rig_run(&rig);
	while (driver_take_used(q, &head, &len))
		taken++;
	CHECK_EQ(taken, added);
	CHECK(disk.most <= BLOCK_MAX_IN_FLIGHT);
	CHECK(works());
	end();
}

static void r07_duplicate_head_in_flight(void)
{
	uint16_t head;
	uint32_t len;
	int added;

	begin();
	if (q->ring != &driver_split) {
		end();
		return;
	}
	disk.hold = true;
	added = add_request(q, 0, VIRTIO_BLK_T_IN, 0, 512);
	driver_kick(q);
	rig_run(&rig);
	CHECK_EQ(disk.count, 1);
	driver_expose(q, (uint16_t)added);
	driver_notify(q);
	rig_run(&rig);
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_EQ(disk.count, 1);
	/* The first one ends without a trace, and the device is as new after its reset. */
	fill(DATA, 0x55, 512);
	block_memory_release(&disk, 0);
	CHECK(!driver_take_used(q, &head, &len));
	CHECK_EQ(status_of(0), NOT_STATUS);
	disk.hold = false;
	q = driver_start(&d, ring, 0);
	REQUIRE(q);
	CHECK(works());
	end();
}

static void r10_bad_chains_do_not_stop_it(void)
{
	uint16_t head;
	uint32_t len;

	begin();
	for (int i = 0; i < 1000; i++) {
		const struct driver_buf outside = { 0x1000, 512, true };

		REQUIRE(driver_add(q, &outside, 1) >= 0 && driver_wait_used(q, &head, &len));
		CHECK_EQ(len, 0);
	}
	CHECK_EQ(reports, 1);
	CHECK(works());
	end();
}

static uint32_t checksum(void)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < RIG_RAM_SIZE; i++)
		sum = sum * 31 + rig.ram[i];
	return sum;
}

/* The disk is slow, the driver resets: what was in flight is over when the reset is, and guest memory is left alone. */
static void r38_reset_with_requests_in_flight(void)
{
	uint32_t before, used;
	unsigned int raised;

	begin();
	disk.hold = true;
	for (unsigned int n = 0; n < 20; n++)
		add_request(q, n, VIRTIO_BLK_T_OUT, n, 512);
	add_request(q, 20, VIRTIO_BLK_T_DISCARD, 0, 16);
	driver_kick(q);
	rig_run(&rig);
	CHECK(disk.count >= 20);
	raised = irq.raised;
	before = checksum();
	d.transport->set_status(&d, 0);
	CHECK_EQ(disk.count, 0);
	CHECK_EQ(checksum(), before);
	rig_run(&rig);
	CHECK_EQ(checksum(), before);
	CHECK_EQ(irq.raised, raised);
	disk.hold = false;
	q = driver_start(&d, ring | ~ring_features, 0);
	REQUIRE(q);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 512, &used), VIRTIO_BLK_S_OK);
	/* All requests are free again. */
	for (int round = 0; round < 200; round++)
		REQUIRE(request(VIRTIO_BLK_T_FLUSH, 0, 0, &used) == VIRTIO_BLK_S_OK);
	end();
}

static void four_queues(struct virtio_blk_options *options)
{
	options->queues = 4;
}

static bool start_queues(void)
{
	driver_reset(&d);
	if (!driver_negotiate(&d, (~ring_features) | ring | DRIVER_F(40)))
		return false;
	for (uint16_t i = 0; i < 4; i++)
		if (!driver_queue_setup(&d, i, 0))
			return false;
	driver_ok(&d);
	q = &d.queue[0];
	return true;
}

/* One queue takes all requests: the others have their turn as soon as some are done. */
static void several_queues_share(void)
{
	unsigned int added[4] = { 0 }, taken[4] = { 0 };
	uint16_t head;
	uint32_t len;

	begin_device(four_queues);
	REQUIRE(start_queues());
	CHECK(d.features & BLK_F(MQ));
	disk.hold = true;
	for (uint16_t i = 0; i < 4; i++) {
		while (added[i] < 100 && add_request(&d.queue[i], added[i], VIRTIO_BLK_T_FLUSH, 0, 0) >= 0)
			added[i]++;
		driver_kick(&d.queue[i]);
		rig_run(&rig);
	}
	CHECK_EQ(disk.count, BLOCK_MAX_IN_FLIGHT);
	for (unsigned int n = 0; n < 400 && disk.count; n++)
		block_memory_release(&disk, 0);
	rig_run(&rig);
	for (uint16_t i = 0; i < 4; i++) {
		while (driver_take_used(&d.queue[i], &head, &len))
			taken[i]++;
		CHECK_EQ(taken[i], added[i]);
	}
	CHECK(!blk.waiting);
	end();
}

/* One queue is taken away while both have requests in flight. */
static void r38_queue_reset_in_flight(void)
{
	uint16_t head;
	uint32_t len;

	begin_device(four_queues);
	REQUIRE(start_queues());
	disk.hold = true;
	add_request(&d.queue[0], 0, VIRTIO_BLK_T_IN, 0, 512);
	add_request(&d.queue[1], 1, VIRTIO_BLK_T_IN, 1, 512);
	driver_kick(&d.queue[0]);
	driver_kick(&d.queue[1]);
	rig_run(&rig);
	CHECK_EQ(disk.count, 2);
	rig_write(&rig, BASE + 0x30, 4, 1);
	rig_write(&rig, BASE + 0x0c0, 4, 1); /* QueueReset */
	CHECK_EQ(disk.count, 0);
	CHECK_EQ(status_of(1), NOT_STATUS);
	CHECK(driver_take_used(&d.queue[0], &head, &len));
	CHECK_EQ(status_of(0), VIRTIO_BLK_S_OK);
	disk.hold = false;
	CHECK(works());
	end();
}

/* A snapshot waits for what is in flight; nothing is done twice and nothing is lost. */
static void r75_pause_drains(void)
{
	struct state s;
	uint16_t head;
	uint32_t len;

	begin();
	disk.hold = true;
	for (unsigned int n = 0; n < 5; n++)
		add_request(q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(q);
	rig_run(&rig);
	CHECK_EQ(disk.count, 5);
	virtio_pause(&blk.v);
	CHECK_EQ(disk.count, 0);
	state_save(&s);
	virtio_state(&blk.v, &s);
	CHECK_EQ(state_finish(&s), 0);
	state_destroy(&s);
	virtio_resume(&blk.v);
	disk.hold = false;
	for (unsigned int n = 0; n < 5; n++) {
		CHECK(driver_take_used(q, &head, &len));
		CHECK_EQ(status_of(n), VIRTIO_BLK_S_OK);
	}
	CHECK_EQ(irq.level, 1);
	CHECK_EQ(disk.submitted, 5);
	CHECK(works());
	end();
}

static void state_of_another_disk_is_refused(void)
{
	struct state s;
	uint8_t *copy;
	size_t len;

	begin();
	virtio_pause(&blk.v);
	state_save(&s);
	virtio_state(&blk.v, &s);
	REQUIRE(!state_finish(&s));
	copy = s.data;
	len = s.len;
	{
		struct state load;

		state_load(&load, copy, len);
		virtio_state(&blk.v, &load);
		CHECK_EQ(state_finish(&load), 0);
		virtio_resume(&blk.v);
		CHECK(works());
		disk.block.size -= 512;
		state_load(&load, copy, len);
		virtio_state(&blk.v, &load);
		CHECK(state_finish(&load) < 0);
		CHECK_HAS(load.why, "another size");
	}
	state_destroy(&s);
	end();
}

static void write_through(struct virtio_blk_options *options)
{
	options->write_through = true;
}

static uint8_t wce(void)
{
	uint8_t value;

	d.transport->config_read(&d, 32, &value, 1);
	return value;
}

static void set_wce(uint8_t value)
{
	d.transport->config_write(&d, 32, &value, 1);
}

static void cache_modes(void)
{
	const struct virtio_blk_discard_write_zeroes range = { 8, 2, 0 };
	uint32_t used;

	/* With a cache, and the driver turning it off and on. */
	begin();
	CHECK_EQ(wce(), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.synced, 0);
	set_wce(0);
	CHECK_EQ(wce(), 0);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.synced, 1);
	CHECK_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1, &range, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.calls[BLOCK_FLUSH], 1);
	set_wce(7);
	CHECK_EQ(wce(), 0);
	set_wce(1);
	CHECK_EQ(wce(), 1);
	set_wce(0);
	/* A reset forgets it. */
	q = driver_start(&d, ring | ~ring_features, 0);
	CHECK_EQ(wce(), 1);
	end();

	/* The driver cannot flush: it gets a disk without a cache. */
	begin_with(BLK_F(FLUSH) | BLK_F(CONFIG_WCE), NULL);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.synced, 1);
	/* And may not ask for one that it did not negotiate. */
	set_wce(1);
	CHECK_EQ(wce(), 0);
	end();

	begin_with(0, write_through);
	CHECK_EQ(wce(), 0);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.synced, 1);
	set_wce(1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(disk.synced, 1);
	end();
}

static void large_blocks(struct virtio_blk_options *options)
{
	(void)options;
	disk.block.logical = disk.block.physical = 4096;
}

static void blocks_of_4096(void)
{
	uint32_t used;

	begin_with(0, large_blocks);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 8, 4096, &used), VIRTIO_BLK_S_OK);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 1, 4096, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 8, 512, &used), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(disk.submitted, 1);
	end();
}

/* Buffers that overlap ask for far more than there is memory: refused, whatever their number. */
static void r16_huge_requests(void)
{
	struct driver_buf bufs[34];
	uint32_t used = 0;
	uint16_t head;

	begin();
	disk.block.size = 1ULL << 40;
	put_header(HEADER, VIRTIO_BLK_T_OUT, 0);
	bufs[0] = (struct driver_buf){ HEADER, 16, false };
	for (int i = 1; i < 33; i++)
		bufs[i] = (struct driver_buf){ RIG_RAM_BASE, 8 * MiB, false };
	bufs[33] = (struct driver_buf){ STATUS, 1, true };
	REQUIRE(driver_add(q, bufs, 34) >= 0 && driver_wait_used(q, &head, &used));
	CHECK_EQ(byte_at(STATUS), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(used, 1);
	CHECK_EQ(disk.submitted, 0);
	disk.block.size = BLOCK_MEMORY_SIZE;
	CHECK(works());
	end();
}

#define CASE(function)                                                                                                 \
	static void on_all_rings_##function(void)                                                                      \
	{                                                                                                              \
		for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {                                                       \
			ring = rings[i];                                                                               \
			function();                                                                                    \
			if (test_failed) {                                                                             \
				printf("# on ring features 0x%llx\n", (unsigned long long)ring);                       \
				return;                                                                                \
			}                                                                                              \
		}                                                                                                      \
	}
#define ROW(function)                                                                                                  \
	{                                                                                                              \
#function, on_all_rings_##function                                                                     \
	}
#define CASES(X)                                                                                                       \
	X(reads_and_writes)                                                                                            \
	X(configuration_space)                                                                                         \
	X(writes_to_a_read_only_disk)                                                                                  \
	X(discards_and_zeroes)                                                                                         \
	X(errors_of_the_disk_are_the_guest_s_too)                                                                      \
	X(done_out_of_order)                                                                                           \
	X(several_queues_share)                                                                                        \
	X(state_of_another_disk_is_refused)                                                                            \
	X(cache_modes)                                                                                                 \
	X(blocks_of_4096)                                                                                              \
	X(r06_ring_refilled_while_draining)                                                                            \
	X(r07_duplicate_head_in_flight)                                                                                \
	X(r10_bad_chains_do_not_stop_it)                                                                               \
	X(r16_huge_requests)                                                                                           \
	X(r19_missing_parts)                                                                                           \
	X(r20_request_cut_anywhere)                                                                                    \
	X(r22_used_length_is_what_was_written)                                                                         \
	X(r38_reset_with_requests_in_flight)                                                                           \
	X(r38_queue_reset_in_flight)                                                                                   \
	X(r50_sectors_outside_the_disk)                                                                                \
	X(r51_discards_that_cannot_be)                                                                                 \
	X(r52_get_id_of_every_length)                                                                                  \
	X(r52_parts)                                                                                                   \
	X(r75_pause_drains)

/* clang-format off */
CASES(CASE)

#define LISTED(function) ROW(function),
static const struct test tests[] = { CASES(LISTED) };
/* clang-format on */

TEST_MAIN(tests)
