/* SPDX-License-Identifier: Apache-2.0 */
/* See board.h. A place_* function builds a device and writes its node. */
#include "board.h"

#include <assert.h>
#include <errno.h>
#include <libfdt.h>
#include <string.h>
#include <sys/random.h>

#include "dt_nodes.h"
#include "layout.h"
#include "machine.h"

struct irq *board_spi(struct board *board, uint32_t spi, struct error *error)
{
	return record_irq(board->config->record, board->accel->ops->spi(board->accel, spi, error));
}

int board_placed(int ret, const char *what, struct error *error)
{
	return ret ? error_set(error, STATUS_HOST, "cannot set up the %s: %s", what, strerror(-ret)) : 0;
}

static int place_pl031(struct board *board, struct error *error)
{
	struct irq *irq = board_spi(board, LAYOUT_SPI_PL031, error);

	if (!irq || board_placed(pl031_init(&board->pl031, board->config->loop, board->bus, LAYOUT_PL031, irq), "PL031",
			    error))
		return -1;
	board->pl031_up = true;
	record_device(board->config->record, "pl031");
	dt_add_pl031(&board->dt, LAYOUT_PL031, LAYOUT_SPI_PL031);
	return 0;
}

static int place_pl061(struct board *board, struct error *error)
{
	struct irq *irq = board_spi(board, LAYOUT_SPI_PL061, error);

	if (!irq || board_placed(pl061_init(&board->pl061, board->config->loop, board->bus, LAYOUT_PL061, irq), "PL061",
			    error))
		return -1;
	board->pl061_up = true;
	record_device(board->config->record, "pl061");
	dt_add_pl061(&board->dt, LAYOUT_PL061, LAYOUT_SPI_PL061);
	dt_add_power_key(&board->dt, PL061_POWER_KEY);
	return 0;
}

static int place_exit(struct board *board, struct error *error)
{
	if (board_placed(exit_reg_init(&board->exit, board->bus, LAYOUT_EXIT), "exit register", error))
		return -1;
	board->exit_up = true;
	record_device(board->config->record, "exit");
	dt_add_exit(&board->dt, LAYOUT_EXIT);
	return 0;
}

/* A seed that repeats is worse than none: without entropy there is no guest. */
static int seed(void *buf, size_t len, struct error *error)
{
	if (getrandom(buf, len, 0) == (ssize_t)len)
		return 0;
	return error_set(error, STATUS_HOST, "getrandom: %s", strerror(errno));
}

static int describe_chosen(struct board *board, struct error *error)
{
	const struct options *options = board->config->options;
	struct {
		uint64_t kaslr;
		uint8_t rng[64];
	} seeds;
	struct dt_chosen chosen = {
		.bootargs = board->config->cmdline,
		.stdout_path = board_stdout_path(board),
		.initrd = board->boot->initrd,
		.initrd_size = board->boot->initrd_size,
	};

	if ((options->kaslr || options->rng_seed) && seed(&seeds, sizeof(seeds), error))
		return -1;
	if (options->kaslr)
		chosen.kaslr_seed = seeds.kaslr;
	if (options->rng_seed) {
		chosen.rng_seed = seeds.rng;
		chosen.rng_seed_len = sizeof(seeds.rng);
	}
	dt_add_chosen(&board->dt, &chosen);
	return 0;
}

static void describe_cpus(struct board *board)
{
	const struct accel *accel = board->accel;
	unsigned int gicv2_cpus = accel->gic_version == 2 ? accel->cpus : 0;
	struct dt_msi msi;
	struct dt_range dist = { LAYOUT_GICD, 64 * KiB };

	dt_add_cpus(&board->dt, accel->mpidr, accel->cpus);
	dt_add_psci(&board->dt);
	dt_add_timer(&board->dt, gicv2_cpus);
	if (accel->pmu)
		dt_add_pmu(&board->dt, gicv2_cpus);
	board_describe_msi(board, &msi);
	if (gicv2_cpus)
		dt_add_gic_v2(&board->dt, dist, (struct dt_range){ LAYOUT_GICC, 64 * KiB }, &msi);
	else
		dt_add_gic_v3(&board->dt, dist, (struct dt_range){ LAYOUT_GICR, accel->cpus * LAYOUT_GICR_SIZE }, &msi);
}

int board_build(struct board *board, struct error *error)
{
	void *dtb = mem_ptr(board->mem, board->boot->dtb, BOOT_DTB_SIZE);

	assert(dtb);
	dt_init(&board->dt, dtb, BOOT_DTB_SIZE);
	dt_begin_root(&board->dt);
	if (describe_chosen(board, error))
		return -1;
	dt_add_memory(&board->dt, LAYOUT_RAM, board->config->options->memory);
	describe_cpus(board);
	dt_add_apb_clock(&board->dt);
	if (board_place_console(board, error) || place_pl031(board, error) || place_pl061(board, error) ||
		place_exit(board, error) || board_place_pci(board, error) || board_place_virtio(board, error) ||
		board_place_serials(board, error))
		return -1;
	dt_end(&board->dt);
	board->dtb_size = dt_finish(&board->dt);
	if (board->dtb_size < 0)
		return error_set(
			error, STATUS_INTERNAL, "the device tree cannot be written: %s", fdt_strerror(board->dtb_size));
	return 0;
}

void board_destroy(struct board *board)
{
	board_destroy_serials(board);
	board_destroy_virtio(board);
	board_destroy_pci(board);
	if (board->exit_up)
		exit_reg_destroy(&board->exit);
	if (board->pl061_up)
		pl061_destroy(&board->pl061);
	if (board->pl031_up)
		pl031_destroy(&board->pl031);
	board_destroy_console(board);
}
