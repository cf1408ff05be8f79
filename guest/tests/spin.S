/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it is up and spins: never ends by itself. */
.include "guest.inc"

main:
	print "spinning\n"
1:	b 1b
