/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that writes anything anywhere into a virtio-pci function, from a seed. Row R45 of the regression list, and the others with it. */
#include "echo_pci.h"

/* A device beside the one that is written to, by INTx. */
static struct echo other;
static struct virtio_pci other_pci;

static void plug_other(void)
{
	const unsigned int slot = PLUG_SLOT + 1;

	memset(&other, 0, sizeof(other));
	REQUIRE(!virtio_init(&other.v, echo.v.class, &echo.rig.loop, &echo.rig.mem));
	REQUIRE(!virtio_pci_init(&other_pci, &other.v, &echo.plug.bridge.host, slot));
	driver_init(&other.d, &driver_local_access, &echo.plug.local, &driver_pci_intx, RIG_ECAM + slot * 0x8000,
		PLUG_ARENA + PLUG_ARENA_SIZE, PLUG_ARENA_SIZE / 2);
}

static bool other_works(struct driver_queue *q)
{
	const struct driver_buf buf = { BUF + 64 * KiB, 8, true };
	uint16_t head;
	uint32_t len;

	return driver_add(q, &buf, 1) >= 0 && driver_wait_used(q, &head, &len) &&
	       other.d.transport->take_interrupt(&other.d) == VIRTIO_PCI_ISR_QUEUE;
}

/* An access of any width to the function's configuration space, BARs as they are now, or bytes next to what drivers write. */
static void random_write(uint64_t *seed)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 4, 7, 8, 0xf, 0xff, 0xffff, 0x4000, 0x80000000, 0xffffffff };
	uint32_t what = next_random(seed), where = next_random(seed), value = next_random(seed);
	unsigned int size = 1u << what % 4, bar = what & 0x10 ? VIRTIO_PCI_BAR : VIRTIO_PCI_MSIX_BAR;
	gpa_t base;

	if (what & 0x20)
		value = values[value % ARRAY_SIZE(values)];
	/* An address for a ring that is memory, or a BAR in a window. */
	else if (what & 0x40)
		value = (what & 0x80 ? (uint32_t)RIG_RAM_BASE : (uint32_t)RIG_MEM32) + value % (8 * MiB);
	if (!(what & 0x700)) {
		set_config(where % (what & 0x4000 ? PCI_CONFIG_STORED : PCI_CONFIG_SIZE - 8), size, value);
		return;
	}
	base = rig_pci_bar(&echo.plug.bridge, PLUG_SLOT, bar);
	if (bar == VIRTIO_PCI_BAR && what & 0x18000)
		where %= 0x40;
	else
		where %= 0x4000;
	if (what & 0x1000)
		where &= ~(size - 1);
	if (what & 0x2000)
		rig_read(&echo.rig, base + where, size);
	else
		rig_write(&echo.rig, base + where, size, value);
}

/* The function as its driver expects it: nothing enabled, the BARs where they were. */
static void bring_back(const gpa_t *bars)
{
	set_config(echo.plug.pci.pci.msix.cap + PCI_MSIX_FLAGS, 2, 0);
	set_config(PCI_COMMAND, 2, 0);
	set_bar(VIRTIO_PCI_MSIX_BAR, bars[VIRTIO_PCI_MSIX_BAR]);
	set_bar(VIRTIO_PCI_BAR, bars[VIRTIO_PCI_BAR]);
	echo.d.pci.up = false;
	/* Messages went where the guest said; none of them was the driver's. */
	for (unsigned int i = 0; i < RIG_MSIS; i++)
		echo.plug.seen[i] = echo.plug.bridge.msi[i].sent;
}

/* A driver at work, on one ring or another. */
static void set_up_anew(uint64_t *seed)
{
	uint64_t wanted = echo_features(next_random(seed) % ECHO_COMBINATIONS);

	(void)driver_start(&echo.d, wanted, (uint16_t)(1u << next_random(seed) % 4));
}

/* As it comes: the ring may be full, the queue gone, the device waiting for a reset. */
static void request(void)
{
	const struct driver_buf bufs[] = { { BUF, 8, false }, { BUF + 16, 8, true } };
	struct driver_queue *q = &echo.d.queue[0];
	uint16_t head;
	uint32_t len;

	if (!q->size)
		return;
	driver_add(q, bufs, 2);
	driver_notify(q);
	rig_run(&echo.rig);
	while (driver_take_used(q, &head, &len))
		;
}

/*
 * A million accesses, most of them writes, to a device that its driver starts again every hundred of them and asks for
 * something in between; after each ten thousand it works as if nothing had been. The device beside it works all the time.
 */
static void r45_anything_anywhere(void)
{
	gpa_t bars[PCI_BARS];
	uint64_t seed = 45;
	struct driver_queue *q;

	echo_init(&echo);
	plug_other();
	q = driver_start(&other.d, 0, SIZE);
	REQUIRE(q);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		bars[i] = rig_pci_bar(&echo.plug.bridge, PLUG_SLOT, i);
	for (int life = 0; life < 100; life++) {
		uint64_t first = seed;

		for (int n = 0; n < 10000; n++) {
			if (n % 100 == 0) {
				bring_back(bars);
				set_up_anew(&seed);
			}
			random_write(&seed);
			if (n % 8 == 0)
				request();
		}
		if (!other_works(q))
			TEST_FAIL_("seed %llu: the other device is disturbed", (unsigned long long)first);
		bring_back(bars);
		if (!echo_works_after_reset(&echo))
			TEST_FAIL_("seed %llu: the device does not work again", (unsigned long long)first);
		CHECK(other_works(q));
	}
	virtio_pci_destroy(&other_pci);
	virtio_destroy(&other.v);
	end();
}

static const struct test tests[] = {
	TEST(r45_anything_anywhere),
};

ECHO_PCI_MAIN(tests)
