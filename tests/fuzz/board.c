/* SPDX-License-Identifier: Apache-2.0 */
/* See board.h. */
#include "board.h"

#include "memory.h"

const struct fuzz_place fuzz_places[] = {
	{ "zero", 0 }, /* the upper half of what is below 4 GiB */
	{ "mem32", FUZZ_MEM32 },
	{ "mem32_1M", FUZZ_MEM32 + MiB },
	{ "mem32_end", FUZZ_MEM32 + FUZZ_MEM32_SIZE - 0x1000 },
	{ "mem64", FUZZ_MEM64 },
	{ "io_4K", 0x1000 },
	{ "gicv2m", FUZZ_GICV2M + 0x40 },
	{ "ecam", FUZZ_ECAM },
	{ "ram", FUZZ_RAM_BASE },
	{ "sizing", UINT64_MAX },
	{ 0 },
};

static const struct {
	gpa_t base, size;
} taken[] = {
	{ 0x08000000, 0x08000000 }, /* the GIC, and all devices with a place of their own */
	{ FUZZ_MEM32, FUZZ_MEM32_SIZE + FUZZ_IO_SIZE },
	{ 0x3f000000, 16 * MiB }, /* the ECAM of boards without memory above 4 GiB */
	{ FUZZ_RAM_BASE, FUZZ_RAM_SIZE },
	{ FUZZ_ECAM, 256 * MiB },
	{ FUZZ_MEM64, FUZZ_MEM64_SIZE },
};

uint64_t fuzz_board_free(gpa_t base, uint64_t size)
{
	if (size - 1 > UINT64_MAX - base)
		size = UINT64_MAX - base + 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(taken); i++) {
		if (base - taken[i].base < taken[i].size)
			return 0;
		if (taken[i].base > base && taken[i].base - base < size)
			size = taken[i].base - base;
	}
	return size;
}
