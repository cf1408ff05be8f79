/* SPDX-License-Identifier: Apache-2.0 */
/* Targets pl011, pl031, pl061, uart16550 and exit: the board's small devices. */
#include "arena.h"
#include "board.h"
#include "device_virtio.h"
#include "language.h"
#include "platform/exit.h"
#include "platform/pl011.h"
#include "platform/pl031.h"
#include "platform/pl061.h"
#include "platform/primecell.h"
#include "platform/uart16550.h"
#include "world.h"

static const char *check_level(bool should)
{
	return fuzz_machine->line[0].level == should ? NULL : "its line is not at the level of its registers";
}

/* As the monitor's keys are: a byte 1 is its own and never reaches the device. */
static size_t take_keys(struct chardev_filter *filter, uint8_t *buf, size_t len)
{
	size_t left = 0;

	(void)filter;
	for (size_t i = 0; i < len; i++)
		if (buf[i] != 1)
			buf[left++] = buf[i];
	return left;
}

static void build_pl011(struct fuzz_machine *m, const struct fuzz_device *device)
{
	static struct chardev_filter filter = { .input = take_keys };
	struct pl011 *p = fuzz_arena_alloc(sizeof(*p));

	(void)device;
	fuzz_must(!pl011_init(p, fuzz_world_chardev(), &m->bus, FUZZ_PL011, fuzz_machine_line(0, 1)), "no PL011");
	chardev_set_filter(fuzz_world->chardev, &filter);
	m->dev = p;
}

static const char *check_pl011(struct fuzz_machine *m)
{
	const struct pl011 *p = m->dev;

	if (p->tx_len > PL011_FIFO || p->rx_len > PL011_FIFO)
		return "a FIFO holds more than fits";
	return check_level(p->ris & p->imsc);
}

#define R(base, name, offset)                                                                                          \
	{                                                                                                              \
		name, (base) + (offset), 4                                                                             \
	}

static const struct fuzz_reg pl011_regs[] = {
	R(FUZZ_PL011, "UARTDR", 0x000),
	R(FUZZ_PL011, "UARTRSR", 0x004),
	R(FUZZ_PL011, "UARTFR", 0x018),
	R(FUZZ_PL011, "UARTILPR", 0x020),
	R(FUZZ_PL011, "UARTIBRD", 0x024),
	R(FUZZ_PL011, "UARTFBRD", 0x028),
	R(FUZZ_PL011, "UARTLCR_H", 0x02c),
	R(FUZZ_PL011, "UARTCR", 0x030),
	R(FUZZ_PL011, "UARTIFLS", 0x034),
	R(FUZZ_PL011, "UARTIMSC", 0x038),
	R(FUZZ_PL011, "UARTRIS", 0x03c),
	R(FUZZ_PL011, "UARTMIS", 0x040),
	R(FUZZ_PL011, "UARTICR", 0x044),
	R(FUZZ_PL011, "UARTDMACR", 0x048),
	R(FUZZ_PL011, "UARTPeriphID0", PRIMECELL_ID),
	{ 0 },
};
static const struct fuzz_range pl011_ranges[] = { { FUZZ_PL011, PRIMECELL_SIZE }, { FUZZ_PL011, 0x4c }, { 0 } };

static void power_pl011(struct fuzz_machine *m)
{
	pl011_reset(m->dev);
}

static void destroy_pl011(struct fuzz_machine *m)
{
	pl011_destroy(m->dev);
}

static const struct fuzz_device pl011 = {
	.name = "pl011",
	.build = build_pl011,
	.power = power_pl011,
	.destroy = destroy_pl011,
	.check = check_pl011,
	.regs = pl011_regs,
	.ranges = pl011_ranges,
};

static void build_pl031(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct pl031 *p = fuzz_arena_alloc(sizeof(*p));

	(void)device;
	fuzz_must(!pl031_init(p, &m->loop, &m->bus, FUZZ_PL031, fuzz_machine_line(0, 2)), "no PL031");
	m->dev = p;
}

static const char *check_pl031(struct fuzz_machine *m)
{
	const struct pl031 *p = m->dev;

	return check_level(p->ris & p->imsc);
}

static const struct fuzz_reg pl031_regs[] = {
	R(FUZZ_PL031, "RTCDR", 0x000),
	R(FUZZ_PL031, "RTCMR", 0x004),
	R(FUZZ_PL031, "RTCLR", 0x008),
	R(FUZZ_PL031, "RTCCR", 0x00c),
	R(FUZZ_PL031, "RTCIMSC", 0x010),
	R(FUZZ_PL031, "RTCRIS", 0x014),
	R(FUZZ_PL031, "RTCMIS", 0x018),
	R(FUZZ_PL031, "RTCICR", 0x01c),
	R(FUZZ_PL031, "RTCPeriphID0", PRIMECELL_ID),
	{ 0 },
};
static const struct fuzz_range pl031_ranges[] = { { FUZZ_PL031, PRIMECELL_SIZE }, { FUZZ_PL031, 0x20 }, { 0 } };

static void power_pl031(struct fuzz_machine *m)
{
	pl031_reset(m->dev);
}

static void destroy_pl031(struct fuzz_machine *m)
{
	pl031_destroy(m->dev);
}

static const struct fuzz_device pl031 = {
	.name = "pl031",
	.build = build_pl031,
	.power = power_pl031,
	.destroy = destroy_pl031,
	.check = check_pl031,
	.regs = pl031_regs,
	.ranges = pl031_ranges,
};

static void build_pl061(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct pl061 *p = fuzz_arena_alloc(sizeof(*p));

	(void)device;
	fuzz_must(!pl061_init(p, &m->loop, &m->bus, FUZZ_PL061, fuzz_machine_line(0, 7)), "no PL061");
	m->dev = p;
}

/* What comes in are lines: a byte whose upper half is not 0 presses the key there, another sets the level by bit 3. */
static void host_pl061(struct fuzz_machine *m, const struct fuzz_op *op)
{
	for (size_t i = 0; op->host == FUZZ_HOST_INPUT && i < op->len; i++) {
		if (op->data[i] & 0xf0)
			pl061_press(m->dev, op->data[i] % PL061_LINES);
		else
			pl061_set_input(m->dev, op->data[i] % PL061_LINES, op->data[i] & 8);
	}
}

static const char *check_pl061(struct fuzz_machine *m)
{
	const struct pl061 *p = m->dev;

	return check_level(p->mis);
}

static const struct fuzz_reg pl061_regs[] = {
	R(FUZZ_PL061, "GPIODATA", 0x3fc),
	R(FUZZ_PL061, "GPIODATA 3", 0x020),
	R(FUZZ_PL061, "GPIODIR", 0x400),
	R(FUZZ_PL061, "GPIOIS", 0x404),
	R(FUZZ_PL061, "GPIOIBE", 0x408),
	R(FUZZ_PL061, "GPIOIEV", 0x40c),
	R(FUZZ_PL061, "GPIOIE", 0x410),
	R(FUZZ_PL061, "GPIORIS", 0x414),
	R(FUZZ_PL061, "GPIOMIS", 0x418),
	R(FUZZ_PL061, "GPIOIC", 0x41c),
	R(FUZZ_PL061, "GPIOAFSEL", 0x420),
	R(FUZZ_PL061, "GPIOPeriphID0", PRIMECELL_ID),
	{ 0 },
};
static const struct fuzz_range pl061_ranges[] = { { FUZZ_PL061, PRIMECELL_SIZE }, { FUZZ_PL061, 0x424 }, { 0 } };

static void power_pl061(struct fuzz_machine *m)
{
	pl061_reset(m->dev);
}

static void destroy_pl061(struct fuzz_machine *m)
{
	pl061_destroy(m->dev);
}

static const struct fuzz_device pl061 = {
	.name = "pl061",
	.build = build_pl061,
	.power = power_pl061,
	.destroy = destroy_pl061,
	.host = host_pl061,
	.check = check_pl061,
	.regs = pl061_regs,
	.ranges = pl061_ranges,
};

static void build_uart16550(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct uart16550 *u = fuzz_arena_alloc(sizeof(*u));

	(void)device;
	uart16550_init(u, fuzz_world_chardev(), fuzz_machine_line(0, 8));
	fuzz_must(!uart16550_map(u, &m->bus, FUZZ_UART16550), "no 16550");
	m->dev = u;
}

static const char *check_uart16550(struct fuzz_machine *m)
{
	const struct uart16550 *u = m->dev;

	if (u->tx_len > UART16550_FIFO || u->rx_len > UART16550_FIFO)
		return "a FIFO holds more than fits";
	return check_level(u->level);
}

#define B(name, offset)                                                                                                \
	{                                                                                                              \
		name, FUZZ_UART16550 + (offset), 1                                                                     \
	}

static const struct fuzz_reg uart16550_regs[] = {
	B("RBR, THR, DLL", 0),
	B("IER, DLM", 1),
	B("IIR, FCR", 2),
	B("LCR", 3),
	B("MCR", 4),
	B("LSR", 5),
	B("MSR", 6),
	B("SCR", 7),
	{ 0 },
};
static const struct fuzz_range uart16550_ranges[] = { { FUZZ_UART16550, UART16550_SIZE }, { 0 } };

static void power_uart16550(struct fuzz_machine *m)
{
	uart16550_reset(m->dev);
}

static void state_uart16550(struct fuzz_machine *m, struct state *s)
{
	uart16550_state(m->dev, s);
}

static void destroy_uart16550(struct fuzz_machine *m)
{
	uart16550_destroy(m->dev);
}

static const struct fuzz_device uart16550 = {
	.name = "uart16550",
	.build = build_uart16550,
	.power = power_uart16550,
	.destroy = destroy_uart16550,
	.state = state_uart16550,
	.check = check_uart16550,
	.regs = uart16550_regs,
	.ranges = uart16550_ranges,
};

static void build_exit(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct exit_reg *e = fuzz_arena_alloc(sizeof(*e));

	(void)device;
	fuzz_must(!exit_reg_init(e, &m->bus, FUZZ_EXIT), "no exit register");
	m->dev = e;
}

static const struct fuzz_reg exit_regs[] = {
	R(FUZZ_EXIT, "STATUS", EXIT_STATUS),
	R(FUZZ_EXIT, "ID", EXIT_ID_REG),
	{ 0 },
};
static const struct fuzz_range exit_ranges[] = { { FUZZ_EXIT, EXIT_REG_SIZE }, { 0 } };

static void power_exit(struct fuzz_machine *m)
{
	exit_reg_reset(m->dev);
}

static void destroy_exit(struct fuzz_machine *m)
{
	exit_reg_destroy(m->dev);
}

static const struct fuzz_device exit_reg = {
	.name = "exit",
	.build = build_exit,
	.power = power_exit,
	.destroy = destroy_exit,
	.regs = exit_regs,
	.ranges = exit_ranges,
};

#define TARGET(variable, device, text)                                                                                 \
	const struct fuzz_target variable = {                                                                          \
		.name = #device,                                                                                       \
		.what = text,                                                                                          \
		.start = fuzz_virtio_start,                                                                            \
		FUZZ_LANGUAGES,                                                                                        \
		.opaque = &(device),                                                                                   \
	}

TARGET(fuzz_pl011, pl011, "the PL011 UART and a character stream");
TARGET(fuzz_pl031, pl031, "the PL031 clock");
TARGET(fuzz_pl061, pl061, "the PL061 GPIO and its power key");
TARGET(fuzz_uart16550, uart16550, "the 16550A UART and a character stream");
const struct fuzz_target fuzz_exit = {
	.name = "exit",
	.what = "minivmm's exit register",
	.start = fuzz_virtio_start,
	FUZZ_LANGUAGES,
	.opaque = &exit_reg,
};
