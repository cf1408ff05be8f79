/* SPDX-License-Identifier: Apache-2.0 */
/* Saving a PCI function and loading it into another machine, and streams that no function can have written. */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "fake_pci.h"
#include "rig_pci.h"
#include "test.h"

#define BAR(n) (PCI_BASE_ADDRESS_0 + (n)*4)
#define BOTH   (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define PLACE  (RIG_MEM64 + 7 * GiB)

struct machine {
	struct rig rig;
	struct rig_pci pci;
	struct fake_pci fake;
};

static struct machine from, to;
static struct state saved, loaded;

static void machine_start(struct machine *m)
{
	rig_init(&m->rig);
	rig_pci_init(&m->pci, &m->rig);
	fake_pci_init(&m->fake, "fake");
	CHECK_EQ(pci_host_plug(&m->pci.host, &m->fake.pci, 1), 0);
}

static void machine_stop(struct machine *m)
{
	CHECK_EQ(m->fake.mistakes, 0);
	pci_host_unplug(&m->fake.pci);
	CHECK_EQ(m->rig.bus.region_count, 1);
	rig_pci_destroy(&m->pci);
	rig_destroy(&m->rig);
}

static void wr(struct machine *m, unsigned int offset, unsigned int size, uint64_t value)
{
	rig_pci_write(&m->pci, 1, offset, size, value);
}

static uint64_t rd(struct machine *m, unsigned int offset, unsigned int size)
{
	return rig_pci_read(&m->pci, 1, offset, size);
}

/* Something in every field. */
static void set_up(struct machine *m)
{
	gpa_t table;

	wr(m, PCI_INTERRUPT_LINE, 1, 44);
	wr(m, FAKE_VENDOR_CAP + 4, 1, 9);
	wr(m, BAR(FAKE_BAR), 8, PLACE);
	wr(m, PCI_COMMAND, 2, BOTH | PCI_COMMAND_MASTER);
	wr(m, BAR(FAKE_SMALL_BAR), 4, UINT32_MAX); /* being sized */
	wr(m, BAR(FAKE_BAR + 1), 4, 0); /* half an address */
	wr(m, FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	table = rig_pci_bar(&m->pci, 1, FAKE_MSIX_BAR);
	for (unsigned int v = 0; v < 3; v++) {
		pci_msix_use(&m->fake.pci, v);
		rig_write(&m->rig, table + v * 16, 8, 0x1234567800 + v * 4);
		rig_write(&m->rig, table + v * 16 + 8, 8, (v == 0 ? 0 : 1ULL << 32) | (0x100 + v));
		pci_msix_notify(&m->fake.pci, v);
	}
	m->fake.signalled[2] = true;
	pci_set_intx(&m->fake.pci, true);
}

static void save(struct machine *m)
{
	state_save(&saved);
	pci_device_state(&m->fake.pci, &saved);
	CHECK_EQ(state_finish(&saved), 0);
}

static bool load(struct machine *m)
{
	state_load(&loaded, saved.data, saved.len);
	pci_device_state(&m->fake.pci, &loaded);
	return state_finish(&loaded) == 0;
}

static void the_same_after_loading(void)
{
	machine_start(&from);
	machine_start(&to);
	set_up(&from);
	CHECK_EQ(from.pci.messages, 1);
	save(&from);
	CHECK(load(&to));
	CHECK(!memcmp(from.fake.pci.config, to.fake.pci.config, PCI_CONFIG_STORED));
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		CHECK_EQ(to.fake.mapped[n], from.fake.mapped[n]);
		CHECK_EQ(to.fake.pci.bar[n].addr, from.fake.pci.bar[n].addr);
	}
	CHECK_EQ(to.fake.mapped[FAKE_BAR], PLACE);
	CHECK(!to.pci.intx[1].level); /* MSI-X holds it back */
	/* Claiming the vectors again makes them what they were. */
	for (unsigned int v = 0; v < 3; v++)
		pci_msix_use(&to.fake.pci, v);
	CHECK_EQ(to.pci.messages, 0);
	CHECK_EQ(rig_read(&to.rig, to.fake.mapped[FAKE_MSIX_BAR] + FAKE_PBA, 8), 6);
	pci_msix_notify(&to.fake.pci, 0);
	CHECK_EQ(rig_pci_count(&to.pci, 0x100), 1);
	rig_write(&to.rig, to.fake.mapped[FAKE_MSIX_BAR] + 2 * 16 + 12, 4, 0);
	CHECK_EQ(rig_pci_count(&to.pci, 0x102), 1);
	/* And half an address is still half of one. */
	wr(&to, BAR(FAKE_BAR), 4, RIG_MEM32 + 0x100000);
	CHECK_EQ(to.fake.mapped[FAKE_BAR], RIG_MEM32 + 0x100000);
	wr(&to, FAKE_MSIX_CAP + PCI_MSIX_FLAGS, 2, 0);
	CHECK(to.pci.intx[1].level);
	state_destroy(&saved);
	machine_stop(&from);
	machine_stop(&to);
}

/* Loaded over a function at work: nothing of before is left. */
static void loading_starts_anew(void)
{
	machine_start(&from);
	machine_start(&to);
	/* No place to be decoded at, which it is not. */
	wr(&from, BAR(FAKE_BAR), 8, RIG_RAM_BASE);
	save(&from);
	set_up(&to);
	CHECK(load(&to));
	CHECK(!memcmp(from.fake.pci.config, to.fake.pci.config, PCI_CONFIG_STORED));
	CHECK_EQ(to.rig.bus.region_count, 1);
	CHECK(!pci_msix_enabled(&to.fake.pci));
	CHECK_EQ(to.fake.pci.msix.entry[1].control, 1);
	CHECK(!to.fake.pci.msix.entry[1].pending);
	state_destroy(&saved);
	machine_stop(&from);
	machine_stop(&to);
}

static void another_function(void)
{
	machine_start(&from);
	machine_start(&to);
	set_up(&from);
	from.fake.pci.config[PCI_DEVICE_ID] ^= 1;
	save(&from);
	CHECK(!load(&to));
	CHECK_HAS(loaded.why, "different PCI function");
	CHECK_EQ(rd(&to, PCI_COMMAND, 2), 0);
	state_destroy(&saved);
	machine_stop(&from);
	machine_stop(&to);
}

static void bar_where_none_can_be(void)
{
	static const uint64_t places[] = { 0, RIG_RAM_BASE, RIG_ECAM, RIG_MEM32, PLACE + 1, 1ULL << 63 };

	machine_start(&from);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		machine_start(&to);
		wr(&from, PCI_COMMAND, 2, BOTH);
		from.fake.pci.bar[FAKE_BAR].addr = places[i];
		save(&from);
		CHECK(!load(&to));
		CHECK_HAS(loaded.why, "BAR");
		CHECK_EQ(to.rig.bus.region_count, 1);
		state_destroy(&saved);
		machine_stop(&to);
	}
	machine_stop(&from);
}

/* Any byte changed, any length: refused, or loaded into something a guest could have made. */
static void damaged_streams(void)
{
	unsigned int refused = 0;
	size_t len;

	machine_start(&from);
	set_up(&from);
	save(&from);
	len = saved.len;
	srandom(1);
	machine_start(&to);
	for (size_t i = 0; i < len; i++) {
		uint8_t was = saved.data[i];

		saved.data[i] = (uint8_t)random();
		refused += !load(&to);
		saved.data[i] = was;
		saved.len = i;
		CHECK(!load(&to));
		saved.len = len;
	}
	CHECK(refused > len / 4);
	CHECK(load(&to));
	CHECK(!memcmp(from.fake.pci.config, to.fake.pci.config, PCI_CONFIG_STORED));
	state_destroy(&saved);
	machine_stop(&from);
	machine_stop(&to);
}

static const struct test tests[] = {
	TEST(the_same_after_loading),
	TEST(loading_starts_anew),
	TEST(another_function),
	TEST(bar_where_none_can_be),
	TEST(damaged_streams),
};
TEST_MAIN(tests)
