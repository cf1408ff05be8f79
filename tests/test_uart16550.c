/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A at work as its drivers see it: a console, Linux's interrupt handler, FIFO levels, priorities, output that
 * stalls, input that waits. Its registers one by one are test_uart16550_regs.c's.
 */
#include "uart16550_rig.h"

static void console_output(void)
{
	start();
	/* earlycon's, with nothing set up. */
	for (const char *s = "early"; *s; s++) {
		CHECK_EQ(rd(LSR), EMPTY);
		wr(THR, (uint8_t)*s);
	}
	CHECK_EQ(rd(LSR), EMPTY);
	CHECK_EQ(host.out_len, 5);
	CHECK(!memcmp(host.out, "early", 5));
	CHECK_EQ(irq.raised, 0);
	stop();
}

/* Linux's serial8250_tx_chars: a FIFO full at each interrupt, without a look at LSR in between. */
static void output_by_interrupts(void)
{
	unsigned int before;

	start();
	uart_linux_open(&driver);
	wr(IER, RLSI | RDI | THRI);
	CHECK(irq.level);
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	CHECK(!irq.level); /* reading it was the answer */
	CHECK_EQ(rd(IIR), FIFOS | NONE);
	before = irq.raised;
	for (int i = 0; i < 16; i++)
		wr(THR, (unsigned int)('a' + i));
	CHECK_EQ(host.out_len, 16);
	CHECK(irq.level);
	CHECK_EQ(irq.raised, before + 1); /* no edge for each of them */
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	wr(IER, RLSI | RDI);
	CHECK(!irq.level);
	wr(IER, RLSI | RDI | THRI);
	wr(IER, RLSI | RDI | THRI);
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	wr(IER, RLSI | RDI | THRI); /* enabled already: nothing new */
	CHECK_EQ(rd(IIR), FIFOS | NONE);
	stop();
}

static void output_stalls_and_resumes(void)
{
	start();
	uart_linux_open(&driver);
	wr(IER, RLSI | RDI | THRI);
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	host.out_room = 2;
	uart_print(&driver, "abcdefghijklmnopqr"); /* 2 leave, 16 wait */
	CHECK_EQ(host.out_len, 2);
	CHECK_EQ(rd(LSR), 0);
	CHECK_EQ(rd(IIR), FIFOS | NONE);
	CHECK(host.dev.want_write);
	wr(THR, '!'); /* full: lost, never blocks, never overwrites */
	wr(FCR, FIFO_ON | 0x04); /* what was sent is the stream's */
	rig_chardev_drain(&host, 15); /* one left: not empty yet */
	CHECK_EQ(rd(LSR), 0);
	CHECK(!irq.level);
	wr(IER, RLSI | RDI);
	wr(IER, RLSI | RDI | THRI); /* nothing is empty that could be told */
	CHECK(!irq.level);
	rig_chardev_drain(&host, SIZE_MAX);
	CHECK_EQ(rd(LSR), EMPTY);
	CHECK(irq.level);
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	CHECK_EQ(host.out_len, 18);
	CHECK(!memcmp(host.out, "abcdefghijklmnopqr", 18));
	CHECK(!host.dev.want_write);
	stop();
}

static void one_deep_without_fifo(void)
{
	start();
	wr(IER, RDI | THRI);
	CHECK_EQ(rd(IIR), THRE);
	host.out_room = 0;
	uart_print(&driver, "xy");
	CHECK_EQ(rd(LSR), 0);
	rig_chardev_drain(&host, SIZE_MAX);
	CHECK_EQ(host.out_len, 1);
	CHECK_EQ(rd(IIR), THRE);
	rig_chardev_type(&host, "ab", 2);
	CHECK_EQ(host.in_taken, 1);
	CHECK_EQ(rd(IIR), DATA);
	CHECK_EQ(rd(LSR), EMPTY | DR);
	CHECK_EQ(rd(RBR), 'a');
	CHECK(!irq.level);
	rig_run(&rig);
	CHECK(irq.level);
	CHECK_EQ(rd(RBR), 'b');
	CHECK_EQ(rd(RBR), 0);
	stop();
}

static void trigger_levels(void)
{
	static const struct {
		uint8_t fcr, level;
	} rows[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start();
		uart_linux_open(&driver);
		wr(FCR, rows[i].fcr);
		for (unsigned int n = 1; n <= 16; n++) {
			rig_chardev_type(&host, "x", 1);
			CHECK_EQ(rd(IIR), FIFOS | (n < rows[i].level ? TIMEOUT : DATA));
			CHECK(irq.level);
		}
		for (unsigned int n = 15; n > 0; n--) {
			CHECK_EQ(rd(RBR), 'x');
			CHECK_EQ(rd(IIR), FIFOS | (n < rows[i].level ? TIMEOUT : DATA));
		}
		CHECK_EQ(rd(RBR), 'x');
		CHECK_EQ(rd(IIR), FIFOS | NONE);
		CHECK(!irq.level);
		CHECK_EQ(irq.raised, 1);
		stop();
	}
}

static void input_flow_control(void)
{
	char text[100];
	size_t got = 0;

	start();
	uart_linux_open(&driver);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i % 90);
	rig_chardev_type(&host, text, sizeof(text));
	CHECK_EQ(host.in_taken, 16);
	CHECK(!host.dev.want_read);
	/* Linux's handler: all there is, then wait for the next interrupt. */
	for (int turns = 0; turns < 20 && got < sizeof(text); turns++) {
		CHECK(irq.level);
		while ((rd(LSR) & DR) && got < sizeof(text))
			CHECK_EQ(rd(RBR), text[got++]);
		CHECK(!irq.level);
		rig_run(&rig);
	}
	CHECK_EQ(got, sizeof(text));
	CHECK_EQ(rd(LSR) & OE, 0);
	CHECK(host.dev.want_read);
	stop();
}

/* Linux with CRTSCTS: RTS goes when the terminal's buffer is full, and what is on its way by then is in the FIFO. */
static void input_stops_without_rts(void)
{
	start();
	uart_linux_open(&driver);
	rig_chardev_type(&host, "ab", 2);
	wr(MCR, 0x09);
	rig_chardev_type(&host, "cd", 2);
	rig_run(&rig);
	CHECK_EQ(host.in_taken, 2);
	CHECK_EQ(rd(RBR), 'a');
	CHECK_EQ(rd(RBR), 'b');
	CHECK_EQ(rd(LSR), EMPTY);
	wr(MCR, 0x0b);
	rig_run(&rig);
	CHECK_EQ(host.in_taken, 4);
	CHECK_EQ(rd(RBR), 'c');
	/* Looped back it is nothing that a peer sees. */
	uart16550_reset(&uart);
	wr(MCR, LOOP | 0x02);
	wr(MCR, 0);
	wr(IER, RDI);
	rig_chardev_type(&host, "e", 1);
	CHECK_EQ(rd(RBR), 'e');
	stop();
}

static void typed_ahead_is_kept(void)
{
	start();
	rig_chardev_type(&host, "piped", 5);
	/* A console at work, with and without room for its output. */
	for (int i = 0; i < 100; i++) {
		rd(LSR);
		wr(THR, 'k');
		rd(LSR);
	}
	host.out_room = 0;
	wr(THR, 'w');
	for (int i = 0; i < 10000; i++)
		rd(LSR);
	rig_run(&rig);
	CHECK_EQ(host.in_taken, 0);
	rig_chardev_drain(&host, SIZE_MAX);
	wr(MCR, LOOP);
	for (int i = 0; i < 100; i++)
		rd(LSR); /* polled loopback */
	rig_run(&rig);
	CHECK_EQ(host.in_taken, 0);
	wr(MCR, 0);
	uart_linux_open(&driver); /* resets the receiver, and finds nothing in it */
	CHECK_EQ(host.in_taken, 5);
	for (const char *s = "piped"; *s; s++)
		CHECK_EQ(rd(RBR), *s);
	stop();
}

static void polled_input_without_set_up(void)
{
	start();
	rig_chardev_type(&host, "k", 1);
	for (int i = 0; i < 100 && !(rd(LSR) & DR); i++)
		rig_run(&rig);
	CHECK_EQ(rd(RBR), 'k');
	CHECK(!irq.raised);
	stop();
}

static void interrupt_priorities(void)
{
	start();
	uart_linux_open(&driver);
	wr(MCR, LOOP); /* DCTS, DDSR, DDCD */
	wr(IER, 0x0f); /* THRE */
	for (int i = 0; i < 17; i++)
		wr(THR, 'x'); /* DATA and an overrun */
	CHECK(irq.level);
	CHECK_EQ(rd(IIR), FIFOS | LINE);
	CHECK_EQ(rd(IIR), FIFOS | LINE); /* only what THRE says ends with being read here */
	CHECK_EQ(rd(LSR), EMPTY | OE | DR);
	CHECK_EQ(rd(LSR), EMPTY | DR);
	CHECK_EQ(rd(IIR), FIFOS | DATA);
	for (int i = 0; i < 9; i++)
		rd(RBR);
	CHECK_EQ(rd(IIR), FIFOS | TIMEOUT);
	for (int i = 0; i < 7; i++)
		rd(RBR);
	CHECK_EQ(rd(IIR), FIFOS | THRE);
	CHECK_EQ(rd(IIR), FIFOS | MODEM);
	CHECK(irq.level);
	CHECK_EQ(rd(MSR), 0x0b);
	CHECK_EQ(rd(MSR), 0);
	CHECK_EQ(rd(IIR), FIFOS | NONE);
	CHECK(!irq.level);
	CHECK_EQ(irq.raised, 1);
	/* Each waits for its enable bit. */
	wr(IER, 0);
	for (int i = 0; i < 17; i++)
		wr(THR, 'x');
	wr(MCR, LOOP | 0x0f);
	CHECK(!irq.level);
	wr(IER, MSI);
	CHECK_EQ(rd(IIR), FIFOS | MODEM);
	wr(IER, RDI);
	CHECK_EQ(rd(IIR), FIFOS | DATA);
	wr(IER, RLSI);
	CHECK_EQ(rd(IIR), FIFOS | LINE);
	wr(IER, 0);
	CHECK(!irq.level);
	stop();
}

/* With FIFOs the one too many is lost and those before it stay. */
static void overrun(void)
{
	start();
	wr(FCR, 0x01);
	wr(MCR, LOOP);
	for (unsigned int i = 0; i < 20; i++)
		wr(THR, 'a' + i);
	CHECK_EQ(rd(LSR), EMPTY | DR | OE);
	for (unsigned int i = 0; i < 16; i++)
		CHECK_EQ(rd(RBR), 'a' + i);
	CHECK_EQ(rd(LSR), EMPTY);
	stop();
}

static void fifo_switch(void)
{
	start();
	uart_linux_open(&driver);
	rig_chardev_type(&host, "abc", 3);
	wr(FCR, 0xc9); /* another level, and DMA mode: nothing is lost by that */
	CHECK_EQ(rd(RBR), 'a');
	wr(FCR, 0xc9 | 0x02);
	CHECK_EQ(rd(LSR), EMPTY);
	CHECK(!irq.level);
	rig_chardev_type(&host, "def", 3);
	wr(FCR, 0x80); /* off, whatever else it says */
	CHECK_EQ(rd(LSR), EMPTY);
	CHECK_EQ(rd(IIR), NONE);
	host.out_room = 0;
	uart_print(&driver, "k");
	wr(FCR, 0x01);
	uart_print(&driver, "eep");
	wr(FCR, 0x00);
	uart_print(&driver, "not this");
	uart16550_reset(&uart);
	rig_chardev_drain(&host, SIZE_MAX);
	CHECK_EQ(host.out_len, 4);
	CHECK(!memcmp(host.out, "keep", 4));
	stop();
}

static const struct test tests[] = {
	TEST(console_output),
	TEST(output_by_interrupts),
	TEST(output_stalls_and_resumes),
	TEST(one_deep_without_fifo),
	TEST(trigger_levels),
	TEST(input_flow_control),
	TEST(input_stops_without_rts),
	TEST(typed_ahead_is_kept),
	TEST(polled_input_without_set_up),
	TEST(interrupt_priorities),
	TEST(overrun),
	TEST(fifo_switch),
};
TEST_MAIN(tests)
