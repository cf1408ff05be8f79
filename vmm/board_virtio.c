/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices on the board, and the transport each is reached by. See board.h. */
#include <stdio.h>
#include <stdlib.h>

#include "board.h"
#include "dt_nodes.h"
#include "layout.h"
#include "machine.h"
#include "term.h"
#include "virtio/hostile.h"

/* Goes to the terminal of whoever runs the monitor: the guest's driver misbehaved, or a backend gave up. */
static void report(struct virtio *v, const char *text)
{
	fprintf(stderr, "minivmm: %s: %s%s", v->class->name, text, term_newline());
}

/*
 * So that the guest reads the registers without an exit, where the accelerator can do that. The first transport asks. Not for a
 * device that lies in its answers: it has to see the question.
 */
static void mirror_registers(struct board *board, struct virtio_mmio *transport)
{
	const struct accel_ops *ops = board->accel->ops;

	if (board->config->hostile)
		return;
	if (!board->mmio_count && ops->mirror)
		board->mirror = ops->mirror(board->accel, LAYOUT_VIRTIO, LAYOUT_VIRTIO_COUNT * LAYOUT_VIRTIO_SIZE);
	if (board->mirror)
		virtio_mmio_mirror(transport, board->mirror);
}

/* The highest slot first, as QEMU's board hands them out; Linux numbers them in the order of the tree. */
static int place_mmio(struct board *board, struct board_transport *transport, struct virtio *v, struct error *error)
{
	unsigned int slot = LAYOUT_VIRTIO_COUNT - 1 - board->mmio_count;
	gpa_t base = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE;
	struct irq *irq = board_spi(board, LAYOUT_SPI_VIRTIO + slot, error);

	if (!irq || board_placed(virtio_mmio_init(&transport->mmio, v, board->bus, base, irq), v->class->name, error))
		return -1;
	transport->up = TRANSPORT_MMIO;
	mirror_registers(board, &transport->mmio);
	if (board->config->options->lazy_ack)
		virtio_mmio_lazy_ack(&transport->mmio);
	board->mmio_count++;
	dt_add_virtio_mmio(&board->dt, base, LAYOUT_VIRTIO_SIZE, LAYOUT_SPI_VIRTIO + slot);
	return 0;
}

static int place_pci(struct board *board, struct board_transport *transport, struct virtio *v, unsigned int slot,
	struct error *error)
{
	if (board_placed(virtio_pci_init(&transport->pci, v, &board->pci, slot), v->class->name, error))
		return -1;
	transport->up = TRANSPORT_PCI;
	return 0;
}

static int make_hostile(struct board *board, struct board_transport *transport, struct virtio *v, struct error *error)
{
	if (!board->config->hostile)
		return 0;
	transport->hostile = hostile_attach(board->config->hostile, v);
	return transport->hostile ? 0 : error_set(error, STATUS_HOST, "out of memory");
}

int board_place_transport(struct board *board, struct board_transport *transport, struct virtio *v,
	const struct place_options *place, const struct feature_options *features, struct error *error)
{
	v->report = report;
	/* A device may have left some out already. */
	v->features_on |= features->on;
	v->features_off |= features->off;
	trace_watch(board->config->trace, v);
	if (place->bus == TRANSPORT_PCI ? place_pci(board, transport, v, place->slot, error)
					: place_mmio(board, transport, v, error))
		return -1;
	return make_hostile(board, transport, v, error);
}

/* So that a replay can build the device again. */
static void note_device(struct board *board, const struct board_transport *transport, struct virtio *v,
	const char *name, const char *more)
{
	const char *bus = transport->up == TRANSPORT_PCI ? "pci" : "mmio";
	unsigned int slot =
		transport->up == TRANSPORT_PCI
			? transport->pci.pci.slot
			: (unsigned int)((transport->mmio.region.base - LAYOUT_VIRTIO) / LAYOUT_VIRTIO_SIZE);

	record_virtio(board->config->record, v, name, bus, slot, more);
}

void board_destroy_transport(struct board_transport *transport)
{
	switch (transport->up) {
	case TRANSPORT_MMIO: virtio_mmio_destroy(&transport->mmio); break;
	case TRANSPORT_PCI: virtio_pci_destroy(&transport->pci); break;
	case TRANSPORT_DEFAULT: break;
	}
	hostile_detach(transport->hostile);
}

static int place_rng(struct board *board, struct error *error)
{
	const struct machine_config *config = board->config;
	struct entropy *entropy = config->entropy;

	if (!entropy)
		return 0;
	if (config->hostile)
		entropy = hostile_entropy(config->hostile, entropy);
	if (board_placed(virtio_rng_init(&board->rng, config->loop, board->mem, entropy), "virtio-rng", error))
		return -1;
	board->rng_up = true;
	if (board_place_transport(board, &board->rng_transport, &board->rng.v, &config->options->rng_place,
		    &config->options->rng_features, error))
		return -1;
	note_device(
		board, &board->rng_transport, &board->rng.v, "rng", config->options->lazy_ack ? "lazy=1" : "lazy=0");
	return 0;
}

#define RECORD_MORE 160

static void describe_disk(const struct board *board, unsigned int i, char more[RECORD_MORE])
{
	const struct disk_options *given = &board->config->options->disks[i];
	const struct block *block = board->config->disks[i];

	snprintf(more, RECORD_MORE,
		"lazy=%d size=%llu logical=%u physical=%u ro=%d queues=%u queue-size=%u writethrough=%d id=%s",
		board->config->options->lazy_ack, (unsigned long long)block->size, block->logical, block->physical,
		block->read_only, (unsigned int)given->queues, (unsigned int)given->queue_size, given->write_through,
		given->id ? given->id : "");
}

static int place_disk(struct board *board, unsigned int i, struct error *error)
{
	const struct machine_config *config = board->config;
	const struct disk_options *given = &config->options->disks[i];
	const struct virtio_blk_options options = {
		.queues = (uint16_t)given->queues,
		.queue_size = (uint16_t)given->queue_size,
		.write_through = given->write_through,
		.serial = given->id,
	};
	struct board_disk *disk = &board->disks[i];
	char more[RECORD_MORE];

	if (board_placed(virtio_blk_init(&disk->blk, config->loop, board->mem, config->disks[i], &options),
		    "virtio-blk", error))
		return -1;
	disk->up = true;
	if (board_place_transport(board, &disk->transport, &disk->blk.v, &given->place, &given->features, error))
		return -1;
	describe_disk(board, i, more);
	note_device(board, &disk->transport, &disk->blk.v, "blk", more);
	return 0;
}

/* Those that stand at one place of the command line: one device, or none. */
static int place_at(struct board *board, unsigned int order, struct error *error)
{
	const struct options *options = board->config->options;

	if (options->rng_place.order == order && place_rng(board, error))
		return -1;
	for (unsigned int i = 0; i < options->disk_count; i++)
		if (options->disks[i].place.order == order && place_disk(board, i, error))
			return -1;
	for (unsigned int i = 0; i < options->vhost_user_count; i++)
		if (options->vhost_users[i].place.order == order && board_place_vhost_user(board, i, error))
			return -1;
	return 0;
}

int board_place_virtio(struct board *board, struct error *error)
{
	const struct options *options = board->config->options;

	/* One more than there may be: calloc of nothing may give nothing. */
	board->disks = calloc(options->disk_count + 1, sizeof(*board->disks));
	board->vhost_users = calloc(options->vhost_user_count + 1, sizeof(*board->vhost_users));
	if (!board->disks || !board->vhost_users)
		return error_set(error, STATUS_HOST, "out of memory");
	for (unsigned int order = 0; order <= options->placed; order++)
		if (place_at(board, order, error))
			return -1;
	return 0;
}

void board_destroy_virtio(struct board *board)
{
	for (unsigned int i = 0; board->vhost_users && i < board->config->options->vhost_user_count; i++)
		board_destroy_vhost_user(board, i);
	free(board->vhost_users);
	for (unsigned int i = 0; board->disks && i < board->config->options->disk_count; i++) {
		struct board_disk *disk = &board->disks[i];

		board_destroy_transport(&disk->transport);
		if (disk->up)
			virtio_blk_destroy(&disk->blk);
	}
	free(board->disks);
	board_destroy_transport(&board->rng_transport);
	if (board->rng_up)
		virtio_rng_destroy(&board->rng);
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

bool board_busy(const struct board *board)
{
	for (unsigned int i = 0; i < board->config->options->disk_count; i++)
		if (device_busy(&board->disks[i].blk.v))
			return true;
	return false;
}
