/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets rng-hostile and blk-hostile: devices that lie to their driver (virtio/hostile.h), as often and about what an input's HOST_INPUT
 * steps say. A liar touches nothing that is not its device's, and once it is honest again the device works.
 */
#include "arena.h"
#include "device_blk.h"
#include "device_rng.h"
#include "device_virtio.h"
#include "language.h"
#include "virtio/hostile.h"
#include "virtio/rng.h"
#include "world.h"

#define SEED 7
#define RATE 3 /* at first */

/* In the arena; the machine's `own`. */
struct liars {
	struct hostile h;
	struct hostile_device *device;
};

static struct liars *liars(void)
{
	return fuzz_machine->own;
}

/* Whoever prints what it says finds a text there. */
static void heard(struct hostile *h, const char *text)
{
	(void)h;
	if (!*text)
		fuzz_failed("state", "a lie is told with nothing");
}

static void begin(struct fuzz_machine *m)
{
	struct liars *l = fuzz_arena_alloc(sizeof(*l));

	hostile_init(&l->h, SEED, RATE, (1u << HOSTILE_KINDS) - 1);
	l->h.report = heard;
	m->own = l;
}

static void attach(struct fuzz_machine *m)
{
	liars()->device = hostile_attach(&liars()->h, m->v);
	fuzz_must(liars()->device, "nobody to lie");
}

static void build_rng(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct virtio_rng *d = fuzz_arena_alloc(sizeof(*d));
	struct entropy *entropy;

	(void)device;
	begin(m);
	entropy = hostile_entropy(&liars()->h, fuzz_world_entropy());
	fuzz_must(!virtio_rng_init(d, &m->loop, &fuzz_memory.mem, entropy), "no virtio-rng");
	fuzz_virtio_place(m, &d->v);
	m->dev = d;
	attach(m);
}

static void build_blk(struct fuzz_machine *m, const struct fuzz_device *device)
{
	begin(m);
	fuzz_device_blk_pci.build(m, device);
	attach(m);
}

/* Which kinds of lies, and one in how many occasions. */
static void host(struct fuzz_machine *m, const struct fuzz_op *op)
{
	(void)m;
	if (op->host != FUZZ_HOST_INPUT || op->len < 2)
		return;
	liars()->h.kinds = op->data[0] ? op->data[0] | (op->data[1] & 0x80u) << 1 : 0;
	liars()->h.rate = 1 + op->data[1] % 8u;
}

/* Honest from here on, by a step of the trace. */
static void become_honest(void)
{
	static const uint8_t nothing[2];
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = FUZZ_HOST_INPUT, .data = nothing, .len = sizeof(nothing) };

	fuzz_do(&op);
}

static void detach(struct fuzz_machine *m)
{
	virtio_set_status(m->v, 0);
	hostile_detach(liars()->device);
}

static const char *works_rng(struct fuzz_machine *m)
{
	become_honest();
	return fuzz_rng_works(m);
}

static const char *works_blk(struct fuzz_machine *m)
{
	become_honest();
	return fuzz_device_blk_pci.works(m);
}

static void scrub(struct fuzz_machine *m)
{
	fuzz_device_blk_pci.scrub(m);
}

static void request_blk(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4])
{
	fuzz_device_blk_pci.request(m, queue, choice);
}

static void shape_header(uint8_t *buf, uint32_t len, const uint8_t choice[4])
{
	fuzz_device_blk_pci.shape_header(buf, len, choice);
}

static void destroy_rng(struct fuzz_machine *m)
{
	detach(m);
	fuzz_rng_destroy(m);
}

static void destroy_blk(struct fuzz_machine *m)
{
	detach(m);
	fuzz_device_blk_pci.destroy(m);
}

static const struct fuzz_device rng = {
	.name = "rng-hostile",
	.build = build_rng,
	.request = fuzz_rng_request,
	.works = works_rng,
	.destroy = destroy_rng,
	.host = host,
	.lies = true,
	FUZZ_ON_MMIO,
};
static const struct fuzz_device blk = {
	.name = "blk-hostile",
	.build = build_blk,
	.scrub = scrub,
	.request = request_blk,
	.requests = fuzz_blk_requests,
	.works = works_blk,
	.destroy = destroy_blk,
	.shape_header = shape_header,
	.host = host,
	.writes_itself = 1,
	.lies = true,
	FUZZ_ON_PCI,
};

const struct fuzz_target fuzz_rng_hostile = {
	.name = "rng-hostile",
	.what = "virtio-rng on virtio-mmio that lies to its driver",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &rng,
};
const struct fuzz_target fuzz_blk_hostile = {
	.name = "blk-hostile",
	.what = "virtio-blk on virtio-pci that lies to its driver",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &blk,
};
