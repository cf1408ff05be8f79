/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: the bus. Regions of any 64-bit bases and sizes, as many as BUS_MAX_REGIONS, which is fewer here than in the program.
 * Everybody who asks bus_del and bus_find counts on this.
 */
#include "proof.h"

#include "../../devices/core/bus.c"

#define MOST BUS_MAX_REGIONS

/*
 * Those of the bus in the order they are on it, and one more. Objects of their own: CBMC takes a pointer to one of five for one of
 * five, and a pointer into an array for any place in it.
 */
static struct bus_region first, second, third, fourth, fifth;
static struct bus_region *const region[] = { &first, &second, &third, &fourth, &fifth };

/* CBMC's own goes byte by byte, and a pointer in pieces is hard to follow. */
void *memmove(void *to, const void *from, size_t len)
{
	struct bus_region **dst = to, *const *src = from, *copy[MOST];
	size_t count = len / sizeof(*src);

	PROVE(len % sizeof(*src) == 0 && count <= MOST, "whole entries of the bus are moved");
	PROVE(!len || (__CPROVER_r_ok(from, len) && __CPROVER_w_ok(to, len)), "from and to places that it has");
	for (size_t i = 0; i < MOST && i < count; i++)
		copy[i] = src[i];
	for (size_t i = 0; i < MOST && i < count; i++)
		dst[i] = copy[i];
	return to;
}

static bool can_be(gpa_t base, uint64_t size)
{
	return size && size - 1 <= UINT64_MAX - base;
}

/* Of an address below base the difference is more than any size that can be. */
static bool inside(gpa_t addr, gpa_t base, uint64_t size)
{
	return addr - base < size;
}

static bool holds(const struct bus_region *r, gpa_t addr, uint64_t size)
{
	return inside(addr, r->base, r->size) && size <= r->size - (addr - r->base);
}

static bool above(const struct bus_region *r, const struct bus_region *other)
{
	return r->base > other->base && !inside(r->base, other->base, other->size);
}

/* Each one possible, and above all those before it. Neighbours would do, but what follows from what follows takes CBMC long. */
static bool in_order(const struct bus *bus)
{
	for (unsigned int i = 0; i < MOST && i < bus->region_count; i++) {
		if (!can_be(bus->region[i]->base, bus->region[i]->size))
			return false;
		for (unsigned int j = 0; j < i; j++)
			if (!above(bus->region[i], bus->region[j]))
				return false;
	}
	return true;
}

/* Which region is where does not matter, so it is the one of that number. */
static struct bus any_bus(void)
{
	struct bus bus = { .region_count = nondet_uint() };

	ASSUME(bus.region_count <= MOST);
	for (unsigned int i = 0; i <= MOST; i++) {
		region[i]->base = nondet_u64();
		region[i]->size = nondet_u64();
		if (i < MOST)
			bus.region[i] = region[i];
	}
	ASSUME(in_order(&bus));
	return bus;
}

void proof_bus_del(void)
{
	struct bus bus = any_bus();
	const unsigned int count = bus.region_count;
	unsigned int gone = nondet_uint(), k = nondet_uint();

	ASSUME(gone < count && k < count && k != gone);
	bus_del(&bus, region[gone]);
	PROVE(bus.region_count == count - 1 && in_order(&bus), "one less, in order");
	PROVE(bus.region[k - (k > gone)] == region[k], "and the others are there");
	REACHABLE(count == MOST && gone == 1 && k == MOST - 1);
}

void proof_bus_find(void)
{
	struct bus bus = any_bus();
	gpa_t addr = nondet_u64();
	uint64_t size = nondet_u64();
	const struct bus_region *found = bus_find(&bus, addr, size), *holder = NULL;

	ASSUME(size);
	for (unsigned int i = 0; i < MOST && i < bus.region_count; i++)
		if (holds(region[i], addr, size))
			holder = region[i];
	PROVE(found == holder, "found if and only if one region holds all of it, and then that one");
	REACHABLE(found == region[MOST - 1] && size > UINT32_MAX);
	REACHABLE(!found && bus.region_count == MOST);
}
