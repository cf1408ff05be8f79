/* SPDX-License-Identifier: Apache-2.0 */
/* Starts CPUs 1 to 3 by PSCI CPU_ON, each with a context of its own, and waits for all. */
.include "guest.inc"

.set FLAGS, RAM + 0x300000

main:
	mov x10, #1
1:	load x0, CPU_ON
	mov x1, x10 /* MPIDR: Aff0 is the number below 16 */
	adr x2, second
	mov x3, x10
	hvc #0
	cbz x0, 2f
	exit 1 /* refused */
2:	add x10, x10, #1
	cmp x10, #4
	b.lo 1b
	/* All three words hold their CPU's number, or time (2 s) is up. */
	mrs x3, cntfrq_el0
	lsl x3, x3, #3
	mrs x4, cntvct_el0
	add x3, x3, x4
3:	mrs x4, cntvct_el0
	cmp x4, x3
	b.lo 4f
	exit 2
4:	load x1, FLAGS
	ldr w5, [x1, #4]
	ldr w6, [x1, #8]
	ldr w7, [x1, #12]
	cmp w5, #1
	ccmp w6, #2, #0, eq
	ccmp w7, #3, #0, eq
	b.ne 3b
	/* A CPU that is on already: ALREADY_ON is -4, INVALID_PARAMETERS is -2. */
	load x0, CPU_ON
	mov x1, #77
	adr x2, second
	mov x3, #0
	hvc #0
	cmn x0, #2
	b.eq 5f
	exit 3
5:	print "4 CPUs\n"
	exit 0

/* x0: context */
second:
	mrs x1, mpidr_el1
	and x1, x1, #0xff
	cmp x0, x1
	b.ne 1f
	load x2, FLAGS
	str w0, [x2, x0, lsl #2]
1:	load x0, CPU_OFF
	hvc #0
	b 1b
