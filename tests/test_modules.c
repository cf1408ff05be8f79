/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.h and guest_elf.h on module trees made here: which folder is found, which modules come in which order, in every packing,
 * and what damaged files do. No kernel is involved.
 */
#include <elf.h>
#include <stdlib.h>

#include "guest_elf.h"
#include "module_tree.h"
#include "modules.h"
#include "test.h"

static struct modules modules;
static struct error error;

/* 0 or -1, with modules and error to look at. */
static int read_tree(const char *const *want, const char *const *may_want)
{
	char dir[300];

	error = (struct error){ 0 };
	snprintf(dir, sizeof(dir), "%s/" TREE_DIR, tree_root());
	return modules_read(&modules, dir, want, may_want, &error);
}

#define WANT(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* The names in load order, joined by blanks. */
static const char *order(void)
{
	static char text[400];

	text[0] = 0;
	for (size_t i = 0; i < modules.count; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, modules.module[i].name);
	}
	return text;
}

static void chain_of_virtio(const char *ending)
{
	tree_module("kernel/a/virtio_ring.ko", ending, "");
	tree_module("kernel/b/virtio.ko", ending, "virtio_ring");
	tree_module("kernel/c/virtio_mmio.ko", ending, "virtio,virtio_ring");
	tree_module("kernel/c/virtio-rng.ko", ending, "virtio");
}

static void comes_in_load_order_by_walking(void)
{
	tree_make();
	chain_of_virtio("");
	REQUIRE(!read_tree(WANT("virtio_mmio", "virtio_rng"), NULL));
	CHECK_STR(order(), "virtio_ring virtio virtio_mmio virtio_rng");
	CHECK_STR(modules.missing, "");
	modules_free(&modules);
	tree_remove();
}

static void takes_every_packing(void)
{
	static const char *const endings[] = { ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		tree_make();
		chain_of_virtio(endings[i]);
		REQUIRE(!read_tree(WANT("virtio-rng"), NULL));
		CHECK_STR(order(), "virtio_ring virtio virtio_rng");
		CHECK_EQ(modules.count, 3);
		CHECK(!memcmp(modules.module[0].data, "\177ELF", 4));
		modules_free(&modules);
		tree_remove();
	}
}

/* Debian's modules.order has the names without the ending of the compression, modules.dep with it. */
static void reads_the_lists(void)
{
	static const char *const lists[][2] = {
		{ "modules.order", "kernel/a/virtio_ring.ko\nkernel/b/virtio.ko\n\nkernel/c/virtio-rng.ko" },
		{ "modules.dep", "kernel/c/virtio-rng.ko.xz: kernel/b/virtio.ko.xz\nkernel/b/virtio.ko.xz:\n"
				 "kernel/a/virtio_ring.ko.xz:\n" },
	};

	for (size_t i = 0; i < 2; i++) {
		tree_make();
		chain_of_virtio(".xz");
		tree_file(lists[i][0], lists[i][1], strlen(lists[i][1]));
		REQUIRE(!read_tree(WANT("virtio_rng"), WANT("virtio_mmio")));
		/* virtio_mmio is there, but not in the list: the list is what counts. */
		CHECK_STR(order(), "virtio_ring virtio virtio_rng");
		modules_free(&modules);
		tree_remove();
	}
}

static void leaves_out_what_is_built_in(void)
{
	static const char builtin[] = "kernel/drivers/virtio/virtio.ko\nkernel/drivers/char/rng-core.ko\n";

	tree_make();
	tree_module("kernel/virtio_rng.ko", "", "rng-core");
	tree_file("modules.builtin", builtin, sizeof(builtin) - 1);
	REQUIRE(!read_tree(WANT("virtio", "virtio_rng"), NULL));
	CHECK_STR(order(), "virtio_rng");
	CHECK_STR(modules.missing, "");
	modules_free(&modules);
	tree_remove();
}

static void tells_what_is_missing(void)
{
	tree_make();
	tree_module("kernel/virtio_rng.ko", "", "rng_core");
	tree_module("kernel/virtio_blk.ko", "", "");
	REQUIRE(!read_tree(WANT("virtio_rng", "virtio_blk", "virtio_net"), WANT("gpio_keys")));
	CHECK_STR(order(), "virtio_blk");
	CHECK_STR(modules.missing, "virtio_rng (needs rng_core), virtio_net");
	modules_free(&modules);
	tree_remove();
}

/* A list may name a file that another package has. */
static void listed_and_not_shipped_is_missing(void)
{
	tree_make();
	tree_file("modules.order", "kernel/virtio_rng.ko\n", 21);
	REQUIRE(!read_tree(WANT("virtio_rng"), NULL));
	CHECK_STR(modules.missing, "virtio_rng");
	modules_free(&modules);
	tree_remove();
}

static void refuses_a_circle(void)
{
	tree_make();
	tree_module("kernel/a.ko", "", "b");
	tree_module("kernel/b.ko", "", "c");
	tree_module("kernel/c.ko", "", "a");
	CHECK_EQ(read_tree(WANT("a"), NULL), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, "a depends on itself");
	tree_remove();
}

static void refuses_a_chain_without_end(void)
{
	tree_make();
	for (unsigned int i = 0; i < MODULES_MAX + 1; i++) {
		char path[40], depends[16];

		snprintf(path, sizeof(path), "kernel/m%u.ko", i);
		snprintf(depends, sizeof(depends), "m%u", i + 1);
		tree_module(path, "", depends);
	}
	CHECK_EQ(read_tree(WANT("m0"), NULL), -1);
	CHECK_HAS(error.text, "m0 needs more than 128 modules");
	tree_remove();
}

static void names_the_damaged_file(void)
{
	static const struct {
		const char *path, *bytes, *says;
		size_t len;
	} rows[] = {
		{ "kernel/bad.ko", "", "not an aarch64 kernel module", 0 },
		{ "kernel/bad.ko", "#!/bin/sh\n", "not an aarch64 kernel module", 10 },
		{ "kernel/bad.ko.xz",
			"\xfd"
			"7zXZ\0garbage",
			"xz data is corrupt", 13 },
		{ "kernel/bad.ko.zst", "\x28\xb5\x2f\xfdgarbage", "zstd data is corrupt", 11 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tree_make();
		tree_file(rows[i].path, rows[i].bytes, rows[i].len);
		CHECK_EQ(read_tree(WANT("bad"), NULL), -1);
		CHECK_EQ(error.status, STATUS_BAD_FILE);
		CHECK_HAS(error.text, rows[i].path);
		CHECK_HAS(error.text, rows[i].says);
		tree_remove();
	}
}

/* In a buffer of exactly that size, so that a sanitizer sees a byte read past it. */
static const char *modinfo_of(const uint8_t *bytes, size_t len, const char *tag)
{
	uint8_t *copy = malloc(len + !len);
	const char *why, *value;
	static char kept[64];

	if (!copy)
		return NULL;
	memcpy(copy, bytes, len);
	value = guest_elf_modinfo(copy, len, tag, &why);
	snprintf(kept, sizeof(kept), "%s", value ? value : "");
	free(copy);
	return value ? kept : NULL;
}

static void module_cut_at_every_byte(void)
{
	size_t len;
	uint8_t *elf = tree_elf("virtio,virtio_ring", &len);

	CHECK_STR(modinfo_of(elf, len, "depends"), "virtio,virtio_ring");
	CHECK_STR(modinfo_of(elf, len, "softdep"), "");
	/* The section table is last in the file, so no cut is whole. */
	for (size_t cut = 0; cut < len; cut++)
		CHECK(!modinfo_of(elf, cut, "depends"));
	free(elf);
}

static void module_with_every_byte_broken(void)
{
	static const uint8_t values[] = { 0x00, 0x7f, 0x80, 0xff };
	size_t len, answers = 0;
	uint8_t *elf = tree_elf("virtio", &len);

	for (size_t i = 0; i < len; i++)
		for (size_t v = 0; v < sizeof(values); v++) {
			uint8_t saved = elf[i];

			elf[i] = values[v];
			answers += modinfo_of(elf, len, "depends") != NULL;
			elf[i] = saved;
		}
	/* Most bytes do not matter; that there was an answer and no fault is the test. */
	CHECK(answers > 0 && answers < len * sizeof(values));
	free(elf);
}

/* A section's name that begins inside the table of names and would end outside of it, and of the file. */
static void section_name_that_leaves_the_file(void)
{
	size_t len;
	uint8_t *elf = tree_elf("virtio", &len);
	Elf64_Shdr sections[3];
	uint8_t *table = elf + len - sizeof(sections);

	memcpy(sections, table, sizeof(sections));
	sections[1].sh_offset = len - 4;
	sections[1].sh_size = 4;
	sections[2].sh_name = 3;
	/* sh_entsize of the last section, which nobody reads: the name as far as it goes. */
	memcpy((uint8_t *)&sections[2] + sizeof(sections[2]) - 1, ".", 1);
	memcpy(table, sections, sizeof(sections));
	CHECK(!modinfo_of(elf, len, "depends"));
	free(elf);
	elf = tree_elf("virtio", &len);
	table = elf + len - sizeof(sections);
	memcpy(sections, table, sizeof(sections));
	sections[1].sh_size -= 2; /* ".modinf" */
	memcpy(table, sections, sizeof(sections));
	CHECK(!modinfo_of(elf, len, "depends"));
	free(elf);
}

static bool found_is(const char *found, const char *end)
{
	size_t len = strlen(found), end_len = strlen(end);

	return len >= end_len && !strcmp(found + len - end_len, end);
}

static void finds_the_folder_of_a_kernel(void)
{
	static const char *const kernels[] = { "boot/vmlinuz-1.2.3-test", "vmlinuz", "lib/modules/1.2.3-test/vmlinuz" };
	char found[PATH_MAX], path[300];

	tree_make();
	tree_module("kernel/a.ko", "", "");
	for (size_t i = 0; i < 3; i++) {
		tree_root_file(kernels[i], "x", 1);
		snprintf(path, sizeof(path), "%s/%s", tree_root(), kernels[i]);
		CHECK(modules_find(path, "1.2.3-test", found));
		CHECK(found_is(found, "/" TREE_DIR));
		/* A lone version is taken when the kernel's is not known. */
		CHECK(modules_find(path, "", found));
		CHECK(found_is(found, "/" TREE_DIR));
	}
	snprintf(path, sizeof(path), "%s/vmlinuz", tree_root());
	CHECK(!modules_find(path, "9.9.9", found));
	CHECK(!modules_find("/nonexistent/vmlinuz", "1.2.3-test", found));
	tree_remove();
}

static void finds_what_was_given(void)
{
	static const char *const given[] = { "", "/lib/modules", ("/" TREE_DIR) };
	char found[PATH_MAX], path[300];

	tree_make();
	tree_module("kernel/a.ko", "", "");
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", tree_root(), given[i]);
		CHECK(modules_find_given(path, "1.2.3-test", found));
		CHECK(found_is(found, "/" TREE_DIR));
		CHECK(modules_find_given(path, "", found));
	}
	snprintf(path, sizeof(path), "%s/lib", tree_root());
	CHECK(!modules_find_given(path, "1.2.3-test", found));
	tree_remove();
}

static void version_by_file_name(void)
{
	static const char *const rows[][2] = {
		{ "/boot/vmlinuz-6.1.0-56-cloud-arm64", "6.1.0-56-cloud-arm64" },
		{ "vmlinuz-6.12.117+deb12-cloud-arm64", "6.12.117+deb12-cloud-arm64" },
		{ "/a-1/vmlinuz", "" },
		{ "Image-custom", "" },
		{ "Image-", "" },
		{ "", "" },
	};
	char version[KERNEL_VERSION_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(modules_version_from_name(rows[i][0], version), rows[i][1][0] != 0);
		CHECK_STR(version, rows[i][1]);
	}
}

static const struct test tests[] = {
	TEST(comes_in_load_order_by_walking),
	TEST(takes_every_packing),
	TEST(reads_the_lists),
	TEST(leaves_out_what_is_built_in),
	TEST(tells_what_is_missing),
	TEST(listed_and_not_shipped_is_missing),
	TEST(refuses_a_circle),
	TEST(refuses_a_chain_without_end),
	TEST(names_the_damaged_file),
	TEST(module_cut_at_every_byte),
	TEST(module_with_every_byte_broken),
	TEST(section_name_that_leaves_the_file),
	TEST(finds_the_folder_of_a_kernel),
	TEST(finds_what_was_given),
	TEST(version_by_file_name),
};
TEST_MAIN(tests)
