/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree builder and the machine's nodes: trees are read back with libfdt's reader, and dtc has to take them
 * without a word. Not whether a guest likes them: the boot tests see that.
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <libfdt.h>

#include "dt.h"
#include "dt_nodes.h"

static _Alignas(8) uint8_t blob[64 * 1024];

static const void *prop(const char *path, const char *name, int *len)
{
	int node = fdt_path_offset(blob, path);

	*len = -1;
	return node < 0 ? NULL : fdt_getprop(blob, node, name, len);
}

/* The tree's property is exactly these bytes. */
static void check_bytes(const char *path, const char *name, const void *want, size_t want_len)
{
	int len;
	const void *got = prop(path, name, &len);

	if (!got || (size_t)len != want_len || memcmp(got, want, want_len))
		TEST_FAIL_("%s of %s: %d bytes, not the %zu wanted", name, path, len, want_len);
}

static void check_cells(const char *path, const char *name, const uint32_t *want, int count)
{
	int len;
	const fdt32_t *got = prop(path, name, &len);

	if (!got || len != count * 4) {
		TEST_FAIL_("%s of %s: %d bytes, not %d cells", name, path, len, count);
		return;
	}
	for (int i = 0; i < count; i++)
		if (fdt32_ld(&got[i]) != want[i])
			TEST_FAIL_("%s of %s: cell %d is 0x%x, not 0x%x", name, path, i, fdt32_ld(&got[i]), want[i]);
}

#define CHECK_CELLS(path, name, ...)                                                                                   \
	check_cells(path, name, (const uint32_t[]){ __VA_ARGS__ },                                                     \
		(int)(sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)))
#define CHECK_STRS(path, name, list) check_bytes(path, name, list, sizeof(list))
#define CHECK_EMPTY(path, name)	     check_bytes(path, name, "", 0)

static bool has(const char *path)
{
	return fdt_path_offset(blob, path) >= 0;
}

/* dtc decompiles the blob and says nothing, which is what every default check passing looks like. */
static void check_dtc(void)
{
	char path[] = "/tmp/test_dt.XXXXXX", command[512], line[256];
	int fd = mkstemp(path);
	FILE *out;

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, blob, fdt_totalsize(blob)) == (ssize_t)fdt_totalsize(blob));
	close(fd);
	snprintf(command, sizeof(command), "%s -I dtb -O dts -o /dev/null %s 2>&1", DTC, path);
	out = popen(command, "r");
	REQUIRE(out);
	while (fgets(line, sizeof(line), out))
		TEST_FAIL_("dtc: %s", line);
	CHECK_EQ(pclose(out), 0);
	unlink(path);
}

static const struct dt_chosen no_chosen;

static void add_cpus(struct dt *dt, unsigned int count, uint64_t extra)
{
	uint64_t mpidr[123];

	/* As KVM numbers them: 16 to a cluster, bit 31 reads as one. */
	for (unsigned int i = 0; i < count; i++)
		mpidr[i] = 0x80000000 | (i % 16) | (uint64_t)(i / 16) << 8;
	mpidr[count - 1] |= extra;
	dt_add_cpus(dt, mpidr, count);
}

static const struct dt_msi no_msi;

/* A whole machine; gicv2 = 0: GICv3. With a PCI bus where something takes its messages, high or not. */
static int build_with(size_t size, unsigned int cpus, unsigned int gicv2, const struct dt_msi *msi, bool low,
	const struct dt_chosen *chosen)
{
	const struct dt_pcie pcie = {
		.ecam = { low ? 0x3f000000 : 0x4010000000, 0x100000 },
		.io = { 0x3eff0000, 0x10000 },
		.mem32 = { 0x10000000, 0x2eff0000 },
		.mem64 = { 0x8000000000, low ? 0 : 0x8000000000 },
		.intx_spi = 3,
		.msi = msi,
	};
	struct dt dt;

	dt_init(&dt, blob, size);
	dt_begin_root(&dt);
	dt_add_chosen(&dt, chosen);
	dt_add_memory(&dt, 0x40000000, 5ULL << 30);
	add_cpus(&dt, cpus, 0);
	dt_add_psci(&dt);
	dt_add_timer(&dt, gicv2);
	dt_add_pmu(&dt, gicv2);
	if (gicv2)
		dt_add_gic_v2(
			&dt, (struct dt_range){ 0x8000000, 0x10000 }, (struct dt_range){ 0x8010000, 0x10000 }, msi);
	else
		dt_add_gic_v3(
			&dt, (struct dt_range){ 0x8000000, 0x10000 }, (struct dt_range){ 0x80a0000, 0xf60000 }, msi);
	dt_add_apb_clock(&dt);
	dt_add_pl011(&dt, 0x9000000, 1);
	dt_add_pl031(&dt, 0x9010000, 2);
	dt_add_pl061(&dt, 0x9030000, 7);
	dt_add_power_key(&dt, 3);
	dt_add_exit(&dt, 0x90d0000);
	if (msi->its.size || msi->v2m.size)
		dt_add_pcie(&dt, &pcie);
	for (uint32_t i = 0; i < 32; i++)
		dt_add_virtio_mmio(&dt, 0xa000000 + 0x200 * i, 0x200, 16 + i);
	dt_end(&dt);
	return dt_finish(&dt);
}

/* Without PCI. */
static int build(size_t size, unsigned int cpus, unsigned int gicv2, const struct dt_chosen *chosen)
{
	return build_with(size, cpus, gicv2, &no_msi, false, chosen);
}

static const struct dt_msi its = { .its = { 0x8080000, 0x20000 } }, v2m = { .v2m = { 0x8020000, 0x1000 } };

static void root_and_psci(void)
{
	REQUIRE(build(sizeof(blob), 1, 0, &no_chosen) > 0);
	CHECK_EQ(fdt_check_full(blob, sizeof(blob)), 0);
	CHECK_STRS("/", "compatible", "linux,dummy-virt");
	CHECK_STRS("/", "model", "minivmm");
	CHECK_CELLS("/", "#address-cells", 2);
	CHECK_CELLS("/", "#size-cells", 2);
	CHECK_CELLS("/", "interrupt-parent", DT_PHANDLE_GIC);
	CHECK_EMPTY("/", "dma-coherent");
	CHECK_STRS("/psci", "compatible", "arm,psci-1.0\0arm,psci-0.2");
	CHECK_STRS("/psci", "method", "hvc");
	CHECK_STRS("/memory@40000000", "device_type", "memory");
	CHECK_CELLS("/memory@40000000", "reg", 0, 0x40000000, 1, 0x40000000);
	check_dtc();
}

static void chosen_holds_what_is_given(void)
{
	uint8_t seed[64];
	const struct dt_chosen chosen = { .bootargs = "console=ttyAMA0",
		.stdout_path = "/pl011@9000000",
		.initrd = 0x148000000,
		.initrd_size = 0x1234,
		.kaslr_seed = 0x0123456789abcdef,
		.rng_seed = seed,
		.rng_seed_len = sizeof(seed) };

	memset(seed, 0x5a, sizeof(seed));
	REQUIRE(build(sizeof(blob), 1, 0, &chosen) > 0);
	CHECK_STRS("/chosen", "bootargs", "console=ttyAMA0");
	CHECK_STRS("/chosen", "stdout-path", "/pl011@9000000");
	CHECK(has("/pl011@9000000"));
	CHECK_CELLS("/chosen", "linux,initrd-start", 1, 0x48000000);
	CHECK_CELLS("/chosen", "linux,initrd-end", 1, 0x48001234);
	CHECK_CELLS("/chosen", "kaslr-seed", 0x01234567, 0x89abcdef);
	check_bytes("/chosen", "rng-seed", seed, sizeof(seed));
	check_dtc();
}

static void chosen_leaves_out_what_is_not(void)
{
	static const char *const names[] = { "bootargs", "stdout-path", "linux,initrd-start", "linux,initrd-end",
		"kaslr-seed", "rng-seed" };
	int len;

	REQUIRE(build(sizeof(blob), 1, 0, &no_chosen) > 0);
	CHECK(has("/chosen"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(!prop("/chosen", names[i], &len));
	check_dtc();
}

static void cpus_are_named_by_affinity(void)
{
	REQUIRE(build(sizeof(blob), 18, 0, &no_chosen) > 0);
	CHECK_CELLS("/cpus", "#address-cells", 1);
	CHECK_CELLS("/cpus", "#size-cells", 0);
	CHECK_CELLS("/cpus/cpu@0", "reg", 0);
	CHECK_CELLS("/cpus/cpu@f", "reg", 0xf);
	CHECK(!has("/cpus/cpu@10"));
	CHECK_CELLS("/cpus/cpu@100", "reg", 0x100);
	CHECK_CELLS("/cpus/cpu@101", "reg", 0x101);
	CHECK_STRS("/cpus/cpu@101", "compatible", "arm,armv8");
	CHECK_STRS("/cpus/cpu@101", "device_type", "cpu");
	CHECK_STRS("/cpus/cpu@0", "enable-method", "psci");
}

static void cpus_with_aff3_take_two_cells(void)
{
	struct dt dt;

	dt_init(&dt, blob, sizeof(blob));
	dt_begin_root(&dt);
	add_cpus(&dt, 2, 0x4500000000); /* bits 39:32 are Aff3 */
	dt_add_gic_v3(&dt, (struct dt_range){ 0x8000000, 0x10000 }, (struct dt_range){ 0x80a0000, 0x40000 }, &no_msi);
	dt_end(&dt);
	REQUIRE(dt_finish(&dt) > 0);
	CHECK_CELLS("/cpus", "#address-cells", 2);
	CHECK_CELLS("/cpus/cpu@0", "reg", 0, 0);
	CHECK_CELLS("/cpus/cpu@4500000001", "reg", 0x45, 1);
	check_dtc();
}

static void gicv3_has_no_cpu_masks(void)
{
	REQUIRE(build(sizeof(blob), 123, 0, &no_chosen) > 0);
	CHECK_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	CHECK_STRS("/timer", "compatible", "arm,armv8-timer");
	CHECK_EMPTY("/timer", "always-on");
	CHECK_CELLS("/pmu", "interrupts", 1, 7, 4);
	CHECK_STRS("/intc@8000000", "compatible", "arm,gic-v3");
	CHECK_CELLS("/intc@8000000", "phandle", DT_PHANDLE_GIC);
	CHECK_CELLS("/intc@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000);
	CHECK_CELLS("/intc@8000000", "#interrupt-cells", 3);
	CHECK_CELLS("/intc@8000000", "#redistributor-regions", 1);
	CHECK_EMPTY("/intc@8000000", "interrupt-controller");
	CHECK(!has("/intc@8000000/its@8080000") && !has("/intc@8000000/v2m@8020000"));
	CHECK(!has("/pcie@4010000000"));
	check_dtc();
}

static void gicv3_its_on_request(void)
{
	REQUIRE(build_with(sizeof(blob), 1, 0, &its, false, &no_chosen) > 0);
	CHECK_STRS("/intc@8000000/its@8080000", "compatible", "arm,gic-v3-its");
	CHECK_CELLS("/intc@8000000/its@8080000", "reg", 0, 0x8080000, 0, 0x20000);
	CHECK_CELLS("/intc@8000000/its@8080000", "#msi-cells", 1);
	CHECK_EMPTY("/intc@8000000/its@8080000", "msi-controller");
	check_dtc();
}

static void gicv2_masks_name_its_cpus(void)
{
	REQUIRE(build(sizeof(blob), 8, 8, &no_chosen) > 0);
	CHECK_CELLS("/timer", "interrupts", 1, 13, 0xff04, 1, 14, 0xff04, 1, 11, 0xff04, 1, 10, 0xff04);
	CHECK_CELLS("/pmu", "interrupts", 1, 7, 0xff04);
	CHECK_STRS("/intc@8000000", "compatible", "arm,cortex-a15-gic");
	CHECK_CELLS("/intc@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0x10000);
	check_dtc();
	REQUIRE(build(sizeof(blob), 3, 3, &no_chosen) > 0);
	CHECK_CELLS("/pmu", "interrupts", 1, 7, 0x704);
}

/* Rows of "interrupt-map" (Devicetree Specification 2.4.3): the line of each slot and pin, level high, at the GIC. */
static void check_interrupt_map(const char *path)
{
	int len, rows;
	const fdt32_t *map = prop(path, "interrupt-map", &len);

	CHECK_CELLS(path, "#interrupt-cells", 1);
	CHECK_CELLS(path, "interrupt-map-mask", 0x1800, 0, 0, 7);
	REQUIRE(map && len == 16 * 40);
	rows = len / 40;
	for (int i = 0; i < rows; i++) {
		uint32_t slot = (uint32_t)i / 4, pin = (uint32_t)i % 4;
		const uint32_t want[10] = { slot << 11, 0, 0, pin + 1, DT_PHANDLE_GIC, 0, 0, 0, 3 + (slot + pin) % 4,
			4 };

		for (int cell = 0; cell < 10; cell++)
			CHECK_EQ(fdt32_ld(&map[i * 10 + cell]), want[cell]);
	}
}

static void pci_with_its(void)
{
	const char *path = "/pcie@4010000000";

	REQUIRE(build_with(sizeof(blob), 1, 0, &its, false, &no_chosen) > 0);
	CHECK_STRS(path, "compatible", "pci-host-ecam-generic");
	CHECK_STRS(path, "device_type", "pci");
	CHECK_CELLS(path, "#address-cells", 3);
	CHECK_CELLS(path, "#size-cells", 2);
	CHECK_CELLS(path, "bus-range", 0, 0);
	CHECK_CELLS(path, "linux,pci-domain", 0);
	CHECK_EMPTY(path, "dma-coherent");
	CHECK_CELLS(path, "reg", 0x40, 0x10000000, 0, 0x100000);
	CHECK_CELLS(path, "ranges", 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, /* I/O from 0 */
		0x2000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000, /* 32-bit memory */
		0x43000000, 0x80, 0, 0x80, 0, 0x80, 0 /* 64-bit, prefetchable */);
	CHECK_CELLS(path, "msi-map", 0, DT_PHANDLE_ITS, 0, 0x10000);
	check_interrupt_map(path);
	CHECK(!has("/intc@8000000/v2m@8020000"));
	check_dtc();
}

static void pci_with_gicv2m(void)
{
	const char *path = "/pcie@4010000000", *frame = "/intc@8000000/v2m@8020000";

	for (unsigned int gicv2 = 0; gicv2 <= 2; gicv2 += 2) {
		REQUIRE(build_with(sizeof(blob), 2, gicv2, &v2m, false, &no_chosen) > 0);
		CHECK_STRS(frame, "compatible", "arm,gic-v2m-frame");
		CHECK_CELLS(frame, "reg", 0, 0x8020000, 0, 0x1000);
		CHECK_CELLS(frame, "phandle", DT_PHANDLE_V2M);
		CHECK_EMPTY(frame, "msi-controller");
		CHECK_CELLS(path, "msi-parent", DT_PHANDLE_V2M);
		CHECK(!has("/intc@8000000/its@8080000"));
		check_interrupt_map(path);
		check_dtc();
	}
}

/* Where addresses end below 40 bits. */
static void pci_below_4g(void)
{
	const char *path = "/pcie@3f000000";

	REQUIRE(build_with(sizeof(blob), 1, 0, &its, true, &no_chosen) > 0);
	CHECK_CELLS(path, "reg", 0, 0x3f000000, 0, 0x100000);
	CHECK_CELLS(path, "ranges", 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, 0x2000000, 0, 0x10000000, 0, 0x10000000,
		0, 0x2eff0000);
	check_interrupt_map(path);
	check_dtc();
}

static void primecells(void)
{
	REQUIRE(build(sizeof(blob), 1, 0, &no_chosen) > 0);
	CHECK_STRS("/pl011@9000000", "compatible", "arm,pl011\0arm,primecell");
	CHECK_CELLS("/pl011@9000000", "reg", 0, 0x9000000, 0, 0x1000);
	CHECK_CELLS("/pl011@9000000", "interrupts", 0, 1, 4);
	CHECK_CELLS("/pl011@9000000", "clocks", DT_PHANDLE_CLOCK, DT_PHANDLE_CLOCK);
	CHECK_STRS("/pl011@9000000", "clock-names", "uartclk\0apb_pclk");
	CHECK_STRS("/pl031@9010000", "compatible", "arm,pl031\0arm,primecell");
	CHECK_CELLS("/pl031@9010000", "interrupts", 0, 2, 4);
	CHECK_STRS("/pl061@9030000", "compatible", "arm,pl061\0arm,primecell");
	CHECK_CELLS("/pl061@9030000", "interrupts", 0, 7, 4);
	CHECK_CELLS("/pl061@9030000", "phandle", DT_PHANDLE_GPIO);
	CHECK_CELLS("/apb-pclk", "clock-frequency", 24000000);
	CHECK_CELLS("/apb-pclk", "phandle", DT_PHANDLE_CLOCK);
	CHECK_CELLS("/gpio-keys/poweroff", "gpios", DT_PHANDLE_GPIO, 3, 0);
	CHECK_CELLS("/gpio-keys/poweroff", "linux,code", 116);
}

static void virtio_and_exit(void)
{
	REQUIRE(build(sizeof(blob), 1, 0, &no_chosen) > 0);
	CHECK_STRS("/virtio_mmio@a003e00", "compatible", "virtio,mmio");
	CHECK_CELLS("/virtio_mmio@a003e00", "reg", 0, 0xa003e00, 0, 0x200);
	CHECK_CELLS("/virtio_mmio@a003e00", "interrupts", 0, 47, 1);
	CHECK_EMPTY("/virtio_mmio@a000000", "dma-coherent");
	CHECK_STRS("/exit@90d0000", "compatible", "minivmm,exit");
	CHECK_CELLS("/exit@90d0000", "reg", 0, 0x90d0000, 0, 0x1000);
}

/* The largest machine in half of what boot.h reserves for a tree (64 KiB). */
static void largest_machine_fits(void)
{
	int size = build_with(sizeof(blob), 123, 0, &its, false, &no_chosen);

	CHECK(size > 0 && size < 32 * 1024);
}

/* At every size but enough, the same error, and never a byte past the end. */
static void too_small_a_buffer(void)
{
	int need = build(sizeof(blob), 2, 0, &no_chosen);

	REQUIRE(need > 0);
	for (int size = 0; size < need; size += 13) {
		memset(blob + size, 0xa5, 64);
		CHECK_EQ(-build((size_t)size, 2, 0, &no_chosen), FDT_ERR_NOSPACE);
		for (int i = 0; i < 64; i++)
			if (blob[size + i] != 0xa5)
				TEST_FAIL_("size %d: byte %d past the end written", size, i);
	}
	CHECK_EQ(build((size_t)need, 2, 0, &no_chosen), need);
}

static void first_error_stays(void)
{
	char name[100];
	struct dt dt;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	dt_init(&dt, blob, sizeof(blob));
	dt_begin(&dt, "");
	dt_begin_at(&dt, name, 1);
	dt_end(&dt);
	dt_u32(&dt, "p", 1);
	dt_end(&dt);
	CHECK_EQ(-dt_finish(&dt), FDT_ERR_BADVALUE);
}

static void unbalanced_tree(void)
{
	struct dt dt;

	dt_init(&dt, blob, sizeof(blob));
	dt_begin(&dt, "");
	dt_begin(&dt, "open");
	dt_end(&dt);
	CHECK_EQ(-dt_finish(&dt), FDT_ERR_BADSTATE);
}

static const struct test tests[] = {
	TEST(root_and_psci),
	TEST(chosen_holds_what_is_given),
	TEST(chosen_leaves_out_what_is_not),
	TEST(cpus_are_named_by_affinity),
	TEST(cpus_with_aff3_take_two_cells),
	TEST(gicv3_has_no_cpu_masks),
	TEST(gicv3_its_on_request),
	TEST(gicv2_masks_name_its_cpus),
	TEST(pci_with_its),
	TEST(pci_with_gicv2m),
	TEST(pci_below_4g),
	TEST(primecells),
	TEST(virtio_and_exit),
	TEST(largest_machine_fits),
	TEST(too_small_a_buffer),
	TEST(first_error_stays),
	TEST(unbalanced_tree),
};

TEST_MAIN(tests)
