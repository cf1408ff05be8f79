/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A UART: National Semiconductor's (now TI's) PC16550D data sheet. Eight byte registers and two FIFOs
 * of 16; where they are is the placer's: on the bus (uart16550_map) or in a PCI function's I/O BAR (pci/serial.h). Line
 * parameters (divisor, word length, parity, DMA mode) are registers without effect: bytes go to and come from a character
 * stream as fast as it moves them. A wider access is one to each of its bytes in turn, lowest first, as a bus splits it for
 * an 8-bit device.
 *
 * Where hardware would do something else:
 * - the character timeout (four character times without one) is raised at once: what the stream gives is what there is;
 * - the receiver listens to the stream once the guest waits for input: it has enabled the interrupt for received data, or
 *   reads LSR over and over with nothing left to send. Until then input waits in the stream. Linux empties the FIFO when it
 *   opens the port (serial8250_do_startup), and what the user typed or piped in before would be lost;
 * - the peer stops sending when the guest takes RTS back, as Linux does with CRTSCTS while a terminal's buffer is full; a
 *   guest that never raised RTS is heard all the same;
 * - turning the FIFOs on keeps a character that has come in, where hardware drops it: Linux enables the interrupt first and
 *   the FIFOs next. FCR's own reset bit and turning them off do empty the receiver;
 * - the transmitter's reset bit does nothing: what the guest has sent is the stream's, as if the line had been faster;
 * - nobody at the other end can send a break, or a character with an error: of LSR's errors only the overrun occurs. The
 *   guest's own break is heard by nobody either; LCR acts on the SOUT pin only, behind the loopback path;
 * - OUT2 is a pin. That it lets the interrupt through is the wiring of the PC's board (QEMU's cards have none of it).
 *
 * Linux's console does not wait for a stream that has stalled: after 10 ms it writes on, and what does not fit the FIFO is
 * lost (serial8250_console_putchar). Its terminals wait.
 */
#ifndef MINIVMM_UART16550_H
#define MINIVMM_UART16550_H

#include "backend/chardev.h"
#include "core/bus.h"
#include "core/irq.h"
#include "core/state.h"

#define UART16550_FIFO	16
#define UART16550_SIZE	8 /* bytes of registers */
#define UART16550_CLOCK 1843200 /* Hz: what a PC's runs at, so that a divisor of 1 is called 115200 baud */

struct uart16550 {
	struct bus *bus; /* NULL unless mapped */
	struct bus_region region;
	struct irq *irq;
	struct chardev *chardev; /* NULL: output is dropped, there is no input */
	struct chardev_user user;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t lsr_errors, msr_changes; /* the bits that reading LSR or MSR clears */
	bool thre; /* the transmitter became empty, or its interrupt was enabled when it was; and nobody was told */
	bool rts_used; /* the guest has raised RTS since reset */
	bool level; /* as the line last saw it */
	uint32_t polls; /* reads of LSR with nothing to send since the last write */
	uint8_t tx[UART16550_FIFO];
	unsigned int tx_len;
	uint8_t rx[UART16550_FIFO];
	unsigned int rx_len;
};

/* chardev and irq (a level) stay the caller's and outlive the device. */
void uart16550_init(struct uart16550 *u, struct chardev *chardev, struct irq *irq);
/* Puts the registers on the bus, a byte apart. 0, or -errno of bus_add. */
must_check int uart16550_map(struct uart16550 *u, struct bus *bus, gpa_t base);
/* As at power-on. Output that the stream has not taken yet is still sent. */
void uart16550_reset(struct uart16550 *u);
void uart16550_destroy(struct uart16550 *u);

/* For a region of UART16550_SIZE bytes whose opaque is the struct uart16550. */
extern const struct bus_ops uart16550_ops;

/* Output still waiting is saved, and sent once the loop runs again. */
void uart16550_state(struct uart16550 *u, struct state *s);

#endif
