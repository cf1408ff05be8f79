/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A's registers: what they are after reset, what of them can be written, what Linux tries to find out which UART
 * it has, every access, and snapshots. FIFOs and interrupts are test_uart16550.c's.
 */
#include "uart16550_rig.h"

static void reset_values(void)
{
	static const uint8_t want[8] = { 0, 0, NONE, 0, 0, EMPTY, 0xb0, 0 };

	start();
	for (int turn = 0; turn < 2; turn++) {
		for (unsigned int i = 0; i < 8; i++)
			CHECK_EQ(rd(i), want[i]);
		wr(LCR, DLAB);
		CHECK_EQ(rd(DLL) | rd(DLM) << 8, 12); /* 9600 baud */
		/* Everything else, then a reset. */
		wr(DLL, 0x34), wr(DLM, 0x12);
		wr(LCR, 0x1b);
		wr(IER, 0xff), wr(MCR, 0xff), wr(SCR, 0xa5), wr(FCR, 0xff);
		uart16550_reset(&uart);
		CHECK(!irq.level);
	}
	stop();
}

/* What is written, and what of it is there to read. */
static void registers_keep_their_bits(void)
{
	static const struct {
		uint8_t offset, lcr, write, read;
	} rows[] = {
		{ IER, 0, 0xff, 0x0f }, /* no sleep mode, no XScale unit enable */
		{ IER, 0, 0x00, 0x00 },
		{ LCR, 0, 0x7f, 0x7f },
		{ MCR, 0, 0xff, 0x1f }, /* no automatic flow control */
		{ MCR, 0, 0x00, 0x00 },
		{ LSR, 0, 0xff, EMPTY }, /* read-only */
		{ LSR, 0, 0x00, EMPTY },
		{ SCR, 0, 0xff, 0xff },
		{ SCR, 0, 0x5a, 0x5a },
		{ DLL, DLAB, 0x5a, 0x5a },
		{ DLM, DLAB, 0xa5, 0xa5 },
		{ SCR, DLAB, 0x77, 0x77 },
	};

	start();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		wr(LCR, rows[i].lcr);
		wr(rows[i].offset, rows[i].write);
		CHECK_EQ(rd(rows[i].offset), rows[i].read);
		wr(LCR, 0);
	}
	/* The latch is behind 0 and 1, and what is in front of it stays as it was. */
	wr(IER, 0x05);
	wr(LCR, DLAB);
	CHECK_EQ(rd(DLL), 0x5a);
	CHECK_EQ(rd(DLM), 0xa5);
	wr(DLL, 'x');
	wr(LCR, 0);
	CHECK_EQ(rd(IER), 0x05);
	CHECK_EQ(host.out_len, 0);
	CHECK_EQ(rd(MSR) & 0xf0, 0xb0);
	wr(MSR, 0);
	CHECK_EQ(rd(MSR), 0xb0); /* read-only, and no change that nobody made */
	stop();
}

/* Linux's autoconfig and autoconfig_16550a, step by step; every check is one that would make it take another UART. */
static void linux_finds_a_16550a(void)
{
	unsigned int status1, status2, count = 0;

	start();
	wr(IER, 0);
	CHECK_EQ(rd(IER) & 0x0f, 0);
	wr(IER, 0x0f);
	CHECK_EQ(rd(IER) & 0x0f, 0x0f);
	wr(IER, 0);
	wr(MCR, LOOP | 0x0a);
	CHECK_EQ(rd(MSR) & 0xf0, 0x90);
	wr(MCR, 0);
	wr(LCR, 0xbf);
	wr(FCR, 0); /* EFR, if there were one */
	wr(LCR, 0);
	wr(FCR, 0x01);
	CHECK_EQ(rd(IIR) >> 6, 3); /* FIFOs that work: a 16550A or better */
	wr(LCR, 0x80);
	CHECK(rd(IIR) != 0); /* ST16C650 */
	wr(LCR, 0xbf);
	CHECK(rd(IIR) != 0); /* 16654, 16850 */
	wr(LCR, 0);
	status1 = rd(MCR);
	wr(LCR, 0xe0);
	status2 = rd(IIR);
	if (!((status2 ^ status1) & LOOP)) { /* NS16550A superset: offset 2 would be a register that shows it */
		wr(LCR, 0);
		wr(MCR, status1 ^ LOOP);
		wr(LCR, 0xe0);
		status2 = rd(IIR);
		wr(LCR, 0);
		wr(MCR, status1);
		CHECK_EQ((status2 ^ status1) & LOOP, 0);
	}
	wr(LCR, 0);
	wr(FCR, 0x21);
	status1 = rd(IIR) >> 5;
	wr(FCR, 0x01);
	wr(LCR, 0x80);
	wr(FCR, 0x21);
	status2 = rd(IIR) >> 5;
	wr(FCR, 0x01);
	wr(LCR, 0);
	CHECK_EQ(status1, 6); /* 7: TI16750 */
	CHECK_EQ(status2, 6);
	wr(IER, rd(IER) | 0x40);
	CHECK_EQ(rd(IER) & 0x40, 0); /* XScale */
	/* size_fifo: 16 come back of 256. */
	wr(FCR, 0x07);
	wr(MCR, LOOP);
	wr(LCR, 0x80);
	wr(DLL, 1), wr(DLM, 0);
	wr(LCR, 0x03);
	for (int i = 0; i < 256; i++)
		wr(THR, (unsigned int)i);
	while ((rd(LSR) & DR) && count < 256)
		rd(RBR), count++;
	CHECK_EQ(count, 16);
	CHECK_EQ(host.out_len, 0);
	wr(MCR, 0);
	/* And in serial8250_do_startup: its interrupt comes each time it is enabled. */
	wr(IER, THRI);
	CHECK_EQ(rd(IIR) & NONE, 0);
	wr(IER, 0);
	wr(IER, THRI);
	CHECK_EQ(rd(IIR) & NONE, 0);
	wr(IER, 0);
	CHECK(!irq.level);
	stop();
}

static void loopback(void)
{
	static const struct {
		uint8_t mcr, msr;
	} rows[] = { { 0x11, 0x20 }, { 0x12, 0x10 }, { 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1f, 0xf0 }, { 0x10, 0x00 },
		{ 0x0f, 0xb0 } };

	start();
	uart_linux_open(&driver);
	rd(MSR);
	wr(MCR, LOOP);
	CHECK_EQ(rd(MSR), 0x0b);
	rig_chardev_type(&host, "outside", 7);
	rig_run(&rig);
	CHECK_EQ(host.in_taken, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		wr(MCR, rows[i].mcr);
		CHECK_EQ(rd(MSR) & 0xf0, rows[i].msr);
	}
	/* RI is told when it ends, not when it begins. */
	wr(MCR, LOOP), rd(MSR);
	wr(MCR, LOOP | 0x04);
	CHECK_EQ(rd(MSR), 0x40);
	wr(MCR, LOOP);
	CHECK_EQ(rd(MSR), 0x04);
	wr(FCR, FIFO_ON | 0x02);
	uart_print(&driver, "inside");
	wr(LCR, 0x43); /* a break goes out by the pin, which is not here */
	wr(LCR, 0x03);
	for (const char *s = "inside"; *s; s++) {
		CHECK_EQ(rd(LSR), EMPTY | DR);
		CHECK_EQ(rd(RBR), *s);
	}
	CHECK_EQ(rd(LSR), EMPTY);
	CHECK_EQ(host.out_len, 0);
	/* Without FIFOs the next one overwrites. */
	wr(FCR, 0);
	uart_print(&driver, "ab");
	CHECK_EQ(rd(LSR), EMPTY | DR | OE);
	CHECK_EQ(rd(RBR), 'b');
	wr(MCR, 0x0b);
	rig_run(&rig);
	CHECK_EQ(rd(RBR), 'o');
	stop();
}

/* R40, R63: each byte of a wider access is one of its own, lowest first; nothing reaches past the end. */
static void r63_every_access(void)
{
	start();
	wr(SCR, 0x5a);
	wr(MCR, 0x0b);
	wr(LCR, 0x13);
	CHECK_EQ(rig_read(&rig, BASE + LCR, 2), 0x0b13);
	CHECK_EQ(rig_read(&rig, BASE, 8), 0x5ab0600b13010000);
	CHECK_EQ(rig_read(&rig, BASE + LCR, 4), 0xb0600b13); /* unaligned */
	CHECK_EQ(rig_read(&rig, BASE + SCR, 2), 0);
	CHECK_EQ(rig_read(&rig, BASE + MCR, 8), 0);
	rig_write(&rig, BASE + SCR, 2, 0x1111);
	CHECK_EQ(rd(SCR), 0x5a);
	rig_write(&rig, BASE, 2, 0x0541); /* THR and IER */
	CHECK_EQ(host.out_len, 1);
	CHECK_EQ(host.out[0], 'A');
	CHECK_EQ(rd(IER), 0x05);
	rig_write(&rig, BASE + MCR, 4, 0x77ffff0f); /* LSR and MSR in between are read-only */
	CHECK_EQ(rd(MCR), 0x0f);
	CHECK_EQ(rd(SCR), 0x77);
	rig_write(&rig, BASE, 8, 0x2200000083000042); /* DLAB set after THR, which is written first */
	CHECK_EQ(host.out_len, 2);
	CHECK_EQ(rd(LCR), 0x83);
	wr(LCR, 3);
	rig_chardev_type(&host, "some input for the sweep to read", 32);
	for (unsigned int i = 0; i < 256; i++)
		rig_sweep(&rig, BASE, UART16550_SIZE, i * 0x0101010101010101ULL);
	CHECK(uart.tx_len <= 16 && uart.rx_len <= 16);
	CHECK_STR(uart.region.ops->reg_name(0), "RBR/THR");
	CHECK_STR(uart.region.ops->reg_name(7), "SCR");
	CHECK(!uart.region.ops->reg_name(8));
	stop();
}

/* R63: saved while output waits and input is half read, loaded into another, which goes on from there. */
static void r63_snapshot_in_mid_transmit(void)
{
	struct uart16550 other;
	struct rig_chardev there;
	struct rig_irq other_irq;
	struct state s, l;

	start();
	uart_linux_open(&driver);
	wr(IER, RLSI | RDI | THRI);
	rd(IIR);
	rig_chardev_type(&host, "typed", 5);
	CHECK_EQ(rd(RBR), 't');
	host.out_room = 1;
	uart_print(&driver, "output");
	wr(SCR, 0x42);
	state_save(&s);
	uart16550_state(&uart, &s);
	CHECK_EQ(state_finish(&s), 0);

	rig_irq_init(&other_irq, 2);
	rig_chardev_init(&there, &rig);
	uart16550_init(&other, &there.dev, &other_irq.irq);
	CHECK_EQ(uart16550_map(&other, &rig.bus, BASE + 0x1000), 0);
	state_load(&l, s.data, s.len);
	uart16550_state(&other, &l);
	CHECK_EQ(state_finish(&l), 0);
	CHECK(other_irq.level); /* characters wait */
	CHECK_EQ(there.out_len, 0);
	rig_run(&rig);
	CHECK_EQ(there.out_len, 5);
	CHECK(!memcmp(there.out, "utput", 5));
	CHECK_EQ(rig_read(&rig, BASE + 0x1000 + SCR, 1), 0x42);
	CHECK_EQ(rig_read(&rig, BASE + 0x1000 + IIR, 1), FIFOS | TIMEOUT);
	for (const char *c = "yped"; *c; c++)
		CHECK_EQ(rig_read(&rig, BASE + 0x1000, 1), *c);
	CHECK_EQ(rig_read(&rig, BASE + 0x1000 + IIR, 1), FIFOS | THRE);
	rig_chardev_type(&there, "!", 1);
	CHECK_EQ(rig_read(&rig, BASE + 0x1000, 1), '!');
	state_destroy(&s);
	uart16550_destroy(&other);
	stop();
}

/* Each byte of a good snapshot, made another: it is refused, or gives a state that the guest could have made. */
static void r63_hostile_snapshots(void)
{
	unsigned int refused = 0;
	struct state s, l;
	uint8_t bytes[256];
	bool before;

	start();
	uart_linux_open(&driver);
	host.out_room = 0;
	uart_print(&driver, "waits");
	state_save(&s);
	uart16550_state(&uart, &s);
	CHECK_EQ(state_finish(&s), 0);
	REQUIRE(s.len <= sizeof(bytes));
	for (size_t at = 0; at < s.len; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			memcpy(bytes, s.data, s.len);
			bytes[at] ^= (uint8_t)value;
			state_load(&l, bytes, s.len);
			uart16550_state(&uart, &l);
			refused += state_finish(&l) != 0;
			CHECK(uart.tx_len <= 16);
			CHECK(uart.rx_len <= (uart.fcr & 1 ? 16 : 1));
			CHECK_EQ(uart.ier & ~0x0f, 0);
			CHECK_EQ(uart.mcr & ~0x1f, 0);
			CHECK(!uart.thre || !uart.tx_len);
			CHECK_EQ(host.dev.want_write, uart.tx_len != 0);
			before = irq.level;
			CHECK_EQ(before, (rd(IIR) & NONE) == 0);
		}
	}
	CHECK(refused > 2500);
	for (size_t len = 0; len < s.len; len++) {
		state_load(&l, s.data, len);
		uart16550_state(&uart, &l);
		CHECK(state_finish(&l) != 0);
		CHECK_EQ(rd(LSR), EMPTY); /* as reset, not half of one */
	}
	state_destroy(&s);
	stop();
}

static void without_a_stream(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 1);
	uart16550_init(&uart, NULL, &irq.irq);
	CHECK_EQ(uart16550_map(&uart, &rig.bus, BASE), 0);
	uart_linux_open(&driver);
	uart_print(&driver, "nobody");
	CHECK_EQ(rd(LSR), EMPTY);
	rig_sweep(&rig, BASE, UART16550_SIZE, UINT64_MAX);
	stop();
}

static const struct test tests[] = {
	TEST(reset_values),
	TEST(registers_keep_their_bits),
	TEST(linux_finds_a_16550a),
	TEST(loopback),
	TEST(r63_every_access),
	TEST(r63_snapshot_in_mid_transmit),
	TEST(r63_hostile_snapshots),
	TEST(without_a_stream),
};
TEST_MAIN(tests)
