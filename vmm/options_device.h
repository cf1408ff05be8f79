/* SPDX-License-Identifier: Apache-2.0 */
/* The values of options that describe a device, like --disk: what options.c's table is too small for. */
#ifndef MINIVMM_OPTIONS_DEVICE_H
#define MINIVMM_OPTIONS_DEVICE_H

#include "options.h"

/*
 * "+x,-y" for one device: what is offered beside or left out of what it offers by default, to test a driver or
 * ourselves. own knows the device's own features, NULL: it has none. text NULL: none given. 0, or -1 with *error.
 */
must_check int feature_options_parse(const char *option, const char *text, int (*own)(const char *name),
	struct feature_options *features, struct error *error);
/* --rng, which the device then is there by; value is cut up in place. 0, or -1 with *error. */
must_check int rng_options_parse(struct options *options, char *value, struct error *error);
/* One --disk; value is cut up in place. 0, or -1 with *error. */
must_check int disk_options_parse(struct disk_options *disk, char *value, struct error *error);

#endif
