/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of loads: how often each was made, and what those to come are to find (memory.h). Knows no memory. */
#ifndef MINIVMM_FUZZ_LATE_H
#define MINIVMM_FUZZ_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

/* Which load of its kind, from 0, this one is. */
uint32_t fuzz_late_count(gpa_t gpa, uint32_t len);
/* Loads of all kinds since the reset. */
uint64_t fuzz_late_loads(void);
/* A FUZZ_LATE step. Of two for the same load the first counts; what is said of one that was made already never does. */
void fuzz_late_add(const struct fuzz_op *op);
/* If it is known what this one finds, that is in buf. Once. */
bool fuzz_late_find(const struct fuzz_load *load, uint8_t *buf);
void fuzz_late_reset(void);

#endif
