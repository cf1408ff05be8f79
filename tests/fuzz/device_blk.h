/* SPDX-License-Identifier: Apache-2.0 */
/* The disk, for the targets that need a device with much state. */
#ifndef MINIVMM_FUZZ_DEVICE_BLK_H
#define MINIVMM_FUZZ_DEVICE_BLK_H

#include "machine.h"

extern const struct fuzz_device fuzz_device_blk_mmio, fuzz_device_blk_pci;

/* A device's requests, for those that are such disks. */
extern const struct fuzz_name fuzz_blk_requests[];

#endif
