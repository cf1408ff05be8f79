/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space through the ECAM: who answers, what is read-only, Command, Status, capabilities, INTx lines. */
#include <errno.h>

#include <linux/pci_regs.h>

#include "rig_pci.h"
#include "test.h"

static struct rig rig;
static struct rig_pci pci;

static void start(void)
{
	rig_init(&rig);
	rig_pci_init(&pci, &rig);
}

static void stop(void)
{
	rig_pci_destroy(&pci);
	rig_destroy(&rig);
}

static void bridge_in_slot_0(void)
{
	start();
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_VENDOR_ID, 4), 0x00081b36);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_CLASS_REVISION, 4), 0x06000000);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	CHECK_EQ(rig_pci_read(&pci, 0, PCI_HEADER_TYPE, 1), 0);
	stop();
}

static const struct test tests[] = {
	TEST(bridge_in_slot_0),
};
TEST_MAIN(tests)
