/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving a device and loading it into another one over the same memory, over each transport. Cases named rNN_ are rows of
 * the regression list; where a row wants the load refused, the device is as after a reset and works again once it is set up.
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define BUF  (RIG_RAM_BASE + 1 * MiB)
#define SIZE 8

/* Offsets in an echo's stream: its header, then each queue. */
#define HEADER		  (1 + 4 + 4)
#define STATUS		  HEADER
#define FEATURES	  (STATUS + 1)
#define QUEUE(i)	  (FEATURES + 8 + 4 + (i)*QUEUE_SIZE)
#define QUEUE_SIZE	  (2 + 3 * 8 + 1 + 2)
#define TRANSPORT	  QUEUE(ECHO_QUEUES)
#define MMIO_TOTAL	  (TRANSPORT + 4 * 4)
/* From the end: virtio-pci's own fields are behind its function's, and an echo has none. */
#define PCI_ISR		  (-1)
#define PCI_VECTOR(i)	  (PCI_ISR + 2 * ((i)-ECHO_QUEUES))
#define PCI_CONFIG_VECTOR (PCI_VECTOR(0) - 2)

static struct echo from, to;
static struct driver_queue *q;
static struct state saved;

/* A device that has been at work, and its state. */
static void begin(uint64_t features)
{
	echo_init(&from);
	q = driver_start(&from.d, features, SIZE);
	for (int i = 0; i < 5; i++)
		CHECK(echo_works(&from, q));
	virtio_pause(&from.v);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	CHECK_EQ(state_finish(&saved), 0);
	echo_init(&to);
}

static bool over(int type)
{
	return plug_type == &plug_types[type];
}

static void copy_memory(gpa_t addr, size_t len)
{
	memcpy(to.rig.ram + (addr - RIG_RAM_BASE), from.rig.ram + (addr - RIG_RAM_BASE), len);
}

/* The stream into the second device, with the first one's memory and driver. */
static int load(void)
{
	struct state in;
	int ret;

	/* All that the driver has used of it. */
	copy_memory(PLUG_ARENA, from.d.arena - PLUG_ARENA);
	copy_memory(BUF, 4096);
	to.d = from.d;
	plug_adopt(&to.plug, &to.d);
	q = &to.d.queue[0];
	state_load(&in, saved.data, saved.len);
	virtio_state(&to.v, &in);
	ret = state_finish(&in);
	snprintf(to.said, sizeof(to.said), "%s", in.why);
	/* Paused, or reset. */
	CHECK_EQ(to.rig.bus.doorbell_count, 0);
	if (!ret)
		virtio_resume(&to.v);
	return ret;
}

static void end(void)
{
	state_destroy(&saved);
	echo_destroy(&from);
	echo_destroy(&to);
}

/* After a load that failed: its transport is as after power on. */
static bool works_again(void)
{
	if (!over(PLUG_MMIO))
		pci_device_reset(&to.plug.pci.pci);
	to.d.pci.up = false;
	return echo_works_after_reset(&to);
}

static void check_refused(const char *why)
{
	CHECK_EQ(load(), -EINVAL);
	CHECK_HAS(to.said, why);
	CHECK_EQ(to.v.status, 0);
	CHECK(!to.v.queue[0].ready && !to.v.queue[1].ready);
	CHECK_EQ(to.rig.bus.doorbell_count, 0);
	CHECK(works_again());
}

static void loaded_device_goes_on(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		begin(echo_features(i));
		if (over(PLUG_MMIO))
			CHECK_EQ(saved.len, MMIO_TOTAL);
		REQUIRE(load() == 0);
		for (int n = 0; n < 3 * SIZE; n++)
			CHECK(echo_works(&to, q));
		CHECK_EQ(to.reports, 0);
		CHECK(echo_works_after_reset(&to));
		end();
	}
}

/* What is waiting in the ring, its kick in the eventfd or not yet given, is served once by the loaded device. */
static void r75_nothing_is_lost_or_done_twice(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		const struct driver_buf buf = { BUF, 8, true };
		uint16_t head;
		uint32_t len;

		echo_init(&from);
		q = driver_start(&from.d, echo_features(i), SIZE);
		REQUIRE(q);
		rig_run(&from.rig);
		driver_add(q, &buf, 1);
		driver_kick(q);
		virtio_pause(&from.v); /* serves it */
		driver_add(q, &buf, 1);
		driver_kick(q);
		state_save(&saved);
		virtio_state(&from.v, &saved);
		REQUIRE(state_finish(&saved) == 0);
		CHECK_EQ(from.chains, 1);
		echo_init(&to);
		REQUIRE(load() == 0);
		rig_run(&to.rig);
		CHECK_EQ(to.chains, 1);
		CHECK(driver_take_used(q, &head, &len));
		CHECK(driver_take_used(q, &head, &len));
		CHECK(!driver_take_used(q, &head, &len));
		CHECK(echo_works(&to, q));
		end();
	}
}

static void r75_in_flight_is_refused(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	uint16_t head;
	uint32_t len;

	echo_init(&from);
	q = driver_start(&from.d, 0, SIZE);
	from.hold = true;
	driver_add(q, &buf, 1);
	driver_wait_used(q, &head, &len);
	REQUIRE(from.held == 1);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	CHECK_EQ(state_finish(&saved), -EINVAL);
	CHECK_STR(saved.why, "echo: requests are in flight");
	state_destroy(&saved);
	/* A device that waits for its reset has nothing to lose. */
	virtio_fail(&from.v, "test");
	state_save(&saved);
	virtio_state(&from.v, &saved);
	CHECK_EQ(state_finish(&saved), 0);
	echo_init(&to);
	CHECK_EQ(load(), 0);
	CHECK_EQ(driver_status(&to.d) & VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(echo_works_after_reset(&to));
	end();
}

struct reg {
	uint16_t offset;
	uint8_t width;
};

static const struct reg mmio_regs[] = {
	{ VIRTIO_MMIO_DEVICE_FEATURES, 4 },
	{ VIRTIO_MMIO_QUEUE_NUM_MAX, 4 },
	{ VIRTIO_MMIO_QUEUE_READY, 4 },
	{ VIRTIO_MMIO_INTERRUPT_STATUS, 4 },
	{ VIRTIO_MMIO_STATUS, 4 },
	{ VIRTIO_MMIO_CONFIG_GENERATION, 4 },
};
static const struct reg pci_regs[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4 },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4 },
	{ VIRTIO_PCI_COMMON_GF, 4 },
	{ VIRTIO_PCI_COMMON_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_STATUS, 1 },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1 },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2 },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
};

static void registers_are_kept(void)
{
	const struct reg *regs = over(PLUG_MMIO) ? mmio_regs : pci_regs;
	size_t count = over(PLUG_MMIO) ? ARRAY_SIZE(mmio_regs) : ARRAY_SIZE(pci_regs);
	gpa_t base;

	begin(0);
	base = over(PLUG_MMIO) ? PLUG_MMIO_BASE : from.d.pci.common;
	state_destroy(&saved);
	/* Selectors that stay where the driver left them. */
	(void)from.d.transport->get_features(&from.d, 1);
	from.d.transport->set_features(&from.d, 1, 0);
	CHECK(from.d.transport->queue_ready(&from.d, 0));
	virtio_notify_config(&from.v);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	REQUIRE(load() == 0);
	for (size_t i = 0; i < count; i++) {
		uint64_t want = rig_read(&from.rig, base + regs[i].offset, regs[i].width);

		CHECK_EQ(rig_read(&to.rig, base + regs[i].offset, regs[i].width), want);
	}
	/*
	 * Pending: the guest hears of it, perhaps once more than needed. A message that was sent is in the interrupt
	 * controller's state, and in nobody else's.
	 */
	CHECK_EQ(plug_interrupted(&to.plug), !over(PLUG_PCI));
	CHECK_EQ(to.d.transport->take_interrupt(&to.d), over(PLUG_PCI) ? 0 : 3);
	CHECK(!plug_interrupted(&to.plug));
	CHECK(echo_works(&to, q));
	CHECK_EQ(to.d.transport->take_interrupt(&to.d), 1);
	end();
}

/* A message held back by a mask in the one is sent by the other, once. */
static void masked_message_is_kept(void)
{
	gpa_t control;

	if (!over(PLUG_PCI))
		return;
	begin(0);
	state_destroy(&saved);
	from.d.transport->take_interrupt(&from.d);
	control = from.d.pci.msix + PCI_MSIX_ENTRY_VECTOR_CTRL;
	rig_write(&from.rig, control, 4, 1);
	virtio_notify_config(&from.v);
	CHECK_EQ(from.d.transport->take_interrupt(&from.d), 0);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	REQUIRE(load() == 0);
	CHECK_EQ(to.d.transport->take_interrupt(&to.d), 0);
	rig_write(&to.rig, control, 4, 0);
	CHECK_EQ(to.d.transport->take_interrupt(&to.d), VIRTIO_PCI_ISR_CONFIG);
	CHECK_EQ(to.plug.bridge.messages, 1);
	end();
}

/* Bus mastering off: the loaded device waits for it as the saved one did. */
static void held_device_is_kept(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	uint16_t head;
	uint32_t len;

	if (over(PLUG_MMIO))
		return;
	begin(0);
	state_destroy(&saved);
	rig_write(&from.rig, PLUG_PCI_BASE + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	driver_add(q, &buf, 1);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	REQUIRE(load() == 0);
	CHECK(!driver_wait_used(q, &head, &len));
	CHECK_EQ(to.chains, 0);
	rig_write(&to.rig, PLUG_PCI_BASE + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	rig_run(&to.rig);
	CHECK(driver_take_used(q, &head, &len));
	CHECK(echo_works(&to, q));
	end();
}

static void r70_truncated_at_every_byte(void)
{
	size_t whole;

	begin(0);
	whole = saved.len;
	for (saved.len = 0; saved.len < whole; saved.len++) {
		CHECK_EQ(load(), -EINVAL);
		CHECK_EQ(to.v.status, 0);
		CHECK_EQ(to.rig.bus.doorbell_count, 0);
	}
	CHECK_EQ(load(), 0);
	CHECK(echo_works(&to, q));
	end();
}

/* Every byte of the stream set to values that break things: refused, or loaded into a device that still takes a reset. */
static void r71_every_byte_changed(void)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_RING_PACKED) };

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		begin(features[f]);
		for (size_t at = 0; at < saved.len; at++) {
			uint8_t was = saved.data[at];

			for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
				saved.data[at] = values[i];
				if (load() == 0) {
					to.d.transport->notify(&to.d, 0);
					rig_run(&to.rig);
				}
			}
			saved.data[at] = was;
		}
		CHECK(works_again());
		end();
	}
}

struct patch {
	int at; /* negative: from the end */
	uint64_t value;
	unsigned int size;
	const char *why;
};

static void run_patches(const struct patch *patches, size_t count, uint64_t features)
{
	for (size_t i = 0; i < count; i++) {
		int at = patches[i].at;

		begin(features);
		memcpy(saved.data + (at < 0 ? (int)saved.len + at : at), &patches[i].value, patches[i].size);
		check_refused(patches[i].why);
		if (test_failed)
			printf("# in patch %zu\n", i);
		end();
	}
}

static void r71_fields_that_cannot_be(void)
{
	static const struct patch patches[] = {
		{ STATUS, 0x0b & ~2, 1, "into this status" },
		{ STATUS, 0x04, 1, "into this status" },
		{ STATUS, 0x10, 1, "into this status" },
		{ STATUS, 0x03, 1, "ready before its features" },
		{ FEATURES, 0, 8, "VIRTIO_F_VERSION_1" },
		{ FEATURES, UINT64_MAX, 8, "not offered" },
	};
	static const struct patch mmio[] = {
		{ TRANSPORT + 12, 4, 4, "InterruptStatus" },
		{ TRANSPORT + 12, 0x80000000, 4, "InterruptStatus" },
	};
	static const struct patch pci[] = {
		{ TRANSPORT, 0x1af5, 2, "a different PCI function" },
		{ PCI_ISR, 4, 1, "ISR has bits" },
		{ PCI_ISR, 0x81, 1, "ISR has bits" },
		{ PCI_CONFIG_VECTOR, ECHO_QUEUES + 1, 2, "beyond the MSI-X table" },
		{ PCI_VECTOR(0), ECHO_QUEUES + 1, 2, "beyond the MSI-X table" },
		{ PCI_VECTOR(1), 0xfffe, 2, "beyond the MSI-X table" },
	};

	run_patches(patches, ARRAY_SIZE(patches), 0);
	if (over(PLUG_MMIO))
		run_patches(mmio, ARRAY_SIZE(mmio), 0);
	else
		run_patches(pci, ARRAY_SIZE(pci), 0);
}

/* No driver has been there, and an interrupt is pending all the same. */
static void r71_interrupt_before_a_driver(void)
{
	const bool mmio = over(PLUG_MMIO);

	echo_init(&from);
	echo_init(&to);
	virtio_pause(&from.v);
	state_save(&saved);
	virtio_state(&from.v, &saved);
	CHECK_EQ(state_finish(&saved), 0);
	CHECK_EQ(load(), 0);
	saved.data[mmio ? TRANSPORT + 12 : (int)saved.len + PCI_ISR] = 1;
	check_refused("a driver that is not there");
	end();
}

static void r72_another_device(void)
{
	static const struct patch patches[] = {
		{ 1, 'E', 1, "the snapshot has Echo" },
		{ 5, 2, 4, "version 2" },
	};

	run_patches(patches, ARRAY_SIZE(patches), 0);
}

/* A loaded queue passes the checks a driver's does, and one that was never used is no queue to check. */
static void r73_queues_are_checked_again(void)
{
	static const struct patch both[] = {
		{ QUEUE(0), 0, 2, "queue size" },
		{ QUEUE(0), ECHO_QUEUE_SIZE + 1, 2, "queue size" },
		{ QUEUE(0), 0xffff, 2, "queue size" },
		{ QUEUE(1), 0xffff, 2, "larger than the device" },
		{ QUEUE(0) + 2, 0, 8, "not in guest memory" },
		{ QUEUE(0) + 2, 1, 8, "not aligned" },
		{ QUEUE(0) + 10, 0x1000, 8, "not in guest memory" },
		{ QUEUE(0) + 18, UINT64_MAX - 15, 8, "not in guest memory" },
		{ QUEUE(1) + 26, 1, 1, "not in guest memory" },
		{ QUEUE(0) + 26, 2, 1, "yes or no" },
	};
	static const struct patch split[] = { { QUEUE(0), 3, 2, "power of two" } };
	static const struct patch packed[] = {
		{ QUEUE(0) + 27, SIZE, 2, "outside the ring" },
		{ QUEUE(0) + 27, 0xffff, 2, "outside the ring" },
	};

	run_patches(both, ARRAY_SIZE(both), 0);
	run_patches(both, ARRAY_SIZE(both), DRIVER_F(VIRTIO_F_RING_PACKED));
	run_patches(split, ARRAY_SIZE(split), 0);
	run_patches(packed, ARRAY_SIZE(packed), DRIVER_F(VIRTIO_F_RING_PACKED));
}

/* Also with every ring address 0, where no memory is (a monitor that read them fell over). */
static void r73_queue_that_was_never_enabled(void)
{
	begin(0);
	CHECK_EQ(from.v.queue[1].desc_gpa, 0);
	CHECK_EQ(load(), 0);
	CHECK(!to.v.queue[1].ready);
	CHECK(echo_works(&to, q));
	end();
}

static void r73_backend_that_does_not_start(void)
{
	begin(0);
	to.start_error = -EIO;
	CHECK_EQ(load(), -EINVAL);
	CHECK_HAS(to.said, "Input/output error");
	CHECK_EQ(to.v.status, 0);
	to.start_error = 0;
	CHECK(echo_works_after_reset(&to));
	end();
}

static void r76_pause_and_resume(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		echo_init(&from);
		q = driver_start(&from.d, echo_features(i), SIZE);
		for (int n = 0; n < 1000; n++) {
			virtio_pause(&from.v);
			if (n % 2) {
				state_save(&saved);
				virtio_state(&from.v, &saved);
				CHECK_EQ(state_finish(&saved), 0);
				state_destroy(&saved);
			}
			virtio_resume(&from.v);
			if (n % 100 == 0)
				CHECK(echo_works(&from, q));
		}
		CHECK(echo_works(&from, q));
		CHECK_EQ(from.rig.bus.doorbell_count, 1);
		echo_destroy(&from);
	}
}

static const struct test tests[] = {
	TEST(loaded_device_goes_on),
	TEST(registers_are_kept),
	TEST(masked_message_is_kept),
	TEST(held_device_is_kept),
	TEST(r70_truncated_at_every_byte),
	TEST(r71_every_byte_changed),
	TEST(r71_fields_that_cannot_be),
	TEST(r71_interrupt_before_a_driver),
	TEST(r72_another_device),
	TEST(r73_queues_are_checked_again),
	TEST(r73_queue_that_was_never_enabled),
	TEST(r73_backend_that_does_not_start),
	TEST(r75_nothing_is_lost_or_done_twice),
	TEST(r75_in_flight_is_refused),
	TEST(r76_pause_and_resume),
};

TEST_MAIN_WAYS(tests, &plug_ways)
