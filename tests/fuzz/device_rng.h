/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets with a virtio-rng have in common; its device is the machine's `dev`. */
#ifndef MINIVMM_FUZZ_DEVICE_RNG_H
#define MINIVMM_FUZZ_DEVICE_RNG_H

#include "machine.h"

void fuzz_rng_request(struct fuzz_machine *m, unsigned int queue, const uint8_t choice[4]);
const char *fuzz_rng_works(struct fuzz_machine *m);
void fuzz_rng_destroy(struct fuzz_machine *m);

#endif
