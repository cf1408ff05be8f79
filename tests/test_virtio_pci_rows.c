/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-pci's registers against a driver that keeps to no rule, and the window in configuration space. */
#include "echo_pci.h"

static void r30_queue_size(void)
{
	static const struct {
		uint16_t size;
		bool ok;
	} cases[] = {
		{ 0, false },
		{ 1, true },
		{ 3, false },
		{ ECHO_QUEUE_SIZE, true },
		{ ECHO_QUEUE_SIZE + 1, false },
		{ ECHO_QUEUE_SIZE * 2, false },
		{ 0x8000, false },
		{ 0xffff, false },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		driver_reset(&echo.d);
		REQUIRE(driver_negotiate(&echo.d, 0));
		select_queue(0);
		set_reg(VIRTIO_PCI_COMMON_Q_SIZE, 2, cases[i].size);
		set_reg(VIRTIO_PCI_COMMON_Q_DESCLO, 4, BUF);
		set_reg(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, BUF + 0x1000);
		set_reg(VIRTIO_PCI_COMMON_Q_USEDLO, 4, BUF + 0x2000);
		set_reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
		if (reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2) != cases[i].ok)
			TEST_FAIL_("size 0x%x: enabled is %d", cases[i].size, !cases[i].ok);
		driver_ok(&echo.d);
		echo.d.transport->notify(&echo.d, 0);
		rig_run(&echo.rig);
	}
	end();
}

static const struct {
	uint16_t offset;
	uint8_t size;
} queue_regs[] = {
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2 },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_NDATA, 2 },
	{ VIRTIO_PCI_COMMON_Q_RESET, 2 },
};

/* queue_size written after activation was a divide by zero and writes past the rings elsewhere (FC CVE-2026-5747). */
static void r31_reconfigure_while_enabled(void)
{
	static const uint32_t values[] = { 0, 1, 3, 0x1000, 0xffff, BUF, 0xffffffff };

	for (int running = 0; running < 2; running++) {
		const struct virtq *vq;
		struct driver_queue *q;

		begin();
		vq = &echo.v.queue[0];
		REQUIRE(driver_negotiate(&echo.d, 0));
		q = driver_queue_setup(&echo.d, 0, SIZE);
		if (running)
			driver_ok(&echo.d);
		for (size_t i = 0; i < ARRAY_SIZE(queue_regs); i++)
			for (size_t n = 0; n < ARRAY_SIZE(values); n++)
				set_reg(queue_regs[i].offset, queue_regs[i].size, values[n]);
		CHECK_EQ(vq->size, SIZE);
		CHECK_EQ(vq->desc_gpa, q->desc);
		CHECK_EQ(vq->avail_gpa, q->avail);
		CHECK_EQ(vq->used_gpa, q->used);
		driver_ok(&echo.d);
		CHECK(echo_works(&echo, q));
		end();
	}
}

static void r32_queue_select_out_of_range(void)
{
	static const uint16_t selects[] = { ECHO_QUEUES, 0xff, 0x8000, 0xffff };
	struct driver_queue *q = begin_running();

	for (size_t i = 0; i < ARRAY_SIZE(selects); i++) {
		select_queue(selects[i]);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_SELECT, 2), selects[i]);
		for (size_t n = 0; n < ARRAY_SIZE(queue_regs); n++) {
			CHECK_EQ(reg(queue_regs[n].offset, queue_regs[n].size), 0);
			set_reg(queue_regs[n].offset, queue_regs[n].size, 0xffffffff);
			set_reg(queue_regs[n].offset, queue_regs[n].size, 1);
			CHECK_EQ(reg(queue_regs[n].offset, queue_regs[n].size), 0);
		}
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	}
	CHECK(echo_works(&echo, q));
	end();
}

static void r33_notify_of_no_queue(void)
{
	struct driver_queue *q = begin_running();
	gpa_t notify = echo.d.pci.notify;

	rig_run(&echo.rig);
	/* Every address but the queue's own, and there the widths that no driver uses. Queue 1 is not enabled. */
	echo.notified = 0;
	for (uint64_t offset = 0; offset < 0x1000; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2)
			if (offset || size == 1 || size == 8)
				rig_write(&echo.rig, notify + offset, size, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 0);
	/* The address is the queue, whatever the value says; 32 bits are taken too, past the doorbell. */
	rig_write(&echo.rig, notify, 2, 0xffff);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 1);
	rig_write(&echo.rig, notify, 4, 1);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 2);
	CHECK_EQ(rig_read(&echo.rig, notify, 4), 0);
	CHECK(echo_works(&echo, q));
	end();
}

static void r39_config_space_bounds(void)
{
	begin();
	for (uint32_t offset = 0; offset < 0x1000; offset++) {
		for (unsigned int width = 1; width <= 8; width *= 2) {
			gpa_t addr = echo.d.pci.device + offset;
			uint64_t want = 0;

			for (unsigned int i = 0; offset + width <= ECHO_CONFIG && i < width; i++)
				want |= (uint64_t)(0xa0 + offset + i) << (8 * i);
			CHECK_EQ(rig_read(&echo.rig, addr, width), want);
			/* What does not fit is dropped whole; what fits is written and put back. */
			rig_write(&echo.rig, addr, width, 0x1122334455667788);
			if (offset + width <= ECHO_CONFIG) {
				CHECK_EQ(echo.config[offset], 0x88);
				rig_write(&echo.rig, addr, width, want);
			}
			for (unsigned int i = 0; i < ECHO_CONFIG; i++)
				CHECK_EQ(echo.config[i], 0xa0 + i);
		}
	}
	end();
}

static bool is_field(uint32_t offset, unsigned int size)
{
	static const uint8_t widths[0x40] = { 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 2, 0, 1, 1, 2, 0, 2,
		0, 2, 0, 2, 0, 2, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 2,
		0 };

	return offset < sizeof(widths) && widths[offset] == size;
}

/* A field answers to an access of its own width, and to no other (virtio 4.1.3.1). */
static void r40_access_width(void)
{
	static const uint64_t values[] = { UINT64_MAX, 1, 0 };
	struct driver_queue *q = begin_running();
	gpa_t bar = echo.d.pci.common;

	select_queue(0);
	for (uint32_t offset = 0; offset < 0x1000; offset++) {
		for (unsigned int width = 1; width <= 8; width *= 2) {
			if (is_field(offset, width))
				continue;
			CHECK_EQ(rig_read(&echo.rig, bar + offset, width), 0);
			rig_write(&echo.rig, bar + offset, width, 0);
			rig_write(&echo.rig, bar + offset, width, UINT64_MAX);
		}
	}
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_STATUS, 1), RUNNING);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	CHECK(echo_works(&echo, q));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		rig_sweep(&echo.rig, bar, 0x4000, values[i]);
	rig_run(&echo.rig);
	driver_reset(&echo.d);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		rig_sweep(&echo.rig, rig_pci_bar(&echo.plug.bridge, PLUG_SLOT, 1), 0x1000, values[i]);
	/* The MSI-X table is as the sweep left it: the driver has to start from the beginning. */
	echo.d.pci.up = false;
	end();
}

static unsigned int cfg_cap;

static void aim(uint32_t bar, uint32_t offset, uint32_t length)
{
	set_config(cfg_cap + VIRTIO_PCI_CAP_BAR, 1, bar);
	set_config(cfg_cap + VIRTIO_PCI_CAP_OFFSET, 4, offset);
	set_config(cfg_cap + VIRTIO_PCI_CAP_LENGTH, 4, length);
}

static uint32_t window_get(uint32_t bar, uint32_t offset, uint32_t length)
{
	aim(bar, offset, length);
	return config(cfg_cap + PCI_CFG_DATA, length);
}

static void window_set(uint32_t bar, uint32_t offset, uint32_t length, uint32_t value)
{
	aim(bar, offset, length);
	set_config(cfg_cap + PCI_CFG_DATA, length, value);
}

/* A driver that maps no BAR, as firmware does: a whole request through configuration space (virtio 4.1.4.9). */
static void window_drives_a_device(void)
{
	struct driver_queue *q;

	echo_init(&echo);
	cfg_cap = echo.plug.pci.pci_cfg;
	CHECK_EQ(config(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY, 0);
	CHECK_EQ(window_get(4, VIRTIO_PCI_COMMON_NUMQ, 2), ECHO_QUEUES);
	CHECK_EQ(window_get(4, 0x2000, 4), 0xa3a2a1a0);
	CHECK_EQ(window_get(4, 0x2009, 1), 0xa9);
	window_set(4, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	CHECK_EQ(window_get(4, VIRTIO_PCI_COMMON_STATUS, 1), 1);
	/* The bytes that were read can be read again from the capability, and those that were written. */
	CHECK_EQ(echo.plug.pci.pci.config[cfg_cap + PCI_CFG_DATA], 1);
	q = driver_start(&echo.d, 0, SIZE);
	REQUIRE(q);
	rig_run(&echo.rig);
	echo.notified = 0;
	window_set(4, 0x3000, 2, 0);
	rig_run(&echo.rig);
	CHECK_EQ(echo.notified, 1);
	/* The MSI-X table is in a BAR like any other. */
	CHECK_EQ(window_get(1, 8, 4), PLUG_MESSAGE);
	CHECK(echo_works(&echo, q));
	end();
}

static void r43_pci_cfg_window(void)
{
	static const struct {
		uint32_t bar, offset, length;
	} cases[] = {
		{ 4, VIRTIO_PCI_COMMON_STATUS, 0 },
		{ 4, VIRTIO_PCI_COMMON_STATUS, 3 },
		{ 4, VIRTIO_PCI_COMMON_STATUS, 5 },
		{ 4, VIRTIO_PCI_COMMON_STATUS, 8 },
		{ 4, VIRTIO_PCI_COMMON_STATUS, 0x10001 },
		{ 4, VIRTIO_PCI_COMMON_STATUS, 0xffffffff },
		{ 0, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 2, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 5, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 6, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 7, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 0xff, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 4, 0x4000, 1 },
		{ 4, 0x4000 + VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 4, 0x3ffd, 4 },
		{ 4, 0x3fff, 2 },
		{ 4, 0xffffffff, 1 },
		{ 4, 0xfffffffc, 4 },
		{ 1, 0x1000, 4 },
		{ 4, VIRTIO_PCI_COMMON_DFSELECT + 1, 4 },
		{ 4, VIRTIO_PCI_COMMON_Q_SELECT + 1, 2 },
	};
	struct driver_queue *q = begin_running();

	cfg_cap = echo.plug.pci.pci_cfg;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		aim(cases[i].bar, cases[i].offset, cases[i].length);
		/* What cannot be done is only remembered. */
		set_config(cfg_cap + PCI_CFG_DATA, 4, 0);
		CHECK_EQ(config(cfg_cap + PCI_CFG_DATA, 4), 0);
		set_config(cfg_cap + PCI_CFG_DATA, 4, 0x5a5a5a5a);
		CHECK_EQ(config(cfg_cap + PCI_CFG_DATA, 4), 0x5a5a5a5a);
		set_config(cfg_cap + PCI_CFG_DATA, 1, 0);
		set_config(cfg_cap + PCI_CFG_DATA + 3, 1, 0);
		CHECK_EQ(config(cfg_cap + PCI_CFG_DATA, 4), 0x005a5a00);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_STATUS, 1), RUNNING);
	}
	/* A narrow write to the data of a wide access: the bytes beside it are those that were there. */
	aim(4, VIRTIO_PCI_COMMON_DFSELECT, 4);
	set_config(cfg_cap + PCI_CFG_DATA, 4, 0x11223344);
	set_config(cfg_cap + PCI_CFG_DATA + 1, 1, 0x55);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_DFSELECT, 4), 0x11225544);
	CHECK_EQ(config(cfg_cap + PCI_CFG_DATA + 2, 2), 0x1122);
	/* The window is in no BAR: nothing to aim at that would come back to it. Identity and kind cannot be changed. */
	set_config(cfg_cap, 4, 0);
	CHECK_EQ(config(cfg_cap, 1), PCI_CAP_ID_VNDR);
	CHECK_EQ(config(cfg_cap + VIRTIO_PCI_CAP_CFG_TYPE, 1), VIRTIO_PCI_CAP_PCI_CFG);
	CHECK_EQ(config(cfg_cap + VIRTIO_PCI_CAP_LEN, 1), 20);
	CHECK(echo_works(&echo, q));
	end();
}

static const struct test tests[] = {
	TEST(window_drives_a_device),
	TEST(r30_queue_size),
	TEST(r31_reconfigure_while_enabled),
	TEST(r32_queue_select_out_of_range),
	TEST(r33_notify_of_no_queue),
	TEST(r39_config_space_bounds),
	TEST(r40_access_width),
	TEST(r43_pci_cfg_window),
};

ECHO_PCI_MAIN(tests)
