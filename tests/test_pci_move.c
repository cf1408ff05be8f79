/* SPDX-License-Identifier: Apache-2.0 */
/* BARs that move: where they may go, what is refused and what then still answers, halves of an address, doorbells. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_pci_rig.h"

static struct fake_pci other;

static void r44_move_while_off(void)
{
	start();
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32 + 0x12345678);
	CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), RIG_MEM32 + 0x12345000);
	wr(BAR(FAKE_IO_BAR), 2, 0x8abe);
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), 0x8a80 | PCI_BASE_ADDRESS_SPACE_IO);
	/* Into the 32-bit window, where a 64-bit BAR may be too. */
	wr(BAR(FAKE_BAR + 1), 4, 0);
	wr(BAR(FAKE_BAR), 4, RIG_MEM32 + 0x20000000);
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rd(PCI_COMMAND, 2), BOTH);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32 + 0x12345000));
	CHECK(answers(FAKE_IO_BAR, RIG_IO + 0x8a80));
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x20000000));
	CHECK(nobody_at(RIG_MEM64));
	stop();
}

static void r44_move_while_decoded(void)
{
	start();
	wr(PCI_COMMAND, 2, BOTH);
	fake.log[0] = 0;
	wr(BAR(FAKE_SMALL_BAR), 4, RIG_MEM32 + 0x100000);
	CHECK_STR(fake.log, "unmap4 map4 ");
	CHECK_EQ(rd(BAR(FAKE_SMALL_BAR), 4), RIG_MEM32 + 0x100000);
	CHECK(answers(FAKE_SMALL_BAR, RIG_MEM32 + 0x100000));
	CHECK(nobody_at(RIG_MEM32 + FAKE_MSIX_SIZE));
	/* Bus address 0 is one that a driver may choose where a window has it, as drivers of QEMU's bridge do. */
	wr(BAR(FAKE_IO_BAR), 4, 0);
	CHECK(answers(FAKE_IO_BAR, RIG_IO));
	wr(BAR(FAKE_IO_BAR), 4, RIG_IO_SIZE - FAKE_IO_SIZE);
	CHECK(answers(FAKE_IO_BAR, RIG_IO + RIG_IO_SIZE - FAKE_IO_SIZE));
	CHECK(nobody_at(RIG_IO));
	/* The last place of a window. */
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32 + RIG_MEM32_SIZE - FAKE_MSIX_SIZE);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32 + RIG_MEM32_SIZE - FAKE_MSIX_SIZE));
	/* Where it is already: nothing to do. */
	fake.log[0] = 0;
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32 + RIG_MEM32_SIZE - FAKE_MSIX_SIZE + 7);
	CHECK_STR(fake.log, "");
	stop();
}

/* Places for a 32-bit BAR of FAKE_MSIX_SIZE that cannot be had. */
static const uint32_t bad_places[] = {
	0, /* below the window */
	RIG_RAM_BASE, /* RAM */
	0x3f000000, /* where a low ECAM would be */
	RIG_MEM32 - FAKE_MSIX_SIZE, RIG_MEM32 + RIG_MEM32_SIZE, 0x80000000,
	0xfffff000, /* the top of 32 bits, and not all ones */
	RIG_MEM32 + FAKE_MSIX_SIZE, /* its own function's */
	RIG_MEM32 + FAKE_MSIX_SIZE * 2, /* another's */
};

/* And for the 64-bit one. */
static const uint64_t bad_far_places[] = {
	0,
	RIG_RAM_BASE,
	RIG_ECAM,
	RIG_MEM32 - FAKE_SIZE,
	RIG_MEM32 + RIG_MEM32_SIZE,
	RIG_MEM32, /* another's */
	RIG_MEM64 - FAKE_SIZE,
	RIG_MEM64 + RIG_MEM64_SIZE,
	1ULL << 63,
};

static void start_with_other(void)
{
	start();
	fake_pci_init(&other, "other");
	CHECK_EQ(pci_host_plug(&pci.host, &other.pci, 2), 0);
	CHECK_EQ(rig_pci_bar(&pci, 2, FAKE_MSIX_BAR), RIG_MEM32 + FAKE_MSIX_SIZE * 2);
	rig_pci_write(&pci, 2, PCI_COMMAND, 2, BOTH);
	wr(PCI_COMMAND, 2, BOTH);
	fake.log[0] = 0;
}

static void stop_with_other(void)
{
	CHECK_EQ(other.mistakes, 0);
	pci_host_unplug(&other.pci);
	stop();
}

static void r44_refused_while_decoded(void)
{
	start_with_other();
	for (size_t i = 0; i < ARRAY_SIZE(bad_places); i++) {
		wr(BAR(FAKE_MSIX_BAR), 4, bad_places[i]);
		CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), RIG_MEM32);
		CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32));
		CHECK_STR(fake.log, "");
		CHECK_EQ(rd(PCI_COMMAND, 2), BOTH);
	}
	/* I/O: beyond its window of 64 KiB, and over the other function's. */
	wr(BAR(FAKE_IO_BAR), 4, RIG_IO_SIZE);
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), 0x1001);
	wr(BAR(FAKE_IO_BAR), 4, 0x1000 + FAKE_IO_SIZE);
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), 0x1001);
	wr(BAR(FAKE_IO_BAR), 4, RIG_MEM32);
	CHECK_EQ(rd(BAR(FAKE_IO_BAR), 4), 0x1001);
	CHECK_STR(fake.log, "");
	CHECK(answers(FAKE_IO_BAR, RIG_IO + 0x1000));
	for (size_t i = 0; i < ARRAY_SIZE(bad_far_places); i++) {
		/* High half first: with the old low one that is no place either. */
		wr(BAR(FAKE_BAR + 1), 4, bad_far_places[i] >> 32);
		wr(BAR(FAKE_BAR), 4, (uint32_t)bad_far_places[i]);
		CHECK_EQ(rig_pci_read(&pci, 1, BAR(FAKE_BAR), 8), RIG_MEM64 | MEM64_BIT);
		CHECK(answers(FAKE_BAR, RIG_MEM64));
		CHECK_STR(fake.log, "");
	}
	/* A good one is taken after all that. */
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32 + 0x200000);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32 + 0x200000));
	stop_with_other();
}

static void r44_refused_when_enabled(void)
{
	start_with_other();
	for (size_t i = 0; i < ARRAY_SIZE(bad_places); i++) {
		wr(PCI_COMMAND, 2, 0);
		fake.log[0] = 0;
		wr(BAR(FAKE_MSIX_BAR), 4, bad_places[i]);
		CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), bad_places[i]);
		/* The rest of the write counts, and none of the other memory BARs is left behind on the bus. */
		wr(PCI_COMMAND, 2, BOTH | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
		CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
		CHECK_STR(fake.log, "map0 master+ ");
		CHECK(nobody_at(RIG_MEM64));
		CHECK_EQ(rig.bus.region_count, 1 + 4 + 1);
		CHECK_EQ(rd(BAR(FAKE_MSIX_BAR), 4), bad_places[i]);
	}
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32);
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rd(PCI_COMMAND, 2), BOTH);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32));
	stop_with_other();
}

/* The last BAR is the bad one: those before it were on the bus already. */
static void r44_enable_is_rolled_back(void)
{
	start_with_other();
	wr(PCI_COMMAND, 2, 0);
	wr(BAR(FAKE_SMALL_BAR), 4, RIG_RAM_BASE);
	fake.log[0] = 0;
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(rd(PCI_COMMAND, 2), 0);
	CHECK_STR(fake.log, "");
	CHECK_EQ(rig.bus.region_count, 1 + 4);
	for (unsigned int n = 0; n < PCI_BARS; n++)
		CHECK(!fake.pci.bar[n].mapped);
	stop_with_other();
}

static void r44_full_bus(void)
{
	static struct bus_region filler[BUS_MAX_REGIONS];
	static const struct bus_ops none = { .read = NULL };
	unsigned int n = 0;

	start();
	while (rig.bus.region_count < BUS_MAX_REGIONS - 2) {
		filler[n] = (struct bus_region){ "filler", &none, NULL, n, 1 };
		CHECK_EQ(bus_add(&rig.bus, &filler[n]), 0);
		n++;
	}
	/* Room for two, and it has three of memory. */
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rd(PCI_COMMAND, 2), PCI_COMMAND_IO);
	CHECK_EQ(rig.bus.region_count, BUS_MAX_REGIONS - 1);
	/* A move needs none. */
	bus_del(&rig.bus, &filler[--n]);
	bus_del(&rig.bus, &filler[--n]);
	wr(PCI_COMMAND, 2, BOTH);
	CHECK_EQ(rig.bus.region_count, BUS_MAX_REGIONS);
	wr(BAR(FAKE_MSIX_BAR), 4, RIG_MEM32 + 0x200000);
	CHECK(answers(FAKE_MSIX_BAR, RIG_MEM32 + 0x200000));
	while (n)
		bus_del(&rig.bus, &filler[--n]);
	stop();
}

#define FAR (RIG_MEM64 + 5 * GiB + 0x40000000)

/* Either half first: what the first one makes cannot be had, or is a place in between. */
static void r44_halves_of_64_bits(void)
{
	start();
	wr(PCI_COMMAND, 2, BOTH);
	fake.log[0] = 0;
	/* Low first, to an address in the 32-bit window: 0x80_10000000 in between exists, and is taken. */
	wr(BAR(FAKE_BAR), 4, RIG_MEM32 + 0x100000);
	CHECK(answers(FAKE_BAR, RIG_MEM64 + RIG_MEM32 + 0x100000));
	wr(BAR(FAKE_BAR + 1), 4, 0);
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x100000));
	CHECK_STR(fake.log, "unmap2 map2 unmap2 map2 ");
	/* Low first: in between is RAM's neighbourhood, which is refused; the register shows what is decoded. */
	fake.log[0] = 0;
	wr(BAR(FAKE_BAR), 4, (uint32_t)FAR);
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (RIG_MEM32 + 0x100000) | MEM64_BIT);
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x100000));
	wr(BAR(FAKE_BAR + 1), 4, FAR >> 32);
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (uint32_t)FAR | MEM64_BIT);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), FAR >> 32);
	CHECK(answers(FAKE_BAR, FAR));
	CHECK_STR(fake.log, "unmap2 map2 ");
	/* High first: 0x40000000 is no place, and neither is what a write of it alone leaves. */
	fake.log[0] = 0;
	wr(BAR(FAKE_BAR + 1), 4, 0);
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), FAR >> 32);
	CHECK(answers(FAKE_BAR, FAR));
	wr(BAR(FAKE_BAR), 4, RIG_MEM32 + 0x300000);
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x300000));
	CHECK_EQ(rd(BAR(FAKE_BAR + 1), 4), 0);
	CHECK_STR(fake.log, "unmap2 map2 ");
	stop();
}

static void r44_both_halves_at_once(void)
{
	start();
	wr(PCI_COMMAND, 2, BOTH);
	wr(BAR(FAKE_BAR), 8, RIG_MEM32 + 0x100000);
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x100000));
	wr(BAR(FAKE_BAR), 8, FAR);
	CHECK(answers(FAKE_BAR, FAR));
	wr(BAR(FAKE_BAR), 8, UINT64_MAX);
	CHECK_EQ(rig_pci_read(&pci, 1, BAR(FAKE_BAR), 8), ~(FAKE_SIZE - 1) | MEM64_BIT);
	CHECK(answers(FAKE_BAR, FAR));
	/* Sized, and then put somewhere else without having been put back. */
	wr(BAR(FAKE_BAR), 8, RIG_MEM32 + 0x300000);
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x300000));
	CHECK_EQ(rig_pci_read(&pci, 1, BAR(FAKE_BAR), 8), (RIG_MEM32 + 0x300000) | MEM64_BIT);
	stop();
}

/* A byte at a time, forwards and backwards: it comes together, and until then the register shows what is decoded. */
static void r40_address_in_bytes(void)
{
	start();
	wr(PCI_COMMAND, 2, BOTH);
	wr(BAR(FAKE_BAR), 8, RIG_MEM32 + 0x100000);
	for (unsigned int i = 0; i < 8; i++) {
		CHECK(answers(FAKE_BAR, rig_pci_bar(&pci, 1, FAKE_BAR)));
		wr(BAR(FAKE_BAR) + i, 1, FAR >> (i * 8));
	}
	CHECK(answers(FAKE_BAR, FAR));
	for (unsigned int i = 8; i-- > 0;) {
		CHECK(answers(FAKE_BAR, rig_pci_bar(&pci, 1, FAKE_BAR)));
		wr(BAR(FAKE_BAR) + i, 1, (RIG_MEM32 + 0x100000) >> (i * 8));
	}
	CHECK(answers(FAKE_BAR, RIG_MEM32 + 0x100000));
	/* Sizing too, from the top: what the low bytes alone make is a place. */
	for (unsigned int i = 4; i-- > 0;)
		wr(BAR(FAKE_SMALL_BAR) + i, 1, 0xff);
	CHECK_EQ(rd(BAR(FAKE_SMALL_BAR), 4), ~(FAKE_SMALL_SIZE - 1U));
	CHECK(answers(FAKE_SMALL_BAR, RIG_MEM32 + FAKE_MSIX_SIZE));
	stop();
}

/* Half an address that was refused is not remembered beyond decoding. */
static void half_an_address_is_forgotten(void)
{
	start();
	wr(PCI_COMMAND, 2, BOTH);
	wr(BAR(FAKE_BAR), 8, RIG_MEM32 + 0x100000);
	wr(BAR(FAKE_BAR), 4, (uint32_t)FAR);
	wr(PCI_COMMAND, 2, 0);
	CHECK_EQ(rd(BAR(FAKE_BAR), 4), (RIG_MEM32 + 0x100000) | MEM64_BIT);
	wr(PCI_COMMAND, 2, BOTH);
	wr(BAR(FAKE_BAR + 1), 4, RIG_MEM64 >> 32);
	CHECK(answers(FAKE_BAR, RIG_MEM64 + RIG_MEM32 + 0x100000));
	stop();
}

static uint64_t signals(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* A kick between any two steps rings, at the place that the register says, and at no other. */
static void r44_move_during_a_kick(void)
{
	static const uint64_t places[] = { FAR, RIG_RAM_BASE, RIG_MEM32 + 0x100000, RIG_ECAM, RIG_MEM64 };
	gpa_t before, now;

	start();
	fake.bell_fd = eventfd(0, EFD_NONBLOCK);
	wr(PCI_COMMAND, 2, BOTH);
	for (size_t i = 0; i < ARRAY_SIZE(places) * 2; i++) {
		before = rig_pci_bar(&pci, 1, FAKE_BAR);
		wr(BAR(FAKE_BAR) + i % 2 * 4, 4, places[i / 2] >> (i % 2 * 32));
		now = rig_pci_bar(&pci, 1, FAKE_BAR);
		rig_write(&rig, now + FAKE_DOORBELL, 2, i);
		CHECK_EQ(signals(fake.bell_fd), 1);
		if (now == before)
			continue;
		rig_write(&rig, before + FAKE_DOORBELL, 2, i);
		CHECK_EQ(signals(fake.bell_fd), 0);
	}
	CHECK_EQ(rig.bus.doorbell_count, 1);
	CHECK_EQ(fake.writes, 0);
	wr(PCI_COMMAND, 2, 0);
	CHECK_EQ(rig.bus.doorbell_count, 0);
	close(fake.bell_fd);
	fake.bell_fd = -1;
	stop();
}

static const struct test tests[] = {
	TEST(r44_move_while_off),
	TEST(r44_move_while_decoded),
	TEST(r44_refused_while_decoded),
	TEST(r44_refused_when_enabled),
	TEST(r44_enable_is_rolled_back),
	TEST(r44_full_bus),
	TEST(r44_halves_of_64_bits),
	TEST(r44_both_halves_at_once),
	TEST(r40_address_in_bytes),
	TEST(half_an_address_is_forgotten),
	TEST(r44_move_during_a_kick),
};
TEST_MAIN(tests)
