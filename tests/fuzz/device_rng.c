/* SPDX-License-Identifier: Apache-2.0 */
/* Targets rng-mmio and rng-pci. */
#include "device_rng.h"

#include "arena.h"
#include "device_virtio.h"
#include "language.h"
#include "shape.h"
#include "virtio/rng.h"
#include "world.h"

static void build(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct virtio_rng *d = fuzz_arena_alloc(sizeof(*d));

	(void)device;
	fuzz_must(!virtio_rng_init(d, &m->loop, &fuzz_memory.mem, fuzz_world_entropy()), "no virtio-rng");
	fuzz_virtio_place(m, &d->v);
	m->dev = d;
}

void fuzz_rng_request(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4])
{
	struct fuzz_buf bufs[2] = {
		{ FUZZ_DATA + choice[0] * 0x100ULL, fuzz_shape_length(choice[1]), true },
		{ FUZZ_DATA + choice[2] * 0x100ULL, fuzz_shape_length(choice[3]), true },
	};

	(void)m;
	if (!queue)
		fuzz_guest_add(0, bufs, choice[3] % 4 ? 1 : 2, choice[3] & 0x80);
}

const char *fuzz_rng_works(struct fuzz_machine *m)
{
	const struct fuzz_buf buf = { FUZZ_DATA, 64, true };
	uint32_t head, len;
	uint16_t added;

	(void)m;
	fuzz_guest_bring_up(1ULL << 40, 8);
	added = fuzz_guest_add(0, &buf, 1, false);
	fuzz_guest_kick(0);
	if (!fuzz_guest_used(0, &head, &len))
		return "a request is not answered";
	return head != added || len != 64 ? "a request is answered wrong" : NULL;
}

void fuzz_rng_destroy(struct fuzz_machine *m)
{
	fuzz_virtio_remove(m);
	virtio_rng_destroy(m->dev);
}

#define RNG .build = build, .request = fuzz_rng_request, .works = fuzz_rng_works, .destroy = fuzz_rng_destroy

static const struct fuzz_device on_mmio = { .name = "rng-mmio", RNG, FUZZ_ON_MMIO };
static const struct fuzz_device on_pci = { .name = "rng-pci", RNG, FUZZ_ON_PCI };

const struct fuzz_target fuzz_rng_mmio = {
	.name = "rng-mmio",
	.what = "virtio-rng on virtio-mmio, at register level",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &on_mmio,
};
const struct fuzz_target fuzz_rng_pci = {
	.name = "rng-pci",
	.what = "virtio-rng on virtio-pci, at register level",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &on_pci,
};
