/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine that traces run on: one device at the address QEMU's virt board has it at, some RAM, a world behind it that does what
 * FUZZ_HOST steps say. Everything happens in this process and in memory (kernel.h, arena.h, memory.h); a reset is a copy.
 *
 *	fuzz_machine_start(device);		once
 *	for each input:
 *		fuzz_machine_reset();
 *		fuzz_do(&op); ...		op.h; raw.h and grammar.h make steps out of bytes, a replay out of text
 *		fuzz_machine_check();		what has to hold at the end of any trace
 *
 * Oracles (oracle.h) watch all the while and end the process by fuzz_failed.
 */
#ifndef MINIVMM_FUZZ_MACHINE_H
#define MINIVMM_FUZZ_MACHINE_H

#include "backend/chardev.h"
#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "core/state.h"
#include "guest.h"
#include "memory.h"
#include "op.h"
#include "pci/host.h"
#include "virtio/virtio.h"

struct fuzz_machine;

/* A register worth naming, for languages and dictionaries. */
struct fuzz_reg {
	const char *name;
	gpa_t addr;
	unsigned int size;
};

/* A value with a name, the same. */
struct fuzz_name {
	const char *name;
	uint32_t value;
};

/* Where the device answers. */
struct fuzz_range {
	gpa_t base;
	uint64_t size;
};

/* What is under test. */
struct fuzz_device {
	const char *name;
	/* Makes it, once, out of memory of the arena. Ends the process when the host refuses. */
	void (*build)(struct fuzz_machine *m, const struct fuzz_device *device);
	/* After the arena was restored: what is scratch (fuzz_arena_scratch), and only as far as it was used. May be NULL. */
	void (*scrub)(struct fuzz_machine *m);
	/* After each step: NULL, or what is wrong with its state. May be NULL. */
	const char *(*check)(struct fuzz_machine *m);
	/* A FUZZ_HOST step that is none of the world's (world.h). May be NULL. */
	void (*host)(struct fuzz_machine *m, const struct fuzz_op *op);
	/* Saves or loads what is there beside a virtio device. May be NULL. */
	void (*state)(struct fuzz_machine *m, struct state *s);
	/* As at power-on. May be NULL. */
	void (*power)(struct fuzz_machine *m);
	/* Takes off all that build has put on the bus and the loop. May be NULL. */
	void (*destroy)(struct fuzz_machine *m);
	/* Brings it up after whatever was before and has it do one request: NULL, or what did not work. NULL: nothing to ask for. */
	const char *(*works)(struct fuzz_machine *m);
	/* Puts one request of a good driver into a queue's ring: choices of an input say which. */
	void (*request)(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4]);
	/* What a device-specific header, which the device is about to load, may look like: choices of an input (shape.h). */
	void (*shape_header)(uint8_t *buf, uint32_t len, const uint8_t choice[4]);
	const struct fuzz_name
		*requests; /* by the first choice of request, ended by one without a name; NULL: of one kind */
	const struct fuzz_reg *regs; /* ended by one without a name */
	const struct fuzz_range *ranges; /* ended by one of size 0 */
	bool on_pci;
	uint64_t own_features; /* of the device type, for bring-up to leave out */
	uint32_t writes_itself; /* bytes of a chain that it writes neither by chain_write nor by its backend */
	bool lies; /* a hostile device: what it says of its rings and interrupts is nothing to go by */
	unsigned int doorbells; /* on the bus at most, beyond one for each queue */
};

#define FUZZ_LINES 8
#define FUZZ_MSIS  16

struct fuzz_irq {
	struct irq irq;
	uint32_t raised;
	bool level;
};

struct fuzz_msi {
	struct irq irq;
	bool used, routed;
	uint64_t addr;
	uint32_t data, sent;
};

/* All of it lies in the arena. */
struct fuzz_machine {
	const struct fuzz_device *device;
	struct clock clock;
	uint64_t now; /* ns, both clocks */
	struct loop loop;
	struct bus bus;
	struct fuzz_irq line[FUZZ_LINES];
	struct fuzz_msi msi[FUZZ_MSIS];
	uint64_t hash; /* of all that was answered, used, interrupted and loaded */
	uint64_t ops;
	struct fuzz_guest guest;
	struct pci_host *host; /* NULL: no PCI */
	struct virtio *v; /* NULL: no virtio device */
	void *dev, *own; /* the device's, and what its target keeps beside it */
	struct chardev *chardev; /* the world's, NULL: none */
};

extern struct fuzz_machine *fuzz_machine;

/* Who hears of a trace as it runs. */
struct fuzz_watch {
	/* It is about to be done: what a trace of a crash ends with. May be NULL. */
	void (*before)(struct fuzz_watch *watch, const struct fuzz_op *op);
	/* It was done: value of a FUZZ_READ is the answer. The FUZZ_LATE steps it took come before it. */
	void (*op)(struct fuzz_watch *watch, const struct fuzz_op *op);
	/* A chain is in the used ring, during the step that is told next. */
	void (*used)(struct fuzz_watch *watch, unsigned int queue, unsigned int head, uint32_t len);
};

/* NULL: nobody. Stays over resets. */
void fuzz_machine_watch(struct fuzz_watch *watch);

void fuzz_machine_start(const struct fuzz_device *device);
void fuzz_machine_reset(void);
/* What has to hold at the end: the device works after a reset; nothing has grown. Adds its own steps to the trace. */
void fuzz_machine_check(void);
/* The same input gives the same number. */
uint64_t fuzz_machine_hash(void);
void fuzz_machine_mix(uint64_t value);

/* For memory.c: a load found something new there. */
void fuzz_machine_fed(const struct fuzz_load *load);
/* For oracle.c. */
void fuzz_machine_used(unsigned int queue, unsigned int head, uint32_t len);

/* For devices' build: line n, the first is SPI 3 or what the board has; ends the process when ok is false. */
struct irq *fuzz_machine_line(unsigned int n, uint32_t spi);
void fuzz_must(bool ok, const char *what);
extern const struct msi_ops fuzz_msi_ops;

#endif
