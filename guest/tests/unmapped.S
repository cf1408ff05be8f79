/* SPDX-License-Identifier: Apache-2.0 */
/* Reads where no device is give zeros, of every size; writes are lost; the guest goes on. */
.include "guest.inc"

main:
	load x4, NOWHERE
	mov x5, #-1
	ldr x5, [x4]
	cbz x5, 1f
	exit 1
1:	mov x5, #-1
	str x5, [x4]
	ldr w5, [x4]
	cbz w5, 2f
	exit 2
2:	ldrh w5, [x4, #2]
	cbz w5, 3f
	exit 3
3:	ldrb w5, [x4, #7]
	cbz w5, 4f
	exit 4
4:	print "zeros\n"
	exit 0
