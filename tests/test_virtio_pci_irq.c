/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of a virtio-pci function: vectors, masks, ISR and INTx, and devices that interrupt the driver themselves. Cases
 * named rNN_ are rows of the regression list.
 */
#include <unistd.h>

#include "echo_pci.h"

#define VECTOR_CONTROL(n) (echo.d.pci.msix + 16ULL * (n) + 12)

static void complete_one(struct driver_queue *q)
{
	CHECK(echo_works(&echo, q));
}

static unsigned int sent(uint32_t vector)
{
	return rig_pci_count(&echo.plug.bridge, PLUG_MESSAGE + vector);
}

static uint64_t pba(void)
{
	return rig_read(&echo.rig, echo.d.pci.msix + 0x800, 8);
}

static uint32_t isr(unsigned int size)
{
	return (uint32_t)rig_read(&echo.rig, echo.d.pci.isr, size);
}

static bool line(void)
{
	return echo.plug.bridge.intx[pci_intx_line(PLUG_SLOT, 0)].level;
}

static void mask(unsigned int vector, bool masked)
{
	rig_write(&echo.rig, VECTOR_CONTROL(vector), 4, masked);
}

static void set_msix(uint16_t flags)
{
	unsigned int cap = echo.plug.pci.pci.msix.cap;

	set_config(cap + PCI_MSIX_FLAGS, 2, flags);
}

/* Each cause has its message, and nothing else happens. */
static void messages(void)
{
	struct driver_queue *q = begin_running();

	complete_one(q);
	CHECK_EQ(sent(1), 1);
	CHECK_EQ(sent(0), 0);
	virtio_notify_config(&echo.v);
	CHECK_EQ(sent(0), 1);
	CHECK_EQ(echo.plug.bridge.messages, 2);
	CHECK_EQ(isr(1), 0);
	CHECK(!line());
	end();
}

/* With MSI-X on, what has no vector is not told at all (virtio 4.1.5.3.1, 4.1.5.4.1). */
static void no_vector_no_interrupt(void)
{
	struct driver_queue *q = begin_running();

	select_queue(0);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, VIRTIO_MSI_NO_VECTOR);
	set_reg(VIRTIO_PCI_COMMON_MSIX, 2, VIRTIO_MSI_NO_VECTOR);
	complete_one(q);
	virtio_notify_config(&echo.v);
	CHECK_EQ(echo.plug.bridge.messages, 0);
	CHECK_EQ(isr(1), 0);
	CHECK(!line());
	end();
}

static void one_vector_for_all(void)
{
	struct driver_queue *q = begin_running();

	select_queue(0);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	set_reg(VIRTIO_PCI_COMMON_MSIX, 2, 2);
	complete_one(q);
	virtio_notify_config(&echo.v);
	CHECK_EQ(sent(2), 2);
	/* One of the two gives it up, the other goes on. */
	set_reg(VIRTIO_PCI_COMMON_MSIX, 2, 0xffff);
	complete_one(q);
	virtio_notify_config(&echo.v);
	CHECK_EQ(sent(2), 3);
	CHECK_EQ(echo.plug.bridge.messages, 3);
	end();
}

/* MSI-X off: a level that is up as long as a bit is set, and reading takes both away (virtio 4.1.4.5). */
static void intx_and_isr(void)
{
	struct driver_queue *q = begin_running();

	set_msix(0);
	CHECK_EQ(isr(1), 0);
	complete_one(q);
	CHECK(line());
	CHECK_EQ(isr(1), VIRTIO_PCI_ISR_QUEUE);
	CHECK(!line());
	CHECK_EQ(isr(1), 0);
	complete_one(q);
	virtio_notify_config(&echo.v);
	CHECK(line());
	/* A write does nothing, nor does a read beside it. */
	rig_write(&echo.rig, echo.d.pci.isr, 1, 3);
	rig_read(&echo.rig, echo.d.pci.isr + 1, 1);
	rig_read(&echo.rig, echo.d.pci.isr + 4, 4);
	CHECK(line());
	CHECK_EQ(isr(1), VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG);
	CHECK(!line());
	/* Any width that holds the byte. */
	for (unsigned int size = 1; size <= 8; size *= 2) {
		virtio_notify_config(&echo.v);
		CHECK(line());
		CHECK_EQ(isr(size), VIRTIO_PCI_ISR_CONFIG);
		CHECK(!line());
	}
	CHECK_EQ(echo.plug.bridge.messages, 0);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	end();
}

/* The line goes away while MSI-X is on and comes back after it; the reset withdraws it for good. */
static void intx_behind_msix(void)
{
	struct driver_queue *q = begin_running();

	set_msix(0);
	complete_one(q);
	CHECK(line());
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	CHECK(!line());
	complete_one(q);
	CHECK_EQ(sent(1), 1);
	set_msix(0);
	CHECK(line());
	set_reg(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK(!line());
	CHECK_EQ(isr(1), 0);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	end();
}

static void without_messages(void)
{
	struct pci_host_config config;
	struct driver_queue *q;

	/* A machine that takes none: no capability, no BAR 1, no vector to be had, INTx works. */
	plug_type = &plug_types[PLUG_PCI_INTX];
	echo_init(&echo);
	plug_out(&echo.plug);
	config = rig_pci_config();
	config.msi = NULL;
	rig_pci_init_as(&echo.plug.bridge, &echo.rig, &config);
	REQUIRE(!virtio_pci_init(&echo.plug.pci, &echo.v, &echo.plug.bridge.host, PLUG_SLOT));
	q = driver_start(&echo.d, 0, SIZE);
	CHECK_EQ(echo.d.pci.msix, 0);
	set_config(PCI_BASE_ADDRESS_1, 4, 0xffffffff);
	CHECK_EQ(rig_pci_read(&echo.plug.bridge, PLUG_SLOT, PCI_BASE_ADDRESS_1, 4), 0);
	select_queue(0);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 0);
	set_reg(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	complete_one(q);
	CHECK_EQ(echo.d.transport->take_interrupt(&echo.d), VIRTIO_PCI_ISR_QUEUE);
	end();
	plug_type = &plug_types[PLUG_PCI];
}

static void r41_vector_out_of_range(void)
{
	static const uint16_t bad[] = { ECHO_QUEUES + 1, ECHO_QUEUES + 2, 0xff, 2047, 2048, 0x8000, 0xfffe };
	struct driver_queue *q = begin_running();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned int before = echo.plug.bridge.messages;

		select_queue(0);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
		set_reg(VIRTIO_PCI_COMMON_MSIX, 2, 0);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_MSIX, 2), 0);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, bad[i]);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
		set_reg(VIRTIO_PCI_COMMON_MSIX, 2, bad[i]);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
		complete_one(q);
		virtio_notify_config(&echo.v);
		CHECK_EQ(echo.plug.bridge.messages, before);
	}
	end();
}

/* An interrupt that waits behind a mask belongs to its vector, and goes when nobody has that one any more. */
static void r41_vector_changed_while_pending(void)
{
	struct driver_queue *q = begin_running();

	select_queue(0);
	mask(1, true);
	complete_one(q);
	CHECK_EQ(pba(), 1u << 1);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	CHECK_EQ(pba(), 0);
	mask(1, false);
	CHECK_EQ(echo.plug.bridge.messages, 0);
	complete_one(q);
	CHECK_EQ(sent(2), 1);
	/* And away and back in all ways, 10^4 times, with the mask on and off. */
	for (unsigned int n = 0; n < 10000; n++) {
		static const uint16_t vectors[] = { 0, 1, 2, 3, 0xffff, 0xfffe };

		mask(n % 3, n / 7 % 2);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, vectors[n % ARRAY_SIZE(vectors)]);
		set_reg(VIRTIO_PCI_COMMON_MSIX, 2, vectors[n / 5 % ARRAY_SIZE(vectors)]);
		if (n % 16 == 0)
			virtio_notify_config(&echo.v);
		if (n % 64 == 0)
			complete_one(q);
	}
	for (unsigned int n = 0; n < 3; n++) {
		CHECK_EQ(echo.plug.pci.pci.msix.entry[n].users,
			(unsigned int)(echo.plug.pci.config_vector == n) + (echo.plug.pci.queue[0].vector == n));
		mask(n, false);
	}
	CHECK(!pba());
	CHECK(echo.plug.bridge.allocs <= 3);
	end();
}

static void masked_vectors(void)
{
	struct driver_queue *q = begin_running();

	mask(1, true);
	for (int n = 0; n < 5; n++)
		complete_one(q);
	CHECK_EQ(sent(1), 0);
	CHECK_EQ(pba(), 1u << 1);
	mask(1, false);
	CHECK_EQ(sent(1), 1);
	CHECK_EQ(pba(), 0);
	/* All of them at once. */
	set_msix(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	complete_one(q);
	virtio_notify_config(&echo.v);
	CHECK_EQ(pba(), 3);
	CHECK_EQ(echo.plug.bridge.messages, 1);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(sent(0), 1);
	CHECK_EQ(sent(1), 2);
	end();
}

/* A device that interrupts the driver itself, by call_fd, as one in another process does. */
static struct {
	int fd; /* what it would write to, -1: it would call virtio_notify_queue's transport hook */
	bool masked, pending;
	unsigned int asked;
} direct;

static void direct_mask(struct virtio *v, struct virtq *q, bool masked)
{
	if (q->index)
		return;
	CHECK(direct.masked != masked);
	direct.masked = masked;
	direct.fd = masked ? -1 : v->transport->call_fd(v, q);
	if (!masked)
		direct.pending = false;
}

static bool direct_pending(struct virtio *v, struct virtq *q)
{
	(void)v;
	direct.asked++;
	return !q->index && direct.pending;
}

static struct driver_queue *begin_direct(struct virtio_class *class)
{
	begin();
	*class = *echo.v.class;
	class->notifier_mask = direct_mask;
	class->notifier_pending = direct_pending;
	echo.v.class = class;
	memset(&direct, 0, sizeof(direct));
	direct.fd = -1;
	echo.plug.bridge.with_fds = true;
	return driver_start(&echo.d, 0, SIZE);
}

/* The number of messages that its interrupt made. */
static unsigned int interrupt_directly(void)
{
	unsigned int before = sent(1) + sent(2);
	const uint64_t one = 1;

	if (direct.masked)
		direct.pending = true;
	else if (direct.fd >= 0)
		CHECK(write(direct.fd, &one, sizeof(one)) == sizeof(one));
	else
		echo.v.transport->notify_queue(&echo.v, &echo.v.queue[0]);
	rig_pci_poll(&echo.plug.bridge);
	return sent(1) + sent(2) - before;
}

static void direct_notifier(void)
{
	struct virtio_class class;

	REQUIRE(begin_direct(&class));
	CHECK(!direct.masked && direct.fd >= 0);
	CHECK_EQ(interrupt_directly(), 1);
	/* The vector's mask, with something to send when it goes and with nothing. */
	mask(1, true);
	CHECK(direct.masked);
	CHECK_EQ(pba(), 0);
	mask(1, false);
	CHECK(!direct.masked && direct.fd >= 0);
	CHECK_EQ(sent(1), 1);
	mask(1, true);
	CHECK_EQ(interrupt_directly(), 0);
	CHECK_EQ(pba(), 2);
	mask(1, false);
	CHECK_EQ(sent(1), 2);
	/* All vectors. */
	set_msix(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	CHECK_EQ(interrupt_directly(), 0);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	CHECK_EQ(sent(1), 3);
	CHECK_EQ(interrupt_directly(), 1);
	/* By INTx it cannot: ISR is the transport's. */
	set_msix(0);
	CHECK(!direct.masked && direct.fd < 0);
	interrupt_directly();
	CHECK_EQ(isr(1), VIRTIO_PCI_ISR_QUEUE);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	CHECK(!direct.masked && direct.fd >= 0);
	CHECK_EQ(interrupt_directly(), 1);
	/* The reset takes the vector away. */
	set_reg(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CHECK(!direct.masked && direct.fd < 0);
	end();
}

static void direct_notifier_changes_vector(void)
{
	struct virtio_class class;

	REQUIRE(begin_direct(&class));
	select_queue(0);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	CHECK(!direct.masked && direct.fd >= 0);
	CHECK_EQ(interrupt_directly(), 1);
	CHECK_EQ(sent(2), 1);
	/* To one that is masked: told so, and told again when it is not. */
	mask(1, true);
	CHECK(!direct.masked);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	CHECK(direct.masked);
	CHECK_EQ(interrupt_directly(), 0);
	/* What it could not send goes by the vector that comes next. */
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	CHECK(!direct.masked);
	CHECK_EQ(sent(2), 2);
	CHECK_EQ(sent(1), 0);
	/* None: nothing to write to, and nothing comes. */
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 2, 0xffff);
	CHECK(!direct.masked && direct.fd < 0);
	CHECK_EQ(interrupt_directly(), 0);
	mask(1, false);
	end();
}

/* The generation moves with each change, also past its eight bits, and the interrupt comes after it. */
static void r46_config_generation(void)
{
	uint8_t last;

	REQUIRE(begin_running());
	last = (uint8_t)reg(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	CHECK_EQ(reg(VIRTIO_PCI_COMMON_CFGGENERATION, 1), last);
	for (unsigned int n = 1; n <= 1000; n++) {
		virtio_notify_config(&echo.v);
		CHECK_EQ(reg(VIRTIO_PCI_COMMON_CFGGENERATION, 1), (uint8_t)(last + n));
	}
	CHECK_EQ(echo.plug.bridge.messages, 1000);
	end();
}

static const struct test tests[] = {
	TEST(messages),
	TEST(no_vector_no_interrupt),
	TEST(one_vector_for_all),
	TEST(intx_and_isr),
	TEST(intx_behind_msix),
	TEST(without_messages),
	TEST(masked_vectors),
	TEST(direct_notifier),
	TEST(direct_notifier_changes_vector),
	TEST(r41_vector_out_of_range),
	TEST(r41_vector_changed_while_pending),
	TEST(r46_config_generation),
};

ECHO_PCI_MAIN(tests)
