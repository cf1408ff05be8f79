/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugging a device under test in: each transport there is puts it on a rig's bus, where the driver of the same transport
 * finds it. What has to be the same whatever is between driver and device is tested over all of them.
 *
 * A further transport is a row of plug_types, and its state a member of struct plug.
 */
#ifndef MINIVMM_TEST_PLUG_H
#define MINIVMM_TEST_PLUG_H

#include "driver.h"
#include "rig.h"
#include "rig_pci.h"
#include "test.h"
#include "vhost_user_frontend.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "virtio/vhost_user_server.h"

struct plug;

struct plug_type {
	const char *name;
	const struct driver_transport *driver;
	gpa_t base; /* for driver_init */
	/* 0 or -errno. p->rig and p->irq are ready. */
	int (*in)(struct plug *p, struct virtio *v);
	void (*out)(struct plug *p);
	bool (*interrupted)(struct plug *p);
};

struct plug {
	const struct plug_type *type;
	struct rig *rig;
	struct rig_irq irq;
	struct virtio_mmio mmio;
	struct rig_pci bridge;
	struct virtio_pci pci;
	struct vhost_user_memory memory;
	struct vhost_user_server server;
	struct vhost_user_frontend frontend;
	unsigned int dropped; /* times that the server gave up the frontend, and what it said last */
	char dropped_for[160];
	unsigned int seen[RIG_MSIS]; /* messages of each interrupt that the driver has taken */
	struct driver_local local;
};

/* PLUG_TYPES of them are transports with registers. */
enum { PLUG_MMIO, PLUG_PCI, PLUG_PCI_INTX, PLUG_TYPES, PLUG_VHOST_USER = PLUG_TYPES, PLUG_ALL };
extern const struct plug_type plug_types[PLUG_ALL];
/* The one that plug_in uses: the first, virtio-mmio, in a test that does not run on all of them with plug_ways. */
extern const struct plug_type *plug_type;
extern const struct test_ways plug_ways;
/* With vhost-user, where there is no queue reset and nothing that only a register tells. */
extern const struct test_ways plug_all_ways;

/* Where virtio-mmio has its registers, and the number of its interrupt. */
#define PLUG_MMIO_BASE 0x0a003e00ULL
#define PLUG_IRQ       47

/* Where a PCI function has its configuration space. Its vector n sends PLUG_MESSAGE + n to PLUG_MESSAGES. */
#define PLUG_SLOT     3
#define PLUG_PCI_BASE (RIG_ECAM + PLUG_SLOT * 0x8000)
#define PLUG_MESSAGES 0x08020040ULL
#define PLUG_MESSAGE  48

/* Memory of the driver; tests take buffers of their own below it. */
#define PLUG_ARENA	(RIG_RAM_BASE + 4 * MiB)
#define PLUG_ARENA_SIZE (2 * MiB)

/* Puts v on the rig by plug_type, d at its registers. Ends the program when the host or the transport refuses. */
void plug_in(struct plug *p, struct virtio *v, struct rig *rig, struct driver *d);
/* Resets v and takes it off the rig. */
void plug_out(struct plug *p);
/* Is the driver being interrupted: a line up, or a message that it has not taken? */
bool plug_interrupted(struct plug *p);
/* d, a copy of the driver of another plug of the same type, drives what is plugged in here. */
void plug_adopt(struct plug *p, struct driver *d);

#endif
