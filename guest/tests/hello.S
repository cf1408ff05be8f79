/* SPDX-License-Identifier: Apache-2.0 */
/* Says hello on the PL011 and powers off without writing an exit status. */
.include "guest.inc"

main:
	print "hello from a bare-metal guest\n"
	psci SYSTEM_OFF
	exit 1 /* SYSTEM_OFF came back */
