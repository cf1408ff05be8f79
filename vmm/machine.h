/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One life of a machine, from power on to power off or reset: guest RAM, the board's devices, the device tree that describes
 * them, and the CPUs. A guest's reboot is the end of this machine and the beginning of another one in the same process, so
 * nothing can be left over from the life before.
 */
#ifndef MINIVMM_MACHINE_H
#define MINIVMM_MACHINE_H

#include <pthread.h>

#include "accel.h"
#include "backend/block.h"
#include "backend/chardev.h"
#include "backend/entropy.h"
#include "boot.h"
#include "core/loop.h"
#include "error.h"
#include "kernel.h"
#include "options.h"
#include "record.h"
#include "stats.h"
#include "trace.h"

struct hostile;
struct vhost_users;

/* What outlives a machine; everything is the caller's. */
struct machine_config {
	const struct options *options;
	const char *cmdline; /* complete, see cmdline.h */
	const struct kernel *kernel;
	const struct initrd *initrd; /* NULL: none */
	struct chardev *console;
	struct chardev *const *serials; /* options->serial_count of them */
	struct entropy *entropy; /* NULL: no rng device */
	struct block *const *disks; /* options->disk_count of them, open */
	struct vhost_users *vhost_users; /* connected */
	struct loop *loop;
	pthread_mutex_t *lock; /* the machine lock, which loop was made with */
	struct trace *trace; /* NULL: not traced */
	struct record *record; /* NULL: not recorded */
	struct hostile *hostile; /* NULL: devices are honest */
};

struct machine;

/* Builds the machine, guest memory filled, nothing running. NULL with *error filled. Freed by machine_destroy. */
struct machine *machine_create(const struct machine_config *config, struct error *error);
void machine_destroy(struct machine *machine);

/*
 * Runs it until it ends, serving the loop in this thread. RUN_FAILED with *error filled when it could not start or go on.
 * *exit_status is what the guest wrote to the exit register, or -1 if it wrote nothing.
 */
enum run_end machine_run(struct machine *machine, int *exit_status, struct error *error);

/* Ends the run from outside, with RUN_KILLED. Any thread, or a loop source's handler. */
void machine_kill(struct machine *machine);
/* Presses the power key. Under the machine lock, as loop sources are. */
void machine_press_power(struct machine *machine);

/* The device tree as the guest gets it: its size, *dtb inside guest RAM. */
size_t machine_dtb(const struct machine *machine, const void **dtb);

/* Adds up the exits counted so far. After machine_run. */
void machine_collect_stats(const struct machine *machine, struct stats *total);

#endif
