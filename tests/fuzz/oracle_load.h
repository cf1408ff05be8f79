/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle of loads, for oracle.c alone. */
#ifndef MINIVMM_FUZZ_ORACLE_LOAD_H
#define MINIVMM_FUZZ_ORACLE_LOAD_H

#include "virtio/virtq.h"

void fuzz_oracle_popped(const struct chain *chain);
void fuzz_oracle_load_reset(void);

#endif
