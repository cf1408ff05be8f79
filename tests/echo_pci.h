/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test programs of virtio-pci share: the echo behind a PCI function with MSI-X, and short ways to its registers.
 */
#ifndef MINIVMM_TEST_ECHO_PCI_H
#define MINIVMM_TEST_ECHO_PCI_H

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define BUF	     (RIG_RAM_BASE + 1 * MiB)
#define SIZE	     8
#define RUNNING	     0xf /* device_status */
#define PCI_CFG_DATA (VIRTIO_PCI_CAP_LENGTH + 4)

extern struct echo echo;

/* The common configuration structure, where the driver found it. */
uint32_t reg(uint32_t offset, unsigned int size);
void set_reg(uint32_t offset, unsigned int size, uint32_t value);
void select_queue(uint16_t index);
/* The function's configuration space. */
uint32_t config(unsigned int offset, unsigned int size);
void set_config(unsigned int offset, unsigned int size, uint32_t value);
/* Command, with memory decoded. */
void set_command(uint16_t command);
/* An address into a memory BAR's register, both halves of VIRTIO_PCI_BAR's. */
void set_bar(unsigned int bar, gpa_t addr);

uint32_t next_random(uint64_t *seed);

/* A function whose BARs are decoded, and a device that was reset. */
void begin(void);
/* The same with queue 0 of SIZE entries running. */
struct driver_queue *begin_running(void);
/* The device works still, or again after a reset. */
void end(void);

/* test_main with PLUG_PCI. */
int echo_pci_main(const struct test *tests, size_t count, int argc, char **argv);

#define ECHO_PCI_MAIN(tests)                                                                                           \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		return echo_pci_main(tests, ARRAY_SIZE(tests), argc, argv);                                            \
	}

#endif
