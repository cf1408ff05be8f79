/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-mmio registers. Control registers answer to aligned 32 bit accesses alone (virtio 4.2.2.2), anything else reads
 * 0 and is dropped; the configuration space takes any width. When a queue may be changed, what a status write does and
 * which features exist is the core's to say.
 */
#include "mmio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

static struct virtq *selected(struct virtio_mmio *t)
{
	return virtio_queue(t->v, t->queue_sel);
}

static void show_word(struct virtio_mmio *t, uint32_t offset, uint32_t value)
{
	uint32_t *word = &t->shown[offset / 4];

	if (*word == value)
		return;
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
	mirror_publish(t->mirror, word);
}

/* The one place where InterruptStatus changes. */
static void mmio_set_interrupt(struct virtio_mmio *t, uint32_t status)
{
	t->interrupt_status = status;
	if (t->shown)
		show_word(t, VIRTIO_MMIO_INTERRUPT_STATUS, status);
}

static void mmio_interrupt(struct virtio_mmio *t, uint32_t bit)
{
	/* The bit before the line: the driver reads it in its handler (virtio 4.2.2.1). */
	mmio_set_interrupt(t, t->interrupt_status | bit);
	/* Also when the bit was set already: a driver may acknowledge after it scanned the ring, and needs a new edge. */
	irq_raise(t->irq);
}

static void mmio_clear_interrupt(struct virtio_mmio *t, uint32_t bits)
{
	mmio_set_interrupt(t, t->interrupt_status & ~bits);
	if (!t->interrupt_status)
		irq_lower(t->irq);
}

static void mmio_ack(struct virtio_mmio *t, uint32_t bits)
{
	mmio_clear_interrupt(t, t->ack.active ? bits & ~(uint32_t)VIRTIO_MMIO_INT_VRING : bits);
}

/* The driver's acknowledgement of used buffers, and of nothing else. */
static struct doorbell ack_doorbell(const struct virtio_mmio *t)
{
	return (struct doorbell){
		.addr = t->region.base + VIRTIO_MMIO_INTERRUPT_ACK,
		.size = 4,
		.value = VIRTIO_MMIO_INT_VRING,
		.fd = t->ack.fd,
	};
}

static void stop_lazy_ack(struct virtio_mmio *t)
{
	const struct doorbell bell = ack_doorbell(t);

	if (t->ack.active)
		bus_del_doorbell(t->bus, &bell);
	t->ack.active = false;
}

/* Whatever stands in its way: acknowledgements then come as they always do. */
static void start_lazy_ack(struct virtio_mmio *t)
{
	struct doorbell bell;

	if (t->ack.fd < 0)
		t->ack.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	bell = ack_doorbell(t);
	t->ack.active = t->ack.fd >= 0 && bus_add_doorbell(t->bus, &bell) == 0;
}

static void settle_ack(struct virtio_mmio *t)
{
	bool running = t->v->status & VIRTIO_CONFIG_S_DRIVER_OK;

	if (!running)
		t->ack.by_level = false; /* the next driver may be another one */
	if (t->ack.lazy && running && !t->ack.by_level && !t->ack.active)
		start_lazy_ack(t);
}

/*
 * The line is taken by its level after all: it would be asserted for ever if no acknowledgement were looked at. Those that went
 * unseen until now are asked for anew, by an interrupt that finds the bit still set.
 */
static void mmio_sensed(struct irq *irq, void *opaque)
{
	struct virtio_mmio *t = opaque;

	(void)irq;
	stop_lazy_ack(t);
	t->ack.by_level = true;
}

static uint32_t read_control(struct virtio_mmio *t, uint32_t offset)
{
	const struct virtq *q = selected(t);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE: return 0x74726976;
	case VIRTIO_MMIO_VERSION: return 2;
	case VIRTIO_MMIO_DEVICE_ID: return t->v->class->device_id;
	case VIRTIO_MMIO_VENDOR_ID: return VIRTIO_MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES: return virtio_device_features(t->v, t->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return q ? q->size_max : 0;
	case VIRTIO_MMIO_QUEUE_READY: return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS: return t->interrupt_status;
	case VIRTIO_MMIO_STATUS: return t->v->status;
	/* No shared memory regions: every id is unused, and reads as all ones (virtio 4.2.2). */
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH: return UINT32_MAX;
	/* A queue reset is over when the write of 1 returns, so nobody ever sees one going on. */
	case VIRTIO_MMIO_REG_QUEUE_RESET: return 0;
	case VIRTIO_MMIO_CONFIG_GENERATION: return t->v->config_generation;
	default: return 0;
	}
}

/* All that can be read; what is not here reads as 0 and stays 0. */
static void show_control(struct virtio_mmio *t)
{
	static const uint16_t readable[] = {
		VIRTIO_MMIO_MAGIC_VALUE,
		VIRTIO_MMIO_VERSION,
		VIRTIO_MMIO_DEVICE_ID,
		VIRTIO_MMIO_VENDOR_ID,
		VIRTIO_MMIO_DEVICE_FEATURES,
		VIRTIO_MMIO_QUEUE_NUM_MAX,
		VIRTIO_MMIO_QUEUE_READY,
		VIRTIO_MMIO_INTERRUPT_STATUS,
		VIRTIO_MMIO_STATUS,
		VIRTIO_MMIO_SHM_LEN_LOW,
		VIRTIO_MMIO_SHM_LEN_HIGH,
		VIRTIO_MMIO_SHM_BASE_LOW,
		VIRTIO_MMIO_SHM_BASE_HIGH,
		VIRTIO_MMIO_CONFIG_GENERATION,
	};

	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		show_word(t, readable[i], read_control(t, readable[i]));
}

static void show_config(struct virtio_mmio *t, const uint32_t *config)
{
	for (uint32_t i = 0; i < VIRTIO_CONFIG_MAX / 4; i++)
		show_word(t, VIRTIO_MMIO_CONFIG + 4 * i, config[i]);
}

static void read_config(struct virtio_mmio *t, uint32_t *config)
{
	memset(config, 0, VIRTIO_CONFIG_MAX);
	virtio_config_read(t->v, 0, config, t->v->class->config_size);
}

/*
 * Brings the mirror up to date after something that may have changed any register. The configuration space changes out of
 * sight: a driver takes a wide field with several reads and compares ConfigGeneration before and after (virtio 2.5.3), and
 * whatever the order of our stores, one that fits between two of them would see no change in it.
 */
static void show(struct virtio_mmio *t)
{
	uint32_t config[VIRTIO_CONFIG_MAX / 4];
	bool hide;

	if (!t->shown)
		return;
	read_config(t, config);
	hide = memcmp(config, &t->shown[VIRTIO_MMIO_CONFIG / 4], sizeof(config));
	if (hide)
		mirror_hide(t->mirror, true);
	show_control(t);
	if (!hide)
		return;
	show_config(t, config);
	mirror_hide(t->mirror, false);
}

static void set_half(gpa_t *addr, bool high, uint32_t value)
{
	unsigned int shift = high ? 32 : 0;

	*addr = (*addr & ~(0xffffffffULL << shift)) | (uint64_t)value << shift;
}

/* The settings of the selected queue, which are frozen while it is ready (virtio 4.2.2.2, R31). */
static void write_queue(struct virtio_mmio *t, uint32_t offset, uint32_t value)
{
	struct virtq *q = selected(t);

	if (!q || !virtio_queue_open(t->v, q))
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* Compared at full width: 0x10000 in a uint16_t would be 0 (R30). 0 is then refused by the start. */
		q->size = value <= q->size_max ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH: set_half(&q->desc_gpa, offset & 4, value); break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH: set_half(&q->avail_gpa, offset & 4, value); break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH: set_half(&q->used_gpa, offset & 4, value); break;
	default: break;
	}
}

static void write_ready(struct virtio_mmio *t, uint32_t value)
{
	struct virtq *q = selected(t);

	if (!q)
		return;
	if (value == 1)
		virtio_queue_enable(t->v, q);
	else if (value == 0)
		virtio_queue_disable(t->v, q);
}

static void write_notify(struct virtio_mmio *t, uint32_t value)
{
	/* virtio 2.9: the index is in the low 16 bits; the position above it is a hint that the ring itself gives better. */
	if (virtio_has_feature(t->v, VIRTIO_F_NOTIFICATION_DATA))
		value &= 0xffff;
	virtio_queue_notify(t->v, value);
}

static void write_control(struct virtio_mmio *t, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL: t->device_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES: virtio_set_driver_features(t->v, t->driver_features_sel, value); break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL: t->driver_features_sel = value; break;
	case VIRTIO_MMIO_QUEUE_SEL: t->queue_sel = value; break;
	case VIRTIO_MMIO_QUEUE_READY: write_ready(t, value); break;
	case VIRTIO_MMIO_QUEUE_NOTIFY: write_notify(t, value); break;
	case VIRTIO_MMIO_REG_QUEUE_RESET:
		if (value == 1 && selected(t))
			virtio_queue_reset(t->v, selected(t));
		break;
	/* Eight bits are defined; a write with any above them is not a status. */
	case VIRTIO_MMIO_STATUS:
		if (value <= UINT8_MAX)
			virtio_set_status(t->v, (uint8_t)value);
		settle_ack(t);
		break;
	default: write_queue(t, offset, value); break;
	}
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct virtio_mmio *t = opaque;
	uint64_t value = 0;

	if (offset >= VIRTIO_MMIO_CONFIG)
		virtio_config_read(t->v, offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == 4 && offset % 4 == 0)
		value = read_control(t, (uint32_t)offset);
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_mmio *t = opaque;

	/* The one that comes with every interrupt, and changes InterruptStatus alone. */
	if (likely(offset == VIRTIO_MMIO_INTERRUPT_ACK && size == 4)) {
		mmio_ack(t, (uint32_t)value);
		return;
	}
	if (offset >= VIRTIO_MMIO_CONFIG)
		virtio_config_write(t->v, offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == 4 && offset % 4 == 0)
		write_control(t, (uint32_t)offset, (uint32_t)value);
	/* A running device's, which changes nothing that can be read. */
	if (offset != VIRTIO_MMIO_QUEUE_NOTIFY)
		show(t);
}

static const struct bus_ops mmio_bus_ops = {
	.read = mmio_read,
	.write = mmio_write,
	.reg_name = virtio_mmio_reg_name,
};

static void mmio_notify_queue(struct virtio *v, struct virtq *q)
{
	(void)q;
	mmio_interrupt(v->transport_state, VIRTIO_MMIO_INT_VRING);
}

static void mmio_notify_config(struct virtio *v)
{
	mmio_interrupt(v->transport_state, VIRTIO_MMIO_INT_CONFIG);
}

static void mmio_changed(struct virtio *v)
{
	settle_ack(v->transport_state);
	show(v->transport_state);
}

static int mmio_set_doorbell(struct virtio *v, struct virtq *q, int fd, bool on)
{
	struct virtio_mmio *t = v->transport_state;
	const struct doorbell bell = {
		.addr = t->region.base + VIRTIO_MMIO_QUEUE_NOTIFY,
		.size = 4,
		.value = q->index,
		.fd = fd,
	};

	/* The driver writes more than the index: no one value can be matched. */
	if (on && virtio_has_feature(v, VIRTIO_F_NOTIFICATION_DATA))
		return -EOPNOTSUPP;
	if (on)
		return bus_add_doorbell(t->bus, &bell);
	bus_del_doorbell(t->bus, &bell);
	return 0;
}

static int mmio_call_fd(struct virtio *v, struct virtq *q)
{
	(void)v;
	(void)q;
	/* Whoever wrote such an fd could not set InterruptStatus, and the driver would ignore the interrupt. */
	return -1;
}

static void mmio_reset(struct virtio *v)
{
	struct virtio_mmio *t = v->transport_state;

	t->device_features_sel = t->driver_features_sel = t->queue_sel = 0;
	stop_lazy_ack(t);
	mmio_clear_interrupt(t, UINT32_MAX);
}

static void mmio_state(struct virtio *v, struct state *s)
{
	struct virtio_mmio *t = v->transport_state;
	uint32_t interrupt = t->interrupt_status;

	state_u32(s, &t->device_features_sel);
	state_u32(s, &t->driver_features_sel);
	state_u32(s, &t->queue_sel);
	state_u32(s, &interrupt);
	if (!state_loading(s) || state_failed(s))
		return;
	if (interrupt & ~(uint32_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG)) {
		state_fail(s, "InterruptStatus has bits that do not exist");
		return;
	}
	/* virtio 2.1.2: nobody was notified before, and a reset withdraws it. */
	if (interrupt && !(v->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		state_fail(s, "it interrupts a driver that is not there");
		return;
	}
	mmio_set_interrupt(t, interrupt);
	/* Whether the edge had reached the guest by then is not known here; one too many does no harm. */
	if (interrupt)
		irq_raise(t->irq);
}

static const struct virtio_transport mmio_transport = {
	.notify_queue = mmio_notify_queue,
	.notify_config = mmio_notify_config,
	.changed = mmio_changed,
	.set_doorbell = mmio_set_doorbell,
	.call_fd = mmio_call_fd,
	.reset = mmio_reset,
	.state = mmio_state,
};

int virtio_mmio_init(struct virtio_mmio *t, struct virtio *v, struct bus *bus, gpa_t base, struct irq *irq)
{
	*t = (struct virtio_mmio){
		.v = v,
		.bus = bus,
		.irq = irq,
		.ack.fd = -1,
		.region = {
			.name = v->class->name,
			.ops = &mmio_bus_ops,
			.opaque = t,
			.base = base,
			.size = VIRTIO_MMIO_SIZE,
		},
	};
	virtio_attach(v, &mmio_transport, t);
	return bus_add(bus, &t->region);
}

void virtio_mmio_mirror(struct virtio_mmio *t, struct mirror *mirror)
{
	uint32_t config[VIRTIO_CONFIG_MAX / 4];

	assert(t->region.base >= mirror->base && t->region.base - mirror->base <= mirror->size - VIRTIO_MMIO_SIZE);
	t->mirror = mirror;
	t->shown = (void *)(mirror->host + (t->region.base - mirror->base));
	read_config(t, config);
	show_control(t);
	show_config(t, config);
}

void virtio_mmio_lazy_ack(struct virtio_mmio *t)
{
	t->ack.lazy = true;
	t->irq->sensed = mmio_sensed;
	t->irq->sensed_opaque = t;
}

void virtio_mmio_destroy(struct virtio_mmio *t)
{
	virtio_set_status(t->v, 0);
	if (t->ack.fd >= 0)
		close(t->ack.fd);
	if (t->ack.lazy)
		t->irq->sensed = NULL;
	bus_del(t->bus, &t->region);
	for (uint32_t offset = 0; t->shown && offset < VIRTIO_MMIO_SIZE; offset += 4)
		show_word(t, offset, 0);
}
