/* SPDX-License-Identifier: Apache-2.0 */
/* Targets blk-mmio and blk-pci. */
#include "device_blk.h"

#include <string.h>

#include "arena.h"
#include "device_virtio.h"
#include "language.h"
#include "shape.h"
#include "virtio/blk.h"
#include "world.h"

/* What a request is made of, by its slot, of 16; payload is a page of its own. */
#define HEADER(slot)  (FUZZ_DATA + 0x18000 + (slot)*0x400ULL)
#define STATUS(slot)  (HEADER(slot) + 0x20)
#define PAYLOAD(slot) (FUZZ_DATA + 0x20000 + (slot)*0x1000ULL)

#define SECTORS (FUZZ_DISK_SIZE / BLOCK_SECTOR)

#define T(name)                                                                                                        \
	{                                                                                                              \
#name, VIRTIO_BLK_T_##name                                                                             \
	}
/* By the choice that makes one. */
const struct fuzz_name fuzz_blk_requests[] = { T(IN), T(OUT), T(FLUSH), T(GET_ID), T(DISCARD), T(WRITE_ZEROES),
	{ "IN again", VIRTIO_BLK_T_IN }, T(SECURE_ERASE), { 0 } };

static uint32_t shape_type(uint8_t choice)
{
	return choice < 0xf8 ? fuzz_blk_requests[choice % (ARRAY_SIZE(fuzz_blk_requests) - 1)].value
			     : 0xffffff00u | choice;
}

static uint64_t shape_sector(uint8_t choice)
{
	static const uint64_t sectors[] = { SECTORS - 1, SECTORS, SECTORS + 1, SECTORS - 8, 1ULL << 54, 1ULL << 55,
		1ULL << 63, UINT64_MAX, UINT64_MAX - 1, UINT32_MAX };

	return choice < 0xc0 ? choice : sectors[choice % ARRAY_SIZE(sectors)];
}

static struct virtio_blk_discard_write_zeroes shape_range(uint8_t sector, uint8_t count, uint8_t flags)
{
	return (struct virtio_blk_discard_write_zeroes){
		.sector = shape_sector(sector),
		.num_sectors = count < 0xc0 ? count : (uint32_t)shape_sector(count),
		.flags = flags < 0xc0 ? 0 : flags & 3,
	};
}

/* A header, or ranges: which of them is being read is not for us to know. */
static void shape_header(uint8_t *buf, uint32_t len, const uint8_t choice[4])
{
	struct virtio_blk_discard_write_zeroes range = shape_range(choice[1], choice[2], choice[3]);
	struct virtio_blk_outhdr header = { .type = shape_type(choice[2]), .sector = shape_sector(choice[1]) };

	if (len == sizeof(header) && choice[3] < 0xa0) {
		memcpy(buf, &header, sizeof(header));
		return;
	}
	for (uint32_t done = 0; done < len; done += sizeof(range))
		memcpy(buf + done, &range, len - done < sizeof(range) ? len - done : sizeof(range));
}

static void put_header(unsigned int slot, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };

	fuzz_guest_store(HEADER(slot), &header, sizeof(header));
}

/* Ranges to begin with, for those that have some; sectors mostly. */
static uint32_t payload(unsigned int slot, uint32_t type, const uint8_t choice[4])
{
	struct virtio_blk_discard_write_zeroes range = shape_range(choice[1], choice[2], choice[3]);

	if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
		fuzz_guest_store(PAYLOAD(slot), &range, sizeof(range));
		return choice[2] < 0x80 ? sizeof(range) : fuzz_shape_length(choice[2]);
	}
	if (type == VIRTIO_BLK_T_GET_ID)
		return choice[2] < 0x80 ? VIRTIO_BLK_ID_BYTES : fuzz_shape_length(choice[2]);
	return choice[2] < 0xc0 ? (choice[2] % 9u) * 512 : fuzz_shape_length(choice[2]);
}

/* choice: type and slot; sector; length; how the chain is cut. */
static void request(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4])
{
	unsigned int slot = choice[0] >> 4, count = 0;
	uint32_t type = shape_type(choice[0] & 7), len = payload(slot, type, choice);
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint32_t cut = choice[3] & 8 ? 1u + choice[3] % 16u : 16;
	struct fuzz_buf bufs[5];

	(void)m;
	put_header(slot, type, shape_sector(choice[1]));
	bufs[count++] = (struct fuzz_buf){ HEADER(slot), cut, false };
	if (cut < 16)
		bufs[count++] = (struct fuzz_buf){ HEADER(slot) + cut, 16 - cut, false };
	if (len)
		bufs[count++] = (struct fuzz_buf){ PAYLOAD(slot), len, in };
	if (!(choice[3] & 0x40))
		bufs[count++] = (struct fuzz_buf){ STATUS(slot), 1, true };
	fuzz_guest_add(queue, bufs, count, choice[3] & 0x80);
}

/* Reads one sector, whose bytes nobody has written since. */
static const char *works(struct fuzz_machine *m)
{
	const struct fuzz_buf bufs[] = { { HEADER(0), 16, false }, { PAYLOAD(0), 512, true }, { STATUS(0), 1, true } };
	uint8_t status = 0xee, empty = 0xee;
	uint32_t head, len;
	uint16_t added;

	(void)m;
	fuzz_guest_bring_up(1ULL << 40, 8);
	put_header(0, VIRTIO_BLK_T_IN, SECTORS / 2);
	fuzz_guest_store(STATUS(0), &empty, 1);
	added = fuzz_guest_add(0, bufs, ARRAY_SIZE(bufs), false);
	fuzz_guest_kick(0);
	if (!fuzz_guest_used(0, &head, &len))
		return "a request is not answered";
	(void)fuzz_memory_read(STATUS(0), &status, 1);
	return head != added || len != 513 || status != VIRTIO_BLK_S_OK ? "a request is answered wrong" : NULL;
}

static void build(struct fuzz_machine *m, const struct fuzz_device *device)
{
	const struct virtio_blk_options options = { .queues = FUZZ_GUEST_QUEUES, .serial = "fuzz-0123456789abcdef" };
	struct virtio_blk *d = fuzz_arena_alloc(sizeof(*d));

	(void)device;
	fuzz_must(!virtio_blk_init(d, &m->loop, &fuzz_memory.mem, fuzz_world_disk(), &options), "no virtio-blk");
	fuzz_arena_scratch(d->requests);
	fuzz_virtio_place(m, &d->v);
	m->dev = d;
}

/* Half a megabyte of requests, of which most runs use one. */
static void scrub(struct fuzz_machine *m)
{
	struct virtio_blk *d = m->dev;

	/* Once it is destroyed there are none. */
	if (d->requests)
		memset(d->requests, 0, d->untouched * sizeof(d->requests[0]));
}

static void destroy(struct fuzz_machine *m)
{
	scrub(m);
	fuzz_virtio_remove(m);
	virtio_blk_destroy(m->dev);
}

#define BLK                                                                                                            \
	.build = build, .scrub = scrub, .destroy = destroy, .request = request, .works = works,                        \
	.shape_header = shape_header, .requests = fuzz_blk_requests, .writes_itself = 1

const struct fuzz_device fuzz_device_blk_mmio = { .name = "blk-mmio", BLK, FUZZ_ON_MMIO };
const struct fuzz_device fuzz_device_blk_pci = { .name = "blk-pci", BLK, FUZZ_ON_PCI };

const struct fuzz_target fuzz_blk_mmio = {
	.name = "blk-mmio",
	.what = "virtio-blk with two queues on virtio-mmio, at register level",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &fuzz_device_blk_mmio,
};
const struct fuzz_target fuzz_blk_pci = {
	.name = "blk-pci",
	.what = "the same on virtio-pci",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &fuzz_device_blk_pci,
};
