/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest: says "@init" and powers off by PSCI. With READS defined it first reads one register of its console that
 * many times, each a trip to the monitor, and says how long one took: "@reads PICOSECONDS".
 *
 * Position independent; flat, or with IMAGE an arm64 Image (Documentation/arm64/booting.rst) for monitors that load nothing
 * else. The console is a PL011 where QEMU's virt has it, or with -DUART_8250=ADDRESS a 16550.
 */
#ifdef UART_8250
#define UART UART_8250
#define DATA 0
#define STATUS 5
#define load_status ldrb
#define store_data strb
#else
#define UART 0x09000000
#define DATA 0
#define STATUS 0x18 /* UARTFR */
#define load_status ldr
#define store_data str
#endif

.text
.global _start
_start:
#ifdef IMAGE
	b main
	.long 0
	.quad 0x80000 /* text_offset, for monitors that look at it */
	.quad end - _start
	.quad 0xa /* little endian, 4 KiB pages, anywhere */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0
main:
#endif
	movz x10, #(UART & 0xffff)
	movk x10, #((UART >> 16) & 0xffff), lsl #16
	adr x0, init
	bl puts
#ifdef READS
	ldr x2, =READS
	isb
	mrs x4, cntvct_el0
1:	load_status w3, [x10, #STATUS]
	subs x2, x2, #1
	b.ne 1b
	isb
	mrs x5, cntvct_el0
	sub x4, x5, x4
	/* picoseconds = ticks * 10^12 / frequency / READS, in this order: no overflow for a second of ticks at 1 GHz */
	mrs x5, cntfrq_el0
	ldr x6, =1000000000
	mul x4, x4, x6
	udiv x4, x4, x5
	ldr x6, =1000
	mul x4, x4, x6
	ldr x6, =READS
	udiv x4, x4, x6
	adr x0, reads
	bl puts
	bl putnumber
	adr x0, newline
	bl puts
#endif
	/* PSCI SYSTEM_OFF: ARM DEN0022 */
	movz x0, #0x8
	movk x0, #0x8400, lsl #16
	hvc #0
2:	wfi
	b 2b

/* x0: text */
puts:
	ldrb w1, [x0], #1
	cbz w1, 1f
	store_data w1, [x10, #DATA]
	b puts
1:	ret

/* x4: a number; in decimal, built backwards on the spot */
putnumber:
	adr x0, digits_end
	mov x6, #10
1:	udiv x7, x4, x6
	msub x8, x7, x6, x4
	add w8, w8, #'0'
	strb w8, [x0, #-1]!
	mov x4, x7
	cbnz x4, 1b
	b puts

init:	.asciz "@init\n"
reads:	.asciz "@reads "
newline: .asciz "\n"
	.skip 24
digits_end:
	.byte 0
	.balign 8
	.ltorg
end:
