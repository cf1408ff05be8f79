/* SPDX-License-Identifier: Apache-2.0 */
/* BARs: where they are put, sizing, decoding. Moving them is in test_pci_move.c, everything at random in test_pci_hammer.c. */
#include <errno.h>

#include "fake_pci_rig.h"

static struct fake_pci other;

static void addresses_are_assigned(void)
{
	start();
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), 0x1000 | PCI_BASE_ADDRESS_SPACE_IO);
	CHECK_EQ(rig_pci_bar(&pci, 1, FAKE_IO_BAR), RIG_IO + 0x1000);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), RIG_MEM32);
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (uint32_t)RIG_MEM64 | MEM64_BIT);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), RIG_MEM64 >> 32);
	CHECK_EQ(rd(BAR(FAKE_SMALL_BAR), 4), RIG_MEM32 + FAKE_MSIX_SIZE);
	CHECK_EQ(rd(BAR(5), 4), 0);
	/* Not decoded yet. */
	CHECK_EQ(rig.bus.region_count, 1);
	CHECK_STR(fake.log, "");
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_STR(fake.log, "map0 map1 map2 map4 ");
	CHECK(answers(FAKE_IO_BAR, RIG_IO + 0x1000));
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32));
	CHECK(answers(FAKE_BAR, RIG_MEM64));
	CHECK(answers(FAKE_SMALL_BAR, RIG_MEM32 + FAKE_MSIX_SIZE));
	stop();
}

static void many_functions_fit_side_by_side(void)
{
	static struct fake_pci many[PCI_SLOTS];

	start();
	wr(PCI_COMMAND, 2, BOTH);
	for (unsigned int slot = 2; slot < PCI_SLOTS; slot++) {
		fake_pci_init(&many[slot], "many");
		CHECK_EQ(pci_host_plug(&pci.host, &many[slot].pci, slot), 0);
		for (unsigned int n = 0; n < PCI_BARS; n++)
			CHECK_EQ(many[slot].pci.bar[n].addr & (many[slot].pci.bar[n].region.size - 1), 0);
	}
	/* The bus refuses any that overlap. */
	for (unsigned int slot = 2; slot < PCI_SLOTS; slot++) {
		rig_pci_write(&pci, slot, PCI_COMMAND, 2, BOTH);
		CHECK_EQ(rig_pci_read(&pci, slot, PCI_COMMAND, 2), BOTH);
	}
	CHECK_EQ(rig.bus.region_count, 1 + (PCI_SLOTS - 1) * 4);
	for (unsigned int slot = 2; slot < PCI_SLOTS; slot++)
		pci_host_unplug(&many[slot].pci);
	stop();
}

static void no_room_in_a_window(void)
{
	struct pci_host_config config = rig_pci_config();
	static struct fake_pci more[3], again;

	fake_pci_init(&again, "again");
	/* Where there is no 64-bit window the 32-bit one has to do; it has room for one function's BARs and a little more. */
	config.mem64.size = 0;
	config.mem32.size = 64 * KiB;
	start_as(&config);
	CHECK_EQ(rig_pci_bar(&pci, 1, FAKE_BAR), RIG_MEM32 + FAKE_SIZE);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), 0);
	/* The last 32 KiB are free, for two more of 16 KiB. */
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		fake_pci_init(&more[i], "more");
		CHECK_EQ(pci_host_plug(&pci.host, &more[i].pci, PCI_NO_SLOT), i < 2 ? 0 : -ENOSPC);
		CHECK(i < 2 || !more[i].pci.host);
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		pci_host_unplug(&more[i].pci);
	/* What was given back is given again. */
	CHECK_EQ(pci_host_plug(&pci.host, &again.pci, PCI_NO_SLOT), 0);
	pci_host_unplug(&again.pci);
	stop();
}

static void sizes(bool decoded)
{
	start();
	wr(PCI_COMMAND, 2, decoded ? BOTH : 0);
	fake.log[0] = 0;
	for (unsigned int n = 0; n < PCI_BARS; n++)
		wr(BAR(n), 4, UINT32_MAX);
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), ~(FAKE_IO_SIZE - 1U) | PCI_BASE_ADDRESS_SPACE_IO);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), ~(FAKE_MSIX_SIZE - 1U));
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (uint32_t) ~(FAKE_SIZE - 1) | MEM64_BIT);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), UINT32_MAX);
	CHECK_EQ(rd(BAR(FAKE_SMALL_BAR), 4), ~(FAKE_SMALL_SIZE - 1U));
	CHECK_EQ(rd(BAR(5), 4), 0);
	CHECK_STR(fake.log, "");
}

static void sizing(void)
{
	sizes(false);
	/* Nothing is decoded at an address that is none. */
	wr(PCI_COMMAND, 2, BOTH | PCI_COMMAND_MASTER);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	CHECK_EQ(rig.bus.region_count, 1);
	stop();
}

static void r44_sizing_while_decoded(void)
{
	sizes(true);
	CHECK(answers(FAKE_IO_BAR, RIG_IO + 0x1000));
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32));
	CHECK(answers(FAKE_BAR, RIG_MEM64));
	CHECK(answers(FAKE_SMALL_BAR, RIG_MEM32 + FAKE_MSIX_SIZE));
	/* As drivers do: back to what it was, half by half, or only one of them. */
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), RIG_MEM32);
	wr(BAR(FAKE_BAR), 4, (uint32_t)RIG_MEM64);
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (uint32_t)RIG_MEM64 | MEM64_BIT);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), UINT32_MAX);
	wr(BAR(FAKE_BAR + 1), 4, RIG_MEM64 >> 32);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), RIG_MEM64 >> 32);
	CHECK_STR(fake.log, "");
	/* One that was not restored keeps reading its size when decoding goes off, and then is nowhere. */
	wr(PCI_COMMAND, 2, PCI_COMMAND_IO);
	CHECK_EQ(rd(BAR(FAKE_SMALL_BAR), 4), ~(FAKE_SMALL_SIZE - 1U));
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_IO);
	wr(BAR(FAKE_SMALL_BAR), 4, RIG_MEM32 + FAKE_MSIX_SIZE);
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rd(PCI_COMMAND, 2), BOTH);
	stop();
}

static void decoding_off_and_on(void)
{
	start();
	wr(PCI_COMMAND, 2, PCI_COMMAND_IO);
	CHECK_STR(fake.log, "map0 ");
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_STR(fake.log, "map0 unmap0 map1 map2 map4 ");
	CHECK(nobody_at(RIG_IO + 0x1000));
	CHECK(answers(FAKE_BAR, RIG_MEM64));
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_STR(fake.log, "map0 unmap0 map1 map2 map4 master+ ");
	wr(PCI_COMMAND, 2, 0);
	CHECK_STR(fake.log, "map0 unmap0 map1 map2 map4 master+ unmap1 unmap2 unmap4 master- ");
	CHECK(nobody_at(RIG_MEM64));
	CHECK_EQ(rig.bus.region_count, 1);
	stop();
}

/* crosvm 872c5102b: masks of BARs as large as a register shifted too far. */
static void r45_large_bars(void)
{
	start();
	fake_pci_init(&other, "large");
	other.pci.bar[FAKE_BAR].region.size = 64 * GiB;
	other.pci.bar[FAKE_SMALL_BAR].region.size = 256 * MiB;
	CHECK_EQ(pci_host_plug(&pci.host, &other.pci, 2), 0);
	CHECK_EQ(rig_pci_bar(&pci, 2, FAKE_BAR), RIG_MEM64 + 64 * GiB);
	rig_pci_write(&pci, 2, BAR(FAKE_BAR), 8, UINT64_MAX);
	CHECK_EQ(rig_pci_read(&pci, 2, BAR(FAKE_BAR), 8), ~(64 * GiB - 1) | MEM64_BIT);
	rig_pci_write(&pci, 2, BAR(FAKE_BAR), 8, RIG_MEM64 + 128 * GiB + 12345678);
	CHECK_EQ(rig_pci_read(&pci, 2, BAR(FAKE_BAR), 8), (RIG_MEM64 + 128 * GiB) | MEM64_BIT);
	rig_pci_write(&pci, 2, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(other.mapped[FAKE_BAR], RIG_MEM64 + 128 * GiB);
	rig_pci_write(&pci, 2, BAR(FAKE_BAR), 8, RIG_MEM64 + RIG_MEM64_SIZE);
	CHECK_EQ(other.mapped[FAKE_BAR], RIG_MEM64 + 128 * GiB);
	/* One that begins inside its window and ends at RAM. */
	rig_pci_write(&pci, 2, BAR(FAKE_SMALL_BAR), 4, 0x20000000);
	CHECK_EQ(other.mapped[FAKE_SMALL_BAR], 0x20000000);
	rig_pci_write(&pci, 2, BAR(FAKE_SMALL_BAR), 4, 0x30000000);
	CHECK_EQ(other.mapped[FAKE_SMALL_BAR], 0x20000000);
	pci_host_unplug(&other.pci);
	stop();
}

/* Bus and CPU addresses of a window that differ. */
static void windows_translate(void)
{
	struct pci_host_config config = rig_pci_config();

	config.mem64.bus_base = 0x100000000;
	config.mem32.bus_base = 0x80000000;
	start_as(&config);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), 0x80000000);
	CHECK_EQ(rig_pci_read(&pci, 1, BAR(FAKE_BAR), 8), 0x100000000 | MEM64_BIT);
	wr(PCI_COMMAND, 2, BOTH);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32));
	CHECK(answers(FAKE_BAR, RIG_MEM64));
	wr(BAR(FAKE_MSIX_BAR), 4, 0x80200000);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32 + 0x200000));
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), 0x80200000);
	stop();
}

static const struct test tests[] = {
	TEST(addresses_are_assigned),
	TEST(many_functions_fit_side_by_side),
	TEST(no_room_in_a_window),
	TEST(sizing),
	TEST(r44_sizing_while_decoded),
	TEST(decoding_off_and_on),
	TEST(r45_large_bars),
	TEST(windows_translate),
};
TEST_MAIN(tests)
