/* SPDX-License-Identifier: Apache-2.0 */
/* The list of targets. */
#include "targets.h"

static const struct fuzz_target end;

const struct fuzz_target *const fuzz_targets[] = {
	&fuzz_cmdline,
	&fuzz_compressed_kernel_file,
	&fuzz_device_tree,
	&fuzz_initramfs,
	&fuzz_kernel_file,
	&fuzz_options,
	&fuzz_qtest,
	&fuzz_state,
	&fuzz_vhost_user_client,
	&fuzz_vhost_user_device,
	&fuzz_vhost_user_options,
	&fuzz_vhost_user_server,
	&fuzz_host_disk,
	&fuzz_host_stream,
	&fuzz_rng_mmio,
	&fuzz_rng_pci,
	&fuzz_blk_mmio,
	&fuzz_blk_pci,
	&fuzz_blk_mirror,
	&fuzz_rng_hostile,
	&fuzz_blk_hostile,
	&fuzz_pl011,
	&fuzz_pl031,
	&fuzz_pl061,
	&fuzz_uart16550,
	&fuzz_exit,
	&fuzz_pci_config,
	&fuzz_gicv2m,
	&fuzz_snapshot_mmio,
	&fuzz_snapshot_pci,
	&end,
};
