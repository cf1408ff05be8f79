/* SPDX-License-Identifier: Apache-2.0 */
/* What the user of --hostile is told: that devices lie, each lie with log, and at the end how many there were. */
#ifndef MINIVMM_HOSTILE_LOG_H
#define MINIVMM_HOSTILE_LOG_H

#include "options.h"
#include "virtio/hostile.h"

/* Sets h up and says on stderr what it will do. h, or NULL when devices are to be honest. */
struct hostile *hostile_log_begin(struct hostile *h, const struct hostile_options *options);
/* The table, on stderr. h may be NULL. */
void hostile_log_end(const struct hostile *h);

#endif
