/* SPDX-License-Identifier: Apache-2.0 */
/* --hostile SEED[,rate=N][,only=KIND+KIND...][,log]: devices that lie on purpose (virtio/hostile.h). */
#ifndef MINIVMM_OPTIONS_HOSTILE_H
#define MINIVMM_OPTIONS_HOSTILE_H

#include "options.h"

/* value is cut up in place. 0, or -1 with *error. */
must_check int hostile_options_parse(char *value, struct hostile_options *hostile, struct error *error);

#endif
