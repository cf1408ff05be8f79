/* SPDX-License-Identifier: Apache-2.0 */
/* Boots, looks whether the machine is clean, waits a while and resets, for ever: minivmm is ended from outside. */
.include "guest.inc"

.set MARK, RAM + 0x200000

main:
	load x1, MARK
	ldr x2, [x1]
	cbz x2, 1f
	exit 2 /* RAM kept what the life before wrote */
1:	mov x2, #1
	str x2, [x1]
	/* A device register too: UARTIBRD is 0 after a reset. */
	load x1, UART
	ldr w2, [x1, #0x24]
	cbz w2, 2f
	exit 3
2:	mov w2, #39
	str w2, [x1, #0x24]
	print "boot\n"
	/* 20 ms, so that who looks from outside mostly sees it running. */
	mrs x3, cntfrq_el0
	mov x4, #50
	udiv x3, x3, x4
	mrs x4, cntvct_el0
	add x3, x3, x4
3:	mrs x4, cntvct_el0
	cmp x4, x3
	b.lo 3b
	psci SYSTEM_RESET
	exit 1 /* SYSTEM_RESET came back */
