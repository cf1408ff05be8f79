/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space through the ECAM: who answers, what can be written, Command, Status, windows. */
#include <stdlib.h>

#include "fake_pci_rig.h"

#define COMMAND_ALL                                                                                                    \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

static void bridge_in_slot_0(void)
{
	start();
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_VENDOR_ID, 4), 0x00081b36);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_CLASS_REVISION, 4), 0x06000000);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_HEADER_TYPE, 1), 0);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_STATUS, 2), 0);
	/* It has no BARs. */
	rig_pci_write(&pci, 0, PCI_BASE_ADDRESS_0, 8, UINT64_MAX);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_BASE_ADDRESS_0, 8), 0);
	rig_pci_write(&pci, 0, PCI_COMMAND, 2, 0xffff);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_COMMAND, 2), COMMAND_ALL);
	stop();
}

static void header_of_a_function(void)
{
	start();
	CHECK_EQ(rd(PCI_VENDOR_ID, 4), 0x56781234);
	CHECK_EQ(rd(PCI_COMMAND, 4), PCI_STATUS_CAP_LIST << 16);
	CHECK_EQ(rd(PCI_CLASS_REVISION, 4), 0x02030407);
	CHECK_EQ(rd(PCI_CACHE_LINE_SIZE, 4), 0);
	CHECK_EQ(rd(PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	CHECK_EQ(rd(PCI_ROM_ADDRESS, 4), 0);
	CHECK_EQ(rd(PCI_CAPABILITY_LIST, 4), FAKE_VENDOR_CAP);
	CHECK_EQ(rd(PCI_INTERRUPT_LINE, 4), 0x0100);
	CHECK_EQ(rd(FAKE_VENDOR_CAP, 4), 5 << 24 | FAKE_VENDOR_SIZE << 16 | FAKE_MSIX_CAP << 8 | PCI_CAP_ID_VNDR);
	CHECK_EQ(rd(FAKE_MSIX_CAP, 4), (FAKE_VECTORS - 1) << 16 | PCI_CAP_ID_MSIX);
	CHECK_EQ(rd(FAKE_MSIX_CAP + PCI_MSIX_TABLE, 4), FAKE_MSIX_BAR);
	CHECK_EQ(rd(FAKE_MSIX_CAP + PCI_MSIX_PBA, 4), FAKE_PBA | FAKE_MSIX_BAR);
	stop();
}

static void nobody_answers_with_ones(void)
{
	start();
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		for (unsigned int function = 0; function < 8; function++) {
			unsigned int at = function * PCI_CONFIG_SIZE;

			if (!function && slot < 2)
				continue;
			CHECK_EQ(rig_pci_read(&pci, slot, at, 4), UINT32_MAX);
			CHECK_EQ(rig_pci_read(&pci, slot, at + 0x2a, 2), UINT16_MAX);
			CHECK_EQ(rig_pci_read(&pci, slot, at + 0xfff, 1), UINT8_MAX);
			CHECK_EQ(rig_pci_read(&pci, slot, at + 0x800, 8), UINT64_MAX);
			rig_pci_write(&pci, slot, at, 8, 0);
			CHECK_EQ(rig_pci_read(&pci, slot, at, 8), UINT64_MAX);
		}
	}
	stop();
}

static void extended_space_is_empty(void)
{
	start();
	for (unsigned int at = PCI_CONFIG_STORED; at < PCI_CONFIG_SIZE; at += 8) {
		wr(at, 8, UINT64_MAX);
		CHECK_EQ(rig_pci_read(&pci, 1, at, 8), 0);
	}
	stop();
}

/* Bits that a driver may change, and the BARs, which test_pci_bar.c looks at. */
static uint8_t changeable(unsigned int offset)
{
	switch (offset) {
	case PCI_COMMAND: return COMMAND_ALL & 0xff;
	case PCI_COMMAND + 1: return COMMAND_ALL >> 8;
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
	case FAKE_VENDOR_CAP + 4: return 0xff;
	case FAKE_MSIX_CAP + PCI_MSIX_FLAGS + 1: return (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	default: break;
	}
	if (offset >= FAKE_VENDOR_CAP + 16 && offset < FAKE_VENDOR_CAP + FAKE_VENDOR_SIZE)
		return 0xff;
	return offset >= PCI_BASE_ADDRESS_0 && offset < PCI_CARDBUS_CIS ? 0xff : 0;
}

/* Every width at every offset: what cannot be written never changes, and a byte is what it was written. */
static void r45_every_width_at_every_offset(void)
{
	uint8_t before[PCI_CONFIG_SIZE + 8];

	start();
	srandom(45);
	for (unsigned int i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)rd(i, 1);
	for (unsigned int width = 1; width <= 8; width *= 2) {
		for (unsigned int at = 0; at < PCI_CONFIG_SIZE; at++) {
			uint64_t value = (uint64_t)random() << 40 ^ (uint64_t)random() << 20 ^ (uint64_t)random();

			wr(at, width, value);
			for (unsigned int i = 0; i < width; i++) {
				uint8_t mask = changeable(at + i), got = (uint8_t)rd(at + i, 1);

				CHECK_EQ(got & ~mask, before[at + i] & ~mask);
				/* Decoding may be refused, and BARs have a size. */
				if (at + i > PCI_COMMAND && (at + i < PCI_BASE_ADDRESS_0 || at + i >= PCI_CARDBUS_CIS))
					CHECK_EQ(got & mask, value >> (i * 8) & mask);
			}
		}
	}
	for (unsigned int i = 0; i < sizeof(before); i++)
		CHECK_EQ(rd(i, 1) & ~changeable(i), before[i] & ~changeable(i));
	stop();
}

static void r40_reads_of_every_width_agree(void)
{
	start();
	for (unsigned int at = 0; at < PCI_CONFIG_SIZE; at++) {
		uint64_t bytes = 0;

		/* The last ones reach into function 1. */
		for (unsigned int i = 0; i < 8; i++)
			bytes |= rig_pci_read(&pci, 1, at + i, 1) << (i * 8);
		CHECK_EQ(rig_pci_read(&pci, 1, at, 2), bytes & UINT16_MAX);
		CHECK_EQ(rig_pci_read(&pci, 1, at, 4), bytes & UINT32_MAX);
		CHECK_EQ(rig_pci_read(&pci, 1, at, 8), bytes);
	}
	stop();
}

static void r40_accesses_across_functions(void)
{
	uint64_t v;

	start();
	/* The end of function 0, then function 1, which is absent. */
	CHECK_EQ(rig_pci_read(&pci, 1, 0xffc, 8), 0xffffffff00000000);
	CHECK_EQ(rig_pci_read(&pci, 1, 0xfff, 4), 0xffffff00);
	wr(0xffc, 8, UINT64_MAX);
	/* The end of slot 0's function 7, then slot 1. */
	CHECK_EQ(rig_pci_read(&pci, 0, 0x7ffe, 4), 0x1234ffff);
	CHECK_EQ(rig_pci_read(&pci, 0, 0x7ffd, 8), 0x0056781234ffffff);
	rig_pci_write(&pci, 0, 0x7ffd, 8, UINT64_MAX);
	CHECK_EQ(rd(PCI_VENDOR_ID, 4), 0x56781234);
	CHECK_EQ(rd(PCI_COMMAND, 2), COMMAND_ALL & 0xff); /* its last byte */
	/* The end of the ECAM is the end of a region as any other. */
	CHECK(bus_read(&rig.bus, RIG_ECAM + PCI_ECAM_BUS_SIZE - 8, 8, &v));
	CHECK(!bus_read(&rig.bus, RIG_ECAM + PCI_ECAM_BUS_SIZE - 4, 8, &v));
	stop();
}

/* Written across several registers, at an odd address. */
static void r40_unaligned_writes(void)
{
	start();
	wr(PCI_COMMAND + 1, 8, 0xab00000000000005);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR);
	CHECK_EQ(rd(PCI_CACHE_LINE_SIZE, 4), 0xab);
	wr(PCI_VENDOR_ID + 3, 4, 0x00000600);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK(fake.pci.bar[FAKE_BAR].mapped);
	CHECK_EQ(rd(PCI_VENDOR_ID, 4), 0x56781234);
	wr(PCI_INTERRUPT_LINE, 1, 0x55);
	CHECK_EQ(rd(PCI_INTERRUPT_LINE, 4), 0x0155);
	wr(PCI_INTERRUPT_LINE - 1, 2, 0x9900);
	CHECK_EQ(rd(PCI_INTERRUPT_LINE, 4), 0x0199);
	stop();
}

/* kvmtool 78771e7: Status written 0xffff and then 0xc100 hid the capability list. */
static void r45_status_written(void)
{
	start();
	wr(PCI_STATUS, 2, 0xffff);
	wr(PCI_STATUS, 2, 0xc100);
	CHECK_EQ(rd(PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	wr(PCI_STATUS, 2, 0);
	wr(PCI_COMMAND, 4, 0);
	CHECK_EQ(rd(PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	/* Ones clear what they meet, zeros leave it, and plain bits are not among them. */
	pci_config_set(&fake.pci, PCI_STATUS, 2, 0xf950);
	wr(PCI_STATUS, 2, 0);
	wr(PCI_COMMAND, 4, PCI_COMMAND_MASTER);
	CHECK_EQ(rd(PCI_STATUS, 2), 0xf950);
	wr(PCI_STATUS, 2, 0x1100);
	CHECK_EQ(rd(PCI_STATUS, 2), 0xe850);
	wr(PCI_STATUS + 1, 1, 0x80);
	CHECK_EQ(rd(PCI_STATUS, 2), 0x6850);
	wr(PCI_COMMAND, 4, 0xffff0000);
	CHECK_EQ(rd(PCI_STATUS, 2), 0x0050);
	CHECK_EQ(rd(PCI_COMMAND, 2), 0);
	stop();
}

static void command_bits(void)
{
	start();
	wr(PCI_COMMAND, 2, 0xffff);
	CHECK_EQ(rd(PCI_COMMAND, 2), COMMAND_ALL);
	CHECK(pci_bus_master(&fake.pci));
	CHECK_STR(fake.log, "map0 map1 map2 map4 master+ ");
	fake.log[0] = 0;
	wr(PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	CHECK_STR(fake.log, "unmap0 master- ");
	CHECK(!pci_bus_master(&fake.pci));
	stop();
}

static void window_is_the_devices_own(void)
{
	start();
	fake.window = 0x44332211;
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 16, 4), 0x44332211);
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 17, 1), 0x22);
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 18, 2), 0x4433);
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 17, 2), 0x3322);
	CHECK_EQ(rig_pci_read(&pci, 1, FAKE_VENDOR_CAP + 12, 8), 0x4433221100000000);
	/* Halves in the window and in the capability behind it. */
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 18, 4), (uint32_t)PCI_CAP_ID_MSIX << 16 | 0x4433);
	wr(FAKE_VENDOR_CAP + 16, 4, 0x88776655);
	wr(FAKE_VENDOR_CAP + 19, 1, 0x99);
	CHECK_EQ(fake.window, 0x99776655);
	CHECK_EQ(fake.window_writes, 2);
	CHECK_EQ(pci_config_get(&fake.pci, FAKE_VENDOR_CAP + 16, 4), 0);
	CHECK_STR(fake.log, "");
	wr(FAKE_VENDOR_CAP + 4, 1, 0x77);
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 4, 4), 0x77);
	wr(FAKE_VENDOR_CAP + 4, 4, 0xffffff66);
	CHECK_EQ(rd(FAKE_VENDOR_CAP + 4, 4), 0x66);
	CHECK_STR(fake.log, "cap4 cap4 ");
	/* Read-only ones are nothing to hear of, the host's own neither. */
	wr(FAKE_VENDOR_CAP + 8, 4, UINT32_MAX);
	wr(FAKE_MSIX_CAP + PCI_MSIX_TABLE, 8, UINT64_MAX);
	CHECK_STR(fake.log, "cap4 cap4 ");
	stop();
}

static void registers_have_names(void)
{
	const char *(*name)(uint64_t);

	start();
	name = pci.host.ecam.ops->reg_name;
	CHECK_STR(name(0x8000 + PCI_COMMAND), "Command/Status");
	CHECK_STR(name(0x8000 + PCI_BASE_ADDRESS_5 + 3), "BAR 5");
	CHECK_STR(name(0x8000 + PCI_INTERRUPT_PIN), "Interrupt Line/Pin");
	CHECK_STR(name(0x8040), "capabilities");
	CHECK(!name(0x8000 + PCI_CONFIG_STORED));
	stop();
}

static const struct test tests[] = {
	TEST(bridge_in_slot_0),
	TEST(header_of_a_function),
	TEST(nobody_answers_with_ones),
	TEST(extended_space_is_empty),
	TEST(r45_every_width_at_every_offset),
	TEST(r40_reads_of_every_width_agree),
	TEST(r40_accesses_across_functions),
	TEST(r40_unaligned_writes),
	TEST(r45_status_written),
	TEST(command_bits),
	TEST(window_is_the_devices_own),
	TEST(registers_have_names),
};
TEST_MAIN(tests)
