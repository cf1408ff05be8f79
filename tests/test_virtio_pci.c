/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio-pci function shows, its registers and its doorbells. What a hostile driver tries with them is in
 * test_virtio_pci_rows.c, interrupts in test_virtio_pci_irq.c, moving BARs in test_virtio_pci_bars.c, and what a driver sees
 * through any transport in test_virtio_life.c and its like.
 */
#include <errno.h>

#include <linux/virtio_ids.h>

#include "echo_pci.h"

static void identity(void)
{
	static const struct {
		uint16_t id;
		uint32_t class_code;
	} kinds[] = {
		{ VIRTIO_ID_NET, 0x020000 },
		{ VIRTIO_ID_BLOCK, 0x010000 },
		{ VIRTIO_ID_CONSOLE, 0x078000 },
		{ VIRTIO_ID_RNG, 0x00ff00 },
		{ VIRTIO_ID_BALLOON, 0x00ff00 },
		{ VIRTIO_ID_SCSI, 0x010000 },
		{ VIRTIO_ID_GPU, 0x038000 },
		{ VIRTIO_ID_INPUT, 0x098000 },
		{ VIRTIO_ID_VSOCK, 0x078000 },
		{ VIRTIO_ID_FS, 0x018000 },
	};
	struct virtio_class class;

	echo_init(&echo);
	class = *echo.v.class;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		plug_out(&echo.plug);
		class.device_id = kinds[i].id;
		echo.v.class = &class;
		plug_in(&echo.plug, &echo.v, &echo.rig, &echo.d);
		CHECK_EQ(config(PCI_VENDOR_ID, 2), 0x1af4);
		CHECK_EQ(config(PCI_DEVICE_ID, 2), 0x1040 + kinds[i].id);
		CHECK_EQ(config(PCI_REVISION_ID, 1), 1);
		CHECK_EQ(config(PCI_CLASS_REVISION, 4) >> 8, kinds[i].class_code);
		CHECK_EQ(config(PCI_SUBSYSTEM_VENDOR_ID, 2), 0x1af4);
		CHECK_EQ(config(PCI_SUBSYSTEM_ID, 2), 0x1100);
		CHECK_EQ(config(PCI_INTERRUPT_PIN, 1), 1);
		CHECK_EQ(config(PCI_HEADER_TYPE, 1), 0);
	}
	end();
}

/* Each structure once, all in BAR 4, each in a page of its own (virtio 4.1.4). */
static void capabilities(void)
{
	static const struct {
		uint32_t offset, length;
		uint8_t bar, len;
	} want[] = {
		[VIRTIO_PCI_CAP_COMMON_CFG] = { 0x0000, 0x1000, 4, 16 },
		[VIRTIO_PCI_CAP_NOTIFY_CFG] = { 0x3000, 0x1000, 4, 20 },
		[VIRTIO_PCI_CAP_ISR_CFG] = { 0x1000, 0x1000, 4, 16 },
		[VIRTIO_PCI_CAP_DEVICE_CFG] = { 0x2000, 0x1000, 4, 16 },
		[VIRTIO_PCI_CAP_PCI_CFG] = { 0, 0, 0, 20 },
	};
	unsigned int seen = 0, msix = 0, cap;

	begin();
	for (cap = config(PCI_CAPABILITY_LIST, 1); cap; cap = config(cap + PCI_CAP_LIST_NEXT, 1)) {
		unsigned int kind = config(cap + VIRTIO_PCI_CAP_CFG_TYPE, 1);

		REQUIRE(cap >= 0x40 && cap % 4 == 0);
		if (config(cap, 1) == PCI_CAP_ID_MSIX) {
			msix = cap;
			continue;
		}
		REQUIRE(config(cap, 1) == PCI_CAP_ID_VNDR && kind < ARRAY_SIZE(want) && !(seen & 1u << kind));
		seen |= 1u << kind;
		CHECK_EQ(config(cap + VIRTIO_PCI_CAP_LEN, 1), want[kind].len);
		CHECK_EQ(config(cap + VIRTIO_PCI_CAP_BAR, 1), want[kind].bar);
		CHECK_EQ(config(cap + VIRTIO_PCI_CAP_OFFSET, 4), want[kind].offset);
		CHECK_EQ(config(cap + VIRTIO_PCI_CAP_LENGTH, 4), want[kind].length);
		if (kind == VIRTIO_PCI_CAP_NOTIFY_CFG)
			CHECK_EQ(config(cap + VIRTIO_PCI_NOTIFY_CAP_MULT, 4), 4);
	}
	CHECK_EQ(seen, 0x3e);
	REQUIRE(msix);
	CHECK_EQ(config(msix + PCI_MSIX_FLAGS, 2), ECHO_QUEUES | PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(config(msix + PCI_MSIX_TABLE, 4), 1);
	CHECK_EQ(config(msix + PCI_MSIX_PBA, 4), 0x801);
	end();
}

static void bars(void)
{
	static const uint32_t sizes[PCI_BARS] = { 0, 0xfffff000, 0, 0, 0xffffc00c, 0xffffffff };

	echo_init(&echo);
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		uint32_t was = config(PCI_BASE_ADDRESS_0 + 4 * i, 4);

		set_config(PCI_BASE_ADDRESS_0 + 4 * i, 4, 0xffffffff);
		CHECK_EQ(config(PCI_BASE_ADDRESS_0 + 4 * i, 4), sizes[i]);
		set_config(PCI_BASE_ADDRESS_0 + 4 * i, 4, was);
	}
	end();
}

static void nothing(struct virtio *v, struct virtq *q)
{
	(void)v;
	(void)q;
}

static void many_queues(void)
{
	static const struct {
		uint16_t queues;
		uint32_t pba, bar_size;
	} cases[] = { { 127, 0x800, 0x1000 }, { 128, 0x1000, 0x2000 }, { 200, 0x1000, 0x2000 },
		{ 1024, 0x8000, 0x10000 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_class class = {
			.name = "other",
			.queue_count = cases[i].queues,
			.queue_size = 1,
			.queue_notify = nothing,
		};
		struct virtio other;

		echo_init(&echo);
		plug_out(&echo.plug);
		REQUIRE(!virtio_init(&other, &class, &echo.rig.loop, &echo.rig.mem));
		plug_in(&echo.plug, &other, &echo.rig, &echo.d);
		CHECK_EQ(echo.plug.pci.pci.msix.count, cases[i].queues + 1);
		CHECK_EQ(echo.plug.pci.pci.msix.pba_offset, cases[i].pba);
		CHECK_EQ(echo.plug.pci.pci.bar[1].region.size, cases[i].bar_size);
		driver_reset(&echo.d);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_NUMQ, 2), cases[i].queues);
		select_queue((uint16_t)(cases[i].queues - 1));
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_NOFF, 2), cases[i].queues - 1);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, cases[i].queues);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), cases[i].queues);
		plug_out(&echo.plug);
		virtio_destroy(&other);
		plug_in(&echo.plug, &echo.v, &echo.rig, &echo.d);
		end();
	}
}

/* Refused with nothing left behind, and the device can go elsewhere. */
static void slot_that_cannot_be_had(void)
{
	static const struct {
		unsigned int slot;
		int error;
	} cases[] = { { PLUG_SLOT, -EEXIST }, { 0, -EINVAL }, { 32, -EINVAL }, { PCI_NO_SLOT, 0 } };
	const struct virtio_class class = {
		.name = "other", .queue_count = 3, .queue_size = 1, .queue_notify = nothing
	};
	struct virtio_pci pci;
	struct virtio other;

	echo_init(&echo);
	REQUIRE(!virtio_init(&other, &class, &echo.rig.loop, &echo.rig.mem));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int regions = echo.rig.bus.region_count;

		CHECK_EQ(virtio_pci_init(&pci, &other, &echo.plug.bridge.host, cases[i].slot), cases[i].error);
		CHECK_EQ(echo.rig.bus.region_count, regions);
		CHECK_EQ(other.held, !cases[i].error);
	}
	CHECK_EQ(pci.pci.slot, 1);
	virtio_pci_destroy(&pci);
	virtio_destroy(&other);
	end();
}

static void registers_after_reset(void)
{
	static const struct {
		uint16_t offset;
		uint8_t size;
		uint32_t value;
	} regs[] = {
		{ VIRTIO_PCI_COMMON_DFSELECT, 4, 0 },
		{ VIRTIO_PCI_COMMON_GFSELECT, 4, 0 },
		{ VIRTIO_PCI_COMMON_GF, 4, 0 },
		{ VIRTIO_PCI_COMMON_MSIX, 2, 0xffff },
		{ VIRTIO_PCI_COMMON_NUMQ, 2, ECHO_QUEUES },
		{ VIRTIO_PCI_COMMON_STATUS, 1, 0 },
		{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, 0 },
		{ VIRTIO_PCI_COMMON_Q_SELECT, 2, 0 },
		{ VIRTIO_PCI_COMMON_Q_SIZE, 2, ECHO_QUEUE_SIZE },
		{ VIRTIO_PCI_COMMON_Q_MSIX, 2, 0xffff },
		{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0 },
		{ VIRTIO_PCI_COMMON_Q_NOFF, 2, 0 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_USEDHI, 4, 0 },
		{ VIRTIO_PCI_COMMON_Q_NDATA, 2, 0 },
		{ VIRTIO_PCI_COMMON_Q_RESET, 2, 0 },
	};

	begin();
	/* After a life that used them all, too. */
	for (int life = 0; life < 2; life++) {
		for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
			CHECK_EQ(reg(regs[i].offset, regs[i].size), regs[i].value);
		if (life)
			break;
		REQUIRE(driver_start(&echo.d, 0, SIZE));
		select_queue(1);
		set_reg(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
		set_reg(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
		set_reg(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	}
	end();
}

static void features_by_word(void)
{
	static const struct {
		uint32_t sel, offered;
	} words[] = { { 0, 0x30000000 }, { 1, 0x15f }, { 2, 0 }, { 3, 0 }, { 32, 0 }, { 0xffffffff, 0 } };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		set_reg(VIRTIO_PCI_COMMON_DFSELECT, 4, words[i].sel);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_DFSELECT, 4), words[i].sel);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_DF, 4), words[i].offered);
		/* What the driver wrote can be read back, where there is such a word. */
		set_reg(VIRTIO_PCI_COMMON_GFSELECT, 4, words[i].sel);
		set_reg(VIRTIO_PCI_COMMON_GF, 4, 0x12345678);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_GF, 4), words[i].sel < 2 ? 0x12345678 : 0);
	}
	CHECK_EQ(echo.v.driver_features, 0x1234567812345678);
	end();
}

static void register_names(void)
{
	static const struct {
		uint64_t offset;
		const char *name;
	} cases[] = {
		{ 0x00, "device_feature_select" },
		{ 0x14, "device_status" },
		{ 0x16, "queue_select" },
		{ 0x1a, "queue_msix_vector" },
		{ 0x30, "queue_device" },
		{ 0x3a, "queue_reset" },
		{ 0x1000, "ISR" },
		{ 0x2000, "Config" },
		{ 0x2007, "Config" },
		{ 0x3004, "Notify" },
	};
	const struct bus_ops *ops;

	begin();
	ops = echo.plug.pci.pci.bar[4].region.ops;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(ops->reg_name(cases[i].offset), cases[i].name);
	CHECK(!ops->reg_name(0x15 + 2) && !ops->reg_name(0x3b) && !ops->reg_name(0x3c) && !ops->reg_name(0x1001));
	for (uint64_t offset = 0; offset < 0x4000; offset++)
		ops->reg_name(offset);
	CHECK_STR(echo.plug.pci.pci.bar[1].region.ops->reg_name(0), "MSI-X");
	CHECK_STR(echo.plug.pci.pci.bar[1].region.name, "echo");
	end();
}

static void queue_enable_and_reset(void)
{
	struct driver_queue *q;

	begin();
	q = driver_start(&echo.d, DRIVER_F(VIRTIO_F_RING_RESET), SIZE);
	REQUIRE(q);
	/* virtio 4.1.4.3.2: a driver must not write 0, and a value that is no 1 does nothing. */
	set_reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	set_reg(VIRTIO_PCI_COMMON_Q_RESET, 2, 0);
	set_reg(VIRTIO_PCI_COMMON_Q_RESET, 2, 2);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_SIZE, 2), SIZE);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_DESCLO, 4), (uint32_t)q->desc);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	CHECK(echo_works(&echo, q));
	set_reg(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_SIZE, 2), ECHO_QUEUE_SIZE);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	set_reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 2);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	end();
}

/* Without the feature there is no queue reset, and the vector stays too. */
static void queue_reset_needs_its_feature(void)
{
	struct driver_queue *q = begin_running();

	set_reg(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	CHECK(echo_works(&echo, q));
	end();
}

static void doorbell(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_NOTIFICATION_DATA) };

	for (unsigned int i = 0; i < 2; i++) {
		struct driver_queue *q;

		begin();
		REQUIRE(driver_negotiate(&echo.d, features[i]));
		REQUIRE(driver_queue_setup(&echo.d, 0, SIZE));
		q = driver_queue_setup(&echo.d, 1, SIZE);
		REQUIRE(q);
		driver_ok(&echo.d);
		REQUIRE(echo.rig.bus.doorbell_count == 2);
		for (unsigned int n = 0; n < 2; n++) {
			const struct doorbell *bell = &echo.rig.bus.doorbell[n];

			CHECK_EQ(bell->addr, echo.d.pci.notify + 4 * n);
			/* Any value: what notification data adds changes with every kick. */
			CHECK(bell->any_value && bell->size == (i ? 4 : 2));
			CHECK_EQ(bell->fd, echo.v.kick[n].source.fd);
		}
		for (int n = 0; n < 3 * SIZE; n++)
			CHECK(echo_works(&echo, q));
		end();
	}
}

static const struct test tests[] = {
	TEST(identity),
	TEST(capabilities),
	TEST(bars),
	TEST(many_queues),
	TEST(slot_that_cannot_be_had),
	TEST(registers_after_reset),
	TEST(features_by_word),
	TEST(register_names),
	TEST(queue_enable_and_reset),
	TEST(queue_reset_needs_its_feature),
	TEST(doorbell),
};

ECHO_PCI_MAIN(tests)
