/* SPDX-License-Identifier: Apache-2.0 */
/* An LDP from a device: KVM gives no syndrome for it. The guest must get an external abort at that instruction and go on. */
.include "guest.inc"

main:
	adr x0, vectors
	msr vbar_el1, x0
	isb
	load x4, UART
load_pair:
	ldp x0, x1, [x4]
	exit 1 /* no abort */

.balign 2048
vectors:
	.skip 0x200 /* current EL, SP_ELx, synchronous */
	mrs x5, esr_el1
	ubfx x6, x5, #26, #6 /* not a shift: KVM of Linux 6.1 leaves the upper half set */
	cmp x6, #0x25 /* data abort from the same EL */
	b.eq 1f
	exit 2
1:	mrs x6, elr_el1
	adr x7, load_pair
	cmp x6, x7
	b.eq 2f
	exit 3
2:	and x5, x5, #0x3f
	cmp x5, #0x10 /* synchronous external abort */
	b.eq 3f
	exit 4
3:	print "external abort\n"
	exit 0
