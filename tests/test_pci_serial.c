/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port on the PCI bus: what a driver finds, its registers wherever the I/O BAR is put, INTA# shared and masked,
 * a snapshot. The 16550A itself is test_uart16550.c's.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "pci/serial.h"
#include "rig_pci.h"
#include "test.h"
#include "uart16550_driver.h"

#define SLOT 3 /* whose INTA# is line 3 */

static struct rig rig;
static struct rig_pci pci;
static struct rig_chardev host;
static struct pci_serial port;
static struct uart_driver driver = { &rig, 0 };

/* BAR 0 at this bus address, decoded. */
static void enable_at(uint32_t bus)
{
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, 0);
	rig_pci_write(&pci, SLOT, PCI_BASE_ADDRESS_0, 4, bus);
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO);
	driver.base = RIG_IO + bus;
}

static void start(void)
{
	rig_init(&rig);
	rig_pci_init(&pci, &rig);
	rig_chardev_init(&host, &rig);
	CHECK_EQ(pci_serial_init(&port, &host.dev, &pci.host, SLOT), 0);
	enable_at(0x1000);
}

static void stop(void)
{
	pci_serial_destroy(&port);
	rig_pci_destroy(&pci);
	rig_destroy(&rig);
}

static void what_a_driver_finds(void)
{
	start();
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, 0);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_VENDOR_ID, 4), 0x00021b36);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_CLASS_REVISION, 4), 0x07000201);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_INTERRUPT_PIN, 1), 1);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	rig_pci_write(&pci, SLOT, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	CHECK_EQ((uint32_t)rig_pci_read(&pci, SLOT, PCI_BASE_ADDRESS_0, 4), 0xfffffff9); /* I/O, 8 bytes */
	for (unsigned int bar = 1; bar < 6; bar++) {
		rig_pci_write(&pci, SLOT, PCI_BASE_ADDRESS_0 + 4 * bar, 4, UINT32_MAX);
		CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_BASE_ADDRESS_0 + 4 * bar, 4), 0);
	}
	stop();
}

static void registers_follow_the_bar(void)
{
	static const uint32_t at[] = { 0x1000, 0xfff8, 0x0, 0x3f8 };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		gpa_t before = driver.base;

		enable_at(at[i]);
		CHECK_EQ(uart_rd(&driver, LSR), EMPTY);
		uart_wr(&driver, SCR, 0x40 + (unsigned int)i);
		CHECK_EQ(rig_read(&rig, driver.base, 8) >> 56, 0x40 + i);
		CHECK_EQ(rig_pci_bar(&pci, SLOT, 0), driver.base);
		if (i)
			CHECK(!bus_find(&rig.bus, before, 8));
	}
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, 0);
	CHECK_EQ(uart_rd(&driver, SCR), 0);
	uart_wr(&driver, SCR, 0x99);
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO);
	CHECK_EQ(uart_rd(&driver, SCR), 0x43);
	stop();
}

static void both_ways(void)
{
	start();
	uart_linux_open(&driver);
	uart_print(&driver, "login: ");
	CHECK_EQ(host.out_len, 7);
	CHECK(!memcmp(host.out, "login: ", 7));
	rig_chardev_type(&host, "root\r", 5);
	CHECK(pci.intx[SLOT].level);
	for (const char *s = "root\r"; *s; s++)
		CHECK_EQ(uart_rd(&driver, RBR), *s);
	CHECK(!pci.intx[SLOT].level);
	CHECK_EQ(pci.intx[SLOT].raised, 1);
	stop();
}

/* Interrupt Status shows what Interrupt Disable holds back. */
static void interrupt_disable(void)
{
	start();
	uart_wr(&driver, IER, THRI);
	CHECK(pci.intx[SLOT].level);
	CHECK(rig_pci_read(&pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_INTX_DISABLE);
	CHECK(!pci.intx[SLOT].level);
	CHECK(rig_pci_read(&pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	CHECK_EQ(uart_rd(&driver, IIR), THRE);
	CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	uart_wr(&driver, IER, 0);
	uart_wr(&driver, IER, THRI);
	rig_pci_write(&pci, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO);
	CHECK(pci.intx[SLOT].level);
	stop();
}

/* Slots 3 and 7 share a line. */
static void line_shared(void)
{
	struct pci_serial other;
	struct rig_chardev there;

	start();
	rig_chardev_init(&there, &rig);
	CHECK_EQ(pci_serial_init(&other, &there.dev, &pci.host, SLOT + 4), 0);
	rig_pci_write(&pci, SLOT + 4, PCI_BASE_ADDRESS_0, 4, 0x1000);
	rig_pci_write(&pci, SLOT + 4, PCI_COMMAND, 2, PCI_COMMAND_IO); /* where the first one is: refused */
	CHECK_EQ(rig_pci_read(&pci, SLOT + 4, PCI_COMMAND, 2), 0);
	rig_pci_write(&pci, SLOT + 4, PCI_BASE_ADDRESS_0, 4, 0x1008);
	rig_pci_write(&pci, SLOT + 4, PCI_COMMAND, 2, PCI_COMMAND_IO);
	uart_wr(&driver, IER, THRI);
	rig_write(&rig, RIG_IO + 0x1008 + IER, 1, THRI);
	CHECK_EQ(uart_rd(&driver, IIR), THRE);
	CHECK(pci.intx[3].level);
	CHECK_EQ(rig_read(&rig, RIG_IO + 0x1008 + IIR, 1), THRE);
	CHECK(!pci.intx[3].level);
	rig_write(&rig, RIG_IO + 0x1008, 1, '2');
	CHECK_EQ(there.out_len, 1);
	CHECK_EQ(host.out_len, 0);
	CHECK(pci.intx[3].level);
	pci_serial_destroy(&other); /* takes its interrupt along */
	CHECK(!pci.intx[3].level);
	stop();
}

static void slots(void)
{
	struct pci_serial other;

	start();
	CHECK_EQ(pci_serial_init(&other, NULL, &pci.host, SLOT), -EEXIST);
	CHECK_EQ(pci_serial_init(&other, NULL, &pci.host, 32), -EINVAL);
	CHECK_EQ(pci_serial_init(&other, NULL, &pci.host, PCI_NO_SLOT), 0);
	CHECK_EQ(rig_pci_read(&pci, 1, PCI_VENDOR_ID, 4), 0x00021b36);
	pci_serial_destroy(&other);
	stop();
}

/* R63: output waits and input is half read; the other one goes on from there, at the same address. */
static void r63_snapshot(void)
{
	struct state s, l;

	start();
	uart_linux_open(&driver);
	uart_wr(&driver, IER, RDI | THRI);
	uart_rd(&driver, IIR);
	rig_chardev_type(&host, "in", 2);
	host.out_room = 0;
	uart_print(&driver, "out");
	state_save(&s);
	pci_serial_state(&port, &s);
	CHECK_EQ(state_finish(&s), 0);

	pci_serial_destroy(&port);
	rig_chardev_init(&host, &rig);
	CHECK_EQ(pci_serial_init(&port, &host.dev, &pci.host, SLOT), 0);
	CHECK(!pci.intx[SLOT].level);
	state_load(&l, s.data, s.len);
	pci_serial_state(&port, &l);
	CHECK_EQ(state_finish(&l), 0);
	CHECK(pci.intx[SLOT].level);
	rig_run(&rig);
	CHECK_EQ(host.out_len, 3);
	CHECK_EQ(uart_rd(&driver, RBR), 'i');
	CHECK_EQ(uart_rd(&driver, RBR), 'n');
	CHECK_EQ(uart_rd(&driver, IIR), FIFOS | THRE);
	CHECK(!pci.intx[SLOT].level);
	/* Cut anywhere: no interrupt is left hanging, and it is as reset. */
	for (size_t len = 0; len < s.len; len++) {
		state_load(&l, s.data, len);
		pci_serial_state(&port, &l);
		CHECK(state_finish(&l) != 0);
		CHECK(!pci.intx[SLOT].level);
		CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_COMMAND, 2), 0);
	}
	enable_at(0x2000);
	CHECK_EQ(uart_rd(&driver, IER), 0);
	/* Any byte another: INTA# is what the UART says, not what the snapshot says of it. */
	for (size_t at = 0; at < s.len; at++) {
		s.data[at] ^= 1;
		state_load(&l, s.data, s.len);
		pci_serial_state(&port, &l);
		if (state_finish(&l))
			CHECK_EQ(rig_pci_read(&pci, SLOT, PCI_COMMAND, 2), 0);
		CHECK_EQ(port.pci.intx_level, port.uart.level);
		s.data[at] ^= 1;
	}
	state_destroy(&s);
	stop();
}

static const struct test tests[] = {
	TEST(what_a_driver_finds),
	TEST(registers_follow_the_bar),
	TEST(both_ways),
	TEST(interrupt_disable),
	TEST(line_shared),
	TEST(slots),
	TEST(r63_snapshot),
};
TEST_MAIN(tests)
