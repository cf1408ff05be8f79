/* SPDX-License-Identifier: Apache-2.0 */
/* See shape.h. */
#include "shape.h"

#include "board.h"
#include "guest.h"
#include "memory.h"

#define RAM_END (FUZZ_RAM_BASE + FUZZ_RAM_SIZE)

static const uint64_t values[] = { 0, 1, 2, 3, 4, 7, 8, 0xf, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100,
	0x101, 0x1ff, 0x200, 0x400, 0x7ff, 0x1000, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000, 0x10001, 0x7fffffff,
	0x80000000, 0xfffffff0, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffff0,
	0xffffffffffffffff };

/* Half of them are small numbers as they are. */
uint64_t fuzz_shape_value(uint8_t choice)
{
	return choice < 0x80 ? choice : values[(choice & 0x7fu) % ARRAY_SIZE(values)];
}

/* The first half of the choices is in the guest's buffers; these are the other. */
static const uint64_t addresses[] = {
	FUZZ_DESC,
	FUZZ_AVAIL,
	FUZZ_AVAIL + 2,
	FUZZ_AVAIL + 4,
	FUZZ_USED,
	FUZZ_USED + 2,
	FUZZ_USED + 4,
	FUZZ_DESC + 16,
	FUZZ_DESC + FUZZ_QUEUE_STEP,
	FUZZ_AVAIL + FUZZ_QUEUE_STEP,
	FUZZ_USED + FUZZ_QUEUE_STEP,
	FUZZ_TABLES,
	FUZZ_TABLES + FUZZ_TABLE_SIZE,
	FUZZ_TABLES + 1,
	FUZZ_TABLES + 8,
	FUZZ_RAM_BASE - 1,
	FUZZ_RAM_BASE - 16,
	RAM_END - 1,
	RAM_END - 8,
	RAM_END - 16,
	RAM_END - 512,
	RAM_END - 4096,
	RAM_END,
	RAM_END + 4096,
	0,
	1,
	0x1000,
	0x10000,
	0xfffffff0,
	0xffffffff,
	0x100000000,
	0x7ffffffffffffff0,
	0x8000000000000000,
	0xfffffffffffff000,
	0xfffffffffffffff0,
	0xfffffffffffffff8,
	0xffffffffffffffff,
	FUZZ_MMIO,
	FUZZ_MMIO + 0x50,
	FUZZ_MMIO + 0x70,
	FUZZ_MMIO + 0x100,
	FUZZ_MMIO - 16,
	0x08000000,
	FUZZ_GICV2M + 0x40,
	FUZZ_PL011,
	FUZZ_ECAM,
	FUZZ_ECAM + 0x8000,
	FUZZ_MEM32,
	FUZZ_MEM64,
	FUZZ_MEM64 + 0x3000,
	FUZZ_IO,
};

uint64_t fuzz_shape_address(uint8_t choice)
{
	if (choice < 0x80)
		return FUZZ_DATA + (uint64_t)(choice & 0x3f) * 0x400 + (choice & 0x40 ? 0x3fb : 0);
	return addresses[(choice & 0x7fu) % ARRAY_SIZE(addresses)];
}

static const uint32_t lengths[] = { 0, 1, 2, 3, 4, 8, 15, 16, 17, 19, 20, 24, 32, 48, 63, 64, 100, 128, 255, 256, 511,
	512, 513, 528, 529, 1024, 1536, 4095, 4096, 4097, 8192, 0x8000, 0xffff, 0x10000, 0x10001, 0x20000, 0xfffff,
	0x100000, 0x100001, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };

uint32_t fuzz_shape_length(uint8_t choice)
{
	return lengths[choice % ARRAY_SIZE(lengths)];
}

const uint16_t fuzz_shape_flags[] = { 0, VRING_DESC_F_WRITE, VRING_DESC_F_NEXT, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
	VRING_DESC_F_INDIRECT, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE,
	0xffff };
const unsigned int fuzz_shape_flag_count = ARRAY_SIZE(fuzz_shape_flags);

struct vring_desc fuzz_shape_desc(const uint8_t choice[4], uint16_t size)
{
	struct vring_desc desc = {
		.addr = fuzz_shape_address(choice[0]),
		.len = fuzz_shape_length(choice[1]),
		.flags = fuzz_shape_flags[choice[2] % ARRAY_SIZE(fuzz_shape_flags)],
		.next = choice[3] < 0xf0 && size ? choice[3] % size : (uint16_t)(0xff00 | choice[3]),
	};

	/* A table is looked for where tables are, and has whole entries. */
	if (desc.flags & VRING_DESC_F_INDIRECT && choice[2] & 0x80) {
		desc.addr = FUZZ_TABLES + (choice[0] & 0x1fu) * FUZZ_TABLE_SIZE;
		desc.len = (choice[1] % 64u) * 16;
	}
	return desc;
}

struct fuzz_again fuzz_shape_again(const uint8_t choice[4])
{
	return (struct fuzz_again){
		.after = (enum fuzz_again_after)(choice[0] & 3),
		.wrong = (enum fuzz_again_wrong)((choice[0] >> 2) % (FUZZ_WRONG_USED + 1)),
		.size = (uint16_t)fuzz_shape_value(choice[1]),
		.wrong_size = choice[2] & 1 ? (uint32_t)fuzz_shape_value(choice[2]) : 1u << (choice[2] >> 1) % 18u,
		/* Aligned, half of them: what is not is refused for that. */
		.wrong_addr = fuzz_shape_address(choice[2]) & ~(choice[2] & 1 ? 0ULL : 15ULL),
		.next_desc = (uint16_t)(choice[3] * 3u),
	};
}
