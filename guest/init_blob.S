/* SPDX-License-Identifier: Apache-2.0 */
/* See init_blob.h. INIT_FILE is the built program. */
	.section .rodata
	.balign	16
	.globl	guest_init_start, guest_init_end
	.hidden	guest_init_start, guest_init_end
guest_init_start:
	.incbin	INIT_FILE
guest_init_end:
	.byte	0
	.section .note.GNU-stack, "", %progbits
