/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: where a BAR may be decoded. */
#include "proof.h"

#include "../../devices/pci/bar.c"

/* For every window, address and size, of 64 bits. */
void proof_bar_window(void)
{
	struct pci_window w = { .base = nondet_u64(), .size = nondet_u64(), .bus_base = nondet_u64() };
	uint64_t addr = nondet_u64(), size = nondet_u64();
	gpa_t cpu;
	bool inside;

	/* A machine's windows end below 2^64. */
	ASSUME(w.size <= UINT64_MAX - w.base && w.size <= UINT64_MAX - w.bus_base && size);
	inside = in_window(&w, addr, size, &cpu);
	PROVE(inside == (addr >= w.bus_base && addr - w.bus_base < w.size && size <= w.size - (addr - w.bus_base)),
		"if and only if all of it is in the window");
	PROVE(!inside || (cpu >= w.base && cpu - w.base <= w.size - size), "and then the CPU sees it inside");
	REACHABLE(inside && size == w.size && addr > UINT64_MAX / 2);
	REACHABLE(!inside && addr > w.bus_base);
}
