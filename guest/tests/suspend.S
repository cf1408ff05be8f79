/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI SYSTEM_SUSPEND with a timer set: the CPU comes back at the entry point with the context id. */
.include "guest.inc"

main:
	/* The virtual timer in 100 ms, its interrupt (PPI 11, INTID 27) enabled in the redistributor. */
	load x1, 0x080b0000
	mov w2, #(1 << 27)
	str w2, [x1, #0x80] /* GICR_IGROUPR0 */
	str w2, [x1, #0x100] /* GICR_ISENABLER0 */
	load x1, 0x08000000
	mov w2, #0x12 /* ARE_NS, group 1 */
	str w2, [x1]
	mrs x0, S3_0_C12_C12_5 /* ICC_SRE_EL1 */
	orr x0, x0, #1
	msr S3_0_C12_C12_5, x0
	isb
	mov x0, #0xff
	msr S3_0_C4_C6_0, x0 /* ICC_PMR_EL1 */
	mov x0, #1
	msr S3_0_C12_C12_7, x0 /* ICC_IGRPEN1_EL1 */
	mrs x0, cntfrq_el0
	mov x1, #10
	udiv x0, x0, x1
	msr cntv_tval_el0, x0
	mov x0, #1
	msr cntv_ctl_el0, x0
	isb
	print "suspending\n"
	load x0, SYSTEM_SUSPEND
	adr x1, resumed
	mov x2, #0x5a
	hvc #0
	exit 1 /* refused, or it came back as if nothing had been */
resumed:
	mov x10, x0
	load x1, RAM + 0x70000
	mov sp, x1
	cmp x10, #0x5a
	b.eq 1f
	exit 2
1:	print "resumed\n"
	exit 0
