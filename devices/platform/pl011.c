/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011's registers, FIFOs and interrupts. pl011.h says where it is not like hardware. */
#include "pl011.h"

#include <string.h>

/* DDI 0183G table 3-1. */
enum {
	UARTDR = 0x000,
	UARTRSR = 0x004, /* written: UARTECR */
	UARTFR = 0x018,
	UARTILPR = 0x020,
	UARTIBRD = 0x024,
	UARTFBRD = 0x028,
	UARTLCR_H = 0x02c,
	UARTCR = 0x030,
	UARTIFLS = 0x034,
	UARTIMSC = 0x038,
	UARTRIS = 0x03c,
	UARTMIS = 0x040,
	UARTICR = 0x044,
	UARTDMACR = 0x048,
};

#define DR_BE (1u << 10)
#define DR_OE (1u << 11)

#define RSR_OE (1u << 3) /* RSR has DR's four error flags, in bits 0 to 3 */

#define FR_CTS	(1u << 0)
#define FR_DSR	(1u << 1)
#define FR_DCD	(1u << 2)
#define FR_BUSY (1u << 3)
#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define FR_RXFF (1u << 6)
#define FR_TXFE (1u << 7)
#define FR_RI	(1u << 8)

#define LCR_H_BRK (1u << 0)
#define LCR_H_FEN (1u << 4)

#define CR_UARTEN (1u << 0)
#define CR_LBE	  (1u << 7)
#define CR_TXE	  (1u << 8)
#define CR_RXE	  (1u << 9)
#define CR_DTR	  (1u << 10)
#define CR_RTS	  (1u << 11)
#define CR_OUT1	  (1u << 12)
#define CR_OUT2	  (1u << 13)

#define INT_RI	(1u << 0)
#define INT_CTS (1u << 1)
#define INT_DCD (1u << 2)
#define INT_DSR (1u << 3)
#define INT_RX	(1u << 4)
#define INT_TX	(1u << 5)
#define INT_RT	(1u << 6)
#define INT_BE	(1u << 9)
#define INT_OE	(1u << 10)
#define INT_ALL 0x7ffu

#define POLLS_TO_HEAR 16 /* earlycon reads FR two or three times for each character it writes */

/* Revision 3 (r1p5) in PeriphID2[7:4]: Linux takes 32-deep FIFOs from it. */
static const uint8_t pl011_id[8] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static unsigned int depth(const struct pl011 *p)
{
	return p->lcr_h & LCR_H_FEN ? PL011_FIFO : 1;
}

/* How many characters one of IFLS's 3-bit fields means; without FIFOs the receiver's is 1, the transmitter's 0. */
static unsigned int trigger(uint32_t field)
{
	static const uint8_t level[8] = { 4, 8, 16, 24, 28, 28, 28, 28 }; /* 1/8 ... 7/8; the rest is reserved */

	return level[field & 7];
}

static unsigned int tx_trigger(const struct pl011 *p)
{
	return p->lcr_h & LCR_H_FEN ? trigger(p->ifls) : 0;
}

static unsigned int rx_trigger(const struct pl011 *p)
{
	return p->lcr_h & LCR_H_FEN ? trigger(p->ifls >> 3) : 1;
}

/* again: interrupts that have a new cause, though they may be raised already. */
static void update_irq(struct pl011 *p, uint32_t again)
{
	primecell_irq(p->irq, &p->mis, p->ris & p->imsc, again);
}

/* The peer is always there and ready; in loopback the outputs come back as inputs (DDI 0183G 2.4.8). */
static uint32_t modem_flags(const struct pl011 *p)
{
	if (!(p->cr & CR_LBE))
		return FR_CTS | FR_DSR | FR_DCD;
	return (p->cr & CR_RTS ? FR_CTS : 0) | (p->cr & CR_DTR ? FR_DSR : 0) | (p->cr & CR_OUT1 ? FR_DCD : 0) |
	       (p->cr & CR_OUT2 ? FR_RI : 0);
}

static uint32_t flags(const struct pl011 *p)
{
	return modem_flags(p) | (p->tx_len ? FR_BUSY : FR_TXFE) | (p->tx_len >= depth(p) ? FR_TXFF : 0) |
	       (p->rx_len ? 0 : FR_RXFE) | (p->rx_len >= depth(p) ? FR_RXFF : 0);
}

static bool enabled(const struct pl011 *p)
{
	return (p->cr & (CR_UARTEN | CR_RXE)) == (CR_UARTEN | CR_RXE);
}

/* Whether the receiver listens to the stream. */
static bool hears(const struct pl011 *p)
{
	if ((p->cr & CR_LBE) || (p->cr_written && !enabled(p)))
		return false;
	return (p->imsc & (INT_RX | INT_RT)) || p->polls > POLLS_TO_HEAR;
}

static void update_input(struct pl011 *p)
{
	bool want = hears(p) && p->rx_len < depth(p);

	if (p->chardev && want != p->chardev->want_read)
		chardev_want_read(p->chardev, want);
}

/* One character into the receive FIFO; c has DR's error flags. */
static void receive(struct pl011 *p, uint16_t c)
{
	if (p->rx_len >= depth(p)) {
		p->overrun = true;
		p->rsr |= RSR_OE;
		p->ris |= INT_OE;
		return;
	}
	p->overrun = false;
	p->rx[p->rx_len++] = c;
	if (p->rx_len >= rx_trigger(p))
		p->ris |= INT_RX;
	if (p->lcr_h & LCR_H_FEN)
		p->ris |= INT_RT;
}

static void pl011_readable(struct chardev_user *user)
{
	struct pl011 *p = container_of(user, struct pl011, user);
	uint8_t buf[PL011_FIFO];
	ssize_t got;

	if (!hears(p) || p->rx_len >= depth(p))
		return;
	got = chardev_read(p->chardev, buf, depth(p) - p->rx_len);
	if (got <= 0)
		return;
	for (ssize_t i = 0; i < got; i++)
		receive(p, buf[i]);
	update_irq(p, INT_RX | INT_RT);
	update_input(p);
}

/*
 * Hand the stream what it takes. The interrupt says that characters have left and there are no more than the trigger
 * level; it is cleared by filling above that level, and not raised by merely being empty.
 */
static void transmit(struct pl011 *p)
{
	ssize_t put = p->chardev ? chardev_write(p->chardev, p->tx, p->tx_len) : (ssize_t)p->tx_len;

	if (put > 0) {
		p->tx_len -= (unsigned int)put;
		memmove(p->tx, p->tx + put, p->tx_len);
		if (p->tx_len <= tx_trigger(p))
			p->ris |= INT_TX;
	}
	if (p->chardev && p->chardev->want_write != (p->tx_len != 0))
		chardev_want_write(p->chardev, p->tx_len != 0);
	update_irq(p, put > 0 ? INT_TX : 0);
}

static void pl011_writable(struct chardev_user *user)
{
	struct pl011 *p = container_of(user, struct pl011, user);

	if (p->tx_len)
		transmit(p);
}

static void write_dr(struct pl011 *p, uint8_t c)
{
	p->polls = 0;
	if (p->cr & CR_LBE) {
		receive(p, c);
		p->ris |= INT_TX; /* it has left at once */
		update_irq(p, INT_TX | INT_RX | INT_RT);
		return;
	}
	/* Into a full FIFO: lost, as on hardware. */
	if (p->tx_len >= depth(p))
		return;
	p->tx[p->tx_len++] = c;
	if (p->tx_len > tx_trigger(p))
		p->ris &= ~INT_TX;
	/* With older characters waiting the stream is full, and will say when it is not. */
	if (p->tx_len == 1)
		transmit(p);
	else
		update_irq(p, 0);
}

static uint32_t read_dr(struct pl011 *p)
{
	uint32_t value;

	if (!p->rx_len)
		return p->overrun ? DR_OE : 0;
	value = p->rx[0] | (p->overrun ? DR_OE : 0);
	p->rx_len--;
	memmove(p->rx, p->rx + 1, p->rx_len * sizeof(p->rx[0]));
	p->rsr = (p->rsr & RSR_OE) | (value >> 8 & 0xf);
	if (p->rx_len < rx_trigger(p))
		p->ris &= ~INT_RX;
	if (!p->rx_len)
		p->ris &= ~INT_RT;
	update_irq(p, 0);
	update_input(p);
	return value;
}

static uint32_t read_fr(struct pl011 *p)
{
	uint32_t value = flags(p);

	if (p->polls <= POLLS_TO_HEAR) {
		p->polls++;
		update_input(p);
	}
	return value;
}

static void write_lcr_h(struct pl011 *p, uint32_t value)
{
	uint32_t changed = p->lcr_h ^ value;

	p->lcr_h = value;
	if (changed & LCR_H_FEN) {
		/* The FIFOs are emptied (3.3.7), but what is to be sent has left the guest and is kept. */
		p->rx_len = 0;
		p->ris &= ~(INT_RX | INT_RT);
	}
	if ((changed & value & LCR_H_BRK) && (p->cr & CR_LBE)) {
		receive(p, DR_BE);
		p->ris |= INT_BE;
	}
	update_irq(p, 0);
	update_input(p);
}

static void write_cr(struct pl011 *p, uint32_t value)
{
	uint32_t modem = modem_flags(p);

	p->cr_written = true;
	p->cr = value;
	modem ^= modem_flags(p);
	p->ris |= (modem & FR_RI ? INT_RI : 0) | (modem & FR_CTS ? INT_CTS : 0) | (modem & FR_DCD ? INT_DCD : 0) |
		  (modem & FR_DSR ? INT_DSR : 0);
	update_irq(p, 0);
	update_input(p);
}

static uint64_t pl011_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl011 *p = opaque;

	(void)size;
	if (!primecell_aligned(offset))
		return 0;
	switch (offset) {
	case UARTDR: return read_dr(p);
	case UARTRSR: return p->rsr;
	case UARTFR: return read_fr(p);
	case UARTILPR: return p->ilpr;
	case UARTIBRD: return p->ibrd;
	case UARTFBRD: return p->fbrd;
	case UARTLCR_H: return p->lcr_h;
	case UARTCR: return p->cr;
	case UARTIFLS: return p->ifls;
	case UARTIMSC: return p->imsc;
	case UARTRIS: return p->ris;
	case UARTMIS: return p->ris & p->imsc;
	case UARTDMACR: return p->dmacr;
	default: return primecell_id(pl011_id, offset);
	}
}

static void pl011_write(void *opaque, uint64_t offset, unsigned int size, uint64_t data)
{
	struct pl011 *p = opaque;
	uint32_t value = (uint32_t)data;

	(void)size;
	if (!primecell_aligned(offset))
		return;
	switch (offset) {
	case UARTDR: write_dr(p, (uint8_t)value); break;
	case UARTRSR: p->rsr = 0; break;
	case UARTILPR: p->ilpr = value & 0xff; break;
	case UARTIBRD: p->ibrd = value & 0xffff; break;
	case UARTFBRD: p->fbrd = value & 0x3f; break;
	case UARTLCR_H: write_lcr_h(p, value & 0xff); break;
	case UARTCR: write_cr(p, value & 0xff87); break; /* bits 6:3 are reserved */
	case UARTIFLS: p->ifls = value & 0x3f; break;
	case UARTIMSC:
		p->imsc = value & INT_ALL;
		update_irq(p, 0);
		update_input(p);
		break;
	case UARTICR:
		p->ris &= ~(value & INT_ALL);
		update_irq(p, 0);
		break;
	case UARTDMACR: p->dmacr = value & 7; break;
	default: break; /* read-only or nothing there */
	}
}

static const char *pl011_reg_name(uint64_t offset)
{
	static const char *const names[] = {
		[UARTDR / 4] = "UARTDR",
		[UARTRSR / 4] = "UARTRSR",
		[UARTFR / 4] = "UARTFR",
		[UARTILPR / 4] = "UARTILPR",
		[UARTIBRD / 4] = "UARTIBRD",
		[UARTFBRD / 4] = "UARTFBRD",
		[UARTLCR_H / 4] = "UARTLCR_H",
		[UARTCR / 4] = "UARTCR",
		[UARTIFLS / 4] = "UARTIFLS",
		[UARTIMSC / 4] = "UARTIMSC",
		[UARTRIS / 4] = "UARTRIS",
		[UARTMIS / 4] = "UARTMIS",
		[UARTICR / 4] = "UARTICR",
		[UARTDMACR / 4] = "UARTDMACR",
	};

	return primecell_name(names, ARRAY_SIZE(names), offset);
}

static void reset_registers(struct pl011 *p)
{
	p->rsr = p->ilpr = p->ibrd = p->fbrd = p->lcr_h = p->imsc = p->ris = p->dmacr = 0;
	p->cr = CR_TXE | CR_RXE;
	p->ifls = 0x12; /* both at half */
	p->cr_written = false;
	p->polls = 0;
	p->overrun = false;
	p->rx_len = 0;
}

int pl011_init(struct pl011 *p, struct chardev *chardev, struct bus *bus, gpa_t base, struct irq *irq)
{
	static const struct bus_ops ops = { .read = pl011_read, .write = pl011_write, .reg_name = pl011_reg_name };
	int err;

	memset(p, 0, sizeof(*p));
	p->bus = bus;
	p->region = (struct bus_region){ "pl011", &ops, p, base, PRIMECELL_SIZE };
	p->irq = irq;
	p->user = (struct chardev_user){ pl011_readable, pl011_writable };
	reset_registers(p);
	err = bus_add(bus, &p->region);
	if (err)
		return err;
	p->chardev = chardev;
	if (chardev)
		chardev_attach(chardev, &p->user);
	return 0;
}

void pl011_reset(struct pl011 *p)
{
	reset_registers(p);
	update_irq(p, 0);
	update_input(p);
}

void pl011_destroy(struct pl011 *p)
{
	if (p->chardev)
		chardev_attach(p->chardev, NULL);
	bus_del(p->bus, &p->region);
}
