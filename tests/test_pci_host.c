/* SPDX-License-Identifier: Apache-2.0 */
/* The host bridge: slots, INTx lines, what is added to and taken from a function that is plugged in, reset. */
#include <errno.h>

#include "fake_pci_rig.h"

static struct fake_pci other;

static void intx_level_and_disable(void)
{
	struct rig_irq *line = &pci.intx[1];

	start();
	pci_set_intx(&fake.pci, true);
	pci_set_intx(&fake.pci, true);
	/* No bus master, and yet: INTx is no access to memory. */
	CHECK_EQ(line->raised, 1);
	CHECK(line->level);
	CHECK(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	wr(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	CHECK(!line->level);
	CHECK(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	wr(PCI_COMMAND, 2, 0);
	CHECK(line->level);
	CHECK_EQ(line->raised, 2);
	wr(PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	pci_set_intx(&fake.pci, false);
	CHECK(!(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT));
	wr(PCI_COMMAND, 2, 0);
	CHECK(!line->level);
	CHECK_EQ(line->raised, 2);
	CHECK_EQ(line->lowered, 2);
	/* While MSI-X is enabled, masked or not, there is no INTx. */
	pci_set_intx(&fake.pci, true);
	wr(FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	CHECK(!line->level);
	wr(FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_MASKALL);
	CHECK(line->level);
	pci_set_intx(&fake.pci, false);
	CHECK(!line->level);
	stop();
}

static void intx_lines_are_shared(void)
{
	struct rig_irq *line = &pci.intx[1];

	start();
	fake_pci_init(&other, "other");
	CHECK_EQ(pci_host_plug(&pci.host, &other.pci, 5), 0);
	pci_set_intx(&fake.pci, true);
	pci_set_intx(&other.pci, true);
	CHECK_EQ(line->raised, 1);
	pci_set_intx(&fake.pci, false);
	CHECK(line->level);
	pci_set_intx(&other.pci, false);
	CHECK(!line->level);
	CHECK_EQ(line->lowered, 1);
	pci_set_intx(&fake.pci, true);
	pci_set_intx(&other.pci, true);
	pci_host_unplug(&other.pci);
	CHECK(line->level);
	stop();
	CHECK(!line->level);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(pci.intx[i].raised, i == 1 ? 2 : 0);
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++)
		CHECK_EQ(pci_intx_line(slot, 0), slot % 4);
}

static void without_a_pin_there_is_no_line(void)
{
	start();
	fake_pci_init(&other, "other");
	other.pci.intx = false;
	CHECK_EQ(pci_host_plug(&pci.host, &other.pci, 2), 0);
	pci_set_intx(&other.pci, true);
	CHECK_EQ(pci.intx[2].raised, 0);
	CHECK_EQ(rig_pci_read(&pci, 2, PCI_INTERRUPT_PIN, 1), 0);
	CHECK_EQ(rig_pci_read(&pci, 2, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	pci_host_unplug(&other.pci);
	stop();
}

static void slots(void)
{
	static struct fake_pci many[PCI_SLOTS];

	start();
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		fake_pci_init(&many[i], "many");
	CHECK_EQ(pci_host_plug(&pci.host, &many[0].pci, 0), -EINVAL);
	CHECK_EQ(pci_host_plug(&pci.host, &many[0].pci, PCI_SLOTS), -EINVAL);
	CHECK_EQ(pci_host_plug(&pci.host, &many[0].pci, 1), -EEXIST);
	pci_host_unplug(&many[0].pci);
	for (unsigned int slot = 2; slot < PCI_SLOTS; slot++) {
		CHECK_EQ(pci_host_plug(&pci.host, &many[slot].pci, PCI_NO_SLOT), 0);
		CHECK_EQ(many[slot].pci.slot, slot);
		CHECK_EQ(rig_pci_read(&pci, slot, PCI_VENDOR_ID, 2), 0x1234);
	}
	CHECK_EQ(pci_host_plug(&pci.host, &many[1].pci, PCI_NO_SLOT), -ENOSPC);
	pci_host_unplug(&many[7].pci);
	CHECK_EQ(rig_pci_read(&pci, 7, PCI_VENDOR_ID, 2), 0xffff);
	CHECK_EQ(pci_host_plug(&pci.host, &many[1].pci, PCI_NO_SLOT), 0);
	CHECK_EQ(many[1].pci.slot, 7);
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		pci_host_unplug(&many[i].pci);
		pci_host_unplug(&many[i].pci);
	}
	stop();
}

/* Walks the list as a driver does: the offset of the capability, 0 when there is none. */
static unsigned int find_cap(unsigned int slot, uint8_t id)
{
	unsigned int at = (unsigned int)rig_pci_read(&pci, slot, PCI_CAPABILITY_LIST, 1);

	while (at && rig_pci_read(&pci, slot, at, 1) != id)
		at = (unsigned int)rig_pci_read(&pci, slot, at + 1, 1);
	return at;
}

static void without_messages_no_msix(void)
{
	struct pci_host_config config = rig_pci_config();
	static const uint8_t cap[4] = { 0 };

	config.msi = NULL;
	rig_init(&rig);
	rig_pci_init_as(&pci, &rig, &config);
	fake_pci_init(&fake, "fake");
	CHECK_EQ(pci_add_capability(&fake.pci, PCI_CAP_ID_PM, cap, NULL, sizeof(cap)), 0x60);
	CHECK_EQ(pci_host_plug(&pci.host, &fake.pci, 1), 0);
	CHECK_EQ(find_cap(1, PCI_CAP_ID_VNDR), FAKE_VENDOR_CAP);
	CHECK_EQ(find_cap(1, PCI_CAP_ID_MSIX), 0);
	CHECK_EQ(find_cap(1, PCI_CAP_ID_PM), 0x60);
	CHECK(!pci_has_vector(&fake.pci, 0));
	wr(FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	CHECK(!pci_msix_enabled(&fake.pci));
	CHECK_EQ(rd(FAKE_MSIX_CAP, 4), 0);
	pci_set_intx(&fake.pci, true);
	CHECK(pci.intx[1].level);
	stop();
}

static void capabilities_fill_up(void)
{
	static const uint8_t cap[64] = { 0 };

	start();
	fake_pci_init(&other, "other");
	/* 0x40 to 0x5f are taken. */
	CHECK_EQ(pci_add_capability(&other.pci, PCI_CAP_ID_VNDR, cap, NULL, 61), 0x60);
	CHECK_EQ(pci_add_capability(&other.pci, PCI_CAP_ID_VNDR, cap, NULL, 64), 0xa0);
	CHECK_EQ(pci_add_capability(&other.pci, PCI_CAP_ID_VNDR, cap, NULL, 33), -ENOSPC);
	CHECK_EQ(pci_add_capability(&other.pci, PCI_CAP_ID_VNDR, cap, NULL, 32), 0xe0);
	CHECK_EQ(pci_add_capability(&other.pci, PCI_CAP_ID_VNDR, cap, NULL, 2), -ENOSPC);
	CHECK_EQ(other.pci.config[0xa1], 0xe0);
	CHECK_EQ(other.pci.config[0xe1], 0);
	pci_host_unplug(&other.pci);
	stop();
}

static void reset_as_after_power_on(void)
{
	uint8_t before[PCI_CONFIG_STORED];

	start();
	memcpy(before, fake.pci.config, sizeof(before));
	pci_set_intx(&fake.pci, true);
	wr(PCI_CACHE_LINE_SIZE, 1, 16);
	wr(PCI_INTERRUPT_LINE, 1, 44);
	wr(FAKE_VENDOR_CAP + 4, 1, 3);
	wr(PCI_BASE_ADDRESS_1, 4, RIG_MEM32 + 0x100000);
	wr(PCI_COMMAND, 2, 0xffff);
	wr(FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, 0xffff);
	fake.log[0] = 0;
	pci_device_reset(&fake.pci);
	CHECK_STR(fake.log, "msix- unmap0 unmap1 unmap2 unmap4 master- ");
	CHECK(pci.intx[1].level);
	pci_set_intx(&fake.pci, false);
	CHECK(!memcmp(before, fake.pci.config, sizeof(before)));
	CHECK_EQ(rig.bus.region_count, 1);
	stop();
}

static const struct test tests[] = {
	TEST(intx_level_and_disable),
	TEST(intx_lines_are_shared),
	TEST(without_a_pin_there_is_no_line),
	TEST(slots),
	TEST(without_messages_no_msix),
	TEST(capabilities_fill_up),
	TEST(reset_as_after_power_on),
};
TEST_MAIN(tests)
