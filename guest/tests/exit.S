/* SPDX-License-Identifier: Apache-2.0 */
/* Powers off with exit status 42. */
.include "guest.inc"

main:
	exit 42
