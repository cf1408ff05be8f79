/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550A's registers, FIFOs and interrupts. uart16550.h says where it is not like hardware. */
#include "uart16550.h"

#include <string.h>

#define VERSION 1

/* The data sheet's summary of registers. With LCR's DLAB set, 0 and 1 are the divisor latch. */
enum {
	RBR = 0, /* written: THR */
	IER = 1,
	IIR = 2, /* written: FCR */
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

#define IER_ERBFI (1u << 0)
#define IER_ETBEI (1u << 1)
#define IER_ELSI  (1u << 2)
#define IER_EDSSI (1u << 3)
#define IER_ALL	  0xfu

/* What is pending, by priority: interrupt control functions. */
#define IIR_LINE    0x06u
#define IIR_DATA    0x04u
#define IIR_TIMEOUT 0x0cu
#define IIR_THRE    0x02u
#define IIR_MODEM   0x00u
#define IIR_NONE    0x01u
#define IIR_FIFOS   0xc0u

#define FCR_ENABLE   (1u << 0)
#define FCR_CLEAR_RX (1u << 1)
#define FCR_STORED   0xc9u /* enable, DMA mode, trigger level; the reset bits clear themselves, 4 and 5 are reserved */

#define LCR_DLAB (1u << 7)

#define MCR_DTR	 (1u << 0)
#define MCR_RTS	 (1u << 1)
#define MCR_OUT1 (1u << 2)
#define MCR_OUT2 (1u << 3)
#define MCR_LOOP (1u << 4)
#define MCR_ALL	 0x1fu

#define LSR_DR	 (1u << 0)
#define LSR_OE	 (1u << 1)
#define LSR_THRE (1u << 5)
#define LSR_TEMT (1u << 6)

/* The low half of MSR says which line of the high half has changed; of RI only its end counts. */
#define MSR_TERI    (1u << 2)
#define MSR_CHANGES 0x0fu
#define MSR_CTS	    (1u << 4)
#define MSR_DSR	    (1u << 5)
#define MSR_RI	    (1u << 6)
#define MSR_DCD	    (1u << 7)

#define POLLS_TO_HEAR 16 /* a driver that waits for room in vain counts none: see read_lsr */

static bool fifos(const struct uart16550 *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned int depth(const struct uart16550 *u)
{
	return fifos(u) ? UART16550_FIFO : 1;
}

static unsigned int rx_trigger(const struct uart16550 *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return fifos(u) ? level[u->fcr >> 6] : 1;
}

/* What IIR's low half says, and so whether the line is up. */
static unsigned int pending(const struct uart16550 *u)
{
	if ((u->ier & IER_ELSI) && u->lsr_errors)
		return IIR_LINE;
	if ((u->ier & IER_ERBFI) && u->rx_len)
		return u->rx_len >= rx_trigger(u) ? IIR_DATA : IIR_TIMEOUT;
	if ((u->ier & IER_ETBEI) && u->thre)
		return IIR_THRE;
	if ((u->ier & IER_EDSSI) && u->msr_changes)
		return IIR_MODEM;
	return IIR_NONE;
}

/*
 * Once for each access, after all that it did: a character that leaves as it is written takes no edge. A handler reads IIR
 * until nothing is pending, so what comes up while the line is up needs none either.
 */
static void update_irq(struct uart16550 *u)
{
	bool level = pending(u) != IIR_NONE;

	if (level == u->level)
		return;
	u->level = level;
	if (level)
		irq_raise(u->irq);
	else
		irq_lower(u->irq);
}

/* The peer is always there and ready; in loopback the outputs come back as inputs. */
static unsigned int modem_lines(const struct uart16550 *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) | (u->mcr & MCR_OUT1 ? MSR_RI : 0) |
	       (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

/* Whether the receiver listens to the stream. */
static bool hears(const struct uart16550 *u)
{
	if ((u->mcr & MCR_LOOP) || (u->rts_used && !(u->mcr & MCR_RTS)))
		return false;
	return ((u->ier & IER_ERBFI) || u->polls > POLLS_TO_HEAR);
}

/* What is asked of the stream. */
static void update_stream(struct uart16550 *u)
{
	bool in = hears(u) && u->rx_len < depth(u), out = u->tx_len;

	if (u->chardev && in != u->chardev->want_read)
		chardev_want_read(u->chardev, in);
	if (u->chardev && out != u->chardev->want_write)
		chardev_want_write(u->chardev, out);
}

/* One character into the receiver. What finds it full is lost, or without FIFOs overwrites the one that is there. */
static void receive(struct uart16550 *u, uint8_t c)
{
	if (u->rx_len < depth(u)) {
		u->rx[u->rx_len++] = c;
		return;
	}
	if (!fifos(u))
		u->rx[0] = c;
	u->lsr_errors |= LSR_OE;
}

static void uart16550_readable(struct chardev_user *user)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);
	ssize_t got;

	if (!hears(u) || u->rx_len >= depth(u))
		return;
	got = chardev_read(u->chardev, u->rx + u->rx_len, depth(u) - u->rx_len);
	if (got > 0)
		u->rx_len += (unsigned int)got;
	update_irq(u);
	update_stream(u);
}

/* Hand the stream what it takes. */
static void transmit(struct uart16550 *u)
{
	ssize_t put = u->chardev ? chardev_write(u->chardev, u->tx, u->tx_len) : (ssize_t)u->tx_len;

	if (put > 0) {
		u->tx_len -= (unsigned int)put;
		memmove(u->tx, u->tx + put, u->tx_len);
		u->thre = !u->tx_len;
	}
}

static void uart16550_writable(struct chardev_user *user)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);

	if (!u->tx_len)
		return;
	transmit(u);
	update_irq(u);
	update_stream(u);
}

static void write_thr(struct uart16550 *u, uint8_t c)
{
	u->thre = false;
	if (u->mcr & MCR_LOOP) {
		receive(u, c);
		u->thre = !u->tx_len; /* it has left at once */
		return;
	}
	/* Into a full FIFO: lost. */
	if (u->tx_len >= depth(u))
		return;
	u->tx[u->tx_len++] = c;
	/* With older characters waiting the stream is full, and will say when it is not. */
	if (u->tx_len == 1)
		transmit(u);
}

static uint8_t read_rbr(struct uart16550 *u)
{
	uint8_t c;

	if (!u->rx_len)
		return 0;
	c = u->rx[0];
	memmove(u->rx, u->rx + 1, --u->rx_len);
	return c;
}

/* Enabling the interrupt while the transmitter is empty is a cause for it (Linux looks: serial8250_do_startup). */
static void write_ier(struct uart16550 *u, uint8_t value)
{
	value &= IER_ALL;
	if ((value & ~u->ier & IER_ETBEI) && !u->tx_len)
		u->thre = true;
	u->ier = value;
}

/* Being told is what ends this cause, the one that IIR shows and no other. */
static uint8_t read_iir(struct uart16550 *u)
{
	unsigned int value = pending(u);

	if (value == IIR_THRE)
		u->thre = false;
	return (uint8_t)(value | (fifos(u) ? IIR_FIFOS : 0));
}

/* Without the enable bit no other one is programmed. */
static void write_fcr(struct uart16550 *u, uint8_t value)
{
	if (!(value & FCR_ENABLE)) {
		if (fifos(u))
			u->rx_len = 0;
		u->fcr = 0;
		return;
	}
	if (value & FCR_CLEAR_RX)
		u->rx_len = 0;
	u->fcr = value & FCR_STORED;
}

static void write_mcr(struct uart16550 *u, uint8_t value)
{
	unsigned int before = modem_lines(u), changed;

	u->mcr = value & MCR_ALL;
	u->rts_used |= (u->mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS;
	changed = before ^ modem_lines(u);
	u->msr_changes |= (uint8_t)((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4);
	if (changed & before & MSR_RI)
		u->msr_changes |= MSR_TERI;
}

/* A driver that reads it again and again while characters wait to be sent wants room for more, not input. */
static uint8_t read_lsr(struct uart16550 *u)
{
	unsigned int value = u->lsr_errors | (u->tx_len ? 0 : LSR_THRE | LSR_TEMT) | (u->rx_len ? LSR_DR : 0);

	u->lsr_errors = 0;
	if (!u->tx_len && u->polls <= POLLS_TO_HEAR)
		u->polls++;
	return (uint8_t)value;
}

static uint8_t read_msr(struct uart16550 *u)
{
	uint8_t value = (uint8_t)(modem_lines(u) | u->msr_changes);

	u->msr_changes = 0;
	return value;
}

/* NULL: not one of the divisor latch, or the latch is not what is there now. */
static uint8_t *divisor(struct uart16550 *u, uint64_t offset)
{
	if (!(u->lcr & LCR_DLAB) || offset > IER)
		return NULL;
	return offset == RBR ? &u->dll : &u->dlm;
}

static uint8_t read_register(struct uart16550 *u, uint64_t offset)
{
	const uint8_t *latch = divisor(u, offset);

	if (latch)
		return *latch;
	switch (offset) {
	case RBR: return read_rbr(u);
	case IER: return u->ier;
	case IIR: return read_iir(u);
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return read_lsr(u);
	case MSR: return read_msr(u);
	default: return u->scr;
	}
}

static void write_register(struct uart16550 *u, uint64_t offset, uint8_t value)
{
	uint8_t *latch = divisor(u, offset);

	u->polls = 0;
	if (latch) {
		*latch = value;
		return;
	}
	switch (offset) {
	case RBR: write_thr(u, value); break;
	case IER: write_ier(u, value); break;
	case IIR: write_fcr(u, value); break;
	case LCR: u->lcr = value; break;
	case MCR: write_mcr(u, value); break;
	case SCR: u->scr = value; break;
	default: break; /* LSR and MSR: for the factory's tests only */
	}
}

static uint64_t uart16550_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct uart16550 *u = opaque;
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)read_register(u, offset + i) << (8 * i);
	update_irq(u);
	update_stream(u);
	return value;
}

static void uart16550_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct uart16550 *u = opaque;

	for (unsigned int i = 0; i < size; i++)
		write_register(u, offset + i, (uint8_t)(value >> (8 * i)));
	update_irq(u);
	update_stream(u);
}

static const char *uart16550_reg_name(uint64_t offset)
{
	static const char *const names[UART16550_SIZE] = { "RBR/THR", "IER", "IIR/FCR", "LCR", "MCR", "LSR", "MSR",
		"SCR" };

	return offset < UART16550_SIZE ? names[offset] : NULL;
}

const struct bus_ops uart16550_ops = {
	.read = uart16550_read,
	.write = uart16550_write,
	.reg_name = uart16550_reg_name,
};

/* As the reset configuration says, and a divisor that is not 0: Linux divides by it (probe_baud). */
static void reset_registers(struct uart16550 *u)
{
	u->ier = u->fcr = u->lcr = u->mcr = u->scr = u->dlm = 0;
	u->dll = 12;
	u->lsr_errors = u->msr_changes = 0;
	u->thre = u->rts_used = false;
	u->polls = 0;
	u->rx_len = 0;
}

void uart16550_init(struct uart16550 *u, struct chardev *chardev, struct irq *irq)
{
	memset(u, 0, sizeof(*u));
	u->irq = irq;
	u->user = (struct chardev_user){ uart16550_readable, uart16550_writable };
	reset_registers(u);
	u->chardev = chardev;
	if (chardev)
		chardev_attach(chardev, &u->user);
}

int uart16550_map(struct uart16550 *u, struct bus *bus, gpa_t base)
{
	int err;

	u->region = (struct bus_region){ "uart16550", &uart16550_ops, u, base, UART16550_SIZE };
	err = bus_add(bus, &u->region);
	if (!err)
		u->bus = bus;
	return err;
}

void uart16550_reset(struct uart16550 *u)
{
	reset_registers(u);
	update_irq(u);
	update_stream(u);
}

void uart16550_destroy(struct uart16550 *u)
{
	if (u->chardev)
		chardev_attach(u->chardev, NULL);
	if (u->bus)
		bus_del(u->bus, &u->region);
}

/* What no guest can have brought about. */
static void check_loaded(const struct uart16550 *u, uint32_t tx_len, uint32_t rx_len, struct state *s)
{
	if ((u->ier & ~IER_ALL) || (u->mcr & ~MCR_ALL) || (u->fcr & ~FCR_STORED) || (u->fcr && !fifos(u)) ||
		(u->lsr_errors & ~LSR_OE) || (u->msr_changes & ~MSR_CHANGES))
		state_fail(s, "a register has bits that it does not keep");
	if (tx_len > UART16550_FIFO || rx_len > depth(u))
		state_fail(s, "a FIFO holds more than it has room for");
	if (u->thre && tx_len)
		state_fail(s, "the transmitter is empty and has characters to send");
}

void uart16550_state(struct uart16550 *u, struct state *s)
{
	uint8_t *const bytes[] = { &u->ier, &u->fcr, &u->lcr, &u->mcr, &u->scr, &u->dll, &u->dlm, &u->lsr_errors,
		&u->msr_changes };
	uint32_t tx_len = u->tx_len, rx_len = u->rx_len;

	state_section(s, "uart16550", VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		state_u8(s, bytes[i]);
	state_bool(s, &u->thre);
	state_bool(s, &u->rts_used);
	state_u32(s, &tx_len);
	state_u32(s, &rx_len);
	state_bytes(s, u->tx, sizeof(u->tx));
	state_bytes(s, u->rx, sizeof(u->rx));
	if (!state_loading(s))
		return;
	check_loaded(u, tx_len, rx_len, s);
	/* Half a state is none. */
	u->tx_len = state_failed(s) ? 0 : tx_len;
	u->rx_len = state_failed(s) ? 0 : rx_len;
	if (state_failed(s))
		reset_registers(u);
	if (!u->chardev && u->tx_len)
		transmit(u);
	u->polls = 0;
	update_irq(u);
	update_stream(u);
}
