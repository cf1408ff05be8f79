/* SPDX-License-Identifier: Apache-2.0 */
/* See plug.h. */
#include "plug.h"

#include <errno.h>
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

static void dropped(struct vhost_user_server *s, const char *text)
{
	struct plug *p = container_of(s, struct plug, server);

	p->dropped++;
	snprintf(p->dropped_for, sizeof(p->dropped_for), "%s", text);
}

/* The device was made with the rig's memory; what it has here is what the frontend's messages give it. */
static void use_memory(struct virtio *v, const struct mem *mem)
{
	v->mem = mem;
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		v->queue[i].mem = mem;
}

static int vhost_user_in(struct plug *p, struct virtio *v)
{
	int ret = vhost_user_server_init(&p->server, v, &p->memory);

	if (ret)
		return ret;
	use_memory(v, &p->memory.mem);
	p->server.report = dropped;
	frontend_init(&p->frontend, p->rig);
	p->frontend.device_id = v->class->device_id;
	p->frontend.queue_size = v->class->queue_size;
	ret = vhost_user_server_serve(&p->server, frontend_connect(&p->frontend));
	return ret || frontend_greet(&p->frontend) ? ret : -EPROTO;
}

static void vhost_user_out(struct plug *p)
{
	frontend_disconnect(&p->frontend);
	vhost_user_server_destroy(&p->server);
}

static bool vhost_user_interrupted(struct plug *p)
{
	return frontend_interrupted(&p->frontend);
}

const struct plug_type plug_types[PLUG_ALL] = {
	[PLUG_MMIO] = { "mmio", &driver_mmio, PLUG_MMIO_BASE, mmio_in, mmio_out, mmio_interrupted },
	[PLUG_PCI] = { "pci", &driver_pci, PLUG_PCI_BASE, pci_in, pci_out, pci_interrupted },
	[PLUG_PCI_INTX] = { "pci intx", &driver_pci_intx, PLUG_PCI_BASE, pci_in, pci_out, intx_interrupted },
	[PLUG_VHOST_USER] = { "vhost-user", &driver_vhost_user, 0, vhost_user_in, vhost_user_out,
		vhost_user_interrupted },
};

const struct plug_type *plug_type = &plug_types[0];

static const char *take_type(size_t i)
{
	plug_type = &plug_types[i];
	return plug_type->name;
}

const struct test_ways plug_ways = { PLUG_TYPES, take_type };
const struct test_ways plug_all_ways = { PLUG_ALL, take_type };

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
	d->frontend = &p->frontend;
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
	d->frontend = &p->frontend;
	for (int i = 0; i < DRIVER_MAX_QUEUES; i++)
		d->queue[i].d = d;
}
