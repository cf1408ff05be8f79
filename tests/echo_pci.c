/* SPDX-License-Identifier: Apache-2.0 */
/* See echo_pci.h. */
#include "echo_pci.h"

struct echo echo;

uint32_t reg(uint32_t offset, unsigned int size)
{
	return (uint32_t)rig_read(&echo.rig, echo.d.pci.common + offset, size);
}

void set_reg(uint32_t offset, unsigned int size, uint32_t value)
{
	rig_write(&echo.rig, echo.d.pci.common + offset, size, value);
}

uint32_t config(unsigned int offset, unsigned int size)
{
	return (uint32_t)rig_pci_read(&echo.plug.bridge, PLUG_SLOT, offset, size);
}

void set_config(unsigned int offset, unsigned int size, uint32_t value)
{
	rig_pci_write(&echo.plug.bridge, PLUG_SLOT, offset, size, value);
}

void set_command(uint16_t command)
{
	set_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | command);
}

uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 32);
}

void set_bar(unsigned int bar, gpa_t addr)
{
	set_config(PCI_BASE_ADDRESS_0 + 4 * bar, 4, (uint32_t)addr);
	if (bar == VIRTIO_PCI_BAR)
		set_config(PCI_BASE_ADDRESS_0 + 4 * bar + 4, 4, (uint32_t)(addr >> 32));
}

void begin(void)
{
	echo_init(&echo);
	driver_reset(&echo.d);
}

struct driver_queue *begin_running(void)
{
	begin();
	return driver_start(&echo.d, 0, SIZE);
}

void end(void)
{
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

void select_queue(uint16_t index)
{
	set_reg(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
}

int echo_pci_main(const struct test *tests, size_t count, int argc, char **argv)
{
	plug_type = &plug_types[PLUG_PCI];
	return test_main(tests, count, argc, argv);
}
