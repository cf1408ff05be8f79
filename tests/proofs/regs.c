/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: whatever the driver writes to whichever register, the size and the addresses of a queue that is ready and stays so do
 * not change (R31). Everything that looked at them when the queue was started counts on it. By both transports.
 */
#include "proof.h"

#ifdef PCI
#include "../../devices/virtio/pci_common.c"
#else
#include "../../devices/virtio/mmio.c"
#endif

/* The life cycle's part, as free as it may be: a queue starts or not, a reset ends it and puts its settings back. */
static struct virtq queue;
static bool ended;

void virtio_set_status(struct virtio *v, uint8_t status)
{
	v->status = nondet_u8();
	if (status)
		return;
	queue = (struct virtq){ .size = queue.size_max, .size_max = queue.size_max };
	ended = true;
}

struct virtq *virtio_queue(struct virtio *v, uint32_t index)
{
	(void)v;
	return index == 0 ? &queue : NULL;
}

/* As in virtio.c. */
bool virtio_queue_open(const struct virtio *v, const struct virtq *q)
{
	return !q->ready && v->status & VIRTIO_CONFIG_S_FEATURES_OK && nondet_bool();
}

void virtio_queue_enable(struct virtio *v, struct virtq *q)
{
	if (virtio_queue_open(v, q))
		q->ready = nondet_bool();
}

void virtio_queue_disable(struct virtio *v, struct virtq *q)
{
	(void)v;
	q->ready = false;
	ended = true;
}

void virtio_queue_reset(struct virtio *v, struct virtq *q)
{
	if (!virtio_has_feature(v, VIRTIO_F_RING_RESET))
		return;
	*q = (struct virtq){ .size = q->size_max, .size_max = q->size_max };
	ended = true;
}

void virtio_set_driver_features(struct virtio *v, uint32_t word, uint32_t value)
{
	(void)word;
	v->driver_features = value;
}

uint32_t virtio_device_features(struct virtio *v, uint32_t word)
{
	(void)v;
	(void)word;
	return nondet_u32();
}

void virtio_queue_notify(struct virtio *v, uint32_t index)
{
	(void)v;
	(void)index;
}

void virtio_config_write(struct virtio *v, uint64_t offset, const void *buf, unsigned int size)
{
	(void)v;
	PROVE(offset + size <= 0x100, "a write to the configuration space is inside of it");
	PROVE(__CPROVER_r_ok(buf, size), "and has the bytes that it says");
}

void virtio_config_read(struct virtio *v, uint64_t offset, void *buf, unsigned int size)
{
	(void)v;
	(void)offset;
	(void)buf;
	(void)size;
}

bool virtio_notifier_pending(struct virtio *v, struct virtq *q)
{
	(void)v;
	(void)q;
	return nondet_bool();
}

void virtio_notifier_mask(struct virtio *v, struct virtq *q, bool mask)
{
	(void)v;
	(void)q;
	(void)mask;
}

#ifdef PCI
void pci_msix_use(struct pci_device *d, unsigned int vector)
{
	PROVE(pci_has_vector(d, vector), "a vector that is used exists");
}

void pci_msix_unuse(struct pci_device *d, unsigned int vector)
{
	PROVE(pci_has_vector(d, vector), "a vector that is given back exists");
}

bool pci_msix_enabled(const struct pci_device *d)
{
	(void)d;
	return nondet_bool();
}

void virtio_pci_interrupt(struct virtio_pci *t, uint16_t vector, uint8_t isr)
{
	(void)t;
	(void)isr;
	PROVE(vector == VIRTIO_MSI_NO_VECTOR || pci_has_vector(&t->pci, vector),
		"an interrupt is by a vector that exists");
}
#else
static void nothing(struct irq *irq)
{
	(void)irq;
}

int bus_add_doorbell(struct bus *bus, const struct doorbell *bell)
{
	(void)bus;
	(void)bell;
	return nondet_bool() ? 0 : -ENOSPC;
}

void bus_del_doorbell(struct bus *bus, const struct doorbell *bell)
{
	(void)bus;
	(void)bell;
}

int eventfd(unsigned int count, int flags)
{
	(void)count;
	(void)flags;
	return (int)nondet_u8() - 1;
}
#endif

static struct virtq any_ready_queue(void)
{
	struct virtq q = {
		.size = nondet_u16(),
		.size_max = nondet_u16(),
		.desc_gpa = nondet_u64(),
		.avail_gpa = nondet_u64(),
		.used_gpa = nondet_u64(),
		.ready = nondet_bool(),
	};

	ASSUME(q.size <= q.size_max && q.size_max <= VIRTQ_SIZE_MAX);
	return q;
}

static void prove_frozen(const struct virtq *before)
{
	PROVE(!before->ready || ended || queue.size == before->size, "the size does not change");
	PROVE(!before->ready || ended ||
			(queue.desc_gpa == before->desc_gpa && queue.avail_gpa == before->avail_gpa &&
				queue.used_gpa == before->used_gpa),
		"the addresses do not change");
	PROVE(!before->ready || ended || queue.ready, "it is ready until it is stopped");
	PROVE(queue.size <= queue.size_max, "no size is above the largest");
	REACHABLE(before->ready && !ended);
	REACHABLE(before->ready && ended);
	REACHABLE(!before->ready && queue.desc_gpa != before->desc_gpa && !ended);
	REACHABLE(!before->ready && queue.size == 5 && before->size == 4);
}

static struct virtio_class class = { .queue_count = 1 };
static struct virtio v = { .class = &class };

#ifdef PCI
void proof_frozen_pci(void)
{
	static struct virtio_pci_queue own;
	static struct pci_msix_entry entry[2];
	static struct virtio_pci t = { .v = &v, .queue = &own, .pci.msix = { .entry = entry, .count = 2 } };
	struct virtq before = queue = any_ready_queue();
	unsigned int size = 1u << nondet_u8() % 3;

	v.status = nondet_u8();
	v.driver_features = nondet_u64();
	t.queue_sel = nondet_u16();
	t.driver_features_sel = nondet_u32();
	own.vector = nondet_bool() ? nondet_u8() % 2 : VIRTIO_MSI_NO_VECTOR;
	own.masked = nondet_bool();
	t.config_vector = nondet_bool() ? nondet_u8() % 2 : VIRTIO_MSI_NO_VECTOR;
	virtio_pci_common_write(&t, nondet_u64(), size, nondet_u32());
	prove_frozen(&before);
	PROVE(own.vector < 2 || own.vector == VIRTIO_MSI_NO_VECTOR, "a queue's vector exists");
}
#else
void proof_frozen_mmio(void)
{
	static const struct irq_ops ops = { .raise = nothing, .lower = nothing };
	static struct irq irq = { .ops = &ops };
	static struct virtio_mmio t = { .v = &v, .irq = &irq };
	struct virtq before = queue = any_ready_queue();
	uint64_t offset = nondet_u64();
	unsigned int size = 1u << nondet_u8() % 4;

	v.status = nondet_u8();
	v.driver_features = nondet_u64();
	t.queue_sel = nondet_u32();
	t.driver_features_sel = nondet_u32();
	t.interrupt_status = nondet_u32();
	t.ack.fd = nondet_bool() ? 3 : -1;
	t.ack.lazy = nondet_bool();
	t.ack.active = nondet_bool();
	t.ack.by_level = nondet_bool();
	ASSUME(offset <= VIRTIO_MMIO_SIZE - size);
	mmio_write(&t, offset, size, nondet_u64());
	prove_frozen(&before);
}
#endif
