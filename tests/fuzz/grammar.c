/* SPDX-License-Identifier: Apache-2.0 */
/* See grammar.h. Sentences to steps; what their bytes mean is said at each. */
#include "grammar.h"

#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "board.h"
#include "machine.h"
#include "raw.h"
#include "shape.h"
#include "trace_host.h"
#include "virtio/pci.h"

#define F(bit)	       (1ULL << (bit))
#define MOST_SENTENCES 128

static const struct fuzz_device *device(void)
{
	return fuzz_machine->device;
}

/* Ring and transport features, a bit of an operand each; what is not there is VERSION_1, which every driver takes. */
static const uint8_t feature_bits[] = {
	VIRTIO_RING_F_INDIRECT_DESC,
	VIRTIO_RING_F_EVENT_IDX,
	VIRTIO_F_RING_PACKED,
	VIRTIO_F_IN_ORDER,
	VIRTIO_F_NOTIFICATION_DATA,
	VIRTIO_F_RING_RESET,
	VIRTIO_F_ACCESS_PLATFORM,
	VIRTIO_F_ORDER_PLATFORM,
};

/* ring: a bit each; own: every fourth of the device type's for each of the lower four, or with bit 7 all of them. */
static uint64_t features_of(uint8_t ring, uint8_t own)
{
	uint64_t features = F(VIRTIO_F_VERSION_1);

	for (unsigned int i = 0; i < ARRAY_SIZE(feature_bits); i++)
		features |= ring >> i & 1 ? F(feature_bits[i]) : 0;
	return features | (own & 0x80 ? 0xffffffULL : (own & 0xfu) * 0x111111ULL);
}

static const struct fuzz_reg *find_reg(const char *on_mmio, const char *on_pci)
{
	const char *name = device()->on_pci ? on_pci : on_mmio;
	const struct fuzz_reg *reg = device()->regs;

	while (reg->name && strcmp(reg->name, name))
		reg++;
	return reg;
}

static void set_by_name(const char *on_mmio, const char *on_pci, uint64_t value)
{
	const struct fuzz_reg *reg = find_reg(on_mmio, on_pci);

	if (reg->name)
		fuzz_guest_write(reg->addr, reg->size, value);
}

/* A driver's way from reset to DRIVER_OK (virtio 3.1.1), a stage each. */

static void stage_reset(const uint8_t *a)
{
	(void)a;
	fuzz_guest_status(0);
}

static void stage_acknowledge(const uint8_t *a)
{
	(void)a;
	fuzz_guest_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

static void stage_driver(const uint8_t *a)
{
	(void)a;
	fuzz_guest_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
}

static void stage_features(const uint8_t *a)
{
	uint64_t features = features_of(a[0], a[1]);

	/* Most drivers take what is offered and no more. */
	if (!(a[6] & 1))
		for (unsigned int word = 0; word < 2; word++)
			features &= ~(0xffffffffULL << (32 * word)) |
				    (uint64_t)virtio_device_features(fuzz_machine->v, word) << (32 * word);
	fuzz_machine->guest.features = features;
	for (unsigned int word = 0; word < 2; word++) {
		set_by_name("DRIVER_FEATURES_SEL", "GFSELECT", word);
		set_by_name("DRIVER_FEATURES", "GF", (uint32_t)(features >> (32 * word)));
	}
}

static void stage_features_ok(const uint8_t *a)
{
	(void)a;
	fuzz_guest_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
}

static void stage_queues(const uint8_t *a)
{
	for (unsigned int i = 0; i < FUZZ_GUEST_QUEUES && i < fuzz_machine->v->class->queue_count; i++)
		fuzz_guest_queue(i, (uint16_t)fuzz_shape_value(a[2]));
}

static void stage_driver_ok(const uint8_t *a)
{
	(void)a;
	fuzz_guest_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			  VIRTIO_CONFIG_S_DRIVER_OK);
}

static void (*const stages[])(const uint8_t *a) = { stage_reset, stage_acknowledge, stage_driver, stage_features,
	stage_features_ok, stage_queues, stage_driver_ok };

enum { AS_IT_SHOULD_BE, LEFT_OUT, TWICE, THEN_THE_FIRST, WAYS };

/* features, own features, queue size, what is wrong, at which stage, the status there, bits */
static void handshake(const uint8_t *a)
{
	unsigned int way = a[3] % WAYS, odd = a[4] % ARRAY_SIZE(stages);

	if (device()->on_pci && !(a[6] & 2))
		fuzz_guest_pci_bring_up();
	for (unsigned int i = 0; i < ARRAY_SIZE(stages); i++) {
		if (i == odd && way == LEFT_OUT)
			continue;
		stages[i](a);
		if (i == odd && way == TWICE)
			stages[i](a);
		if (i == odd && way == THEN_THE_FIRST)
			fuzz_guest_status(a[5]);
	}
}

/* features to leave out, queue size */
static void bring_up(const uint8_t *a)
{
	fuzz_guest_bring_up(~features_of(a[0], a[1]) & ~F(VIRTIO_F_VERSION_1), (uint16_t)fuzz_shape_value(a[2]));
}

/* which, size */
static void queue(const uint8_t *a)
{
	fuzz_guest_queue(a[0] % FUZZ_GUEST_QUEUES, (uint16_t)fuzz_shape_value(a[1]));
}

/* queue; four choices of how (shape.h); then what the rest makes of a request there: most of what is wrong is only then met */
static void queue_again(const uint8_t *a)
{
	struct fuzz_again again = fuzz_shape_again(a + 1);

	fuzz_guest_queue_again(a[0] % FUZZ_GUEST_QUEUES, &again);
	if (device()->request && !(a[0] & 2)) {
		device()->request(
			fuzz_machine, a[0] % FUZZ_GUEST_QUEUES, (const uint8_t[4]){ a[5] & 7, a[6] & 0x3f, 1, 0 });
		fuzz_guest_kick(a[0] % FUZZ_GUEST_QUEUES);
	}
}

/* queue and whether to kick, four choices of the device's, how many more like it */
static void request(const uint8_t *a)
{
	unsigned int index = a[0] % FUZZ_GUEST_QUEUES;

	if (!device()->request)
		return;
	for (unsigned int i = 0; i <= a[5] % 4u; i++) {
		uint8_t choice[4] = { (uint8_t)(a[1] + 16 * i), a[2], a[3], a[4] };

		device()->request(fuzz_machine, index, choice);
	}
	if (!(a[0] & 8))
		fuzz_guest_kick(index);
}

/* queue, kick and table; three buffers, an address and a length each, the upper bit of which is the direction */
static void chain(const uint8_t *a)
{
	unsigned int count = 1 + (a[0] >> 4) % 3u;
	struct fuzz_buf bufs[3];

	for (unsigned int i = 0; i < count; i++)
		bufs[i] = (struct fuzz_buf){ fuzz_shape_address(a[1 + 2 * i]), fuzz_shape_length(a[2 + 2 * i]),
			a[2 + 2 * i] & 0x80 };
	fuzz_guest_add(a[0] % FUZZ_GUEST_QUEUES, bufs, count, a[0] & 4);
	if (!(a[0] & 8))
		fuzz_guest_kick(a[0] % FUZZ_GUEST_QUEUES);
}

/* which, how often */
static void kick(const uint8_t *a)
{
	for (unsigned int i = 0; i <= a[1] % 4u; i++)
		fuzz_guest_kick(a[0] < 0xf0 ? a[0] % FUZZ_GUEST_QUEUES : a[0]);
}

static unsigned int count_regs(void)
{
	unsigned int count = 0;

	while (device()->regs[count].name)
		count++;
	return count;
}

/* a[from]: a shaped number, or the bytes behind it as they are, four or as many as the sentence has. */
static uint64_t number(const uint8_t *a, size_t from)
{
	size_t have = FUZZ_SENTENCE - 1 - (from + 1);
	uint32_t value = 0;

	if (a[from] != 0xff)
		return fuzz_shape_value(a[from]);
	memcpy(&value, a + from + 1, have < sizeof(value) ? have : sizeof(value));
	return value;
}

/* register, value */
static void set_register(const uint8_t *a)
{
	const struct fuzz_reg *reg = &device()->regs[a[0] % count_regs()];

	fuzz_guest_write(reg->addr, reg->size, number(a, 1));
}

/* register, another width, bytes further */
static void get_register(const uint8_t *a)
{
	const struct fuzz_reg *reg = &device()->regs[a[0] % count_regs()];

	fuzz_guest_read(reg->addr + a[2] % 64u, a[1] & 4 ? 1u << a[1] % 4u : reg->size);
}

/* queue to select, register, value: most of a queue's registers are behind the selector */
static void queue_register(const uint8_t *a)
{
	static const char *const names[][2] = {
		{ "QUEUE_NUM", "Q_SIZE" },
		{ "QUEUE_READY", "Q_ENABLE" },
		{ "QUEUE_RESET", "Q_RESET" },
		{ "QUEUE_DESC_LOW", "Q_DESCLO" },
		{ "QUEUE_DESC_HIGH", "Q_DESCHI" },
		{ "QUEUE_AVAIL_LOW", "Q_AVAILLO" },
		{ "QUEUE_AVAIL_HIGH", "Q_AVAILHI" },
		{ "QUEUE_USED_LOW", "Q_USEDLO" },
		{ "QUEUE_USED_HIGH", "Q_USEDHI" },
		{ "INTERRUPT_ACK", "Q_MSIX" },
	};
	unsigned int i = a[1] % ARRAY_SIZE(names);

	set_by_name("QUEUE_SEL", "Q_SELECT", fuzz_shape_value(a[0]));
	set_by_name(names[i][0], names[i][1], i > 2 && a[2] & 1 ? fuzz_shape_address(a[3]) : number(a, 3));
}

/* status */
static void status(const uint8_t *a)
{
	fuzz_guest_status(a[0]);
}

/* On PCI: BARs and messages as at first; on both: one more access anywhere in the device's ranges. range, offset, width, value */
static void place(const uint8_t *a)
{
	const struct fuzz_range *ranges = device()->ranges;
	unsigned int count = 0;
	uint64_t offset = (uint64_t)a[1] << 8 | a[2];

	if (device()->on_pci && a[3] & 8) {
		fuzz_guest_pci_bring_up();
		return;
	}
	while (ranges[count].size)
		count++;
	ranges += a[0] % count;
	fuzz_guest_write(ranges->base + offset % ranges->size, 1u << a[3] % 4u, fuzz_shape_value(a[4]));
}

/* BAR, offset of 16 bits, length or anything for it, write and value; on PCI alone */
static void window(const uint8_t *a)
{
	static const uint8_t lengths[] = { 4, 2, 1, 0, 3, 8 };

	if (device()->on_pci)
		fuzz_guest_window(a[0], (uint32_t)a[1] | (uint32_t)(a[2] & 0x7f) << 8,
			a[3] < 0xf0 ? lengths[a[3] % ARRAY_SIZE(lengths)] : (uint32_t)fuzz_shape_value(a[4]),
			a[2] & 0x80, (uint32_t)fuzz_shape_value(a[5]));
}

/* BAR, where to: a place of the board's or where another BAR is, pages further; whether it is of 64 bits; on PCI alone */
static void move_bar(const uint8_t *a)
{
	unsigned int count = 0;
	uint64_t addr;

	if (!device()->on_pci)
		return;
	while (fuzz_places[count].name)
		count++;
	addr = a[1] & 0x80 ? fuzz_machine->guest.bar[a[1] % 6u] : fuzz_places[a[1] % count].addr;
	fuzz_guest_move_bar(a[0] % 6u, addr + a[2] % 8u * 0x1000ULL, a[3] & 1);
}

/* ns, shifted */
static void tick(const uint8_t *a)
{
	struct fuzz_op op = { .kind = FUZZ_CLOCK, .value = (a[0] + 1ULL) << a[1] % 48u };

	fuzz_do(&op);
}

/* event, value, four bytes */
static void world(const uint8_t *a)
{
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = (enum fuzz_host)(a[0] % FUZZ_HOSTS) };

	if (fuzz_host_words[op.host] == FUZZ_HOST_DATA) {
		op.data = a + 2;
		op.len = 1 + a[1] % 4u;
	} else if (fuzz_host_words[op.host] == FUZZ_HOST_VALUE) {
		op.value = fuzz_shape_value(a[1]);
	}
	fuzz_do(&op);
}

/* queue, which word, value: what a driver says beside descriptors */
static void ring(const uint8_t *a)
{
	const struct fuzz_guest_queue *q = &fuzz_machine->guest.queue[a[0] % FUZZ_GUEST_QUEUES];
	uint64_t base = a[0] % FUZZ_GUEST_QUEUES * FUZZ_QUEUE_STEP, value = number(a, 2);

	switch (a[1] % 4u) {
	case 0: fuzz_guest_write(FUZZ_AVAIL + base + 2, 2, q->avail + value); break;
	case 1: fuzz_guest_write(FUZZ_AVAIL + base, 2, value); break;
	case 2: fuzz_guest_write(FUZZ_AVAIL + base + 4 + 2ULL * q->size, 2, q->used + value); break;
	default: fuzz_guest_write(FUZZ_AVAIL + base, 4, value); break;
	}
}

static const struct {
	void (*say)(const uint8_t *a);
	bool virtio; /* of a virtio device alone; another one's register is written instead */
} verbs[FUZZ_VERBS] = {
	[FUZZ_HANDSHAKE] = { handshake, true },
	[FUZZ_BRING_UP] = { bring_up, true },
	[FUZZ_QUEUE] = { queue, true },
	[FUZZ_REQUEST] = { request, true },
	[FUZZ_CHAIN] = { chain, true },
	[FUZZ_KICK] = { kick, true },
	[FUZZ_SET_REGISTER] = { set_register, false },
	[FUZZ_GET_REGISTER] = { get_register, false },
	[FUZZ_QUEUE_REGISTER] = { queue_register, true },
	[FUZZ_STATUS] = { status, true },
	[FUZZ_PLACE] = { place, false },
	[FUZZ_TICK] = { tick, false },
	[FUZZ_WORLD] = { world, false },
	[FUZZ_RING] = { ring, true },
	[FUZZ_QUEUE_AGAIN] = { queue_again, true },
	[FUZZ_WINDOW] = { window, true },
	[FUZZ_MOVE_BAR] = { move_bar, true },
};

static void do_host(enum fuzz_host host)
{
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = host, .value = 1 };

	fuzz_do(&op);
}

void fuzz_grammar_run(const uint8_t *data, size_t size)
{
	uint8_t mode = size > 1 ? data[1] : 0;
	size_t sentences = size > FUZZ_GRAMMAR_HEADER ? (size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE : 0;

	fuzz_machine_reset();
	if (mode & FUZZ_RAW_MEMORY)
		do_host(FUZZ_HOST_MEMORY);
	if (mode & FUZZ_RAW_READ_ONLY)
		do_host(FUZZ_HOST_READ_ONLY);
	if (mode & FUZZ_RAW_AT_ONCE)
		do_host(FUZZ_HOST_AT_ONCE);
	fuzz_machine->guest.intx = mode & FUZZ_RAW_INTX;
	for (size_t i = 0; i < sentences && i < MOST_SENTENCES; i++) {
		const uint8_t *s = data + FUZZ_GRAMMAR_HEADER + i * FUZZ_SENTENCE;
		unsigned int verb = s[0] % FUZZ_VERBS;

		(verbs[verb].virtio && !fuzz_machine->v ? set_register : verbs[verb].say)(s + 1);
	}
	if (mode & FUZZ_RAW_CHECK)
		fuzz_machine_check();
}
