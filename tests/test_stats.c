/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, merging and the table, from accesses to made-up devices. */
#include "stats.h"

#include <linux/kvm.h>
#include <stdlib.h>

#include "test.h"

static const char *reg_name(uint64_t offset)
{
	return offset == 0x50 ? "QueueNotify" : offset == 0x60 ? "InterruptStatus" : NULL;
}

static const struct bus_ops named = { .reg_name = reg_name };
static const struct bus_ops nameless = { .reg_name = NULL };
static const struct bus_region rng = { .name = "virtio rng", .ops = &named, .base = 0xa003e00, .size = 0x200 };
static const struct bus_region uart = { .name = "pl011", .ops = &nameless, .base = 0x9000000, .size = 0x1000 };

static struct stats one, two;

/* The table; the caller frees it. */
static char *table(const struct stats *stats)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		abort();
	stats_print(stats, file);
	fclose(file);
	return text;
}

static void check_table(const struct stats *stats, const char *want)
{
	char *text = table(stats);

	CHECK_STR(text, want);
	free(text);
}

static void fresh(void)
{
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
}

static void off_is_nothing(void)
{
	stats_exit(NULL, KVM_EXIT_MMIO);
	stats_mmio(NULL, 0xa003e50, true, &rng);
	stats_call(NULL, STATS_IRQ_LINE);
}

/* The calls are there with their zeros: that is what the reader looks for. */
static void empty(void)
{
	fresh();
	check_table(&one, "       count  kind    what                     register\n"
			  "           0  call    KVM_IRQ_LINE             -\n"
			  "           0  call    KVM_SET_GSI_ROUTING      -\n"
			  "           0  call    KVM_SIGNAL_MSI           -\n");
}

static void sorted_by_count(void)
{
	fresh();
	for (int i = 0; i < 5; i++)
		stats_exit(&one, KVM_EXIT_MMIO);
	stats_exit(&one, KVM_EXIT_INTR);
	stats_exit(&one, 50);
	stats_exit(&one, 1000000);
	for (int i = 0; i < 3; i++)
		stats_mmio(&one, 0xa003e60, false, &rng);
	for (int i = 0; i < 2; i++)
		stats_mmio(&one, 0xa003e60, true, &rng);
	for (int i = 0; i < 12; i++)
		stats_mmio(&one, 0x9000018, false, &uart);
	for (int i = 0; i < 4; i++)
		stats_mmio(&one, 0x123456789, true, NULL);
	for (int i = 0; i < 6; i++)
		stats_call(&one, STATS_IRQ_LINE);
	check_table(&one, "       count  kind    what                     register\n"
			  "          12  read    pl011                    0x18\n"
			  "           6  call    KVM_IRQ_LINE             -\n"
			  "           5  exit    MMIO                     -\n"
			  "           4  write   unmapped                 0x123456789\n"
			  "           3  read    virtio_rng               InterruptStatus\n"
			  "           2  write   virtio_rng               InterruptStatus\n"
			  "           1  exit    INTR                     -\n"
			  "           1  exit    other                    -\n"
			  "           1  exit    reason-50                -\n"
			  "           0  call    KVM_SET_GSI_ROUTING      -\n"
			  "           0  call    KVM_SIGNAL_MSI           -\n");
}

static void merged(void)
{
	char *sum, *swapped;

	fresh();
	stats_mmio(&one, 0xa003e50, true, &rng);
	stats_mmio(&two, 0xa003e50, true, &rng);
	stats_mmio(&two, 0xa003e50, false, &rng);
	stats_exit(&one, KVM_EXIT_MMIO);
	stats_exit(&two, KVM_EXIT_MMIO);
	stats_call(&two, STATS_IRQ_LINE);
	stats_merge(&one, &two);
	CHECK_EQ(one.exits[KVM_EXIT_MMIO], 2);
	CHECK_EQ(one.calls[STATS_IRQ_LINE], 1);
	sum = table(&one);
	CHECK_HAS(sum, "           2  write   virtio_rng               QueueNotify\n");
	CHECK_HAS(sum, "           1  read    virtio_rng               QueueNotify\n");
	/* Into nothing: a copy. */
	memset(&two, 0, sizeof(two));
	stats_merge(&two, &one);
	swapped = table(&two);
	CHECK_STR(swapped, sum);
	free(sum);
	free(swapped);
}

/* The device may be gone when the table is printed: a reboot frees it. */
static void outlives_the_device(void)
{
	char name[] = "short-lived", *text;
	struct bus_region region = { .name = name, .ops = &nameless, .base = 0x1000, .size = 0x100 };

	fresh();
	stats_mmio(&one, 0x1004, false, &region);
	memset(name, 'X', sizeof(name) - 1);
	text = table(&one);
	CHECK_HAS(text, "short-lived ");
	free(text);
}

/* Reading and writing one address are two things, also where they meet in the table. */
static void directions_apart(void)
{
	unsigned int slots = 0;

	fresh();
	for (gpa_t gpa = 0; gpa < 80 * 4; gpa += 4) {
		stats_mmio(&one, gpa, false, NULL);
		stats_mmio(&one, gpa, true, NULL);
		stats_mmio(&one, gpa, true, NULL);
	}
	for (size_t i = 0; i < STATS_ACCESSES; i++) {
		slots += one.access[i].count > 0;
		CHECK(!one.access[i].count || one.access[i].count == (one.access[i].write ? 2 : 1));
	}
	CHECK_EQ(slots, 160);
}

/* A guest can touch as many addresses as it likes: none is lost from the sum, none is written outside the table. */
static void more_addresses_than_room(void)
{
	uint64_t sum, touched = 4 * STATS_ACCESSES;

	fresh();
	for (uint64_t i = 0; i < touched; i++) {
		stats_mmio(&one, i * 4, i & 1, NULL);
		stats_mmio(&two, 0x40000000 + i * 0x1000, false, NULL);
	}
	CHECK(one.other_accesses > 0);
	stats_merge(&one, &two);
	sum = one.other_accesses;
	for (size_t i = 0; i < STATS_ACCESSES; i++)
		sum += one.access[i].count;
	CHECK_EQ(sum, 2 * touched);
	free(table(&one));
}

/* Registers of a usual machine all find room: 32 transports with ten registers would not, ten devices with ten do. */
static void usual_machine_has_room(void)
{
	fresh();
	for (uint64_t device = 0; device < 10; device++)
		for (uint64_t reg = 0; reg < 12; reg++)
			stats_mmio(&one, 0xa003e00 - device * 0x200 + reg * 4, reg & 1, &rng);
	CHECK_EQ(one.other_accesses, 0);
}

static void exit_names(void)
{
	CHECK_STR(stats_exit_name(KVM_EXIT_MMIO), "MMIO");
	CHECK_STR(stats_exit_name(KVM_EXIT_SYSTEM_EVENT), "SYSTEM_EVENT");
	CHECK_STR(stats_exit_name(28), "ARM_NISV");
	CHECK(!stats_exit_name(50));
	CHECK(!stats_exit_name(1u << 31));
}

static const struct test tests[] = {
	TEST(off_is_nothing),
	TEST(empty),
	TEST(sorted_by_count),
	TEST(merged),
	TEST(directions_apart),
	TEST(outlives_the_device),
	TEST(more_addresses_than_room),
	TEST(usual_machine_has_room),
	TEST(exit_names),
};
TEST_MAIN(tests)
