/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See machine.h. Every device is placed and described on adjacent lines (place_*), so that the tree cannot drift from the
 * machine; addresses are layout.h's.
 */
#include "machine.h"

#include <assert.h>
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "core/bus.h"
#include "core/clock.h"
#include "dt.h"
#include "dt_nodes.h"
#include "layout.h"
#include "platform/exit.h"
#include "platform/pl011.h"
#include "platform/pl031.h"
#include "platform/pl061.h"
#include "term.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

/* Host and guest addresses of RAM agree modulo this, so that stage-2 can use blocks wherever the host has huge pages. */
#define RAM_ALIGN (2 * MiB)

/* What is placed on the bus, in order of construction; destroyed in reverse down to the last one that came up. */
enum stage { STAGE_NONE, STAGE_PL011, STAGE_PL031, STAGE_PL061, STAGE_EXIT, STAGE_RNG, STAGE_RNG_MMIO };

struct disk {
	struct virtio_blk blk;
	struct virtio_mmio mmio;
	bool blk_up, mmio_up;
};

struct machine {
	struct accel_machine hooks; /* what the accelerator sees of us */
	const struct machine_config *config;
	struct accel *accel;
	struct bus bus;
	struct mem mem;
	void *ram_map; /* RAM with room to align it: ram_map_size bytes */
	size_t ram_map_size;
	uint8_t *ram;
	struct boot_info boot;
	struct dt dt;
	int dtb_size;

	struct pl011 pl011;
	struct pl031 pl031;
	struct pl061 pl061;
	struct exit_reg exit;
	struct virtio_rng rng;
	struct virtio_mmio rng_mmio;
	struct disk *disks; /* as many as there are options for */
	enum stage stage;
	unsigned int virtio_count; /* transports handed out, from the highest slot down */

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

/* A request that was taken and not answered: devices that keep some have a drain to wait for them. */
static bool device_busy(const struct virtio *v)
{
	if (!v->class->drain || !virtio_running(v))
		return false;
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		if (v->queue[i].in_flight_count)
			return true;
	return false;
}

static bool machine_busy(const struct accel_machine *hooks)
{
	const struct machine *machine = container_of(hooks, struct machine, hooks);

	for (unsigned int i = 0; i < machine->config->options->disk_count; i++)
		if (device_busy(&machine->disks[i].blk.v))
			return true;
	return false;
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
	region.host = machine->ram;
	ret = mem_add(&machine->mem, &region);
	assert(!ret);
	return 0;
}

static struct irq *spi(struct machine *machine, uint32_t number, struct error *error)
{
	return machine->accel->ops->spi(machine->accel, number, error);
}

/* Placing a device failed for want of memory or descriptors: every *_init gives 0 or -errno. */
static int placed(int ret, const char *what, struct error *error)
{
	return ret ? error_set(error, STATUS_HOST, "cannot set up the %s: %s", what, strerror(-ret)) : 0;
}

static int place_pl011(struct machine *machine, struct error *error)
{
	struct irq *irq = spi(machine, LAYOUT_SPI_PL011, error);
	const struct machine_config *config = machine->config;

	if (!irq ||
		placed(pl011_init(&machine->pl011, config->console, &machine->bus, LAYOUT_PL011, irq), "PL011", error))
		return -1;
	machine->stage = STAGE_PL011;
	dt_add_pl011(&machine->dt, LAYOUT_PL011, LAYOUT_SPI_PL011);
	return 0;
}

static int place_pl031(struct machine *machine, struct error *error)
{
	struct irq *irq = spi(machine, LAYOUT_SPI_PL031, error);

	if (!irq || placed(pl031_init(&machine->pl031, machine->config->loop, &machine->bus, LAYOUT_PL031, irq),
			    "PL031", error))
		return -1;
	machine->stage = STAGE_PL031;
	dt_add_pl031(&machine->dt, LAYOUT_PL031, LAYOUT_SPI_PL031);
	return 0;
}

static int place_pl061(struct machine *machine, struct error *error)
{
	struct irq *irq = spi(machine, LAYOUT_SPI_PL061, error);

	if (!irq || placed(pl061_init(&machine->pl061, machine->config->loop, &machine->bus, LAYOUT_PL061, irq),
			    "PL061", error))
		return -1;
	machine->stage = STAGE_PL061;
	dt_add_pl061(&machine->dt, LAYOUT_PL061, LAYOUT_SPI_PL061);
	dt_add_power_key(&machine->dt, PL061_POWER_KEY);
	return 0;
}

static int place_exit(struct machine *machine, struct error *error)
{
	if (placed(exit_reg_init(&machine->exit, &machine->bus, LAYOUT_EXIT), "exit register", error))
		return -1;
	machine->stage = STAGE_EXIT;
	dt_add_exit(&machine->dt, LAYOUT_EXIT);
	return 0;
}

/* Goes to the terminal of whoever runs the monitor: the guest's driver misbehaved, or a backend gave up. */
static void report(struct virtio *v, const char *text)
{
	fprintf(stderr, "minivmm: %s: %s%s", v->class->name, text, term_newline());
}

/* The highest slot first, as QEMU's board hands them out; Linux numbers them in the order of the tree. */
static int place_virtio_mmio(struct machine *machine, struct virtio_mmio *transport, struct virtio *v,
	const struct feature_options *features, struct error *error)
{
	unsigned int slot = LAYOUT_VIRTIO_COUNT - 1 - machine->virtio_count;
	gpa_t base = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE;
	struct irq *irq = spi(machine, LAYOUT_SPI_VIRTIO + slot, error);

	if (!irq || placed(virtio_mmio_init(transport, v, &machine->bus, base, irq), v->class->name, error))
		return -1;
	v->report = report;
	v->features_on = features->on;
	v->features_off = features->off;
	machine->virtio_count++;
	dt_add_virtio_mmio(&machine->dt, base, LAYOUT_VIRTIO_SIZE, LAYOUT_SPI_VIRTIO + slot);
	return 0;
}

static int place_rng(struct machine *machine, struct error *error)
{
	const struct machine_config *config = machine->config;

	if (!config->entropy)
		return 0;
	if (placed(virtio_rng_init(&machine->rng, config->loop, &machine->mem, config->entropy), "virtio-rng", error))
		return -1;
	machine->stage = STAGE_RNG;
	if (place_virtio_mmio(machine, &machine->rng_mmio, &machine->rng.v, &config->options->rng_features, error))
		return -1;
	machine->stage = STAGE_RNG_MMIO;
	return 0;
}

static int place_disk(struct machine *machine, unsigned int i, struct error *error)
{
	const struct machine_config *config = machine->config;
	const struct disk_options *given = &config->options->disks[i];
	const struct virtio_blk_options options = {
		.queues = (uint16_t)given->queues,
		.write_through = given->write_through,
		.serial = given->id,
	};
	struct disk *disk = &machine->disks[i];

	if (placed(virtio_blk_init(&disk->blk, config->loop, &machine->mem, config->disks[i], &options), "virtio-blk",
		    error))
		return -1;
	disk->blk_up = true;
	if (place_virtio_mmio(machine, &disk->mmio, &disk->blk.v, &given->features, error))
		return -1;
	disk->mmio_up = true;
	return 0;
}

/* In the order of the command line, which is the order of the guest's names for them. */
static int place_virtio(struct machine *machine, struct error *error)
{
	const struct options *options = machine->config->options;

	machine->disks = calloc(options->disk_count ? options->disk_count : 1, sizeof(*machine->disks));
	if (!machine->disks)
		return error_set(error, STATUS_HOST, "out of memory");
	for (unsigned int i = 0; i <= options->disk_count; i++) {
		if (i == options->rng_slot && place_rng(machine, error))
			return -1;
		if (i < options->disk_count && place_disk(machine, i, error))
			return -1;
	}
	return 0;
}

/* A seed that repeats is worse than none: without entropy there is no guest. */
static int seed(void *buf, size_t len, struct error *error)
{
	if (getrandom(buf, len, 0) == (ssize_t)len)
		return 0;
	return error_set(error, STATUS_HOST, "getrandom: %s", strerror(errno));
}

static int describe_chosen(struct machine *machine, struct error *error)
{
	const struct options *options = machine->config->options;
	uint8_t rng_seed[64];
	struct dt_chosen chosen = {
		.bootargs = machine->config->cmdline,
		.stdout_path = "/pl011@9000000",
		.initrd = machine->boot.initrd,
		.initrd_size = machine->boot.initrd_size,
	};

	if (options->kaslr && seed(&chosen.kaslr_seed, sizeof(chosen.kaslr_seed), error))
		return -1;
	if (options->rng_seed) {
		if (seed(rng_seed, sizeof(rng_seed), error))
			return -1;
		chosen.rng_seed = rng_seed;
		chosen.rng_seed_len = sizeof(rng_seed);
	}
	dt_add_chosen(&machine->dt, &chosen);
	return 0;
}

static void describe_cpus(struct machine *machine)
{
	const struct accel *accel = machine->accel;
	unsigned int gicv2_cpus = accel->gic_version == 2 ? accel->cpus : 0;
	struct dt_range dist = { LAYOUT_GICD, 64 * KiB };

	dt_add_cpus(&machine->dt, accel->mpidr, accel->cpus);
	dt_add_psci(&machine->dt);
	dt_add_timer(&machine->dt, gicv2_cpus);
	if (accel->pmu)
		dt_add_pmu(&machine->dt, gicv2_cpus);
	if (gicv2_cpus)
		dt_add_gic_v2(&machine->dt, dist, (struct dt_range){ LAYOUT_GICC, 64 * KiB });
	else
		dt_add_gic_v3(
			&machine->dt, dist, (struct dt_range){ LAYOUT_GICR, accel->cpus * LAYOUT_GICR_SIZE }, NULL);
}

/* Devices and their description, written into guest RAM as they come up. */
static int build_board(struct machine *machine, struct error *error)
{
	void *dtb = mem_ptr(&machine->mem, machine->boot.dtb, BOOT_DTB_SIZE);

	assert(dtb);
	dt_init(&machine->dt, dtb, BOOT_DTB_SIZE);
	dt_begin_root(&machine->dt);
	if (describe_chosen(machine, error))
		return -1;
	dt_add_memory(&machine->dt, LAYOUT_RAM, machine->config->options->memory);
	describe_cpus(machine);
	dt_add_apb_clock(&machine->dt);
	if (place_pl011(machine, error) || place_pl031(machine, error) || place_pl061(machine, error) ||
		place_exit(machine, error) || place_virtio(machine, error))
		return -1;
	dt_end(&machine->dt);
	machine->dtb_size = dt_finish(&machine->dt);
	if (machine->dtb_size < 0)
		return error_set(error, STATUS_INTERNAL, "the device tree cannot be written: %s",
			fdt_strerror(machine->dtb_size));
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
	machine->accel = accel_open(config->options, &machine->hooks, error);
	if (!machine->accel || create_ram(machine, error))
		return -1;
	if (machine->accel->doorbell)
		bus_set_accel(&machine->bus, machine->accel->doorbell, machine->accel);
	/* The kernel's mapping replaces pages of RAM: before KVM can have looked at them. */
	if (config->kernel && boot_load(&machine->boot, &machine->mem, LAYOUT_RAM, config->options->memory,
				      config->kernel, config->initrd, error))
		return -1;
	if (machine->accel->ops->map(machine->accel, &machine->mem.region[0], error))
		return -1;
	return build_board(machine, error);
}

struct machine *machine_create(const struct machine_config *config, struct error *error)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	machine->config = config;
	machine->hooks = (struct accel_machine){
		.bus = &machine->bus,
		.loop = config->loop,
		.lock = config->lock,
		.ended = machine_ended,
		.busy = machine_busy,
	};
	pthread_mutex_init(&machine->end_lock, NULL);
	bus_init(&machine->bus);
	if (build(machine, error)) {
		machine_destroy(machine);
		return NULL;
	}
	return machine;
}

static void destroy_disks(struct machine *machine)
{
	for (unsigned int i = 0; machine->disks && i < machine->config->options->disk_count; i++) {
		struct disk *disk = &machine->disks[i];

		if (disk->mmio_up)
			virtio_mmio_destroy(&disk->mmio);
		if (disk->blk_up)
			virtio_blk_destroy(&disk->blk);
	}
	free(machine->disks);
}

static void destroy_board(struct machine *machine)
{
	destroy_disks(machine);
	switch (machine->stage) {
	case STAGE_RNG_MMIO: virtio_mmio_destroy(&machine->rng_mmio); __attribute__((fallthrough));
	case STAGE_RNG: virtio_rng_destroy(&machine->rng); __attribute__((fallthrough));
	case STAGE_EXIT: exit_reg_destroy(&machine->exit); __attribute__((fallthrough));
	case STAGE_PL061: pl061_destroy(&machine->pl061); __attribute__((fallthrough));
	case STAGE_PL031: pl031_destroy(&machine->pl031); __attribute__((fallthrough));
	case STAGE_PL011: pl011_destroy(&machine->pl011); __attribute__((fallthrough));
	case STAGE_NONE: break;
	}
}

void machine_destroy(struct machine *machine)
{
	if (machine->accel)
		machine->accel->ops->stop(machine->accel);
	destroy_board(machine);
	if (machine->accel)
		machine->accel->ops->destroy(machine->accel);
	if (machine->ram_map)
		munmap(machine->ram_map, machine->ram_map_size);
	pthread_mutex_destroy(&machine->end_lock);
	free(machine);
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
	ret = accel->ops->serve ? accel->ops->serve(accel) : loop_run(machine->config->loop);
	accel->ops->stop(accel);
	if (ret) {
		error_set(error, STATUS_INTERNAL, "the event loop failed: %s", strerror(-ret));
		return RUN_FAILED;
	}
	if (machine->end == RUN_FAILED)
		*error = machine->end_error;
	if (machine->exit.written)
		*exit_status = machine->exit.status;
	return machine->end;
}

void machine_kill(struct machine *machine)
{
	machine_ended(&machine->hooks, RUN_KILLED, NULL);
}

void machine_press_power(struct machine *machine)
{
	pl061_press(&machine->pl061, PL061_POWER_KEY);
}

size_t machine_dtb(const struct machine *machine, const void **dtb)
{
	*dtb = machine->dt.blob;
	return (size_t)machine->dtb_size;
}

void machine_collect_stats(const struct machine *machine, struct stats *total)
{
	machine->accel->ops->collect_stats(machine->accel, total);
}
