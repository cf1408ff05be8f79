/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-pci function at work: its BARs, doorbells and interrupts. What it shows in configuration space is in
 * pci_config.c, the common configuration structure in pci_common.c; BAR registers and MSI-X are the host bridge's (pci/).
 */
#include "pci.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "pci/host.h"
#include "pci_common.h"
#include "pci_config.h"

#define MSIX_BAR_SIZE 4096 /* as QEMU's, enough for 128 vectors */

static struct virtio_pci *to_virtio_pci(struct pci_device *d)
{
	return container_of(d, struct virtio_pci, pci);
}

void virtio_pci_interrupt(struct virtio_pci *t, uint16_t vector, uint8_t isr)
{
	if (pci_msix_enabled(&t->pci)) {
		if (vector != VIRTIO_MSI_NO_VECTOR)
			pci_msix_notify(&t->pci, vector);
		return;
	}
	/* The bit before the line: the driver reads it in its handler. */
	t->isr |= isr;
	pci_set_intx(&t->pci, true);
}

/* virtio 4.1.4.5: reading resets it, and takes the line down. */
static uint8_t take_isr(struct virtio_pci *t)
{
	uint8_t isr = t->isr;

	t->isr = 0;
	pci_set_intx(&t->pci, false);
	return isr;
}

/* Any width at the register's own address; the other bytes of the part do not exist. */
static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct virtio_pci *t = opaque;
	uint64_t at = offset % VIRTIO_PCI_PART_SIZE, value = 0;

	switch (offset - at) {
	case VIRTIO_PCI_COMMON: return virtio_pci_common_read(t, at, size);
	case VIRTIO_PCI_ISR_STATUS: return at ? 0 : take_isr(t);
	case VIRTIO_PCI_DEVICE: virtio_config_read(t->v, at, &value, size); return value;
	default: return 0;
	}
}

/*
 * A kick that no doorbell took. The address says which queue, so the value is not looked at; with
 * VIRTIO_F_NOTIFICATION_DATA it is a hint that the ring itself gives better.
 */
static void kicked(struct virtio_pci *t, uint64_t at, unsigned int size)
{
	if (at % VIRTIO_PCI_NOTIFY_STEP == 0 && (size == 2 || size == 4))
		virtio_queue_notify(t->v, (uint32_t)(at / VIRTIO_PCI_NOTIFY_STEP));
}

static void bar_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_pci *t = opaque;
	uint64_t at = offset % VIRTIO_PCI_PART_SIZE;

	switch (offset - at) {
	case VIRTIO_PCI_COMMON: virtio_pci_common_write(t, at, size, (uint32_t)value); break;
	case VIRTIO_PCI_DEVICE: virtio_config_write(t->v, at, &value, size); break;
	case VIRTIO_PCI_NOTIFY: kicked(t, at, size); break;
	default: break;
	}
}

static const char *bar_reg_name(uint64_t offset)
{
	uint64_t at = offset % VIRTIO_PCI_PART_SIZE;

	switch (offset - at) {
	case VIRTIO_PCI_COMMON: return virtio_pci_common_name(at);
	case VIRTIO_PCI_ISR_STATUS: return at ? NULL : "ISR";
	case VIRTIO_PCI_DEVICE: return "Config";
	default: return "Notify";
	}
}

static const struct bus_ops bar_ops = { .read = bar_read, .write = bar_write, .reg_name = bar_reg_name };

static uint64_t msix_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct virtio_pci *t = opaque;
	unsigned int pba = t->pci.msix.pba_offset;

	return offset < pba ? pci_msix_table_read(&t->pci, offset, size)
			    : pci_msix_pba_read(&t->pci, offset - pba, size);
}

static void msix_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_pci *t = opaque;

	/* The PBA is read-only. */
	if (offset < t->pci.msix.pba_offset)
		pci_msix_table_write(&t->pci, offset, size, value);
}

static const char *msix_reg_name(uint64_t offset)
{
	(void)offset;
	return "MSI-X";
}

static const struct bus_ops msix_ops = { .read = msix_read, .write = msix_write, .reg_name = msix_reg_name };

static struct doorbell bell_of(const struct virtio_pci *t, const struct virtq *q)
{
	return (struct doorbell){
		.addr = t->pci.bar[VIRTIO_PCI_BAR].region.base + VIRTIO_PCI_NOTIFY +
			(uint64_t)q->index * VIRTIO_PCI_NOTIFY_STEP,
		/* virtio 4.1.5.2: the index, or with the feature 32 bits that differ from kick to kick. */
		.size = virtio_has_feature(t->v, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2,
		.any_value = true,
		.fd = t->queue[q->index].bell_fd,
	};
}

static void hang_bell(struct virtio_pci *t, const struct virtq *q)
{
	struct virtio_pci_queue *own = &t->queue[q->index];
	struct doorbell bell = bell_of(t, q);

	/* Without one the write still arrives, as an exit. */
	if (own->bell_fd >= 0 && t->pci.bar[VIRTIO_PCI_BAR].mapped)
		own->bell = bus_add_doorbell(t->pci.host->config.bus, &bell) == 0;
}

static void take_bell(struct virtio_pci *t, const struct virtq *q)
{
	struct virtio_pci_queue *own = &t->queue[q->index];
	struct doorbell bell = bell_of(t, q);

	if (own->bell)
		bus_del_doorbell(t->pci.host->config.bus, &bell);
	own->bell = false;
}

/* The eventfd stays the queue's wherever the BAR is: a kick that was signalled is not lost by a move. */
static int pci_set_doorbell(struct virtio *v, struct virtq *q, int fd, bool on)
{
	struct virtio_pci *t = v->transport_state;

	take_bell(t, q);
	t->queue[q->index].bell_fd = on ? fd : -1;
	hang_bell(t, q);
	return 0;
}

static void pci_bar_map(struct pci_device *d, unsigned int bar)
{
	struct virtio_pci *t = to_virtio_pci(d);

	for (uint16_t i = 0; bar == VIRTIO_PCI_BAR && i < t->v->class->queue_count; i++)
		hang_bell(t, &t->v->queue[i]);
}

static void pci_bar_unmap(struct pci_device *d, unsigned int bar)
{
	struct virtio_pci *t = to_virtio_pci(d);

	for (uint16_t i = 0; bar == VIRTIO_PCI_BAR && i < t->v->class->queue_count; i++)
		take_bell(t, &t->v->queue[i]);
}

static void pci_vector_masked(struct pci_device *d, unsigned int vector, bool masked)
{
	struct virtio_pci *t = to_virtio_pci(d);

	for (uint16_t i = 0; i < t->v->class->queue_count; i++) {
		if (t->queue[i].vector != vector)
			continue;
		if (masked)
			virtio_pci_mask_notifier(t, &t->v->queue[i]);
		else
			virtio_pci_renew_notifier(t, &t->v->queue[i]);
	}
}

static bool pci_vector_pending(struct pci_device *d, unsigned int vector)
{
	struct virtio_pci *t = to_virtio_pci(d);

	for (uint16_t i = 0; i < t->v->class->queue_count; i++)
		if (t->queue[i].vector == vector && virtio_notifier_pending(t->v, &t->v->queue[i]))
			return true;
	return false;
}

static void pci_msix_changed(struct pci_device *d, bool on)
{
	struct virtio_pci *t = to_virtio_pci(d);

	(void)on;
	for (uint16_t i = 0; i < t->v->class->queue_count; i++)
		virtio_pci_renew_notifier(t, &t->v->queue[i]);
}

static void pci_bus_master_changed(struct pci_device *d, bool on)
{
	struct virtio_pci *t = to_virtio_pci(d);

	if (t->loading)
		t->v->held = !on;
	else
		virtio_hold(t->v, !on);
}

static const struct pci_device_ops function_ops = {
	.bar_unmap = pci_bar_unmap,
	.bar_map = pci_bar_map,
	.window_read = virtio_pci_window_read,
	.window_write = virtio_pci_window_write,
	.vector_masked = pci_vector_masked,
	.vector_pending = pci_vector_pending,
	.msix_enabled = pci_msix_changed,
	.bus_master = pci_bus_master_changed,
};

static void pci_notify_queue(struct virtio *v, struct virtq *q)
{
	struct virtio_pci *t = v->transport_state;

	virtio_pci_interrupt(t, t->queue[q->index].vector, VIRTIO_PCI_ISR_QUEUE);
}

static void pci_notify_config(struct virtio *v)
{
	struct virtio_pci *t = v->transport_state;

	virtio_pci_interrupt(t, t->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

static int pci_call_fd(struct virtio *v, struct virtq *q)
{
	struct virtio_pci *t = v->transport_state;
	uint16_t vector = t->queue[q->index].vector;

	/* By INTx whoever wrote an fd could not set ISR, and the driver would ignore the interrupt. */
	return vector == VIRTIO_MSI_NO_VECTOR ? -1 : pci_msix_fd(&t->pci, vector);
}

static void pci_reset(struct virtio *v)
{
	struct virtio_pci *t = v->transport_state;

	t->device_features_sel = t->driver_features_sel = 0;
	t->queue_sel = 0;
	virtio_pci_set_config_vector(t, VIRTIO_MSI_NO_VECTOR);
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		virtio_pci_set_queue_vector(t, &v->queue[i], VIRTIO_MSI_NO_VECTOR);
	(void)take_isr(t);
}

/* A vector as the driver's write of it, or none. */
static uint16_t vector_state(const struct virtio_pci *t, struct state *s, uint16_t vector)
{
	state_u16(s, &vector);
	if (state_loading(s) && vector != VIRTIO_MSI_NO_VECTOR && !pci_has_vector(&t->pci, vector)) {
		state_fail(s, "a vector is beyond the MSI-X table");
		return VIRTIO_MSI_NO_VECTOR;
	}
	return vector;
}

static void vectors_state(struct virtio_pci *t, struct state *s)
{
	virtio_pci_set_config_vector(t, vector_state(t, s, t->config_vector));
	for (uint16_t i = 0; i < t->v->class->queue_count; i++)
		virtio_pci_set_queue_vector(t, &t->v->queue[i], vector_state(t, s, t->queue[i].vector));
}

static void pci_state(struct virtio *v, struct state *s)
{
	struct virtio_pci *t = v->transport_state;
	uint8_t isr = t->isr;

	t->loading = state_loading(s);
	pci_device_state(&t->pci, s);
	t->loading = false;
	state_u32(s, &t->device_features_sel);
	state_u32(s, &t->driver_features_sel);
	state_u16(s, &t->queue_sel);
	vectors_state(t, s);
	state_u8(s, &isr);
	if (!state_loading(s) || state_failed(s))
		return;
	if (isr & ~(VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG)) {
		state_fail(s, "ISR has bits that do not exist");
		return;
	}
	/* virtio 2.1.2: nobody was notified before, and a reset withdraws it. */
	if (isr && !(v->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		state_fail(s, "it interrupts a driver that is not there");
		return;
	}
	t->isr = isr;
	pci_set_intx(&t->pci, isr);
}

static const struct virtio_transport pci_transport = {
	.notify_queue = pci_notify_queue,
	.notify_config = pci_notify_config,
	.set_doorbell = pci_set_doorbell,
	.call_fd = pci_call_fd,
	.reset = pci_reset,
	.state = pci_state,
};

static void set_bars(struct virtio_pci *t, unsigned int vectors)
{
	const char *name = t->v->class->name;
	struct pci_bar *bar = &t->pci.bar[VIRTIO_PCI_BAR];

	*bar = (struct pci_bar){ .kind = PCI_BAR_MEM64, .prefetchable = true };
	bar->region =
		(struct bus_region){ .name = name, .ops = &bar_ops, .opaque = t, .size = 4 * VIRTIO_PCI_PART_SIZE };
	if (!vectors)
		return;
	bar = &t->pci.bar[VIRTIO_PCI_MSIX_BAR];
	*bar = (struct pci_bar){ .kind = PCI_BAR_MEM32 };
	bar->region = (struct bus_region){ .name = name, .ops = &msix_ops, .opaque = t, .size = MSIX_BAR_SIZE };
	/* The table in one half and the PBA in the other. */
	while (bar->region.size / 2 / PCI_MSIX_ENTRY_SIZE < vectors)
		bar->region.size *= 2;
}

static void free_function(struct virtio_pci *t)
{
	pci_host_unplug(&t->pci);
	free(t->queue);
	t->queue = NULL;
}

int virtio_pci_init(struct virtio_pci *t, struct virtio *v, struct pci_host *host, unsigned int slot)
{
	uint16_t queues = v->class->queue_count;
	unsigned int vectors = host->config.msi ? queues + 1u : 0;
	int ret = -ENOMEM;

	assert(queues <= VIRTIO_PCI_PART_SIZE / VIRTIO_PCI_NOTIFY_STEP);
	*t = (struct virtio_pci){ .v = v, .pci.ops = &function_ops, .config_vector = VIRTIO_MSI_NO_VECTOR };
	t->queue = calloc(queues, sizeof(*t->queue));
	if (!t->queue)
		goto fail;
	for (uint16_t i = 0; i < queues; i++)
		t->queue[i] = (struct virtio_pci_queue){ .vector = VIRTIO_MSI_NO_VECTOR, .bell_fd = -1 };
	set_bars(t, vectors);
	ret = virtio_pci_config_init(t, vectors);
	if (ret < 0)
		goto fail;
	ret = pci_host_plug(host, &t->pci, slot);
	if (ret < 0)
		goto fail;
	virtio_attach(v, &pci_transport, t);
	virtio_hold(v, true);
	return 0;
fail:
	free_function(t);
	return ret;
}

void virtio_pci_destroy(struct virtio_pci *t)
{
	virtio_set_status(t->v, 0);
	free_function(t);
}
