/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. What is on the machine's bus is board.h's. */
#include "machine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"
#include "core/bus.h"
#include "layout.h"

/* Host and guest addresses of RAM agree modulo this, so that stage-2 can use blocks wherever the host has huge pages. */
#define RAM_ALIGN (2 * MiB)

struct machine {
	struct accel_machine hooks; /* what the accelerator sees of us */
	const struct machine_config *config;
	struct accel *accel;
	struct bus bus;
	struct mem mem;
	void *ram_map; /* RAM with room to align it: ram_map_size bytes */
	size_t ram_map_size;
	uint8_t *ram;
	int ram_fd; /* -1: no other process may see RAM */
	struct boot_info boot;
	struct board board;

	/* Set once, by whoever ends the run first. */
	pthread_mutex_t end_lock;
	enum run_end end;
	struct error end_error;
};

static void machine_ended(struct accel_machine *hooks, enum run_end end, const struct error *error)
{
	struct machine *machine = container_of(hooks, struct machine, hooks);

	pthread_mutex_lock(&machine->end_lock);
	if (machine->end == RUN_NONE) {
		machine->end = end;
		if (error)
			machine->end_error = *error;
		/* Only the first: a stop that comes after loop_run returned would end the next life before it began. */
		loop_stop(machine->config->loop);
	}
	pthread_mutex_unlock(&machine->end_lock);
}

static bool machine_busy(const struct accel_machine *hooks)
{
	const struct machine *machine = container_of(hooks, struct machine, hooks);

	return board_busy(&machine->board);
}

/*
 * In the place of RAM that is this process' alone: a file that backends map too. They cannot cut it short under us.
 * 0, or -1 with *error.
 */
static int share_ram(struct machine *machine, struct error *error)
{
	uint64_t size = machine->config->options->memory;

	machine->ram_fd = memfd_create("minivmm RAM", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (machine->ram_fd < 0 || ftruncate(machine->ram_fd, (off_t)size) ||
		fcntl(machine->ram_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ||
		mmap(machine->ram, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
			machine->ram_fd, 0) == MAP_FAILED)
		return error_set(error, STATUS_HOST, "--memory: the host does not give %llu MiB to share: %s",
			size / MiB, strerror(errno));
	return 0;
}

static void free_ram(struct machine *machine)
{
	if (machine->ram_map)
		munmap(machine->ram_map, machine->ram_map_size);
	if (machine->ram_fd < 0)
		return;
	/* Backends have it mapped until they are given the next life's. */
	(void)fallocate(machine->ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		(off_t)machine->config->options->memory);
	close(machine->ram_fd);
}

/* Lazily touched and never swapped in by us: the guest's first access takes the page. */
static int create_ram(struct machine *machine, struct error *error)
{
	uint64_t size = machine->config->options->memory;
	struct mem_region region = { .base = LAYOUT_RAM, .size = size, .fd = -1 };
	int ret;

	machine->ram_map_size = size + RAM_ALIGN;
	machine->ram_map = mmap(NULL, machine->ram_map_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (machine->ram_map == MAP_FAILED) {
		machine->ram_map = NULL;
		return error_set(error, STATUS_HOST, "--memory: the host does not give %llu MiB: %s", size / MiB,
			strerror(errno));
	}
	machine->ram = (uint8_t *)ALIGN_UP((uintptr_t)machine->ram_map, RAM_ALIGN);
	if (machine->config->options->vhost_user_count && share_ram(machine, error))
		return -1;
	/* On hosts that give huge pages to who asks; a kernel without any refuses, and is as good as it was. */
	(void)madvise(machine->ram, size, MADV_HUGEPAGE);
	region.host = machine->ram;
	region.fd = machine->ram_fd;
	ret = mem_add(&machine->mem, &region);
	assert(!ret);
	return 0;
}

static int build(struct machine *machine, struct error *error)
{
	const struct machine_config *config = machine->config;

	/* Places first: what does not fit is told before anything costly happens. --dump-dtb may do without a kernel. */
	if (!config->kernel)
		machine->boot.dtb = LAYOUT_RAM;
	else if (boot_place(&machine->boot, LAYOUT_RAM, config->options->memory, config->kernel, config->initrd, error))
		return -1;
	trace_phase(config->trace, "KVM");
	machine->accel = accel_open(config->options, &machine->hooks, error);
	if (!machine->accel || create_ram(machine, error))
		return -1;
	if (config->record)
		machine->mem.hook = record_life(config->record, &machine->mem);
	if (machine->accel->doorbell)
		bus_set_accel(&machine->bus, machine->accel->doorbell, machine->accel);
	trace_phase(config->trace, "kernel and initrd into guest RAM");
	if (config->kernel && boot_load(&machine->boot, &machine->mem, LAYOUT_RAM, config->options->memory,
				      config->kernel, config->initrd, error))
		return -1;
	if (machine->accel->ops->map(machine->accel, &machine->mem.region[0], error))
		return -1;
	trace_phase(config->trace, "devices and device tree");
	machine->board = (struct board){
		.config = config,
		.accel = machine->accel,
		.bus = &machine->bus,
		.mem = &machine->mem,
		.boot = &machine->boot,
	};
	return board_build(&machine->board, error);
}

struct machine *machine_create(const struct machine_config *config, struct error *error)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	machine->config = config;
	machine->ram_fd = -1;
	machine->hooks = (struct accel_machine){
		.bus = &machine->bus,
		.loop = config->loop,
		.lock = config->lock,
		.ended = machine_ended,
		.busy = machine_busy,
		.trace = config->trace,
		.record = config->record,
	};
	pthread_mutex_init(&machine->end_lock, NULL);
	bus_init(&machine->bus);
	if (build(machine, error)) {
		machine_destroy(machine);
		return NULL;
	}
	return machine;
}

void machine_destroy(struct machine *machine)
{
	if (machine->accel)
		machine->accel->ops->stop(machine->accel);
	record_life_ends(machine->config->record);
	board_destroy(&machine->board);
	if (machine->accel)
		machine->accel->ops->destroy(machine->accel);
	free_ram(machine);
	pthread_mutex_destroy(&machine->end_lock);
	free(machine);
}

static int serve(struct machine *machine)
{
	struct loop *loop = machine->config->loop;

	if (machine->accel->ops->serve)
		return machine->accel->ops->serve(machine->accel);
	return machine->config->record ? record_run(loop) : loop_run(loop);
}

enum run_end machine_run(struct machine *machine, int *exit_status, struct error *error)
{
	struct accel *accel = machine->accel;
	int ret;

	*exit_status = -1;
	if (accel->ops->start(accel, machine->boot.entry, machine->boot.dtb, error)) {
		accel->ops->stop(accel);
		return RUN_FAILED;
	}
	/* Now that no guest waits for it. */
	if (machine->config->kernel)
		kernel_rest(machine->config->kernel);
	ret = serve(machine);
	accel->ops->stop(accel);
	if (ret) {
		error_set(error, STATUS_INTERNAL, "the event loop failed: %s", strerror(-ret));
		return RUN_FAILED;
	}
	if (machine->end == RUN_FAILED)
		*error = machine->end_error;
	if (machine->board.exit.written)
		*exit_status = machine->board.exit.status;
	return machine->end;
}

void machine_kill(struct machine *machine)
{
	machine_ended(&machine->hooks, RUN_KILLED, NULL);
}

void machine_press_power(struct machine *machine)
{
	record_event(machine->config->record, "power key");
	pl061_press(&machine->board.pl061, PL061_POWER_KEY);
}

size_t machine_dtb(const struct machine *machine, const void **dtb)
{
	*dtb = machine->board.dt.blob;
	return (size_t)machine->board.dtb_size;
}

void machine_collect_stats(const struct machine *machine, struct stats *total)
{
	machine->accel->ops->collect_stats(machine->accel, total);
}
