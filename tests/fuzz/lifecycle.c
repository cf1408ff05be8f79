/* SPDX-License-Identifier: Apache-2.0 */
/* See lifecycle.h. */
#include "lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "arena.h"
#include "core/state.h"
#include "fuzz.h"
#include "kernel.h"
#include "machine.h"
#include "oracle.h"

#define CHANGE 3

/* The fields of all that there is, in whichever direction. */
static void fields(struct state *s)
{
	struct fuzz_machine *m = fuzz_machine;

	if (m->v)
		virtio_state(m->v, s);
	if (m->device->state)
		m->device->state(m, s);
}

/* The caller destroys it. */
static void save(struct state *s)
{
	state_save(s);
	fields(s);
	if (state_finish(s))
		fuzz_failed("snapshot", "%s cannot be saved: %s", fuzz_machine->device->name, s->why);
}

static bool load(const uint8_t *data, size_t len)
{
	struct state s;

	fuzz_oracle_forget();
	state_load(&s, data, len);
	fields(&s);
	return !state_finish(&s);
}

/* A disk that has become read-only offers less than its driver has: whoever loads that refuses it. */
static bool offers_what_it_did(void)
{
	struct virtio *v = fuzz_machine->v;

	return !v || !(v->status & VIRTIO_CONFIG_S_FEATURES_OK) || !virtio_check_features(v);
}

static bool change(uint8_t *stream, size_t len, const struct fuzz_op *op)
{
	const uint8_t *d = op->data;

	for (size_t i = 0; i + CHANGE <= op->len; i += CHANGE)
		stream[(d[i] | (size_t)d[i + 1] << 8) % len] ^= d[i + 2];
	return op->len >= CHANGE;
}

static void refused(const struct state *good)
{
	if (fuzz_machine->v) {
		virtio_set_status(fuzz_machine->v, 0);
		fuzz_oracle_was_reset();
	} else if (!load(good->data, good->len)) {
		fuzz_failed("snapshot", "what was saved is not taken once another was refused");
	}
}

void fuzz_lifecycle_saved(const struct fuzz_op *op)
{
	struct fuzz_machine *m = fuzz_machine;
	struct state s;
	uint8_t *copy;
	bool changed, same;

	if (!m->v && !m->device->state)
		return;
	if (m->v)
		virtio_pause(m->v);
	same = offers_what_it_did();
	save(&s);
	copy = fuzz_arena_alloc(s.len);
	memcpy(copy, s.data, s.len);
	changed = change(copy, s.len, op);
	if (!load(copy, s.len)) {
		if (!changed && same)
			fuzz_failed("snapshot", "what was saved is not taken");
		refused(&s);
	}
	free(copy);
	state_destroy(&s);
	if (m->v)
		virtio_resume(m->v);
}

void fuzz_lifecycle_power(void)
{
	if (fuzz_machine->device->power)
		fuzz_machine->device->power(fuzz_machine);
}

void fuzz_lifecycle_end(void)
{
	struct fuzz_machine *m = fuzz_machine;
	uint64_t hash = m->hash;
	bool before;

	if (!m->device->destroy)
		return;
	before = fuzz_arena_on(true);
	m->device->destroy(m);
	if (m->bus.region_count || m->bus.doorbell_count)
		fuzz_failed("memory", "%u regions and %u doorbells of what was taken down are on the bus",
			m->bus.region_count, m->bus.doorbell_count);
	if (m->loop.timers)
		fuzz_failed("memory", "a timer of what was taken down is armed");
	/* Not a step: a trace that replays has the same without it. */
	m->hash = hash;
	fuzz_arena_on(before);
}
