/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target blk-mirror: the disk on virtio-mmio as a machine with KVM has it, its registers mirrored in memory that the guest reads and
 * acknowledgements taken lazily. After each step the mirror has to say what a read of the register would.
 */
#include "arena.h"
#include "board.h"
#include "device_blk.h"
#include "device_virtio.h"
#include "language.h"
#include "virtio/mmio.h"
#include "world.h"

#define WORDS (VIRTIO_MMIO_SIZE / 4)

/* In the arena; the machine's `mirror`. */
struct mirrored {
	struct mirror mirror;
	uint32_t host[WORDS]; /* what the device stores */
	uint32_t seen[WORDS]; /* what a guest sees of it: what was published */
	bool hidden;
};

static void publish(struct mirror *mirror, const uint32_t *word)
{
	struct mirrored *m = container_of(mirror, struct mirrored, mirror);

	m->seen[word - m->host] = *word;
}

static void hide(struct mirror *mirror, bool hidden)
{
	struct mirrored *m = container_of(mirror, struct mirrored, mirror);

	if (m->hidden == hidden)
		fuzz_failed("state", "the mirror is %s twice", hidden ? "hidden" : "shown");
	m->hidden = hidden;
}

static void build(struct fuzz_machine *m, const struct fuzz_device *device)
{
	static const struct mirror_ops ops = { .publish = publish, .hide = hide };
	struct mirrored *mirrored = fuzz_arena_alloc(sizeof(*mirrored));
	struct virtio_mmio *t;

	fuzz_device_blk_mmio.build(m, device);
	t = m->v->transport_state;
	mirrored->mirror = (struct mirror){
		.ops = &ops, .base = FUZZ_MMIO, .size = VIRTIO_MMIO_SIZE, .host = (uint8_t *)mirrored->host
	};
	m->own = mirrored;
	virtio_mmio_lazy_ack(t);
	virtio_mmio_mirror(t, &mirrored->mirror);
}

static void scrub(struct fuzz_machine *m)
{
	fuzz_device_blk_mmio.scrub(m);
}

static void destroy(struct fuzz_machine *m)
{
	fuzz_device_blk_mmio.destroy(m);
}

static void request(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4])
{
	fuzz_device_blk_mmio.request(m, queue, choice);
}

static const char *works(struct fuzz_machine *m)
{
	return fuzz_device_blk_mmio.works(m);
}

static void shape_header(uint8_t *buf, uint32_t len, const uint8_t choice[4])
{
	fuzz_device_blk_mmio.shape_header(buf, len, choice);
}

/* Input: the interrupt's receiver takes the level. A disk that becomes read-only is one whose device says so. */
static void host(struct fuzz_machine *m, const struct fuzz_op *op)
{
	struct irq *irq = &m->line[0].irq;

	if (op->host == FUZZ_HOST_INPUT)
		irq->sensed(irq, irq->sensed_opaque);
	if (op->host != FUZZ_HOST_READ_ONLY || fuzz_world->requests)
		return;
	fuzz_world->disk.read_only = op->value;
	virtio_changed(m->v);
}

static const char *check(struct fuzz_machine *m)
{
	const struct mirrored *mirrored = m->own;
	uint64_t value;

	if (mirrored->hidden)
		return "the mirror is hidden";
	for (unsigned int i = 0; i < WORDS; i++)
		if (!bus_read(&m->bus, FUZZ_MMIO + 4ULL * i, 4, &value) || mirrored->seen[i] != value)
			return "the mirror shows something else than the registers";
	return NULL;
}

static const struct fuzz_device device = {
	.name = "blk-mirror",
	.build = build,
	.scrub = scrub,
	.destroy = destroy,
	.request = request,
	.requests = fuzz_blk_requests,
	.works = works,
	.shape_header = shape_header,
	.host = host,
	.check = check,
	.writes_itself = 1,
	.doorbells = 1, /* that of acknowledgements */
	FUZZ_ON_MMIO,
};

const struct fuzz_target fuzz_blk_mirror = {
	.name = "blk-mirror",
	.what = "virtio-blk on virtio-mmio with mirrored registers and lazy acknowledgements",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &device,
};
