/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of MSI-X: table and pending bits, their widths and ends. */
#include "msix_rig.h"

static void masked_and_empty_at_first(void)
{
	start_msix();
	CHECK_EQ(rig_pci_read(&pci, 1, CONTROL, 2), ENABLE | (FAKE_VECTORS - 1));
	for (unsigned int v = 0; v < FAKE_VECTORS; v++) {
		CHECK_EQ(rig_read(&rig, table + v * 16, 8), 0);
		CHECK_EQ(rig_read(&rig, table + v * 16 + 8, 8), 1ULL << 32);
	}
	CHECK_EQ(rig_read(&rig, pba, 8), 0);
	CHECK_EQ(pci.allocs, 0);
	stop();
}

static void r40_widths_of_the_table(void)
{
	gpa_t entry;

	start_msix();
	entry = table + 16;
	open_vector(1);
	/* Bytes, words, and anything across a boundary: dropped. */
	for (unsigned int at = 0; at < 16; at++) {
		rig_write(&rig, entry + at, 1, 0xff);
		rig_write(&rig, entry + at, 2, 0xffff);
		if (at % 4)
			rig_write(&rig, entry + at, 4, UINT32_MAX);
		if (at % 8)
			rig_write(&rig, entry + at, 8, UINT64_MAX);
	}
	CHECK_EQ(rig_read(&rig, entry, 8), DOORBELL);
	CHECK_EQ(rig_read(&rig, entry + 8, 8), 0x101);
	rig_write(&rig, entry, 8, 0x1122334455667788);
	rig_write(&rig, entry + 8, 8, 0xffffffff99aabbcc);
	/* Reads of any width, aligned or not. Only the mask bit of Vector Control exists. */
	for (unsigned int width = 1; width <= 8; width *= 2) {
		for (unsigned int at = 0; at <= 16 - width; at++) {
			static const uint8_t want[16] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xcc, 0xbb,
				0xaa, 0x99, 1 };
			uint64_t bytes = 0;

			memcpy(&bytes, want + at, width);
			CHECK_EQ(rig_read(&rig, entry + at, width), bytes);
		}
	}
	/* Data and Vector Control in one write: sent is the new data. */
	pci_msix_use(&fake.pci, 1);
	pci_msix_notify(&fake.pci, 1);
	rig_write(&rig, entry + 8, 8, 0x66);
	REQUIRE(pci.messages == 1);
	CHECK_EQ(pci.message[0].data, 0x66);
	stop();
}

static void r42_end_of_table_and_pba(void)
{
	gpa_t end;

	start_msix();
	end = table + FAKE_VECTORS * PCI_MSIX_ENTRY_SIZE;
	for (gpa_t at = end; at < table + FAKE_MSIX_SIZE; at += 4) {
		rig_write(&rig, at, 4, UINT32_MAX);
		rig_write(&rig, at & ~7ULL, 8, UINT64_MAX);
		CHECK_EQ(rig_read(&rig, at, 4), 0);
		CHECK_EQ(rig_read(&rig, at & ~7ULL, 8), 0);
	}
	/* Across the end: what is there, and zeros. */
	CHECK_EQ(rig_read(&rig, end - 4, 8), 1);
	CHECK_EQ(rig_read(&rig, end - 1, 8), 0);
	rig_write(&rig, end - 4, 8, 0);
	CHECK_EQ(rig_read(&rig, end - 4, 4), 1);
	pci_msix_use(&fake.pci, 0);
	pci_msix_notify(&fake.pci, 0);
	CHECK_EQ(rig_read(&rig, pba, 8), 1);
	/* Straight in, too, where offsets are the device's to pass on. */
	CHECK_EQ(pci_msix_table_read(&fake.pci, UINT64_MAX, 8), 0);
	CHECK_EQ(pci_msix_table_read(&fake.pci, UINT64_MAX - 7, 8), 0);
	CHECK_EQ(pci_msix_pba_read(&fake.pci, UINT64_MAX, 8), 0);
	CHECK_EQ(pci_msix_pba_read(&fake.pci, UINT64_MAX / 8 + 1, 8), 0);
	pci_msix_table_write(&fake.pci, UINT64_MAX - 7, 8, UINT64_MAX);
	pci_msix_table_write(&fake.pci, (1ULL << 36) + 8, 8, 0);
	CHECK_EQ(pci.allocs, 0);
	stop();
}

static void pba_reads(void)
{
	start_msix();
	pci_msix_use(&fake.pci, 1);
	pci_msix_use(&fake.pci, 8);
	pci_msix_use(&fake.pci, 9);
	pci_msix_notify(&fake.pci, 1);
	pci_msix_notify(&fake.pci, 8);
	CHECK_EQ(rig_read(&rig, pba, 8), 0x102);
	CHECK_EQ(rig_read(&rig, pba, 4), 0x102);
	CHECK_EQ(rig_read(&rig, pba, 1), 0x02);
	CHECK_EQ(rig_read(&rig, pba + 1, 1), 0x01);
	CHECK_EQ(rig_read(&rig, pba + 1, 4), 0x01);
	CHECK_EQ(rig_read(&rig, pba + 4, 4), 0);
	/* Somebody else's signal, which only the device knows of. */
	fake.signalled[9] = true;
	fake.signalled[2] = true; /* not in use */
	CHECK_EQ(rig_read(&rig, pba, 8), 0x302);
	rig_write(&rig, pba, 8, 0);
	CHECK_EQ(rig_read(&rig, pba, 8), 0x302);
	open_vector(9);
	CHECK_EQ(rig_pci_count(&pci, 0x109), 1);
	/* It can be sent now: what the device says about a mask counts no more. */
	CHECK_EQ(rig_read(&rig, pba, 8), 0x102);
	stop();
}

static void as_many_as_there_can_be(void)
{
	struct fake_pci *f = &fake;
	uint64_t last = (PCI_MSIX_MAX - 1) * PCI_MSIX_ENTRY_SIZE;

	start_msix();
	pci_host_unplug(&f->pci);
	memset(&f->pci, 0, sizeof(f->pci));
	fake_pci_init(f, "fake");
	pci_host_unplug(&f->pci); /* gives back what fake_pci_init allocated */
	CHECK_EQ(pci_add_msix(&f->pci, PCI_MSIX_MAX, FAKE_MSIX_BAR, 0, FAKE_MSIX_BAR, 0x8000), 0);
	f->pci.bar[FAKE_MSIX_BAR].region.size = 64 * KiB;
	CHECK_EQ(pci_host_plug(&pci.host, &f->pci, 1), 0);
	CHECK_EQ(rig_pci_read(&pci, 1, 0x62, 2), PCI_MSIX_MAX - 1);
	command(PCI_COMMAND_MASTER);
	rig_pci_write(&pci, 1, 0x62, 2, ENABLE);
	CHECK(pci_has_vector(&f->pci, PCI_MSIX_MAX - 1));
	CHECK(!pci_has_vector(&f->pci, PCI_MSIX_MAX));
	pci_msix_use(&f->pci, PCI_MSIX_MAX - 1);
	pci_msix_notify(&f->pci, PCI_MSIX_MAX - 1);
	CHECK_EQ(pci_msix_pba_read(&f->pci, PCI_MSIX_MAX / 8 - 8, 8), 1ULL << 63);
	CHECK_EQ(pci_msix_pba_read(&f->pci, PCI_MSIX_MAX / 8, 8), 0);
	pci_msix_unuse(&f->pci, PCI_MSIX_MAX - 1);
	pci_msix_table_write(&f->pci, last + 8, 4, 7);
	CHECK_EQ(pci_msix_table_read(&f->pci, last + 8, 8), 7 | 1ULL << 32);
	stop();
}

static const struct test tests[] = {
	TEST(masked_and_empty_at_first),
	TEST(r40_widths_of_the_table),
	TEST(r42_end_of_table_and_pba),
	TEST(pba_reads),
	TEST(as_many_as_there_can_be),
};
TEST_MAIN(tests)
