/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's driver of a 16550A: the names of things, and how Linux opens a port. */
#ifndef MINIVMM_UART16550_DRIVER_H
#define MINIVMM_UART16550_DRIVER_H

#include "platform/uart16550.h"
#include "rig.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR, DLL = RBR, DLM = IER };

#define RDI  0x01
#define THRI 0x02
#define RLSI 0x04
#define MSI  0x08

#define NONE	0x01
#define LINE	0x06
#define DATA	0x04
#define TIMEOUT 0x0c
#define THRE	0x02
#define MODEM	0x00
#define FIFOS	0xc0

#define FIFO_ON 0x81 /* Linux's: a trigger level of 8 */
#define EMPTY	0x60 /* LSR: THRE and TEMT */
#define DR	0x01
#define OE	0x02
#define LOOP	0x10
#define DLAB	0x80

struct uart_driver {
	struct rig *rig;
	gpa_t base;
};

unsigned int uart_rd(struct uart_driver *d, unsigned int offset);
void uart_wr(struct uart_driver *d, unsigned int offset, unsigned int value);
/* To THR, without a look at anything. */
void uart_print(struct uart_driver *d, const char *s);
/* As serial8250_do_startup and serial8250_do_set_termios, 115200 8n1; the loop runs where it does the most harm. */
void uart_linux_open(struct uart_driver *d);

#endif
