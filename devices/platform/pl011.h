/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PrimeCell UART (PL011) r1p5: ARM DDI 0183G, chapter 3. Both FIFOs are 32 deep. Line parameters (baud rate, parity,
 * IrDA, DMA) are registers without effect: bytes go to and come from a character stream as fast as it moves them.
 *
 * Where hardware would do something else:
 * - the transmitter works without CR.UARTEN and CR.TXE: earlycon and small bare-metal programs rely on firmware having
 *   set them, and there is none;
 * - the receive timeout (32 bit times without a character) is raised at once: what the stream gives is what there is;
 * - the receiver listens to the stream once the guest waits for input: it has unmasked a receive interrupt, or reads FR
 *   over and over without writing anything. Until then input waits in the stream. Linux enables the UART and then empties
 *   the FIFO (pl011_enable_interrupts), and what the user typed or piped in before would be lost;
 * - such a polling guest is heard without ever having written CR, for the same kind of bare-metal program.
 */
#ifndef MINIVMM_PL011_H
#define MINIVMM_PL011_H

#include "backend/chardev.h"
#include "core/bus.h"
#include "core/irq.h"
#include "platform/primecell.h"

#define PL011_FIFO 32

struct pl011 {
	struct bus *bus;
	struct bus_region region;
	struct irq *irq;
	struct chardev *chardev; /* NULL: output is dropped, there is no input */
	struct chardev_user user;
	uint32_t rsr, ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
	uint32_t mis; /* as the line last saw it */
	bool cr_written;
	uint32_t polls; /* reads of FR since the last character was written */
	bool overrun; /* a character was lost and none has come in since */
	uint8_t tx[PL011_FIFO];
	unsigned int tx_len;
	uint16_t rx[PL011_FIFO]; /* with the error flags of DR */
	unsigned int rx_len;
};

/* 0, or -errno of bus_add. chardev and irq stay the caller's and outlive the device. */
must_check int pl011_init(struct pl011 *p, struct chardev *chardev, struct bus *bus, gpa_t base, struct irq *irq);
/* As at power-on. Output that the stream has not taken yet is still sent. */
void pl011_reset(struct pl011 *p);
void pl011_destroy(struct pl011 *p);

#endif
