/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default init as it lies in the monitor: a whole static aarch64 executable, linked in by init_blob.S. Only the aarch64
 * build has it.
 */
#ifndef MINIVMM_INIT_BLOB_H
#define MINIVMM_INIT_BLOB_H

#include <stdint.h>

extern const uint8_t guest_init_start[], guest_init_end[];

#endif
