/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MMIO bus: everything a guest can touch that is not RAM is reached by bus_read and bus_write, whoever asks (a KVM
 * exit, a unit test, a fuzzer, the qtest socket).
 *
 * A doorbell is a write that means "signal this eventfd" and nothing else. KVM takes it as an ioeventfd through
 * doorbell_ops; without an accelerator bus_write matches it in software and signals the same eventfd.
 *
 * Not thread safe: callers hold the machine lock.
 */
#ifndef MINIVMM_BUS_H
#define MINIVMM_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "util.h"

struct bus_ops {
	/* size is 1, 2, 4 or 8; offset + size is inside the region; the guest chooses both. Bits above size are dropped. */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, unsigned int size, uint64_t value);
	/* The register's name in its specification, or NULL; for statistics and traces. May be NULL. */
	const char *(*reg_name)(uint64_t offset);
};

/* Owned by the device, which keeps it alive and unchanged while it is on the bus. */
struct bus_region {
	const char *name;
	const struct bus_ops *ops;
	void *opaque;
	gpa_t base;
	uint64_t size;
};

/* A write of exactly size bytes, value `value` or any, to addr signals fd and does nothing else. */
struct doorbell {
	gpa_t addr;
	unsigned int size;
	uint32_t value; /* 0 when any_value is set */
	bool any_value;
	int fd;
};

struct doorbell_ops {
	/* 0 or -errno; -ENOSPC and -EOPNOTSUPP mean that the bus is to match this one itself. */
	int (*add)(void *opaque, const struct doorbell *bell);
	void (*del)(void *opaque, const struct doorbell *bell); /* the same values as were added */
};

#ifndef BUS_MAX_REGIONS /* tests/proofs has fewer */
#define BUS_MAX_REGIONS 256 /* 32 virtio-mmio, 31 PCI functions with up to 6 BARs, the platform devices */
#endif
#define BUS_MAX_DOORBELLS 1024

struct bus {
	struct bus_region *region[BUS_MAX_REGIONS]; /* sorted by base */
	unsigned int region_count;
	struct bus_region *last; /* the one that was accessed last; NULL: any */
	struct doorbell *doorbell; /* those that no accelerator took, unsorted; NULL while there are none */
	unsigned int doorbell_count, doorbell_room;
	const struct doorbell_ops *accel;
	void *accel_opaque;
};

void bus_init(struct bus *bus);

/* What bus_add would say of a region there, but for -ENOSPC. 0: it is free. */
must_check int bus_check(const struct bus *bus, gpa_t base, uint64_t size);

/* -EINVAL: empty or wraps; -EEXIST: overlaps a region; -ENOSPC. */
must_check int bus_add(struct bus *bus, struct bus_region *region);
void bus_del(struct bus *bus, struct bus_region *region);

/* The region that holds all of [addr, addr + size), or NULL. */
struct bus_region *bus_find(const struct bus *bus, gpa_t addr, uint64_t size);

/*
 * Dispatch one access of 1, 2, 4 or 8 bytes. false when no single region holds it: a read then gives 0 in *value, a
 * write is dropped.
 */
bool bus_read(struct bus *bus, gpa_t addr, unsigned int size, uint64_t *value);
bool bus_write(struct bus *bus, gpa_t addr, unsigned int size, uint64_t value);

/*
 * Doorbells go to the accelerator if one is set and takes it, else are matched here. 0, -ENOSPC, -ENOMEM or the accelerator's
 * error other than the two that doorbell_ops names. The descriptor stays the caller's; no two that one write could match.
 * Deleting looks at addr, size, value and any_value.
 */
must_check int bus_add_doorbell(struct bus *bus, const struct doorbell *bell);
void bus_del_doorbell(struct bus *bus, const struct doorbell *bell);

/* ops NULL: software only. Set before the first doorbell is added. */
void bus_set_accel(struct bus *bus, const struct doorbell_ops *ops, void *opaque);

#endif
