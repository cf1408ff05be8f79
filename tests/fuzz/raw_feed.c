/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What loads find, out of the end of an input: whatever a device reads of guest memory may be something else than what was written
 * there, and something else again the next time. Made to fit what is being read, which is known by where it is.
 */
#include <string.h>

#include <linux/virtio_config.h>

#include "machine.h"
#include "oracle.h"
#include "raw.h"
#include "shape.h"

enum { FEED_NONE, FEED_ALL, FEED_THIRD, FEED_DESCS };

static struct {
	struct fuzz_feeder feeder;
	struct fuzz_raw *in;
	unsigned int policy, loads;
} raw;

/* The queue that has this in its descriptor area (desc), or in the driver's. NULL: none. */
static const struct virtq *queue_at(gpa_t gpa, bool desc)
{
	const struct virtio *v = fuzz_machine->v;

	for (uint16_t i = 0; i < v->class->queue_count; i++) {
		const struct virtq *q = &v->queue[i];
		gpa_t base = desc ? q->desc_gpa : q->avail_gpa;

		if (q->ready && gpa - base < (desc ? 16ULL * q->size : 6 + 2ULL * q->size))
			return q;
	}
	return NULL;
}

static void put16(uint8_t *buf, uint64_t value)
{
	uint16_t word = (uint16_t)value;

	memcpy(buf, &word, sizeof(word));
}

/* Two bytes of a split ring's driver area: flags, index, an entry, the event. */
static void feed_avail(const struct virtq *q, gpa_t offset, uint8_t *buf, uint8_t choice)
{
	if (choice >= 0xf8)
		put16(buf, fuzz_shape_value(fuzz_raw_last(raw.in)));
	else if (!offset)
		put16(buf, choice & 1);
	else if (offset == 2)
		put16(buf, q->avail_next + (choice & 1 ? choice >> 1 & 3 : 0));
	else if (offset < 4 + 2ULL * q->size)
		put16(buf, choice % q->size);
	else
		put16(buf, q->used_next + (uint64_t)choice - 0x80);
}

static void feed_desc(const struct virtq *q, uint8_t *buf, uint8_t choice)
{
	uint8_t more[4] = { choice, fuzz_raw_last(raw.in), fuzz_raw_last(raw.in), fuzz_raw_last(raw.in) };
	struct vring_desc desc = fuzz_shape_desc(more, q ? q->size : 64);

	if (virtio_has_feature(fuzz_machine->v, VIRTIO_F_RING_PACKED)) {
		uint16_t flags = desc.flags & 7;

		desc.flags = desc.next; /* the id */
		/* Mostly available in the lap that the device is in; the top bits of the choice of flags say otherwise. */
		flags |= !(more[2] & 0x40) == (q && q->avail_next & 0x8000) ? 1u << VRING_PACKED_DESC_F_AVAIL
									    : 1u << VRING_PACKED_DESC_F_USED;
		desc.next = flags;
	}
	memcpy(buf, &desc, sizeof(desc));
}

/* One of a packed ring's descriptors is about to be looked at: is it there? */
static void feed_packed_flags(const struct virtq *q, uint8_t *buf, uint8_t choice)
{
	bool wrap = q->avail_next & 0x8000;

	if (choice & 1)
		put16(buf, wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED);
	else if (choice & 2)
		put16(buf, fuzz_shape_value(choice));
}

static bool is_wanted(const struct fuzz_load *load)
{
	switch (raw.policy) {
	case FEED_ALL: return true;
	case FEED_THIRD: return !(raw.loads++ % 3);
	default: return load->len >= 4;
	}
}

static bool feed(struct fuzz_feeder *feeder, const struct fuzz_load *load, uint8_t *buf)
{
	bool packed = virtio_has_feature(fuzz_machine->v, VIRTIO_F_RING_PACKED);
	const struct virtq *q = queue_at(load->gpa, load->len == 16 || packed);
	uint8_t choice;

	(void)feeder;
	if (raw.in->at >= raw.in->end || !is_wanted(load))
		return false;
	choice = fuzz_raw_last(raw.in);
	/* Some are as they were written. */
	if (choice % 8 == 7)
		return false;
	if (load->len == 2 && q && packed)
		feed_packed_flags(q, buf, choice);
	else if (load->len == 2 && q)
		feed_avail(q, load->gpa - q->avail_gpa, buf, choice);
	else if (load->len == 16 && fuzz_oracle_popping())
		feed_desc(q, buf, choice);
	else if (fuzz_machine->device->shape_header && choice % 8)
		fuzz_machine->device->shape_header(buf, load->len,
			(const uint8_t[4]){
				choice, fuzz_raw_last(raw.in), fuzz_raw_last(raw.in), fuzz_raw_last(raw.in) });
	else
		for (uint32_t i = 0; i < load->len; i++)
			buf[i] = fuzz_raw_last(raw.in);
	return true;
}

void fuzz_raw_feed(struct fuzz_raw *in, unsigned int policy)
{
	raw.feeder.feed = feed;
	raw.in = in;
	raw.policy = policy;
	raw.loads = 0;
	fuzz_memory.feeder = policy == FEED_NONE ? NULL : &raw.feeder;
}
