/* SPDX-License-Identifier: Apache-2.0 */
/* Which accelerator it is to be, and what those without a host's CPUs tell the device tree. */
#include "accel.h"

#include "accel_qtest.h"
#include "layout.h"

struct accel *accel_open(const struct options *options, struct accel_machine *machine, struct error *error)
{
	/* A tree to be written needs nobody who listens. */
	if (options->qtest && !options->dump_dtb)
		return accel_open_qtest(options, machine, error);
	return accel_open_host(options, machine, error);
}

void accel_describe(struct accel *accel, const struct options *options)
{
	accel->gic_version = 3;
	accel->ipa_bits = LAYOUT_PCI_BITS;
	accel->pmu = options->pmu;
	accel->cpus = options->cpus;
	/* As KVM numbers them: 16 CPUs to a cluster, since GICv3 SGIs reach 16 by Aff0 (vcpu reset in arch/arm64/kvm). */
	for (unsigned int i = 0; i < options->cpus; i++)
		accel->mpidr[i] = (i & 15) | (uint64_t)(i >> 4) << 8;
}
