/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of virtio-pci (virtio 4.1), as Linux does it: capabilities are walked, memory decoding and bus mastering
 * turned on, MSI-X set up with the function masked. Assigns no addresses: BARs are where somebody has put them.
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "driver.h"

#define ISR_QUEUE      1
#define ISR_CONFIG     2
#define CONFIG_VECTOR  0 /* queue n has vector 1 + n */
#define F_NOTIFICATION DRIVER_F(38) /* VIRTIO_F_NOTIFICATION_DATA */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! driver_pci: %s\n", what);
	exit(1);
}

static uint64_t get(struct driver *d, gpa_t addr, unsigned int size)
{
	return d->access->read(d->access_opaque, addr, size);
}

static void set(struct driver *d, gpa_t addr, unsigned int size, uint64_t value)
{
	d->access->write(d->access_opaque, addr, size, value);
}

static uint32_t config_get(struct driver *d, unsigned int offset, unsigned int size)
{
	return (uint32_t)get(d, d->base + offset, size);
}

static void config_set(struct driver *d, unsigned int offset, unsigned int size, uint32_t value)
{
	set(d, d->base + offset, size, value);
}

static gpa_t bar_address(struct driver *d, unsigned int bar)
{
	unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t low = config_get(d, reg, 4);
	gpa_t addr = low & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;

	if (low & PCI_BASE_ADDRESS_MEM_TYPE_64)
		addr |= (gpa_t)config_get(d, reg + 4, 4) << 32;
	must(!(low & PCI_BASE_ADDRESS_SPACE_IO) && addr, "a BAR without a memory address");
	return addr;
}

/* The first capability of a kind is the one to use (virtio 4.1.4.1). */
static void take_structure(struct driver *d, unsigned int cap)
{
	gpa_t *const where[] = {
		[VIRTIO_PCI_CAP_COMMON_CFG] = &d->pci.common,
		[VIRTIO_PCI_CAP_NOTIFY_CFG] = &d->pci.notify,
		[VIRTIO_PCI_CAP_ISR_CFG] = &d->pci.isr,
		[VIRTIO_PCI_CAP_DEVICE_CFG] = &d->pci.device,
	};
	unsigned int kind = config_get(d, cap + VIRTIO_PCI_CAP_CFG_TYPE, 1);

	if (kind >= ARRAY_SIZE(where) || !where[kind] || *where[kind])
		return;
	*where[kind] = bar_address(d, config_get(d, cap + VIRTIO_PCI_CAP_BAR, 1)) +
		       config_get(d, cap + VIRTIO_PCI_CAP_OFFSET, 4);
	if (kind == VIRTIO_PCI_CAP_NOTIFY_CFG)
		d->pci.notify_step = config_get(d, cap + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
}

static unsigned int next_capability(struct driver *d, unsigned int cap)
{
	return config_get(d, cap ? cap + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST, 1) & ~3u;
}

static unsigned int find_capability(struct driver *d, uint8_t id)
{
	unsigned int cap = 0;

	for (int n = 0; n < 48 && (cap = next_capability(d, cap)); n++)
		if (config_get(d, cap, 1) == id)
			return cap;
	return 0;
}

void driver_pci_locate(struct driver *d)
{
	unsigned int cap = 0, msix = find_capability(d, PCI_CAP_ID_MSIX);
	uint32_t table;

	d->pci.common = d->pci.notify = d->pci.isr = d->pci.device = d->pci.msix = 0;
	must(config_get(d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, "no capabilities");
	for (int n = 0; n < 48 && (cap = next_capability(d, cap)); n++)
		if (config_get(d, cap, 1) == PCI_CAP_ID_VNDR)
			take_structure(d, cap);
	must(d->pci.common && d->pci.notify && d->pci.isr && d->pci.device, "a capability is missing");
	if (!msix)
		return;
	table = config_get(d, msix + PCI_MSIX_TABLE, 4);
	d->pci.msix = bar_address(d, table & PCI_MSIX_TABLE_BIR) + (table & PCI_MSIX_TABLE_OFFSET);
}

/* No vector is sent before all are there. */
static void enable_msix(struct driver *d)
{
	unsigned int cap = find_capability(d, PCI_CAP_ID_MSIX);
	uint16_t control;

	must(cap && d->messages.take, "MSI-X without the capability, or without a machine that takes messages");
	control = (uint16_t)config_get(d, cap + PCI_MSIX_FLAGS, 2);
	d->pci.vectors = (control & PCI_MSIX_FLAGS_QSIZE) + 1u;
	config_set(d, cap + PCI_MSIX_FLAGS, 2, control | PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned int i = 0; i < d->pci.vectors; i++) {
		gpa_t entry = d->pci.msix + (gpa_t)i * PCI_MSIX_ENTRY_SIZE;

		set(d, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, (uint32_t)d->messages.addr);
		set(d, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, d->messages.addr >> 32);
		set(d, entry + PCI_MSIX_ENTRY_DATA, 4, d->messages.data + i);
		set(d, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	}
	config_set(d, cap + PCI_MSIX_FLAGS, 2, control | PCI_MSIX_FLAGS_ENABLE);
}

static void bring_up(struct driver *d)
{
	d->pci.up = true;
	must(config_get(d, PCI_VENDOR_ID, 2) == 0x1af4 && config_get(d, PCI_DEVICE_ID, 2) >= 0x1040,
		"no modern virtio function");
	driver_pci_locate(d);
	config_set(d, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	must(config_get(d, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY, "its BARs cannot be decoded");
	if (d->transport == &driver_pci)
		enable_msix(d);
}

static const struct driver_pci *found(struct driver *d)
{
	if (!d->pci.up)
		bring_up(d);
	return &d->pci;
}

static uint32_t common_get(struct driver *d, unsigned int offset, unsigned int size)
{
	return (uint32_t)get(d, found(d)->common + offset, size);
}

static void common_set(struct driver *d, unsigned int offset, unsigned int size, uint32_t value)
{
	set(d, found(d)->common + offset, size, value);
}

static void select_queue(struct driver *d, uint16_t index)
{
	common_set(d, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
}

static uint32_t pci_device_id(struct driver *d)
{
	return config_get(d, PCI_DEVICE_ID, 2) - 0x1040;
}

static uint8_t pci_get_status(struct driver *d)
{
	return (uint8_t)common_get(d, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void pci_set_status(struct driver *d, uint8_t status)
{
	if (status & VIRTIO_CONFIG_S_DRIVER && found(d)->vectors)
		common_set(d, VIRTIO_PCI_COMMON_MSIX, 2, CONFIG_VECTOR);
	common_set(d, VIRTIO_PCI_COMMON_STATUS, 1, status);
	/* Interrupts of the life before mean nothing any more. */
	if (!status && found(d)->vectors)
		(void)d->messages.take(d->messages.opaque);
}

static uint32_t pci_get_features(struct driver *d, uint32_t word)
{
	common_set(d, VIRTIO_PCI_COMMON_DFSELECT, 4, word);
	return common_get(d, VIRTIO_PCI_COMMON_DF, 4);
}

static void pci_set_features(struct driver *d, uint32_t word, uint32_t value)
{
	common_set(d, VIRTIO_PCI_COMMON_GFSELECT, 4, word);
	common_set(d, VIRTIO_PCI_COMMON_GF, 4, value);
}

static uint32_t pci_queue_max(struct driver *d, uint16_t index)
{
	select_queue(d, index);
	return common_get(d, VIRTIO_PCI_COMMON_Q_SIZE, 2);
}

static void write_area(struct driver *d, unsigned int low, gpa_t addr)
{
	common_set(d, low, 4, (uint32_t)addr);
	common_set(d, low + 4, 4, (uint32_t)(addr >> 32));
}

static bool pci_queue_enable(struct driver *d, const struct driver_queue *q)
{
	select_queue(d, q->index);
	common_set(d, VIRTIO_PCI_COMMON_Q_SIZE, 2, q->size);
	write_area(d, VIRTIO_PCI_COMMON_Q_DESCLO, q->desc);
	write_area(d, VIRTIO_PCI_COMMON_Q_AVAILLO, q->avail);
	write_area(d, VIRTIO_PCI_COMMON_Q_USEDLO, q->used);
	if (d->pci.vectors) {
		common_set(d, VIRTIO_PCI_COMMON_Q_MSIX, 2, 1u + q->index);
		must(common_get(d, VIRTIO_PCI_COMMON_Q_MSIX, 2) == 1u + q->index, "a vector was refused");
	}
	d->pci.notify_off[q->index] = (uint16_t)common_get(d, VIRTIO_PCI_COMMON_Q_NOFF, 2);
	common_set(d, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	return common_get(d, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1;
}

static bool pci_queue_ready(struct driver *d, uint16_t index)
{
	select_queue(d, index);
	return common_get(d, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1;
}

static bool pci_queue_reset(struct driver *d, uint16_t index)
{
	select_queue(d, index);
	common_set(d, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	return !common_get(d, VIRTIO_PCI_COMMON_Q_RESET, 2);
}

/* Where the queue said, or for one that was never set up, where it would be. */
static void pci_notify(struct driver *d, uint32_t value)
{
	uint16_t index = (uint16_t)value;
	uint32_t off = index < DRIVER_MAX_QUEUES && d->queue[index].size ? d->pci.notify_off[index] : index;

	set(d, found(d)->notify + (gpa_t)off * d->pci.notify_step, d->features & F_NOTIFICATION ? 4 : 2, value);
}

/* With a message for each cause nothing has to be read or acknowledged. */
static uint32_t pci_take_interrupt(struct driver *d)
{
	uint32_t came = d->messages.take(d->messages.opaque);

	return (came & 1u << CONFIG_VECTOR ? ISR_CONFIG : 0) | (came & ~(1u << CONFIG_VECTOR) ? ISR_QUEUE : 0);
}

static uint32_t intx_take_interrupt(struct driver *d)
{
	return (uint32_t)get(d, found(d)->isr, 1);
}

static void pci_config_read(struct driver *d, uint32_t offset, void *dst, unsigned int size)
{
	uint8_t *bytes = dst;

	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (uint8_t)get(d, found(d)->device + offset + i, 1);
}

static void pci_config_write(struct driver *d, uint32_t offset, const void *src, unsigned int size)
{
	const uint8_t *bytes = src;

	for (unsigned int i = 0; i < size; i++)
		set(d, found(d)->device + offset + i, 1, bytes[i]);
}

static uint32_t pci_config_generation(struct driver *d)
{
	return common_get(d, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
}

#define COMMON_OPERATIONS                                                                                              \
	.device_id = pci_device_id, .get_status = pci_get_status, .set_status = pci_set_status,                        \
	.get_features = pci_get_features, .set_features = pci_set_features, .queue_max = pci_queue_max,                \
	.queue_enable = pci_queue_enable, .queue_ready = pci_queue_ready, .queue_reset = pci_queue_reset,              \
	.notify = pci_notify, .config_read = pci_config_read, .config_write = pci_config_write,                        \
	.config_generation = pci_config_generation

const struct driver_transport driver_pci = { COMMON_OPERATIONS, .take_interrupt = pci_take_interrupt };
const struct driver_transport driver_pci_intx = { COMMON_OPERATIONS, .take_interrupt = intx_take_interrupt };
