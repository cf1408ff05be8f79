/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the machine's device tree, one function a kind. Numbers in, node out: addresses and interrupt numbers are
 * the caller's, so that a device is placed and described on adjacent lines. Only what exists is described: no caches (KVM
 * fabricates CLIDR_EL1), no flash, no PCIe without a device on it.
 *
 * Interrupts: spi counts from 0 as the GIC binding does; the INTID is 32 more. gicv2_cpus is how many vCPUs a GICv2 machine
 * has: only there does the third cell of a PPI carry a CPU mask (bindings/interrupt-controller/arm,gic.yaml); 0 means GICv3.
 */
#ifndef MINIVMM_DT_NODES_H
#define MINIVMM_DT_NODES_H

#include <stddef.h>
#include <stdint.h>

#include "dt.h"

/* What one node may point at in another. Fixed, so that the root can name the interrupt controller before it is written. */
enum dt_phandle { DT_PHANDLE_GIC = 1, DT_PHANDLE_ITS, DT_PHANDLE_CLOCK, DT_PHANDLE_GPIO, DT_PHANDLE_V2M };

/* Opens the root; close it with dt_end after the last node. */
void dt_begin_root(struct dt *dt);

struct dt_chosen {
	const char *bootargs; /* NULL: none */
	const char *stdout_path; /* NULL: none */
	uint64_t initrd; /* guest physical */
	uint64_t initrd_size; /* 0: no initrd */
	uint64_t kaslr_seed; /* 0: none; Linux takes 0 as none too */
	const void *rng_seed; /* NULL: none */
	size_t rng_seed_len; /* bytes; Linux credits all of them (drivers/of/fdt.c) */
};

void dt_add_chosen(struct dt *dt, const struct dt_chosen *chosen);
void dt_add_memory(struct dt *dt, uint64_t base, uint64_t size);
/* mpidr as read from KVM; everything but the affinity fields is masked off here. */
void dt_add_cpus(struct dt *dt, const uint64_t *mpidr, unsigned int count);
void dt_add_psci(struct dt *dt);
void dt_add_timer(struct dt *dt, unsigned int gicv2_cpus);
void dt_add_pmu(struct dt *dt, unsigned int gicv2_cpus);

struct dt_range {
	uint64_t base;
	uint64_t size; /* 0: not there */
};

/* What takes messages: at most one, size 0 is what is not there. A GICv2 has no ITS. */
struct dt_msi {
	struct dt_range its, v2m;
};

void dt_add_gic_v3(struct dt *dt, struct dt_range dist, struct dt_range redist, const struct dt_msi *msi);
void dt_add_gic_v2(struct dt *dt, struct dt_range dist, struct dt_range cpu, const struct dt_msi *msi);

/* Bus 0 behind an ECAM. In the windows bus addresses are the CPU's, but for I/O, which begins at 0. */
struct dt_pcie {
	struct dt_range ecam, io, mem32;
	struct dt_range mem64; /* size 0: none */
	uint32_t intx_spi; /* INTA# of slot 0, in steps of 1 for slots and pins, modulo 4 */
	const struct dt_msi *msi; /* the GIC's; a requester's id is its DeviceID */
};

void dt_add_pcie(struct dt *dt, const struct dt_pcie *pcie);

/* The 24 MHz clock that the PrimeCell nodes below name; one a tree, before or after them. */
void dt_add_apb_clock(struct dt *dt);
void dt_add_pl011(struct dt *dt, uint64_t base, uint32_t spi);
/* A 16550A with byte registers a byte apart, size bytes of them, whose divisor divides a clock of hz. */
void dt_add_uart16550(struct dt *dt, uint64_t base, uint64_t size, uint32_t hz, uint32_t spi);
void dt_add_pl031(struct dt *dt, uint64_t base, uint32_t spi);
void dt_add_pl061(struct dt *dt, uint64_t base, uint32_t spi);
/* A gpio-keys power key on the PL061's line (0 to 7): KEY_POWER. */
void dt_add_power_key(struct dt *dt, uint32_t line);
/* minivmm's own exit register, 4 KiB. Linux has no driver for it; the default init and test programs look for it. */
void dt_add_exit(struct dt *dt, uint64_t base);
/* size bytes of registers (0x200 for all of virtio-mmio's and the configuration space); an edge interrupt. */
void dt_add_virtio_mmio(struct dt *dt, uint64_t base, uint64_t size, uint32_t spi);

#endif
