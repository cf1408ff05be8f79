/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The echo device from being plugged in to being taken away, over the transport of the case that runs. Included by a test
 * program, which then has these as its own.
 */
#ifndef MINIVMM_TEST_ECHO_RIG_H
#define MINIVMM_TEST_ECHO_RIG_H

#include <linux/virtio_config.h>

#include "echo.h"
#include "test.h"

#define ACK	    VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER	    VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED	    VIRTIO_CONFIG_S_FAILED
#define RUNNING	    (ACK | DRIVER | FEATURES_OK | DRIVER_OK)
#define BUF	    (RIG_RAM_BASE + 1 * MiB)
#define SIZE	    8

static struct echo echo;

static inline uint32_t take_interrupt(void)
{
	return echo.d.transport->take_interrupt(&echo.d);
}

static inline void notify(uint32_t value)
{
	echo.d.transport->notify(&echo.d, value);
	rig_run(&echo.rig);
}

/* A device that has just been plugged in. */
static inline void begin(void)
{
	echo_init(&echo);
}

static inline struct driver_queue *begin_running(void)
{
	begin();
	return driver_start(&echo.d, 0, SIZE);
}

static inline void end(void)
{
	CHECK(echo_works_after_reset(&echo));
	echo_destroy(&echo);
}

#endif
