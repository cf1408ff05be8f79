/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine a device test stands on: some RAM, a bus, a loop with a clock that only the test moves, interrupt lines
 * that count, a character device in memory. Not a machine: nothing is wired, a test puts in what it needs.
 *
 * Everything ends the program with a message when the host refuses it, so that a test never has to check.
 */
#ifndef MINIVMM_RIG_H
#define MINIVMM_RIG_H

#include "backend/chardev.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/loop.h"
#include "core/mem.h"

#define RIG_RAM_BASE 0x40000000ULL
#define RIG_RAM_SIZE (8 * MiB)

struct rig_irq {
	struct irq irq;
	unsigned int raised, lowered; /* calls */
	bool level;
	int fd; /* what irq_ops.fd answers; -1 unless the test sets it */
};

/* Moves only when told. Starts at one second, so that 0 is always in the past. */
struct rig_clock {
	struct clock clock;
	uint64_t monotonic, realtime; /* ns */
};

struct rig {
	struct mem mem;
	struct bus bus;
	struct loop loop;
	struct rig_clock clock;
	uint8_t *ram; /* RIG_RAM_SIZE bytes at RIG_RAM_BASE, a memfd mapped shared, zeroed */
	int ram_fd;
};

void rig_init(struct rig *rig);
void rig_destroy(struct rig *rig);

void rig_irq_init(struct rig_irq *irq, uint32_t num);

/* Runs the loop, never sleeping, until a turn finds nothing to do. The number served; stops at 1000 turns. */
int rig_run(struct rig *rig);
/* Moves both clocks on and runs the loop. */
int rig_advance(struct rig *rig, uint64_t ns);

/* Through the bus. A read of nothing gives 0. */
uint64_t rig_read(struct rig *rig, gpa_t addr, unsigned int size);
void rig_write(struct rig *rig, gpa_t addr, unsigned int size, uint64_t value);

/* Reads and writes every width at every offset of [base, base + size), aligned or not; crossing the end is skipped. */
void rig_sweep(struct rig *rig, gpa_t base, uint64_t size, uint64_t value);

/* A stream whose other end is the test: bytes in `in` are what the user types, `out` what the device printed. */
struct rig_chardev {
	struct chardev dev;
	uint8_t in[4096], out[4096];
	size_t in_len, in_taken, out_len;
	struct loop_timer offer; /* stands for a descriptor that is ready */
	size_t out_room; /* bytes it still takes before write says -EAGAIN; set to SIZE_MAX by init */
};

void rig_chardev_init(struct rig_chardev *c, struct rig *rig);
/* Types bytes. A device that asked is told at once, one that asks later by rig_run. */
void rig_chardev_type(struct rig_chardev *c, const void *bytes, size_t len);
/* Takes `room` more bytes of output and says so if the device waits for it. */
void rig_chardev_drain(struct rig_chardev *c, size_t room);

#endif
