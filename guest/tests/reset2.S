/* SPDX-License-Identifier: Apache-2.0 */
/* Ends in PSCI SYSTEM_RESET2, a warm reset: what Linux does after a panic with reboot=panic_warm. */
.include "guest.inc"

main:
	print "boot\n"
	load x0, SYSTEM_RESET2
	mov x1, #0
	mov x2, #0
	hvc #0
	exit 1
