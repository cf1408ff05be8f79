/* SPDX-License-Identifier: Apache-2.0 */
/* See plug.h. */
#include "plug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int mmio_in(struct plug *p, struct virtio *v)
{
	return virtio_mmio_init(&p->mmio, v, &p->rig->bus, PLUG_MMIO_BASE, &p->irq.irq);
}

static void mmio_out(struct plug *p)
{
	virtio_mmio_destroy(&p->mmio);
}

static bool mmio_interrupted(struct plug *p)
{
	return p->irq.level;
}

static int pci_in(struct plug *p, struct virtio *v)
{
	rig_pci_init(&p->bridge, p->rig);
	return virtio_pci_init(&p->pci, v, &p->bridge.host, PLUG_SLOT);
}

static void pci_out(struct plug *p)
{
	virtio_pci_destroy(&p->pci);
	rig_pci_destroy(&p->bridge);
}

/* A bit for each vector that was sent since it was last taken. */
static uint32_t messages(struct plug *p, bool take)
{
	uint32_t came = 0;

	rig_pci_poll(&p->bridge);
	for (unsigned int i = 0; i < RIG_MSIS; i++) {
		const struct rig_msi *m = &p->bridge.msi[i];
		uint32_t vector = m->message.data - PLUG_MESSAGE;

		if (!m->used || m->sent == p->seen[i])
			continue;
		CHECK(vector < 32 && m->message.addr == PLUG_MESSAGES && m->message.requester == PLUG_SLOT << 3);
		came |= 1u << vector % 32;
		if (take)
			p->seen[i] = m->sent;
	}
	return came;
}

static uint32_t take_messages(void *opaque)
{
	return messages(opaque, true);
}

static bool pci_interrupted(struct plug *p)
{
	return messages(p, false);
}

static bool intx_interrupted(struct plug *p)
{
	return p->bridge.intx[pci_intx_line(PLUG_SLOT, 0)].level;
}

const struct plug_type plug_types[PLUG_TYPES] = {
	[PLUG_MMIO] = { "mmio", &driver_mmio, PLUG_MMIO_BASE, mmio_in, mmio_out, mmio_interrupted },
	[PLUG_PCI] = { "pci", &driver_pci, PLUG_PCI_BASE, pci_in, pci_out, pci_interrupted },
	[PLUG_PCI_INTX] = { "pci intx", &driver_pci_intx, PLUG_PCI_BASE, pci_in, pci_out, intx_interrupted },
};

const struct plug_type *plug_type = &plug_types[0];

static const char *take_type(size_t i)
{
	plug_type = &plug_types[i];
	return plug_type->name;
}

const struct test_ways plug_ways = { PLUG_TYPES, take_type };

void plug_in(struct plug *p, struct virtio *v, struct rig *rig, struct driver *d)
{
	const struct plug_type *type = plug_type;
	int ret;

	memset(p, 0, sizeof(*p));
	p->type = type;
	p->rig = rig;
	rig_irq_init(&p->irq, PLUG_IRQ);
	ret = type->in(p, v);
	if (ret < 0) {
		printf("Bail out! plug: %s over %s: %s\n", v->class->name, type->name, strerror(-ret));
		exit(1);
	}
	p->local = (struct driver_local){ &rig->bus, &rig->mem, &rig->loop };
	driver_init(d, &driver_local_access, &p->local, type->driver, type->base, PLUG_ARENA, PLUG_ARENA_SIZE);
	d->messages = (struct driver_messages){ PLUG_MESSAGES, PLUG_MESSAGE, take_messages, p };
}

void plug_out(struct plug *p)
{
	p->type->out(p);
}

bool plug_interrupted(struct plug *p)
{
	return p->type->interrupted(p);
}

void plug_adopt(struct plug *p, struct driver *d)
{
	d->access_opaque = &p->local;
	d->messages.opaque = p;
	for (int i = 0; i < DRIVER_MAX_QUEUES; i++)
		d->queue[i].d = d;
}
