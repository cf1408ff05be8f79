/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL011 as its drivers see it: polled output, Linux's interrupt handler, output that stalls, FIFO levels, loopback,
 * every access. The line counts edges; lost_edges looks at what a receiver sees that knows nothing else.
 */
#include "platform/pl011.h"
#include "rig.h"
#include "test.h"

#define BASE 0x09000000
#define MS   1000000ULL

enum {
	DR = 0,
	RSR = 4,
	FR = 0x18,
	LCRH = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44
};

#define RX   0x10
#define TX   0x20
#define RT   0x40
#define OE   0x400
#define TXFF 0x20
#define RXFE 0x10
#define RXFF 0x40
#define TXFE 0x80
#define BUSY 0x08

static struct rig rig;
static struct rig_irq irq;
static struct rig_chardev host;
static struct pl011 uart;

static void start(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 1);
	rig_chardev_init(&host, &rig);
	CHECK_EQ(pl011_init(&uart, &host.dev, &rig.bus, BASE, &irq.irq), 0);
}

static void stop(void)
{
	pl011_destroy(&uart);
	rig_destroy(&rig);
}

static uint64_t rd(uint64_t offset)
{
	return rig_read(&rig, BASE + offset, 2); /* Linux's width */
}

static void wr(uint64_t offset, uint64_t value)
{
	rig_write(&rig, BASE + offset, 2, value);
}

static void print(const char *s)
{
	while (*s)
		wr(DR, (uint8_t)*s++);
}

/* As Linux's pl011_startup, console in use before. */
static void linux_startup(void)
{
	wr(LCRH, 0x70);
	wr(IFLS, 0x12);
	wr(ICR, 0x7ff);
	wr(CR, 0x301);
	rig_advance(&rig, 1000 * MS); /* whatever time the guest takes here */
	wr(ICR, RT | RX);
	for (int i = 0; i < 64 && !(rd(FR) & RXFE); i++)
		rd(DR);
	wr(IMSC, RT | RX);
	rig_run(&rig);
}

static void output_without_set_up(void)
{
	start();
	CHECK_EQ(rd(FR) & (TXFE | TXFF | RXFE | RXFF | BUSY), TXFE | RXFE);
	print("early");
	CHECK_EQ(host.out_len, 5);
	CHECK(!memcmp(host.out, "early", 5));
	CHECK_EQ(irq.raised, 0);
	CHECK_EQ(rd(RIS), TX);
	wr(IMSC, TX);
	CHECK(irq.level); /* unmasking shows what had happened */
	wr(ICR, TX);
	CHECK(!irq.level);
	stop();
}

static void output_stalls_and_resumes(void)
{
	start();
	linux_startup();
	host.out_room = 2;
	for (int i = 0; i < 40; i++) {
		if (rd(FR) & TXFF) {
			CHECK_EQ(i, 34);
			break;
		}
		wr(DR, (uint8_t)('a' + i));
	}
	CHECK_EQ(host.out_len, 2);
	CHECK_EQ(rd(FR) & (TXFE | TXFF | BUSY), TXFF | BUSY);
	CHECK_EQ(rd(RIS) & TX, 0);
	wr(DR, '!'); /* full: lost, never blocks, never overwrites */
	wr(IMSC, TX);
	rig_chardev_drain(&host, 15); /* 17 left: above half */
	CHECK_EQ(rd(RIS) & TX, 0);
	CHECK(!irq.level);
	CHECK_EQ(rd(FR) & (TXFE | TXFF | BUSY), BUSY);
	rig_chardev_drain(&host, 1); /* 16 */
	CHECK_EQ(rd(MIS), TX);
	CHECK(irq.level);
	for (int i = 0; i < 16; i++) /* Linux now writes half a FIFO without looking */
		wr(DR, (uint8_t)('A' + i));
	CHECK(!irq.level);
	rig_chardev_drain(&host, SIZE_MAX);
	CHECK_EQ(host.out_len, 50);
	CHECK(!memcmp(host.out,
		"abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82"
		"ABCDEFGHIJKLMNOP",
		50));
	CHECK_EQ(rd(FR) & (TXFE | TXFF | BUSY), TXFE);
	CHECK(!host.dev.want_write);
	stop();
}

static void one_deep_without_fifo(void)
{
	start();
	wr(CR, 0x301);
	rig_advance(&rig, 10 * MS);
	wr(IMSC, RX | RT | TX);
	host.out_room = 0;
	wr(DR, 'x');
	CHECK_EQ(rd(FR) & (TXFF | TXFE), TXFF);
	rig_chardev_drain(&host, 1);
	CHECK_EQ(rd(MIS), TX);
	wr(ICR, TX);
	rig_chardev_type(&host, "ab", 2);
	CHECK_EQ(rd(FR) & RXFF, RXFF);
	CHECK_EQ(rd(MIS), RX);
	CHECK_EQ(rd(DR), 'a');
	CHECK_EQ(rd(MIS), 0);
	CHECK(!irq.level);
	rig_run(&rig);
	CHECK(irq.level);
	CHECK_EQ(rd(DR), 'b');
	stop();
}

static void input_interrupts(void)
{
	start();
	linux_startup();
	rig_chardev_type(&host, "l", 1);
	CHECK_EQ(rd(MIS), RT); /* below the trigger level: the timeout */
	CHECK_EQ(irq.raised, 1);
	rig_chardev_type(&host, "s -l 0123456789", 15);
	CHECK_EQ(rd(MIS), RT | RX);
	CHECK_EQ(rd(DR), 'l');
	CHECK_EQ(rd(MIS), RT); /* 15 left */
	for (int i = 0; i < 15; i++)
		rd(DR);
	CHECK_EQ(rd(FR) & RXFE, RXFE);
	CHECK(!irq.level);
	CHECK_EQ(rd(DR), 0);
	stop();
}

static void input_flow_control(void)
{
	char text[100];
	size_t got = 0;

	start();
	linux_startup();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i % 90);
	rig_chardev_type(&host, text, sizeof(text));
	CHECK_EQ(host.in_taken, 32);
	CHECK_EQ(rd(FR) & RXFF, RXFF);
	CHECK(!host.dev.want_read);
	/* Linux's handler: all there is, then wait for the next interrupt. */
	for (int turns = 0; turns < 20 && got < sizeof(text); turns++) {
		CHECK(irq.level);
		while (!(rd(FR) & RXFE) && got < sizeof(text))
			CHECK_EQ(rd(DR), text[got++]);
		rig_run(&rig);
	}
	CHECK_EQ(got, sizeof(text));
	CHECK_EQ(rd(RIS) & OE, 0);
	CHECK(!irq.level);
	stop();
}

/* A receiver of edges must get one for everything that comes in after it looked, while the line stays up. */
static void lost_edges(void)
{
	unsigned int before;

	start();
	linux_startup();
	rig_chardev_type(&host, "a", 1);
	before = irq.raised;
	CHECK_EQ(rd(MIS), RT); /* the handler has looked ... */
	rig_chardev_type(&host, "b", 1);
	CHECK_EQ(rd(MIS), RT);
	CHECK_EQ(irq.raised, before + 1);
	wr(IMSC, RT | RX | TX);
	before = irq.raised;
	print("x");
	CHECK_EQ(irq.raised, before + 1);
	print("y"); /* TX is set still, and has a new cause */
	CHECK_EQ(irq.raised, before + 2);
	stop();
}

static void typed_ahead_is_kept(void)
{
	start();
	rig_chardev_type(&host, "piped", 5);
	rd(FR);
	print("x");
	rd(FR);
	CHECK_EQ(host.in_taken, 0);
	wr(CR, 0x101); /* a console write: no receiver */
	rig_advance(&rig, 100 * MS);
	CHECK_EQ(host.in_taken, 0);
	linux_startup(); /* drains the FIFO, and finds nothing in it */
	CHECK_EQ(host.in_taken, 5);
	CHECK_EQ(rd(DR), 'p');
	stop();
}

static void polled_input_without_set_up(void)
{
	start();
	rig_chardev_type(&host, "k", 1);
	for (int i = 0; i < 100 && rd(FR) & RXFE; i++)
		rig_run(&rig);
	CHECK_EQ(rd(DR), 'k');
	stop();
}

static void loopback(void)
{
	start();
	wr(LCRH, 0x70);
	wr(CR, 0x381);
	rig_advance(&rig, 10 * MS);
	rig_chardev_type(&host, "outside", 7);
	CHECK_EQ(rd(FR) & 0x107, 0);
	for (int i = 0; i < 33; i++)
		wr(DR, (uint8_t)i);
	CHECK_EQ(host.out_len, 0);
	CHECK_EQ(host.in_taken, 0);
	CHECK_EQ(rd(RIS) & (OE | RX | RT), OE | RX | RT);
	CHECK_EQ(rd(RSR), 8);
	CHECK_EQ(rd(DR), 0x800);
	CHECK_EQ(rd(DR), 0x801);
	wr(DR, 'z');
	CHECK_EQ(rd(DR), 2); /* room again */
	CHECK_EQ(rd(RSR), 8);
	wr(RSR, 0);
	CHECK_EQ(rd(RSR), 0);
	wr(ICR, 0x7ff);
	CHECK_EQ(rd(RIS), 0);
	wr(CR, 0x0f81 | 0x3000); /* RTS, DTR, Out1, Out2 on */
	CHECK_EQ(rd(FR) & 0x107, 0x107);
	CHECK_EQ(rd(RIS), 0xf);
	wr(LCRH, 0x71);
	CHECK_EQ(rd(RIS) & 0x200, 0x200);
	stop();
}

static void fifo_switch_and_reset(void)
{
	start();
	linux_startup();
	rig_chardev_type(&host, "abc", 3);
	host.out_room = 0;
	print("keep");
	wr(LCRH, 0x60);
	CHECK_EQ(rd(FR) & RXFE, RXFE);
	CHECK_EQ(rd(FR) & TXFF, TXFF);
	CHECK(!irq.level);
	pl011_reset(&uart);
	CHECK_EQ(rd(CR), 0x300);
	CHECK_EQ(rd(IFLS), 0x12);
	rig_chardev_drain(&host, SIZE_MAX);
	CHECK_EQ(host.out_len, 4);
	CHECK(!memcmp(host.out, "keep", 4));
	stop();
}

static void every_access(void)
{
	static const uint8_t id[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	start();
	for (unsigned int i = 0; i < sizeof(id); i++)
		CHECK_EQ(rig_read(&rig, BASE + 0xfe0 + 4 * i, 4), id[i]);
	CHECK_EQ(rig_read(&rig, BASE + CR, 8), 0x300);
	CHECK_EQ(rig_read(&rig, BASE + CR, 1), 0);
	CHECK_EQ(rig_read(&rig, BASE + CR + 1, 1), 0);
	rig_write(&rig, BASE + DR, 1, 'b');
	rig_write(&rig, BASE + DR, 8, 'q');
	rig_write(&rig, BASE + DR + 1, 1, 'n');
	rig_write(&rig, BASE + DR + 2, 4, 'n');
	CHECK_EQ(host.out_len, 2);
	rig_chardev_type(&host, "some input for the sweep to read", 32);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, UINT64_MAX);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, 0);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, 0x5555555555555555);
	rig_advance(&rig, 100 * MS);
	CHECK_STR(uart.region.ops->reg_name(0), "UARTDR");
	CHECK_STR(uart.region.ops->reg_name(0x2c), "UARTLCR_H");
	CHECK(!uart.region.ops->reg_name(0x1c));
	CHECK(!uart.region.ops->reg_name(0x4c));
	stop();
}

static void without_a_stream(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 1);
	CHECK_EQ(pl011_init(&uart, NULL, &rig.bus, BASE, &irq.irq), 0);
	linux_startup();
	print("nobody");
	CHECK_EQ(rd(FR) & TXFE, TXFE);
	rig_sweep(&rig, BASE, PRIMECELL_SIZE, UINT64_MAX);
	stop();
}

static const struct test tests[] = {
	TEST(output_without_set_up),
	TEST(output_stalls_and_resumes),
	TEST(one_deep_without_fifo),
	TEST(input_interrupts),
	TEST(input_flow_control),
	TEST(lost_edges),
	TEST(typed_ahead_is_kept),
	TEST(polled_input_without_set_up),
	TEST(loopback),
	TEST(fifo_switch_and_reset),
	TEST(every_access),
	TEST(without_a_stream),
};
TEST_MAIN(tests)
