/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550A on a rig with a stream behind it. Included by a test program, which then has these as its own. */
#ifndef MINIVMM_TEST_UART16550_RIG_H
#define MINIVMM_TEST_UART16550_RIG_H

#include "rig.h"
#include "test.h"
#include "uart16550_driver.h"

#define BASE 0x09000000

static struct rig rig;
static struct rig_irq irq;
static struct rig_chardev host;
static struct uart16550 uart;
static struct uart_driver driver = { &rig, BASE };

static inline void start(void)
{
	rig_init(&rig);
	rig_irq_init(&irq, 1);
	rig_chardev_init(&host, &rig);
	uart16550_init(&uart, &host.dev, &irq.irq);
	CHECK_EQ(uart16550_map(&uart, &rig.bus, BASE), 0);
}

static inline void stop(void)
{
	uart16550_destroy(&uart);
	rig_destroy(&rig);
}

static inline unsigned int rd(unsigned int offset)
{
	return uart_rd(&driver, offset);
}

static inline void wr(unsigned int offset, unsigned int value)
{
	uart_wr(&driver, offset, value);
}

#endif
