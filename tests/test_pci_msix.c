/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: the masks, what is sent and when, what the device and the machine are asked for. test_pci_msix_table.c: its memory. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "msix_rig.h"

static void message_is_sent(void)
{
	start_msix();
	open_vector(2);
	CHECK_EQ(pci.allocs, 0); /* nobody uses it */
	pci_msix_use(&fake.pci, 2);
	CHECK_EQ(pci.allocs, 1);
	CHECK_EQ(pci.routes, 1);
	pci_msix_notify(&fake.pci, 2);
	pci_msix_notify(&fake.pci, 2);
	REQUIRE(pci.messages == 2);
	CHECK_EQ(pci.message[0].requester, 1 << 3);
	CHECK_EQ(pci.message[0].addr, DOORBELL);
	CHECK_EQ(pci.message[0].data, 0x102);
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	CHECK_STR(fake.log, ""); /* whoever claims a vector asks, and is not told */
	pci_msix_unuse(&fake.pci, 2);
	stop();
	CHECK_EQ(pci.frees, 1);
}

static void pending_while_masked(void)
{
	start_msix();
	open_vector(3);
	pci_msix_use(&fake.pci, 3);
	mask(3, true);
	pci_msix_notify(&fake.pci, 3);
	pci_msix_notify(&fake.pci, 3);
	CHECK_EQ(pci.messages, 0);
	CHECK_EQ(rig_read(&rig, pba, 8), 1 << 3);
	/* The message is that of the unmasking, and there is one. */
	set_field(3, PCI_MSIX_ENTRY_DATA, 0x777);
	set_field(3, PCI_MSIX_ENTRY_UPPER_ADDR, 1);
	CHECK_EQ(pci.routes, 1);
	mask(3, false);
	REQUIRE(pci.messages == 1);
	CHECK_EQ(pci.message[0].data, 0x777);
	CHECK_EQ(pci.message[0].addr, DOORBELL | 1ULL << 32);
	CHECK_EQ(pci.routes, 2);
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	CHECK_STR(fake.log, "mask3 unmask3 ");
	mask(3, false);
	CHECK_EQ(pci.messages, 1);
	stop();
}

static void function_mask(void)
{
	start_msix();
	open_vector(0);
	open_vector(9);
	pci_msix_use(&fake.pci, 0);
	pci_msix_use(&fake.pci, 9);
	pci_msix_use(&fake.pci, 5);
	control(ENABLE | MASK_ALL);
	for (unsigned int v = 0; v < FAKE_VECTORS; v++)
		pci_msix_notify(&fake.pci, v);
	/* Vectors that nobody claimed have no pending bits. */
	CHECK_EQ(rig_read(&rig, pba, 8), 1 << 0 | 1 << 9 | 1 << 5);
	CHECK_EQ(pci.messages, 0);
	mask(9, true);
	control(ENABLE);
	CHECK_EQ(pci.messages, 1);
	CHECK_EQ(rig_pci_count(&pci, 0x100), 1);
	CHECK_EQ(rig_read(&rig, pba, 8), 1 << 9 | 1 << 5);
	mask(9, false);
	CHECK_EQ(rig_pci_count(&pci, 0x109), 1);
	CHECK_STR(fake.log, "mask0 mask9 unmask0 unmask9 ");
	CHECK_EQ(pci.routes, 2);
	stop();
}

/* Linux enables with the function masked, sets up the entries, and unmasks. */
static void enabled_as_linux_does(void)
{
	start_msix();
	control(0);
	CHECK_STR(fake.log, "msix- ");
	fake.log[0] = 0;
	control(ENABLE | MASK_ALL);
	for (unsigned int v = 0; v < FAKE_VECTORS; v++)
		mask(v, true);
	control(ENABLE);
	pci_msix_use(&fake.pci, 1);
	open_vector(1);
	CHECK_STR(fake.log, "msix+ unmask1 ");
	CHECK_EQ(pci.routes, 1);
	pci_msix_notify(&fake.pci, 1);
	CHECK_EQ(pci.messages, 1);
	stop();
}

static void nothing_while_disabled(void)
{
	start_msix();
	open_vector(1);
	pci_msix_use(&fake.pci, 1);
	control(0);
	CHECK(!pci_msix_enabled(&fake.pci));
	CHECK_STR(fake.log, "mask1 msix- ");
	pci_msix_notify(&fake.pci, 1);
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	control(ENABLE);
	CHECK_STR(fake.log, "mask1 msix- msix+ unmask1 ");
	CHECK_EQ(pci.messages, 0);
	CHECK_EQ(pci.routes, 1);
	stop();
}

static void nothing_without_bus_mastering(void)
{
	start_msix();
	open_vector(4);
	pci_msix_use(&fake.pci, 4);
	command(PCI_COMMAND_MEMORY);
	pci_msix_notify(&fake.pci, 4);
	CHECK_EQ(pci.messages, 0);
	CHECK_EQ(pci_msix_fd(&fake.pci, 4), -1);
	CHECK_EQ(rig_read(&rig, pba, 8), 1 << 4);
	command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(pci.messages, 1);
	CHECK_STR(fake.log, "master- mask4 unmask4 master+ ");
	stop();
}

static void unchanged_entry_costs_no_call(void)
{
	start_msix();
	pci_msix_use(&fake.pci, 1);
	open_vector(1);
	for (unsigned int i = 0; i < 5; i++) {
		mask(1, true);
		open_vector(1);
		control(ENABLE | MASK_ALL);
		control(ENABLE);
		pci_msix_unuse(&fake.pci, 1);
		pci_msix_use(&fake.pci, 1);
	}
	CHECK_EQ(pci.routes, 1);
	CHECK_EQ(pci.allocs, 1);
	stop();
}

/* Not allowed to drivers (6.8.2), and what is sent is what the table says. */
static void rewritten_while_unmasked(void)
{
	start_msix();
	pci_msix_use(&fake.pci, 1);
	open_vector(1);
	fake.log[0] = 0;
	set_field(1, PCI_MSIX_ENTRY_DATA, 0x55);
	CHECK_EQ(pci.routes, 2);
	set_field(1, PCI_MSIX_ENTRY_DATA, 0x55);
	CHECK_EQ(pci.routes, 2);
	pci_msix_notify(&fake.pci, 1);
	CHECK_EQ(rig_pci_count(&pci, 0x55), 1);
	CHECK_STR(fake.log, "");
	stop();
}

static void vector_with_two_users(void)
{
	start_msix();
	pci_msix_use(&fake.pci, 1);
	pci_msix_use(&fake.pci, 1);
	pci_msix_notify(&fake.pci, 1);
	pci_msix_unuse(&fake.pci, 1);
	CHECK_EQ(rig_read(&rig, pba, 8), 2);
	pci_msix_unuse(&fake.pci, 1);
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	open_vector(1);
	CHECK_STR(fake.log, "");
	pci_msix_use(&fake.pci, 1);
	CHECK_EQ(pci.messages, 0);
	pci_msix_unuse(&fake.pci, 1);
	pci_msix_notify(&fake.pci, 1);
	CHECK_EQ(pci.messages, 0);
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	stop();
}

static void eventfd_sends_too(void)
{
	uint64_t one = 1;
	int fd;

	start_msix();
	pci.with_fds = true;
	pci_msix_use(&fake.pci, 6);
	CHECK_EQ(pci_msix_fd(&fake.pci, 6), -1);
	open_vector(6);
	fd = pci_msix_fd(&fake.pci, 6);
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, &one, sizeof(one)), sizeof(one));
	CHECK_EQ(rig_pci_poll(&pci), 1);
	CHECK_EQ(rig_pci_count(&pci, 0x106), 1);
	mask(6, true);
	CHECK_EQ(pci_msix_fd(&fake.pci, 6), -1);
	mask(6, false);
	CHECK_EQ(pci_msix_fd(&fake.pci, 6), fd);
	CHECK_EQ(pci_msix_fd(&fake.pci, 5), -1);
	stop();
}

/* The machine is out of interrupts: silent and pending, and tried again at the next change. */
static void no_interrupt_left(void)
{
	start_msix();
	pci.alloc_limit = 1;
	pci_msix_use(&fake.pci, 0);
	pci_msix_use(&fake.pci, 1);
	open_vector(0);
	open_vector(1);
	CHECK_STR(fake.log, "unmask0 ");
	pci_msix_notify(&fake.pci, 1);
	CHECK_EQ(pci.messages, 0);
	CHECK_EQ(pci_msix_fd(&fake.pci, 1), -1);
	CHECK_EQ(rig_read(&rig, pba, 8), 2);
	pci.alloc_limit = 2;
	mask(1, true);
	mask(1, false);
	CHECK_STR(fake.log, "unmask0 unmask1 ");
	CHECK_EQ(rig_pci_count(&pci, 0x101), 1);
	stop();
}

static void message_not_taken(void)
{
	start_msix();
	pci_msix_use(&fake.pci, 0);
	open_vector(0);
	pci.route_error = -22;
	set_field(0, PCI_MSIX_ENTRY_DATA, 0x50);
	CHECK_STR(fake.log, "unmask0 mask0 ");
	pci_msix_notify(&fake.pci, 0);
	CHECK_EQ(pci.messages, 0);
	pci.route_error = 0;
	/* The failed one is no known state: even the same message is a call. */
	set_field(0, PCI_MSIX_ENTRY_DATA, 0x50);
	CHECK_STR(fake.log, "unmask0 mask0 unmask0 ");
	CHECK_EQ(rig_pci_count(&pci, 0x50), 1);
	CHECK_EQ(pci.routes, 3);
	stop();
}

static void unplugged_in_the_middle(void)
{
	start_msix();
	for (unsigned int v = 0; v < FAKE_VECTORS; v++) {
		pci_msix_use(&fake.pci, v);
		open_vector(v);
	}
	CHECK_EQ(pci.allocs, FAKE_VECTORS);
	stop();
	CHECK_EQ(pci.frees, FAKE_VECTORS);
}

static const struct test tests[] = {
	TEST(message_is_sent),
	TEST(pending_while_masked),
	TEST(function_mask),
	TEST(enabled_as_linux_does),
	TEST(nothing_while_disabled),
	TEST(nothing_without_bus_mastering),
	TEST(unchanged_entry_costs_no_call),
	TEST(rewritten_while_unmasked),
	TEST(vector_with_two_users),
	TEST(eventfd_sends_too),
	TEST(no_interrupt_left),
	TEST(message_not_taken),
	TEST(unplugged_in_the_middle),
};
TEST_MAIN(tests)
