/* SPDX-License-Identifier: Apache-2.0 */
/* What rig_pci.h promises. */
#include "rig_pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "test.h"

static void send_message(struct rig_msi *m)
{
	struct rig_pci *p = m->rig;

	if (!m->used || !m->routed) {
		TEST_FAIL_("an interrupt without a message was raised");
		return;
	}
	m->sent++;
	if (p->messages < RIG_MESSAGES)
		p->message[p->messages] = m->message;
	p->messages++;
}

static void msi_raise(struct irq *irq)
{
	send_message(container_of(irq, struct rig_msi, irq));
}

static int msi_fd(struct irq *irq)
{
	return container_of(irq, struct rig_msi, irq)->fd;
}

static struct irq *msi_alloc(void *opaque, uint32_t requester)
{
	static const struct irq_ops ops = { .raise = msi_raise, .lower = irq_no_level, .fd = msi_fd };
	struct rig_pci *p = opaque;

	p->allocs++;
	for (unsigned int i = 0; i < p->alloc_limit; i++) {
		struct rig_msi *m = &p->msi[i];

		if (m->used)
			continue;
		*m = (struct rig_msi){ .irq = { &ops, i }, .rig = p, .used = true, .fd = -1 };
		m->message.requester = requester;
		if (p->with_fds)
			m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		return &m->irq;
	}
	return NULL;
}

static int msi_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct rig_msi *m = container_of(irq, struct rig_msi, irq);
	struct rig_pci *p = opaque;

	p->routes++;
	m->routed = !p->route_error;
	m->message.addr = addr;
	m->message.data = data;
	return p->route_error;
}

static void msi_free(void *opaque, struct irq *irq)
{
	struct rig_msi *m = container_of(irq, struct rig_msi, irq);
	struct rig_pci *p = opaque;

	if (!m->used)
		TEST_FAIL_("an interrupt was freed twice");
	if (m->fd >= 0)
		close(m->fd);
	m->used = false;
	p->frees++;
}

static const struct msi_ops msi_ops = { .alloc = msi_alloc, .route = msi_route, .free = msi_free };

struct pci_host_config rig_pci_config(void)
{
	return (struct pci_host_config){
		.ecam = RIG_ECAM,
		.io = { RIG_IO, 0, RIG_IO_SIZE },
		.mem32 = { RIG_MEM32, RIG_MEM32, RIG_MEM32_SIZE },
		.mem64 = { RIG_MEM64, RIG_MEM64, RIG_MEM64_SIZE },
		.msi = &msi_ops,
	};
}

void rig_pci_init_as(struct rig_pci *p, struct rig *rig, const struct pci_host_config *config)
{
	struct pci_host_config full = *config;
	int err;

	memset(p, 0, sizeof(*p));
	p->rig = rig;
	p->alloc_limit = RIG_MSIS;
	full.bus = &rig->bus;
	full.msi_opaque = p;
	for (unsigned int i = 0; i < 4; i++) {
		rig_irq_init(&p->intx[i], 3 + i);
		full.intx[i] = &p->intx[i].irq;
	}
	err = pci_host_init(&p->host, &full);
	if (!err)
		return;
	printf("Bail out! rig_pci: %s\n", strerror(-err));
	exit(1);
}

void rig_pci_init(struct rig_pci *p, struct rig *rig)
{
	struct pci_host_config config = rig_pci_config();

	rig_pci_init_as(p, rig, &config);
}

void rig_pci_destroy(struct rig_pci *p)
{
	pci_host_destroy(&p->host);
	for (unsigned int i = 0; i < RIG_MSIS; i++)
		CHECK(!p->msi[i].used);
}

unsigned int rig_pci_poll(struct rig_pci *p)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < RIG_MSIS; i++) {
		uint64_t n;

		if (!p->msi[i].used || p->msi[i].fd < 0 || read(p->msi[i].fd, &n, sizeof(n)) != sizeof(n))
			continue;
		send_message(&p->msi[i]);
		found++;
	}
	return found;
}

unsigned int rig_pci_count(const struct rig_pci *p, uint32_t data)
{
	unsigned int count = 0, end = p->messages < RIG_MESSAGES ? p->messages : RIG_MESSAGES;

	for (unsigned int i = 0; i < end; i++)
		count += p->message[i].data == data;
	return count;
}

uint64_t rig_pci_read(struct rig_pci *p, unsigned int slot, unsigned int offset, unsigned int size)
{
	return rig_read(p->rig, RIG_ECAM + slot * 0x8000 + offset, size);
}

void rig_pci_write(struct rig_pci *p, unsigned int slot, unsigned int offset, unsigned int size, uint64_t value)
{
	rig_write(p->rig, RIG_ECAM + slot * 0x8000 + offset, size, value);
}

static gpa_t through(const struct pci_window *w, uint64_t addr)
{
	return addr >= w->bus_base && addr - w->bus_base < w->size ? w->base + (addr - w->bus_base) : 0;
}

gpa_t rig_pci_bar(struct rig_pci *p, unsigned int slot, unsigned int bar)
{
	const struct pci_host_config *c = &p->host.config;
	unsigned int reg = PCI_BASE_ADDRESS_0 + bar * 4;
	uint64_t addr = rig_pci_read(p, slot, reg, 4);
	gpa_t cpu;

	if (addr & PCI_BASE_ADDRESS_SPACE_IO)
		return through(&c->io, addr & ~3ULL);
	if (addr & PCI_BASE_ADDRESS_MEM_TYPE_64)
		addr |= rig_pci_read(p, slot, reg + 4, 4) << 32;
	addr &= ~15ULL;
	cpu = through(&c->mem32, addr);
	return cpu ? cpu : through(&c->mem64, addr);
}
