/* SPDX-License-Identifier: Apache-2.0 */
/* The world's disk, for world.c alone. */
#ifndef MINIVMM_FUZZ_WORLD_DISK_H
#define MINIVMM_FUZZ_WORLD_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* The i-th request is done. false: there is none. */
bool fuzz_disk_release(uint64_t i);
/* The world has changed: what is not held any more gets on its way. */
void fuzz_disk_settle(void);
/* Its bytes are as at first. */
void fuzz_disk_reset(void);

#endif
