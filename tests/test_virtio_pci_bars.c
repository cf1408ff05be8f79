/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-pci device while the function around it changes: BARs that move under its driver's kicks, decoding and bus
 * mastering that go and come. Cases named rNN_ are rows of the regression list.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk_rig.h"
#include "echo_pci.h"

/* An accelerator that takes doorbells, and knows them all. */
static struct {
	struct doorbell bell[8];
	unsigned int count, adds;
	bool full;
} accel;

static int accel_add(void *opaque, const struct doorbell *bell)
{
	(void)opaque;
	if (accel.full)
		return -ENOSPC;
	if (accel.count == ARRAY_SIZE(accel.bell)) {
		CHECK(!"more doorbells than there are queues");
		return -EINVAL;
	}
	accel.bell[accel.count++] = *bell;
	accel.adds++;
	return 0;
}

static void accel_del(void *opaque, const struct doorbell *bell)
{
	(void)opaque;
	for (unsigned int i = 0; i < accel.count; i++) {
		const struct doorbell *b = &accel.bell[i];

		if (b->addr != bell->addr || b->size != bell->size || b->any_value != bell->any_value)
			continue;
		accel.bell[i] = accel.bell[--accel.count];
		return;
	}
	CHECK(!"a doorbell that was not added is deleted");
}

static void set_accel(void)
{
	static const struct doorbell_ops ops = { .add = accel_add, .del = accel_del };

	memset(&accel, 0, sizeof(accel));
	bus_set_accel(&echo.rig.bus, &ops, NULL);
}

/* KVM's part: a write that a doorbell matches goes nowhere else. */
static void kick(struct driver_queue *q)
{
	gpa_t addr = echo.d.pci.notify + echo.d.pci.notify_off[q->index] * 4ULL;
	const uint64_t one = 1;

	for (unsigned int i = 0; i < accel.count; i++)
		if (accel.bell[i].addr == addr && write(accel.bell[i].fd, &one, sizeof(one)) == sizeof(one))
			return;
	driver_notify(q);
}

/* Doorbells are where the BAR is, and nowhere while it is not decoded. */
static void doorbells_follow_the_bar(void)
{
	static const gpa_t places[] = { RIG_MEM64 + 1 * GiB, RIG_MEM32 + 16 * MiB, RIG_MEM64 };
	struct driver_queue *q;
	unsigned int adds;

	begin();
	set_accel();
	q = driver_start(&echo.d, 0, SIZE);
	REQUIRE(q && accel.count == 1);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		set_bar(VIRTIO_PCI_BAR, places[i]);
		REQUIRE(accel.count == 1);
		CHECK_EQ(accel.bell[0].addr, places[i] + VIRTIO_PCI_NOTIFY);
		CHECK_EQ(accel.bell[0].fd, echo.v.kick[0].source.fd);
		driver_pci_locate(&echo.d);
		CHECK(echo_works(&echo, q));
	}
	/* The other BAR has none. */
	adds = accel.adds;
	set_bar(VIRTIO_PCI_MSIX_BAR, RIG_MEM32 + 32 * MiB);
	CHECK_EQ(accel.adds, adds);
	driver_pci_locate(&echo.d);
	set_config(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	CHECK_EQ(accel.count, 0);
	set_command(PCI_COMMAND_MASTER);
	CHECK_EQ(accel.count, 1);
	CHECK(echo_works(&echo, q));
	driver_reset(&echo.d);
	CHECK_EQ(accel.count, 0);
	set_bar(VIRTIO_PCI_BAR, places[0]);
	CHECK_EQ(accel.count, 0);
	driver_pci_locate(&echo.d);
	end();
}

/* One that the accelerator has no room for is a write like any other, and nobody tries to take it back. */
static void accelerator_without_room(void)
{
	struct driver_queue *q;

	begin();
	set_accel();
	accel.full = true;
	/* The bus is full of bells that nothing rings. */
	echo.rig.bus.doorbell = calloc(BUS_MAX_DOORBELLS, sizeof(*echo.rig.bus.doorbell));
	echo.rig.bus.doorbell_count = echo.rig.bus.doorbell_room = BUS_MAX_DOORBELLS;
	q = driver_start(&echo.d, 0, SIZE);
	REQUIRE(q);
	CHECK(echo_works(&echo, q));
	set_bar(VIRTIO_PCI_BAR, RIG_MEM64 + 1 * GiB);
	driver_pci_locate(&echo.d);
	CHECK(echo_works(&echo, q));
	/* There is room when it moves next. */
	accel.full = false;
	echo.rig.bus.doorbell_count = 0;
	set_bar(VIRTIO_PCI_BAR, RIG_MEM64 + 2 * GiB);
	driver_pci_locate(&echo.d);
	CHECK_EQ(accel.count, 1);
	CHECK(echo_works(&echo, q));
	driver_reset(&echo.d);
	CHECK_EQ(accel.count, 0);
	end();
}

/* A queue that starts while the BAR is not decoded, which only VIRTIO_PCI_CAP_PCI_CFG can make happen. */
static void started_before_the_bar_is_decoded(void)
{
	unsigned int cap;
	struct driver_queue *q;

	begin();
	set_accel();
	REQUIRE(driver_negotiate(&echo.d, 0));
	q = driver_queue_setup(&echo.d, 0, SIZE);
	REQUIRE(q);
	set_config(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	cap = echo.plug.pci.pci_cfg;
	set_config(cap + VIRTIO_PCI_CAP_BAR, 1, VIRTIO_PCI_BAR);
	set_config(cap + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
	set_config(cap + VIRTIO_PCI_CAP_LENGTH, 4, 1);
	set_config(cap + PCI_CFG_DATA, 1, RUNNING);
	CHECK_EQ(echo.v.status, RUNNING);
	CHECK_EQ(accel.count, 0);
	set_command(PCI_COMMAND_MASTER);
	CHECK_EQ(accel.count, 1);
	CHECK(echo_works(&echo, q));
	end();
}

/* A request kicked before the move is answered after it, wherever the BAR goes and wherever it may not (R44). */
static void r44_bar_moves_under_kicks(void)
{
	static const gpa_t refused[] = { RIG_RAM_BASE, RIG_ECAM, 0, RIG_MEM64 + RIG_MEM64_SIZE,
		RIG_MEM32 + RIG_MEM32_SIZE };
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_NOTIFICATION_DATA) | DRIVER_F(VIRTIO_F_RING_PACKED) };
	uint64_t seed = 44;
	unsigned int answered = 0;

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		const struct driver_buf buf = { BUF, 8, true };
		struct driver_queue *q;

		begin();
		set_accel();
		q = driver_start(&echo.d, features[f], SIZE);
		REQUIRE(q);
		rig_run(&echo.rig);
		for (int n = 0; n < 5000; n++) {
			uint32_t r = next_random(&seed), place = next_random(&seed);
			gpa_t to = r % 8 < 4   ? RIG_MEM64 + (place & ~0x3fffULL)
				   : r % 8 < 7 ? RIG_MEM32 + place % RIG_MEM32_SIZE / 0x4000 * 0x4000
					       : refused[place % ARRAY_SIZE(refused)];
			uint16_t head;
			uint32_t len;

			REQUIRE(driver_add(q, &buf, 1) >= 0);
			kick(q);
			set_bar(VIRTIO_PCI_BAR, to);
			if (r % 16 == 8)
				set_config(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
			if (r % 16 == 8)
				set_command(PCI_COMMAND_MASTER);
			rig_run(&echo.rig);
			answered += driver_take_used(q, &head, &len);
			driver_pci_locate(&echo.d);
			REQUIRE(reg(VIRTIO_PCI_COMMON_STATUS, 1) == RUNNING);
		}
		CHECK_EQ(accel.count, 1);
		CHECK(echo_works(&echo, q));
		end();
	}
	CHECK_EQ(answered, 2 * 5000);
}

/* Bus mastering off: no byte of guest memory is touched and no message sent; nothing is lost when it is on again. */
static void bus_master_off(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	struct driver_queue *q = begin_running();
	uint8_t before[4096], after[4096];
	uint16_t head;
	uint32_t len;

	CHECK(echo_works(&echo, q));
	set_command(0);
	CHECK_EQ(echo.rig.bus.doorbell_count, 0);
	driver_add(q, &buf, 1);
	driver_read(&echo.d, PLUG_ARENA, before, sizeof(before));
	for (int n = 0; n < 5; n++) {
		driver_notify(q);
		rig_run(&echo.rig);
		virtio_notify_config(&echo.v);
		/* As a device does when something it waited for has come. */
		virtio_serve(&echo.v, &echo.v.queue[0]);
	}
	driver_read(&echo.d, PLUG_ARENA, after, sizeof(after));
	CHECK(!memcmp(before, after, sizeof(before)));
	CHECK_EQ(echo.chains, 1);
	CHECK_EQ(echo.plug.bridge.messages, 1);
	set_command(PCI_COMMAND_MASTER);
	rig_run(&echo.rig);
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(rig_pci_count(&echo.plug.bridge, PLUG_MESSAGE + 1), 2);
	/* The configuration change waited in the pending bit. */
	CHECK_EQ(rig_pci_count(&echo.plug.bridge, PLUG_MESSAGE), 1);
	CHECK(echo_works(&echo, q));
	/* A kick that was signalled when it goes off is served before that. */
	driver_add(q, &buf, 1);
	driver_notify(q);
	set_command(0);
	CHECK(driver_take_used(q, &head, &len));
	CHECK_EQ(rig_pci_count(&echo.plug.bridge, PLUG_MESSAGE + 1), 4);
	set_command(PCI_COMMAND_MASTER);
	end();
}

/* A driver that turns it on last of all, and one that resets the device without it. */
static void bus_master_late(void)
{
	const struct driver_buf buf = { BUF, 8, true };
	struct driver_queue *q;
	uint16_t head;
	uint32_t len;

	begin();
	set_command(0);
	q = driver_start(&echo.d, 0, SIZE);
	REQUIRE(q);
	CHECK_EQ(driver_status(&echo.d), RUNNING);
	driver_add(q, &buf, 1);
	CHECK(!driver_wait_used(q, &head, &len));
	set_command(PCI_COMMAND_MASTER);
	rig_run(&echo.rig);
	CHECK(driver_take_used(q, &head, &len));
	CHECK(echo_works(&echo, q));
	set_command(0);
	driver_set_status(&echo.d, 0);
	set_command(PCI_COMMAND_MASTER);
	CHECK(!rig_run(&echo.rig));
	end();
}

/* Requests that are with the host when it goes off are done when the write returns, and not dropped. */
static void bus_master_off_with_requests_in_flight(void)
{
	uint16_t head;
	uint32_t len;

	plug_type = &plug_types[PLUG_PCI];
	disk_ring = 0;
	disk_begin();
	disk.memory.hold = true;
	for (unsigned int n = 0; n < 3; n++)
		disk_add(disk.q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 3);
	rig_pci_write(&disk.plug.bridge, PLUG_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(disk.memory.count, 0);
	disk.memory.hold = false;
	for (unsigned int n = 0; n < 3; n++) {
		CHECK(driver_take_used(disk.q, &head, &len));
		CHECK_EQ(disk_status(n), VIRTIO_BLK_S_OK);
	}
	CHECK(plug_interrupted(&disk.plug));
	rig_pci_write(&disk.plug.bridge, PLUG_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK(disk_works());
	disk_end();
}

static const struct test tests[] = {
	TEST(doorbells_follow_the_bar),
	TEST(accelerator_without_room),
	TEST(started_before_the_bar_is_decoded),
	TEST(bus_master_off),
	TEST(bus_master_late),
	TEST(bus_master_off_with_requests_in_flight),
	TEST(r44_bar_moves_under_kicks),
};

ECHO_PCI_MAIN(tests)
