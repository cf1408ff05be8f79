/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_rig.h. */
#include "ring_rig.h"

#include <linux/virtio_config.h>

struct ring_rig ring;

void ring_begin(uint64_t features, uint16_t size)
{
	echo_init(&ring.echo);
	ring.q = driver_start(&ring.echo.d, features, size);
}

void ring_end(void)
{
	echo_destroy(&ring.echo);
}

bool ring_needs_reset(void)
{
	return driver_status(&ring.echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

void ring_offer(uint16_t head)
{
	driver_expose(ring.q, head);
	ring.echo.d.transport->notify(&ring.echo.d, ring.q->index);
	rig_run(&ring.echo.rig);
}

void ring_check_bad_chain(uint16_t want, const char *why)
{
	uint16_t head = 0xffff;
	uint32_t len = 0xffffffff;

	CHECK(!ring_needs_reset());
	CHECK(driver_take_used(ring.q, &head, &len));
	CHECK_EQ(head, want);
	CHECK_EQ(len, 0);
	CHECK_HAS(ring.echo.said, why);
	CHECK_EQ(ring.echo.chains, 0);
	/* The driver's own book-keeping starts after the descriptors the case wrote by hand. */
	CHECK(echo_works(&ring.echo, ring.q));
}

void ring_check_bad_ring(const char *why)
{
	uint16_t head;
	uint32_t len;

	CHECK(ring_needs_reset());
	CHECK_EQ(ring.echo.d.transport->take_interrupt(&ring.echo.d) & 2, 2);
	CHECK_HAS(ring.echo.said, why);
	CHECK(!driver_take_used(ring.q, &head, &len));
	CHECK(echo_works_after_reset(&ring.echo));
	echo_destroy(&ring.echo);
}
