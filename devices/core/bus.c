/* SPDX-License-Identifier: Apache-2.0 */
/* MMIO dispatch by binary search, and doorbells matched in software where no accelerator took them. */
#include "bus.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

/* How many regions start at or below addr; the last of them is the only one that can hold addr. */
static unsigned int regions_up_to(const struct bus *bus, gpa_t addr)
{
	unsigned int low = 0, high = bus->region_count;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (bus->region[mid]->base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int bus_check(const struct bus *bus, gpa_t base, uint64_t size)
{
	unsigned int at = regions_up_to(bus, base);

	if (!size || size - 1 > UINT64_MAX - base)
		return -EINVAL;
	if (at && base - bus->region[at - 1]->base < bus->region[at - 1]->size)
		return -EEXIST;
	if (at < bus->region_count && bus->region[at]->base - base < size)
		return -EEXIST;
	return 0;
}

int bus_add(struct bus *bus, struct bus_region *region)
{
	unsigned int at = regions_up_to(bus, region->base);
	int err = bus_check(bus, region->base, region->size);

	if (err)
		return err;
	if (bus->region_count == BUS_MAX_REGIONS)
		return -ENOSPC;
	memmove(&bus->region[at + 1], &bus->region[at], (bus->region_count - at) * sizeof(bus->region[0]));
	bus->region[at] = region;
	bus->region_count++;
	return 0;
}

void bus_del(struct bus *bus, struct bus_region *region)
{
	unsigned int at = regions_up_to(bus, region->base);

	/* Regions do not overlap, so one that is on the bus is found by its base. */
	assert(at && bus->region[at - 1] == region);
	bus->last = NULL;
	bus->region_count--;
	memmove(&bus->region[at - 1], &bus->region[at], (bus->region_count - (at - 1)) * sizeof(bus->region[0]));
}

static bool contains(const struct bus_region *region, gpa_t addr, uint64_t size)
{
	uint64_t offset = addr - region->base;

	return offset < region->size && size <= region->size - offset;
}

struct bus_region *bus_find(const struct bus *bus, gpa_t addr, uint64_t size)
{
	unsigned int at = regions_up_to(bus, addr);

	return at && contains(bus->region[at - 1], addr, size) ? bus->region[at - 1] : NULL;
}

/* A guest comes to the same device again and again. */
static struct bus_region *find_again(struct bus *bus, gpa_t addr, uint64_t size)
{
	if (!bus->last || !contains(bus->last, addr, size))
		bus->last = bus_find(bus, addr, size);
	return bus->last;
}

static uint64_t truncate_value(uint64_t value, unsigned int size)
{
	return size < 8 ? value & ((1ULL << (size * 8)) - 1) : value;
}

bool bus_read(struct bus *bus, gpa_t addr, unsigned int size, uint64_t *value)
{
	struct bus_region *region = find_again(bus, addr, size);

	*value = 0;
	if (!region)
		return false;
	*value = truncate_value(region->ops->read(region->opaque, addr - region->base, size), size);
	return true;
}

static struct doorbell *find_doorbell(struct bus *bus, gpa_t addr, unsigned int size, uint64_t value)
{
	for (unsigned int i = 0; i < bus->doorbell_count; i++) {
		struct doorbell *bell = &bus->doorbell[i];

		if (bell->addr == addr && bell->size == size && (bell->any_value || bell->value == value))
			return bell;
	}
	return NULL;
}

static void ring(const struct doorbell *bell)
{
	static const uint64_t one = 1;
	/* Fails only when the counter is at its maximum, and then the reader is signalled already. */
	ssize_t done = write(bell->fd, &one, sizeof(one));

	(void)done;
}

bool bus_write(struct bus *bus, gpa_t addr, unsigned int size, uint64_t value)
{
	struct bus_region *region;
	struct doorbell *bell;

	value = truncate_value(value, size);
	bell = find_doorbell(bus, addr, size, value);
	if (bell) {
		ring(bell);
		return true;
	}
	region = find_again(bus, addr, size);
	if (!region)
		return false;
	region->ops->write(region->opaque, addr - region->base, size, value);
	return true;
}

/* An accelerator takes nearly all of them: most buses never need any. */
static bool more_room(struct bus *bus)
{
	unsigned int room = bus->doorbell_room ? 2 * bus->doorbell_room : 8;
	struct doorbell *bigger = reallocarray(bus->doorbell, room, sizeof(*bigger));

	if (!bigger)
		return false;
	bus->doorbell = bigger;
	bus->doorbell_room = room;
	return true;
}

int bus_add_doorbell(struct bus *bus, const struct doorbell *bell)
{
	if (bus->accel) {
		int err = bus->accel->add(bus->accel_opaque, bell);

		/* Full, or not of a kind it can match: the access will then come here as an exit. */
		if (err != -ENOSPC && err != -EOPNOTSUPP)
			return err;
	}
	if (bus->doorbell_count == BUS_MAX_DOORBELLS)
		return -ENOSPC;
	if (bus->doorbell_count == bus->doorbell_room && !more_room(bus))
		return -ENOMEM;
	bus->doorbell[bus->doorbell_count++] = *bell;
	return 0;
}

void bus_del_doorbell(struct bus *bus, const struct doorbell *bell)
{
	struct doorbell *ours = find_doorbell(bus, bell->addr, bell->size, bell->value);

	if (ours)
		*ours = bus->doorbell[--bus->doorbell_count];
	else if (bus->accel)
		bus->accel->del(bus->accel_opaque, bell);
	if (bus->doorbell_count)
		return;
	free(bus->doorbell);
	bus->doorbell = NULL;
	bus->doorbell_room = 0;
}

void bus_set_accel(struct bus *bus, const struct doorbell_ops *ops, void *opaque)
{
	bus->accel = ops;
	bus->accel_opaque = opaque;
}
