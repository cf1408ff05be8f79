/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are in the fuzzer's machine: as on QEMU's virt board, so that a trace means the same there. */
#ifndef MINIVMM_FUZZ_BOARD_H
#define MINIVMM_FUZZ_BOARD_H

#include "core/mem.h"
#include "core/util.h"

#define FUZZ_PL011	0x09000000ULL
#define FUZZ_PL031	0x09010000ULL
#define FUZZ_GICV2M	0x08020000ULL
#define FUZZ_PL061	0x09030000ULL
#define FUZZ_UART16550	0x09040000ULL /* QEMU's board has none */
#define FUZZ_EXIT	0x09080000ULL /* ours alone */
#define FUZZ_MMIO	0x0a003e00ULL /* virtio-mmio, slot 31 */
#define FUZZ_MMIO_SPI	47
#define FUZZ_ECAM	0x4010000000ULL
#define FUZZ_IO		0x3eff0000ULL /* bus address 0 */
#define FUZZ_IO_SIZE	(64 * KiB)
#define FUZZ_MEM32	0x10000000ULL
#define FUZZ_MEM32_SIZE 0x2eff0000ULL
#define FUZZ_MEM64	0x8000000000ULL
#define FUZZ_MEM64_SIZE (512 * GiB)

/* Addresses worth writing into a register that takes one, for dictionaries; ended by one without a name. */
struct fuzz_place {
	const char *name;
	gpa_t addr;
};
extern const struct fuzz_place fuzz_places[];

/* Of [base, base + size) as much from its start as is neither RAM nor any device's; base + size may pass 2^64. */
uint64_t fuzz_board_free(gpa_t base, uint64_t size);

#endif
