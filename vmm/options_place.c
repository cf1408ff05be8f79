/* SPDX-License-Identifier: Apache-2.0 */
/* See options_place.h. */
#include "options_place.h"

#include <string.h>

#include "keyval.h"
#include "layout.h"

#define SLOT_LAST 31 /* of bus 0; slot 0 is the host bridge's */

struct placed {
	const char *option;
	struct place_options *place;
};

int transport_parse(const char *option, const char *value, enum transport *transport, struct error *error)
{
	bool pci = !strcmp(value, "pci");

	if (!pci && strcmp(value, "mmio"))
		return error_set(error, STATUS_USAGE, "%s%s: write mmio or pci", option, value);
	*transport = pci ? TRANSPORT_PCI : TRANSPORT_MMIO;
	return 0;
}

int place_options_parse(
	const char *option, const char *bus, const char *addr, struct place_options *place, struct error *error)
{
	char text[64];
	uint64_t slot;

	*place = (struct place_options){ .bus = TRANSPORT_DEFAULT };
	snprintf(text, sizeof(text), "%s: bus=", option);
	if (bus && transport_parse(text, bus, &place->bus, error))
		return -1;
	if (!addr)
		return 0;
	if (parse_number(addr, &slot) || slot < 1 || slot > SLOT_LAST)
		return error_set(
			error, STATUS_USAGE, "%s: addr=%s: write a PCI slot from 1 to %d", option, addr, SLOT_LAST);
	place->slot = (unsigned int)slot;
	return 0;
}

/* Behind those that came before it. */
static void add(struct placed *all, size_t *count, const char *option, struct place_options *place)
{
	size_t at = (*count)++;

	for (; at && all[at - 1].place->order > place->order; at--)
		all[at] = all[at - 1];
	all[at] = (struct placed){ option, place };
}

/* Every device that has a place, in the order of the command line; how many. */
static size_t collect(struct options *options, struct placed *all)
{
	size_t count = 0;

	if (options->rng)
		add(all, &count, "--rng", &options->rng_place);
	for (unsigned int i = 0; i < options->disk_count; i++)
		add(all, &count, "--disk", &options->disks[i].place);
	for (unsigned int i = 0; i < options->vhost_user_count; i++)
		add(all, &count, "--vhost-user", &options->vhost_users[i].place);
	for (unsigned int i = 0; i < options->serial_count; i++)
		add(all, &count, "--serial", &options->serials[i].place);
	return count;
}

/* The slots that were asked for. */
static int take_given(struct placed *all, size_t count, const char **taken, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct place_options *place = all[i].place;

		if (!place->slot)
			continue;
		if (place->bus != TRANSPORT_PCI)
			return error_set(error, STATUS_USAGE,
				"%s: addr=%u: a slot of the PCI bus, where the device is not; add bus=pci",
				all[i].option, place->slot);
		if (taken[place->slot])
			return error_set(error, STATUS_USAGE, "%s: addr=%u: that slot is taken already, by a %s",
				all[i].option, place->slot, taken[place->slot]);
		taken[place->slot] = all[i].option;
	}
	return 0;
}

static int take_free(struct placed *device, const char **taken, struct error *error)
{
	for (unsigned int slot = 1; slot <= SLOT_LAST; slot++) {
		if (taken[slot])
			continue;
		taken[slot] = device->option;
		device->place->slot = slot;
		return 0;
	}
	return error_set(error, STATUS_USAGE, "%s: no PCI slot is left, there are %d", device->option, SLOT_LAST);
}

int place_options_settle(struct options *options, struct error *error)
{
	struct placed all[OPTIONS_MAX_DISKS + 1 + OPTIONS_MAX_VHOST_USERS + OPTIONS_MAX_SERIALS];
	const char *taken[SLOT_LAST + 1] = { "host bridge" };
	size_t count = collect(options, all), mmio = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i].place->bus == TRANSPORT_DEFAULT)
			all[i].place->bus = options->transport;
	if (take_given(all, count, taken, error))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (all[i].place->bus != TRANSPORT_PCI) {
			options->mmio = true;
			if (++mmio > LAYOUT_VIRTIO_COUNT)
				return error_set(error, STATUS_USAGE,
					"%s: no virtio-mmio slot is left, there are %d; put devices on the PCI bus "
					"with "
					"bus=pci",
					all[i].option, LAYOUT_VIRTIO_COUNT);
			continue;
		}
		options->pci = true;
		if (!all[i].place->slot && take_free(&all[i], taken, error))
			return -1;
	}
	return 0;
}
