/* SPDX-License-Identifier: Apache-2.0 */
/* Sends what it reads on the PL011 back, one above: a byte b as b + 1; '.' ends it. */
.include "guest.inc"

main:
	print "ready\n"
	load x1, UART
1:	ldr w3, [x1, #0x18]
	tbnz w3, #4, 1b /* UARTFR.RXFE */
	ldr w2, [x1]
	and w2, w2, #0xff
	cmp w2, #'.'
	b.eq 2f
	add w2, w2, #1
	str w2, [x1]
	b 1b
2:	exit 0
