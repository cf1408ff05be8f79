/* SPDX-License-Identifier: Apache-2.0 */
/* See guest.h. */
#include "guest.h"

#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "machine.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"

#define F(bit) (1ULL << (bit))
#define WRAP   0x8000u

static struct fuzz_guest *guest(void)
{
	return &fuzz_machine->guest;
}

uint64_t fuzz_guest_read(uint64_t addr, unsigned int size)
{
	struct fuzz_op op = { .kind = FUZZ_READ, .addr = addr, .size = size };

	fuzz_do(&op);
	return op.value;
}

void fuzz_guest_write(uint64_t addr, unsigned int size, uint64_t value)
{
	struct fuzz_op op = { .kind = FUZZ_WRITE, .addr = addr, .size = size, .value = value };

	fuzz_do(&op);
}

void fuzz_guest_store(uint64_t addr, const void *bytes, uint64_t len)
{
	struct fuzz_op op = { .kind = FUZZ_WRITE_BYTES, .addr = addr, .data = bytes, .len = len };

	fuzz_do(&op);
}

/* The registers of both transports that mean the same. */
enum reg {
	STATUS,
	OFFER_SEL,
	OFFER,
	ACCEPT_SEL,
	ACCEPT,
	QUEUE_SEL,
	QUEUE_SIZE,
	QUEUE_DESC,
	QUEUE_AVAIL,
	QUEUE_USED,
	QUEUE_ENABLE,
	QUEUE_RESET,
	REGS,
};

static const struct {
	uint16_t offset;
	uint8_t size;
} mmio_regs[REGS] = {
	[STATUS] = { VIRTIO_MMIO_STATUS, 4 },
	[OFFER_SEL] = { VIRTIO_MMIO_DEVICE_FEATURES_SEL, 4 },
	[OFFER] = { VIRTIO_MMIO_DEVICE_FEATURES, 4 },
	[ACCEPT_SEL] = { VIRTIO_MMIO_DRIVER_FEATURES_SEL, 4 },
	[ACCEPT] = { VIRTIO_MMIO_DRIVER_FEATURES, 4 },
	[QUEUE_SEL] = { VIRTIO_MMIO_QUEUE_SEL, 4 },
	[QUEUE_SIZE] = { VIRTIO_MMIO_QUEUE_NUM, 4 },
	[QUEUE_DESC] = { VIRTIO_MMIO_QUEUE_DESC_LOW, 4 },
	[QUEUE_AVAIL] = { VIRTIO_MMIO_QUEUE_AVAIL_LOW, 4 },
	[QUEUE_USED] = { VIRTIO_MMIO_QUEUE_USED_LOW, 4 },
	[QUEUE_ENABLE] = { VIRTIO_MMIO_QUEUE_READY, 4 },
	[QUEUE_RESET] = { VIRTIO_MMIO_REG_QUEUE_RESET, 4 },
}, pci_regs[REGS] = {
	[STATUS] = { VIRTIO_PCI_COMMON_STATUS, 1 },
	[OFFER_SEL] = { VIRTIO_PCI_COMMON_DFSELECT, 4 },
	[OFFER] = { VIRTIO_PCI_COMMON_DF, 4 },
	[ACCEPT_SEL] = { VIRTIO_PCI_COMMON_GFSELECT, 4 },
	[ACCEPT] = { VIRTIO_PCI_COMMON_GF, 4 },
	[QUEUE_SEL] = { VIRTIO_PCI_COMMON_Q_SELECT, 2 },
	[QUEUE_SIZE] = { VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	[QUEUE_DESC] = { VIRTIO_PCI_COMMON_Q_DESCLO, 4 },
	[QUEUE_AVAIL] = { VIRTIO_PCI_COMMON_Q_AVAILLO, 4 },
	[QUEUE_USED] = { VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
	[QUEUE_ENABLE] = { VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	[QUEUE_RESET] = { VIRTIO_PCI_COMMON_Q_RESET, 2 },
};

static uint64_t get(enum reg reg)
{
	bool pci = guest()->pci;

	return fuzz_guest_read(
		guest()->base + (pci ? pci_regs : mmio_regs)[reg].offset, (pci ? pci_regs : mmio_regs)[reg].size);
}

static void set(enum reg reg, uint64_t value)
{
	bool pci = guest()->pci;

	fuzz_guest_write(guest()->base + (pci ? pci_regs : mmio_regs)[reg].offset,
		(pci ? pci_regs : mmio_regs)[reg].size, value);
}

static void set_address(enum reg reg, uint64_t addr)
{
	unsigned int low = guest()->pci ? pci_regs[reg].offset : mmio_regs[reg].offset;

	fuzz_guest_write(guest()->base + low, 4, (uint32_t)addr);
	fuzz_guest_write(guest()->base + low + 4, 4, addr >> 32);
}

void fuzz_guest_status(uint8_t status)
{
	set(STATUS, status);
}

static uint64_t area(unsigned int index, uint64_t of_first)
{
	return of_first + index * FUZZ_QUEUE_STEP;
}

/* Rings begin as zeroes: those that nobody has written are. */
static void clear(uint64_t addr, uint64_t len)
{
	static const uint8_t zeroes[0x1000];

	if (!fuzz_memory_is_clean(addr, len))
		fuzz_guest_store(addr, zeroes, len);
}

#define NEGOTIATED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define STARTED	   (NEGOTIATED | VIRTIO_CONFIG_S_DRIVER_OK)

/* From a reset to FEATURES_OK. */
static void negotiate(uint64_t without)
{
	uint64_t offered;

	set(STATUS, 0);
	set(STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	set(STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	set(OFFER_SEL, 0);
	offered = get(OFFER);
	set(OFFER_SEL, 1);
	offered |= get(OFFER) << 32;
	guest()->features = (offered & ~without) | F(VIRTIO_F_VERSION_1);
	set(ACCEPT_SEL, 0);
	set(ACCEPT, (uint32_t)guest()->features);
	set(ACCEPT_SEL, 1);
	set(ACCEPT, guest()->features >> 32);
	set(STATUS, NEGOTIATED);
}

/* All but making it ready. */
static void prepare_queue(unsigned int index, uint16_t size)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];
	uint64_t most = fuzz_machine->v->class->queue_size;

	q->size = size && size <= most ? size : (uint16_t)most;
	q->packed = guest()->features & F(VIRTIO_F_RING_PACKED);
	q->event_idx = guest()->features & F(VIRTIO_RING_F_EVENT_IDX);
	q->avail = q->used = q->packed ? WRAP : 0;
	q->next_desc = 0;
	clear(area(index, FUZZ_DESC), 16ULL * q->size);
	clear(area(index, FUZZ_AVAIL), 6 + 2ULL * q->size);
	clear(area(index, FUZZ_USED), 6 + 8ULL * q->size);
	set(QUEUE_SEL, index);
	set(QUEUE_SIZE, q->size);
	set_address(QUEUE_DESC, area(index, FUZZ_DESC));
	set_address(QUEUE_AVAIL, area(index, FUZZ_AVAIL));
	set_address(QUEUE_USED, area(index, FUZZ_USED));
	if (guest()->pci && !guest()->intx)
		fuzz_guest_write(guest()->base + VIRTIO_PCI_COMMON_Q_MSIX, 2, 1 + index);
}

void fuzz_guest_queue(unsigned int index, uint16_t size)
{
	prepare_queue(index, size);
	set(QUEUE_ENABLE, 1);
}

/* The driver goes on with what it has written, if it is a size that a ring can have. */
static void set_wrong(struct fuzz_guest_queue *q, const struct fuzz_again *again)
{
	switch (again->wrong) {
	case FUZZ_WRONG_NOTHING: break;
	case FUZZ_WRONG_SIZE:
		set(QUEUE_SIZE, again->wrong_size);
		if (again->wrong_size && again->wrong_size <= 0x8000)
			q->size = (uint16_t)again->wrong_size;
		break;
	case FUZZ_WRONG_DESC: set_address(QUEUE_DESC, again->wrong_addr); break;
	case FUZZ_WRONG_AVAIL: set_address(QUEUE_AVAIL, again->wrong_addr); break;
	case FUZZ_WRONG_USED: set_address(QUEUE_USED, again->wrong_addr); break;
	}
}

void fuzz_guest_queue_again(unsigned int index, const struct fuzz_again *again)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];

	set(QUEUE_SEL, index);
	switch (again->after) {
	case FUZZ_AS_IT_IS: break;
	case FUZZ_AFTER_QUEUE_RESET: set(QUEUE_RESET, 1); break;
	case FUZZ_AFTER_NOT_READY: set(QUEUE_ENABLE, 0); break;
	case FUZZ_AFTER_RESET: negotiate(0); break;
	}
	prepare_queue(index, again->size);
	set_wrong(q, again);
	q->next_desc = again->next_desc % q->size;
	set(QUEUE_ENABLE, 1);
	if (again->after == FUZZ_AFTER_RESET)
		set(STATUS, STARTED);
}

void fuzz_guest_bring_up(uint64_t without, uint16_t size)
{
	if (guest()->pci)
		fuzz_guest_pci_bring_up();
	negotiate(without);
	for (unsigned int i = 0; i < fuzz_machine->v->class->queue_count && i < FUZZ_GUEST_QUEUES; i++)
		fuzz_guest_queue(i, size);
	set(STATUS, STARTED);
}

static uint16_t forward(const struct fuzz_guest_queue *q, uint16_t at)
{
	uint16_t next = (uint16_t)((at & ~WRAP) + 1);

	return next < q->size ? (uint16_t)(next | (at & WRAP)) : (uint16_t)(~at & WRAP);
}

static struct vring_desc desc_of(const struct fuzz_buf *buf, uint16_t next, bool last)
{
	return (struct vring_desc){
		.addr = buf->addr,
		.len = buf->len,
		.flags = (uint16_t)((buf->write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT)),
		.next = next,
	};
}

/* The whole chain as a table, and that as its one buffer. */
static struct fuzz_buf make_table(uint16_t head, const struct fuzz_buf *bufs, unsigned int count, bool packed)
{
	uint64_t table = FUZZ_TABLES + (uint64_t)(head % 32) * FUZZ_TABLE_SIZE;
	struct vring_desc desc[FUZZ_TABLE_SIZE / 16];

	for (unsigned int i = 0; i < count; i++) {
		desc[i] = desc_of(&bufs[i], (uint16_t)(i + 1), i + 1 == count);
		if (!packed)
			continue;
		desc[i].next = desc[i].flags & VRING_DESC_F_WRITE;
		desc[i].flags = 0;
	}
	fuzz_guest_store(table, desc, count * sizeof(desc[0]));
	return (struct fuzz_buf){ table, (uint32_t)(count * sizeof(desc[0])), false };
}

/* A packed descriptor is a split one with the id where the flags are, and the flags last. */
static uint16_t add_packed(unsigned int index, const struct fuzz_buf *bufs, unsigned int count, uint16_t extra)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];
	uint16_t id = q->next_desc;

	q->next_desc = (uint16_t)((q->next_desc + 1) % q->size);
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc desc = desc_of(&bufs[i], 0, i + 1 == count);

		desc.next = desc.flags | extra;
		desc.next |= q->avail & WRAP ? F(VRING_PACKED_DESC_F_AVAIL) : F(VRING_PACKED_DESC_F_USED);
		desc.flags = id;
		fuzz_guest_store(area(index, FUZZ_DESC) + 16ULL * (q->avail & ~WRAP), &desc, sizeof(desc));
		q->avail = forward(q, q->avail);
	}
	return id;
}

static uint16_t add_split(unsigned int index, const struct fuzz_buf *bufs, unsigned int count, uint16_t extra)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];
	uint16_t head = q->next_desc, at = q->avail;

	for (unsigned int i = 0; i < count; i++) {
		uint16_t next = (uint16_t)((q->next_desc + 1) % q->size);
		struct vring_desc desc = desc_of(&bufs[i], next, i + 1 == count);

		desc.flags |= extra;
		fuzz_guest_store(area(index, FUZZ_DESC) + 16ULL * q->next_desc, &desc, sizeof(desc));
		q->next_desc = next;
	}
	fuzz_guest_write(area(index, FUZZ_AVAIL) + 4 + 2ULL * (at % q->size), 2, head);
	q->avail = (uint16_t)(at + 1);
	fuzz_guest_write(area(index, FUZZ_AVAIL) + 2, 2, q->avail);
	return head;
}

uint16_t fuzz_guest_add(unsigned int index, const struct fuzz_buf *bufs, unsigned int count, bool indirect)
{
	const struct fuzz_guest_queue *q = &guest()->queue[index];
	struct fuzz_buf table;
	uint16_t extra = 0;

	if (!q->size || !count)
		return 0;
	if (count > q->size)
		count = q->size;
	if (count > FUZZ_TABLE_SIZE / 16)
		count = FUZZ_TABLE_SIZE / 16;
	if (indirect) {
		table = make_table(q->next_desc, bufs, count, q->packed);
		bufs = &table;
		count = 1;
		extra = VRING_DESC_F_INDIRECT;
	}
	return q->packed ? add_packed(index, bufs, count, extra) : add_split(index, bufs, count, extra);
}

void fuzz_guest_kick(unsigned int index)
{
	uint32_t value = index;

	if (guest()->features & F(VIRTIO_F_NOTIFICATION_DATA) && index < FUZZ_GUEST_QUEUES)
		value |= (uint32_t)guest()->queue[index].avail << 16;
	if (guest()->pci)
		fuzz_guest_write(guest()->base + VIRTIO_PCI_NOTIFY + index * VIRTIO_PCI_NOTIFY_STEP,
			guest()->features & F(VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2, value);
	else
		fuzz_guest_write(guest()->base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, value);
}

static bool used_packed(unsigned int index, uint32_t *head, uint32_t *len)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];
	struct vring_packed_desc desc = { 0 };
	bool wrap = q->used & WRAP;

	(void)fuzz_memory_read(area(index, FUZZ_DESC) + 16ULL * (q->used & ~WRAP), &desc, sizeof(desc));
	if ((bool)(desc.flags & F(VRING_PACKED_DESC_F_USED)) != wrap ||
		(bool)(desc.flags & F(VRING_PACKED_DESC_F_AVAIL)) != wrap)
		return false;
	*head = desc.id;
	*len = desc.len;
	q->used = forward(q, q->used);
	return true;
}

bool fuzz_guest_used(unsigned int index, uint32_t *head, uint32_t *len)
{
	struct fuzz_guest_queue *q = &guest()->queue[index];
	struct vring_used_elem elem = { 0 };
	uint16_t now = 0;

	if (q->packed)
		return used_packed(index, head, len);
	(void)fuzz_memory_read(area(index, FUZZ_USED) + 2, &now, sizeof(now));
	if (now == q->used)
		return false;
	(void)fuzz_memory_read(area(index, FUZZ_USED) + 4 + 8ULL * (q->used % q->size), &elem, sizeof(elem));
	*head = elem.id;
	*len = elem.len;
	q->used++;
	return true;
}
