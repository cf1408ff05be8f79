/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where devices go: --transport for all virtio devices, bus= and addr= for one. Devices without an address get the PCI slots
 * that are left, from 1 up in the order of the command line.
 */
#ifndef MINIVMM_OPTIONS_PLACE_H
#define MINIVMM_OPTIONS_PLACE_H

#include "options.h"

/* "mmio" or "pci"; option is what the message names. 0, or -1 with *error. */
must_check int transport_parse(const char *option, const char *value, enum transport *transport, struct error *error);
/* One device's bus= and addr=, NULL where not given. 0, or -1 with *error. */
must_check int place_options_parse(
	const char *option, const char *bus, const char *addr, struct place_options *place, struct error *error);
/* Once every option is parsed: settles each device's place, options->pci and mmio. 0, or -1 with *error: no two fit together. */
must_check int place_options_settle(struct options *options, struct error *error);

#endif
