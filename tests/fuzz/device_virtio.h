/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices as targets: device_rng.c, device_blk.c. */
#ifndef MINIVMM_FUZZ_DEVICE_VIRTIO_H
#define MINIVMM_FUZZ_DEVICE_VIRTIO_H

#include "fuzz.h"
#include "machine.h"

extern const struct fuzz_reg fuzz_mmio_regs[], fuzz_pci_regs[];
extern const struct fuzz_range fuzz_mmio_ranges[], fuzz_pci_ranges[];

/* For build, once v is there: puts it on the device's transport, with every feature offered. */
void fuzz_virtio_place(struct fuzz_machine *m, struct virtio *v);
/* For destroy: takes the device off it, and the host bridge away if that is fuzz_virtio_place's. */
void fuzz_virtio_remove(struct fuzz_machine *m);
/*
 * The host bridge, for a device that wants it otherwise than fuzz_virtio_place makes it: with somebody else, or nobody (NULL), who
 * takes messages.
 */
struct pci_host *fuzz_pci_build(struct fuzz_machine *m, const struct msi_ops *msi, void *msi_opaque);
/* A target's start; its opaque is the struct fuzz_device. */
void fuzz_virtio_start(const struct fuzz_target *target);

#define FUZZ_ON_MMIO .regs = fuzz_mmio_regs, .ranges = fuzz_mmio_ranges
#define FUZZ_ON_PCI  .regs = fuzz_pci_regs, .ranges = fuzz_pci_ranges, .on_pci = true

#endif
