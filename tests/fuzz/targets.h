/* SPDX-License-Identifier: Apache-2.0 */
/* Each target, by the file it is in. A new one is named here and in targets.c. */
#ifndef MINIVMM_FUZZ_TARGETS_H
#define MINIVMM_FUZZ_TARGETS_H

#include "fuzz.h"

/* parse_*.c: what reads a user's files and command line, and messages of other processes. */
extern const struct fuzz_target fuzz_cmdline, fuzz_compressed_kernel_file, fuzz_device_tree, fuzz_initramfs,
	fuzz_kernel_file, fuzz_options, fuzz_qtest, fuzz_state, fuzz_vhost_user_client, fuzz_vhost_user_device,
	fuzz_vhost_user_options, fuzz_vhost_user_server;

/* parse_host_*.c: the host's files, sockets and terminals behind the devices, which are the real ones. */
extern const struct fuzz_target fuzz_host_disk, fuzz_host_stream;

/* device_*.c: hardware, at register level. */
extern const struct fuzz_target fuzz_rng_mmio, fuzz_rng_pci, fuzz_blk_mmio, fuzz_blk_pci, fuzz_blk_mirror,
	fuzz_rng_hostile, fuzz_blk_hostile;
extern const struct fuzz_target fuzz_pl011, fuzz_pl031, fuzz_pl061, fuzz_uart16550, fuzz_exit;
extern const struct fuzz_target fuzz_pci_config, fuzz_gicv2m, fuzz_snapshot_mmio, fuzz_snapshot_pci;

#endif
