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

const struct plug_type plug_types[PLUG_TYPES] = {
	{ "mmio", &driver_mmio, PLUG_MMIO_BASE, mmio_in, mmio_out },
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
}

void plug_out(struct plug *p)
{
	p->type->out(p);
}
