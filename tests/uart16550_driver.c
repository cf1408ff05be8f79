/* SPDX-License-Identifier: Apache-2.0 */
/* What uart16550_driver.h promises. */
#include "uart16550_driver.h"

unsigned int uart_rd(struct uart_driver *d, unsigned int offset)
{
	return (unsigned int)rig_read(d->rig, d->base + offset, 1);
}

void uart_wr(struct uart_driver *d, unsigned int offset, unsigned int value)
{
	rig_write(d->rig, d->base + offset, 1, value);
}

void uart_print(struct uart_driver *d, const char *s)
{
	while (*s)
		uart_wr(d, THR, (uint8_t)*s++);
}

static void look(struct uart_driver *d)
{
	uart_rd(d, LSR);
	uart_rd(d, RBR);
	uart_rd(d, IIR);
	uart_rd(d, MSR);
}

void uart_linux_open(struct uart_driver *d)
{
	static const struct {
		unsigned int offset, value;
	} settings[] = { { LCR, 0x83 }, { DLL, 1 }, { DLM, 0 }, { LCR, 0x03 }, { FCR, 0x01 }, { FCR, FIFO_ON } };

	uart_wr(d, FCR, 0x01);
	uart_wr(d, FCR, 0x07);
	uart_wr(d, FCR, 0x00);
	look(d);
	uart_wr(d, LCR, 0x03);
	uart_wr(d, MCR, 0x0b);
	look(d);
	uart_wr(d, IER, RLSI | RDI);
	rig_run(d->rig);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		uart_wr(d, settings[i].offset, settings[i].value);
	rig_run(d->rig);
}
