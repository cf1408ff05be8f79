/* SPDX-License-Identifier: Apache-2.0 */
/* See raw.h. */
#include "raw.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>

#include "machine.h"
#include "shape.h"
#include "trace_host.h"
#include "virtio/pci.h"

#define F(bit)	   (1ULL << (bit))
#define MOST_STEPS 512 /* of an input: the time that one takes is bounded */
#define MOST_BYTES 64 /* of a store or an event */

uint8_t fuzz_raw_take(struct fuzz_raw *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

uint64_t fuzz_raw_value(struct fuzz_raw *in, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)fuzz_raw_take(in) << (8 * i);
	return value;
}

uint8_t fuzz_raw_last(struct fuzz_raw *in)
{
	return in->at < in->end ? *--in->end : 0;
}

uint64_t fuzz_raw_left_out(uint8_t bits)
{
	static const uint64_t features[8] = {
		F(VIRTIO_F_RING_PACKED), F(VIRTIO_RING_F_EVENT_IDX), F(VIRTIO_RING_F_INDIRECT_DESC),
		F(VIRTIO_F_IN_ORDER), F(VIRTIO_F_NOTIFICATION_DATA), F(VIRTIO_F_RING_RESET),
		F(VIRTIO_F_ACCESS_PLATFORM) | F(VIRTIO_F_ORDER_PLATFORM), 0xffffff, /* the device type's own */
	};
	uint64_t mask = 0;

	/* A zero byte is a plain split ring with the device's own features. */
	bits ^= 0x7f;
	for (unsigned int i = 0; i < 8; i++)
		mask |= bits >> i & 1 ? features[i] : 0;
	return mask;
}

static void bring_up(uint8_t features, uint8_t size)
{
	if (fuzz_machine->v)
		fuzz_guest_bring_up(fuzz_raw_left_out(features), (uint16_t)fuzz_shape_value(size));
}

static uint64_t take_shaped(struct fuzz_raw *in)
{
	uint8_t choice = fuzz_raw_take(in);

	return choice == FUZZ_RAW_8_BYTES   ? fuzz_raw_value(in, 8)
	       : choice == FUZZ_RAW_4_BYTES ? fuzz_raw_value(in, 4)
					    : fuzz_shape_value(choice);
}

static unsigned int take_queue(uint8_t variant)
{
	return variant % FUZZ_GUEST_QUEUES;
}

/* Each runs one step, or a few that belong together. variant: the upper half of the opcode's byte. */

static const struct fuzz_reg *take_reg(struct fuzz_raw *in)
{
	const struct fuzz_reg *regs = fuzz_machine->device->regs;
	unsigned int count = 0, n = fuzz_raw_take(in);

	while (regs[count].name)
		count++;
	return &regs[n % count];
}

static void op_read_reg(struct fuzz_raw *in, uint8_t variant)
{
	const struct fuzz_reg *reg = take_reg(in);

	(void)variant;
	fuzz_guest_read(reg->addr, reg->size);
}

static void op_write_reg(struct fuzz_raw *in, uint8_t variant)
{
	const struct fuzz_reg *reg = take_reg(in);

	(void)variant;
	fuzz_guest_write(reg->addr, reg->size, take_shaped(in));
}

static gpa_t take_place(struct fuzz_raw *in)
{
	const struct fuzz_range *ranges = fuzz_machine->device->ranges;
	unsigned int count = 0, n = fuzz_raw_take(in);
	uint64_t offset = fuzz_raw_value(in, 2);

	while (ranges[count].size)
		count++;
	return ranges[n % count].base + offset % (ranges[n % count].size + 8);
}

static void op_read_any(struct fuzz_raw *in, uint8_t variant)
{
	fuzz_guest_read(take_place(in), 1u << variant % 4);
}

static void op_write_any(struct fuzz_raw *in, uint8_t variant)
{
	gpa_t addr = take_place(in);

	fuzz_guest_write(addr, 1u << variant % 4, take_shaped(in));
}

static void op_bring_up(struct fuzz_raw *in, uint8_t variant)
{
	uint8_t features = fuzz_raw_take(in);

	(void)variant;
	bring_up(features, fuzz_raw_take(in));
}

/* A chain as a good driver makes them. */
static void op_request(struct fuzz_raw *in, uint8_t variant)
{
	uint8_t choice[4];

	for (unsigned int i = 0; i < sizeof(choice); i++)
		choice[i] = fuzz_raw_take(in);
	if (fuzz_machine->device->request)
		fuzz_machine->device->request(fuzz_machine, take_queue(variant), choice);
	if (!(variant & 8))
		fuzz_guest_kick(take_queue(variant));
}

/* A chain of anything. */
static void op_chain(struct fuzz_raw *in, uint8_t variant)
{
	unsigned int count = 1 + fuzz_raw_take(in) % 8u;
	struct fuzz_buf bufs[8];

	for (unsigned int i = 0; i < count; i++) {
		uint8_t addr = fuzz_raw_take(in), len = fuzz_raw_take(in);

		bufs[i] = (struct fuzz_buf){ fuzz_shape_address(addr), fuzz_shape_length(len), len & 0x80 };
	}
	fuzz_guest_add(take_queue(variant), bufs, count, variant & 2);
	if (!(variant & 8))
		fuzz_guest_kick(take_queue(variant));
}

static void op_kick(struct fuzz_raw *in, uint8_t variant)
{
	(void)in;
	fuzz_guest_kick(variant < 14 ? take_queue(variant) : variant);
}

const uint8_t fuzz_raw_statuses[] = { 0, 1, 3, 11, 15, 0x80, 0x40, 0x4f, 7, 5, 0xff, 0x8f };
const unsigned int fuzz_raw_status_count = ARRAY_SIZE(fuzz_raw_statuses);

static void op_status(struct fuzz_raw *in, uint8_t variant)
{
	(void)in;
	fuzz_guest_status(fuzz_raw_statuses[variant % ARRAY_SIZE(fuzz_raw_statuses)]);
}

static void op_store(struct fuzz_raw *in, uint8_t variant)
{
	uint8_t bytes[MOST_BYTES];
	gpa_t addr = fuzz_shape_address(fuzz_raw_take(in));
	size_t len = variant < 15 ? 1u + variant : 1u + fuzz_raw_take(in) % MOST_BYTES;

	for (size_t i = 0; i < len; i++)
		bytes[i] = fuzz_raw_take(in);
	fuzz_guest_store(addr, bytes, len);
}

static void op_clock(struct fuzz_raw *in, uint8_t variant)
{
	struct fuzz_op op = { .kind = FUZZ_CLOCK, .value = (fuzz_raw_take(in) + 1ULL) << (4 * (variant % 12u)) };

	fuzz_do(&op);
}

static void op_host(struct fuzz_raw *in, uint8_t variant)
{
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = (enum fuzz_host)(variant % FUZZ_HOSTS) };
	uint8_t bytes[MOST_BYTES];

	if (fuzz_host_words[op.host] == FUZZ_HOST_DATA) {
		op.data = bytes;
		op.len = 1u + fuzz_raw_take(in) % MOST_BYTES;
		for (size_t i = 0; i < op.len; i++)
			bytes[i] = fuzz_raw_take(in);
	} else if (fuzz_host_words[op.host] == FUZZ_HOST_VALUE) {
		op.value = fuzz_shape_value(fuzz_raw_take(in));
	}
	fuzz_do(&op);
}

/* One descriptor, anywhere in a ring or a table. */
static void op_desc(struct fuzz_raw *in, uint8_t variant)
{
	const struct fuzz_guest_queue *q = &fuzz_machine->guest.queue[take_queue(variant)];
	uint8_t at = fuzz_raw_take(in), choice[4];
	struct vring_desc desc;
	gpa_t base = variant & 4 ? FUZZ_TABLES : FUZZ_DESC + take_queue(variant) * FUZZ_QUEUE_STEP;

	for (unsigned int i = 0; i < sizeof(choice); i++)
		choice[i] = fuzz_raw_take(in);
	desc = fuzz_shape_desc(choice, q->size);
	if (q->packed) {
		uint16_t id = desc.next;

		desc.next = (uint16_t)(desc.flags |
				       (variant & 8 ? F(VRING_PACKED_DESC_F_AVAIL) : F(VRING_PACKED_DESC_F_USED)));
		desc.flags = id;
	}
	fuzz_guest_store(base + 16ULL * (q->size ? at % q->size : at), &desc, sizeof(desc));
}

/* What the driver says in a ring beside descriptors: index, flags, entries, events; and what is the device's to say. */
static void op_ring(struct fuzz_raw *in, uint8_t variant)
{
	const struct fuzz_guest_queue *q = &fuzz_machine->guest.queue[take_queue(variant)];
	gpa_t avail = FUZZ_AVAIL + take_queue(variant) * FUZZ_QUEUE_STEP;
	gpa_t used = FUZZ_USED + take_queue(variant) * FUZZ_QUEUE_STEP;
	uint8_t at = fuzz_raw_take(in);
	uint64_t value = take_shaped(in);

	switch (variant >> 1) {
	case 0: fuzz_guest_write(avail + 2, 2, q->avail + value); break;
	case 1: fuzz_guest_write(avail, 2, value); break;
	case 2: fuzz_guest_write(avail + 4 + 2ULL * at, 2, value); break;
	case 3: fuzz_guest_write(avail + 4 + 2ULL * q->size, 2, value); break;
	case 4: fuzz_guest_write(used + at, 2, value); break;
	case 5: fuzz_guest_write(used + 2, 2, value); break;
	case 6: fuzz_guest_write(avail, 4, value); break;
	default: fuzz_guest_write(avail + 2, 2, value); break;
	}
}

static void op_queue(struct fuzz_raw *in, uint8_t variant)
{
	uint8_t choice[4];
	struct fuzz_again again;

	if (variant & 8) {
		for (unsigned int i = 0; i < sizeof(choice); i++)
			choice[i] = fuzz_raw_take(in);
		again = fuzz_shape_again(choice);
		fuzz_guest_queue_again(take_queue(variant), &again);
		return;
	}
	fuzz_guest_queue(take_queue(variant), (uint16_t)fuzz_shape_value(fuzz_raw_take(in)));
}

static void op_feed(struct fuzz_raw *in, uint8_t variant)
{
	fuzz_raw_feed(in, variant % 4u);
}

static const struct {
	void (*run)(struct fuzz_raw *in, uint8_t variant);
	bool virtio; /* has no meaning for another device: instead the register that is next is written, or read */
} opcodes[FUZZ_RAW_OPCODES] = {
	[FUZZ_RAW_WRITE_REG] = { op_write_reg, false },
	[FUZZ_RAW_REQUEST] = { op_request, true },
	[FUZZ_RAW_CHAIN] = { op_chain, true },
	[FUZZ_RAW_KICK] = { op_kick, true },
	[FUZZ_RAW_DESC] = { op_desc, true },
	[FUZZ_RAW_RING] = { op_ring, true },
	[FUZZ_RAW_STORE] = { op_store, true },
	[FUZZ_RAW_STATUS] = { op_status, true },
	[FUZZ_RAW_BRING_UP] = { op_bring_up, true },
	[FUZZ_RAW_QUEUE] = { op_queue, true },
	[FUZZ_RAW_READ_REG] = { op_read_reg, false },
	[FUZZ_RAW_READ_ANY] = { op_read_any, false },
	[FUZZ_RAW_WRITE_ANY] = { op_write_any, false },
	[FUZZ_RAW_CLOCK] = { op_clock, false },
	[FUZZ_RAW_HOST] = { op_host, false },
	[FUZZ_RAW_POLICY] = { op_feed, true },
};

static void do_host(enum fuzz_host host, uint64_t value)
{
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = host, .value = value };

	fuzz_do(&op);
}

static void set_mode(struct fuzz_raw *in, uint8_t mode)
{
	if (mode & FUZZ_RAW_MEMORY)
		do_host(FUZZ_HOST_MEMORY, 1);
	if (mode & FUZZ_RAW_READ_ONLY)
		do_host(FUZZ_HOST_READ_ONLY, 1);
	if (mode & FUZZ_RAW_AT_ONCE)
		do_host(FUZZ_HOST_AT_ONCE, 1);
	fuzz_machine->guest.intx = mode & FUZZ_RAW_INTX;
	if (fuzz_machine->v)
		fuzz_raw_feed(in, mode & FUZZ_RAW_FEED);
}

void fuzz_raw_run(const uint8_t *data, size_t size)
{
	struct fuzz_raw in = { data, data + size };
	uint8_t mode = fuzz_raw_take(&in), features = fuzz_raw_take(&in), queue_size = fuzz_raw_take(&in);

	fuzz_machine_reset();
	set_mode(&in, mode);
	if (!(mode & FUZZ_RAW_COLD))
		bring_up(features, queue_size);
	for (unsigned int step = 0; step < MOST_STEPS && in.at < in.end; step++) {
		uint8_t code = fuzz_raw_take(&in);

		if (opcodes[code % FUZZ_RAW_OPCODES].virtio && !fuzz_machine->v)
			(code & 1 ? op_write_reg : op_read_reg)(&in, code >> 4);
		else
			opcodes[code % FUZZ_RAW_OPCODES].run(&in, code >> 4);
	}
	if (mode & FUZZ_RAW_CHECK)
		fuzz_machine_check();
}
