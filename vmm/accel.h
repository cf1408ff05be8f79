/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs the machine's CPUs and owns its interrupt controller: KVM (kvm.c), or nothing at all on hosts without it
 * (accel_none.c), where a machine can still be built and its device tree written; or, on any host, a client's commands in
 * place of CPUs (accel_qtest.c).
 */
#ifndef MINIVMM_ACCEL_H
#define MINIVMM_ACCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/mirror.h"
#include "error.h"
#include "options.h"
#include "stats.h"

struct record;
struct trace;

/* Why a run came to its end. */
enum run_end {
	RUN_NONE, /* still running */
	RUN_OFF, /* PSCI SYSTEM_OFF, or the qtest client has left */
	RUN_RESET, /* PSCI SYSTEM_RESET, or SYSTEM_RESET2 */
	RUN_RESET2, /* PSCI SYSTEM_RESET2 with an architectural warm reset: see cmdline.h for what it tells */
	RUN_CRASHED, /* the guest says that it crashed */
	RUN_KILLED, /* asked for from outside */
	RUN_FAILED, /* the accelerator cannot go on; *error says why */
};

/* What the accelerator needs of the machine while it runs. Everything outlives the accelerator. */
struct accel_machine {
	struct bus *bus;
	struct loop *loop;
	pthread_mutex_t *lock; /* held around every bus access */
	/* The first call with an end other than RUN_NONE decides; any thread, lock not held. */
	void (*ended)(struct accel_machine *machine, enum run_end end, const struct error *error);
	/* Does the host still work for a device, so that the loop has more to do soon? Any thread, lock held. */
	bool (*busy)(const struct accel_machine *machine);
	struct trace *trace; /* NULL: not traced */
	struct record *record; /* makes every access to the bus, where there is one; NULL: not recorded */
};

struct accel {
	const struct accel_ops *ops;
	/* What the device tree has to say, valid once the accelerator is open. */
	unsigned int gic_version; /* 2 or 3 */
	unsigned int cpus;
	uint64_t mpidr[OPTIONS_MAX_CPUS]; /* affinity fields only */
	bool pmu;
	unsigned int ipa_bits; /* of the guest's physical addresses */
	bool its; /* an ITS at LAYOUT_ITS, which msi sends to */
	const struct msi_ops *msi; /* NULL: PCI devices need a GICv2M frame; opaque is the accel */
	const struct doorbell_ops *doorbell; /* NULL: the bus does it; opaque is the accel */
};

struct accel_ops {
	/* Makes region guest memory; host and guest address are multiples of the host page. */
	int (*map)(struct accel *accel, const struct mem_region *region, struct error *error);
	/* The line of an SPI below LAYOUT_SPIS, owned by the accelerator; NULL with *error filled. */
	struct irq *(*spi)(struct accel *accel, uint32_t spi, struct error *error);
	/*
	 * Memory for registers at [base, base + size), rounded up to the host's pages, that the guest reads without an exit; owned
	 * by the accelerator, at most one. NULL, or no such function: it cannot be had, and reads come by the bus.
	 */
	struct mirror *(*mirror)(struct accel *accel, gpa_t base, uint64_t size);
	/* CPU 0 starts at entry with x0 = dtb, the others wait for PSCI CPU_ON. Returns when the threads run. */
	int (*start)(struct accel *accel, gpa_t entry, gpa_t dtb, struct error *error);
	/* In place of loop_run, whose contract it has; NULL: loop_run. */
	int (*serve)(struct accel *accel);
	/* Every CPU is out of the guest and its pending MMIO completed when this returns; harmless before start. */
	void (*stop)(struct accel *accel);
	/* Adds what was counted; nothing without --stats. After stop. */
	void (*collect_stats)(struct accel *accel, struct stats *total);
	void (*destroy)(struct accel *accel);
};

/* 0, or -1 with *error filled when this build can never run a guest: said before anything is opened. */
must_check int accel_available(struct error *error);

/*
 * Opens the accelerator, the host's or with --qtest a client, with the CPUs, features and address bits that options ask for. NULL with *error filled.
 * Freed by ops->destroy.
 */
struct accel *accel_open(const struct options *options, struct accel_machine *machine, struct error *error);
/* The host's: kvm.c's or accel_none.c's. */
struct accel *accel_open_host(const struct options *options, struct accel_machine *machine, struct error *error);

/* Fills in what the device tree says where no host has CPUs to ask: a GICv3 without ITS, a PMU unless it is hidden. */
void accel_describe(struct accel *accel, const struct options *options);

#endif
