/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets snapshot-mmio and snapshot-pci: a disk that has done some requests is saved, the stream is spoilt, or is the input's
 * altogether, and is loaded again. Whatever it says, the device is then in a state that it could have come to by itself, or reset.
 *
 *	byte 0	bits 0 and 1: requests before; bit 2: the stream is all that follows; else that is changes to the one that was saved:
 *		three bytes each, where (of 16 bits) and what (exclusive or); bit 3: the last of these says where the stream ends instead
 *	byte 1	features that bring-up does not accept, as in the raw language
 *	byte 2	queue size
 *	4 bytes	what the requests are
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "core/state.h"
#include "device_blk.h"
#include "device_virtio.h"
#include "oracle.h"
#include "raw.h"
#include "shape.h"

enum { REQUESTS = 3, WHOLE = 4, CUT = 8 };

#define PATCH 3

/* Saves it as a monitor would. The caller destroys s. */
static void save(struct state *s)
{
	virtio_pause(fuzz_machine->v);
	state_save(s);
	virtio_state(fuzz_machine->v, s);
	if (state_finish(s))
		fuzz_failed("snapshot", "a device cannot be saved: %s", s->why);
}

/* Whether it was taken. Not resumed. */
static bool load(const uint8_t *data, size_t len)
{
	struct state s;

	fuzz_oracle_forget();
	state_load(&s, data, len);
	virtio_state(fuzz_machine->v, &s);
	if (!state_finish(&s))
		return true;
	/* Bytes left over are found behind everybody's back. */
	virtio_set_status(fuzz_machine->v, 0);
	fuzz_oracle_was_reset();
	return false;
}

/* What a device that was loaded saves is what it loads, and saves again. */
static void check_round_trip(void)
{
	struct state first, second;

	save(&first);
	if (!load(first.data, first.len))
		fuzz_failed("snapshot", "what was saved after loading is not taken");
	save(&second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len))
		fuzz_failed("snapshot", "what was saved is not what is saved after loading it");
	state_destroy(&first);
	state_destroy(&second);
}

/* The changes of an input to a saved stream. The length that is left. */
static size_t spoil(uint8_t *stream, size_t len, struct fuzz_raw *in, bool cut)
{
	size_t left = len;

	while (in->at < in->end) {
		size_t at = fuzz_raw_value(in, 2) % len;
		uint8_t flip = fuzz_raw_take(in);

		if (cut && in->end - in->at < PATCH)
			left = at;
		else
			stream[at] ^= flip;
	}
	return left;
}

static bool load_input(struct fuzz_raw *in, uint8_t mode)
{
	bool same = in->at == in->end && !(mode & WHOLE), taken;
	uint8_t *copy;
	struct state s;
	size_t len;

	if (mode & WHOLE)
		return load(in->at, (size_t)(in->end - in->at));
	save(&s);
	copy = fuzz_arena_alloc(s.len);
	memcpy(copy, s.data, s.len);
	len = spoil(copy, s.len, in, mode & CUT);
	taken = load(copy, len);
	if (same && !taken)
		fuzz_failed("snapshot", "what was saved is not taken");
	state_destroy(&s);
	return taken;
}

static void ask(const uint8_t choice[4], unsigned int queue)
{
	fuzz_machine->device->request(fuzz_machine, queue, choice);
	fuzz_guest_kick(queue);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_raw in = { data, data + size };
	uint8_t mode = fuzz_raw_take(&in), features = fuzz_raw_take(&in), queue_size = fuzz_raw_take(&in), choice[4];
	bool before;

	fuzz_machine_reset();
	for (unsigned int i = 0; i < sizeof(choice); i++)
		choice[i] = fuzz_raw_take(&in);
	fuzz_guest_bring_up(fuzz_raw_left_out(features), (uint16_t)fuzz_shape_value(queue_size));
	for (unsigned int i = 0; i < (mode & REQUESTS); i++)
		ask(choice, i % FUZZ_GUEST_QUEUES);
	before = fuzz_arena_on(true);
	if (load_input(&in, mode)) {
		check_round_trip();
		virtio_resume(fuzz_machine->v);
	}
	fuzz_arena_on(before);
	for (unsigned int i = 0; i < FUZZ_GUEST_QUEUES; i++)
		ask(choice, i);
	fuzz_machine_check();
}

const struct fuzz_target fuzz_snapshot_mmio = {
	.name = "snapshot-mmio",
	.what = "the saved state of a virtio-blk on virtio-mmio",
	.start = fuzz_virtio_start,
	.run = run,
	.opaque = &fuzz_device_blk_mmio,
};
const struct fuzz_target fuzz_snapshot_pci = {
	.name = "snapshot-pci",
	.what = "the same on virtio-pci",
	.start = fuzz_virtio_start,
	.run = run,
	.opaque = &fuzz_device_blk_pci,
};
