/* SPDX-License-Identifier: Apache-2.0 */
/*
 * initramfs.h and cpio.h: what is in the archive, read back by a reader of its own that follows the kernel's description, and
 * what is warned about or refused. The modules' order is test_modules.c's.
 */
#include <elf.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cpio.h"
#include "initramfs.h"
#include "module_tree.h"
#include "test.h"

#define MAX_ENTRIES 64

struct entry {
	const char *name;
	uint32_t ino, mode, rmajor, rminor;
	const uint8_t *data;
	size_t len;
};

static struct entry entries[MAX_ENTRIES];
static size_t entry_count;
static struct error error;
static struct initramfs built;

static uint32_t hex8(const uint8_t *digits)
{
	char text[9] = { 0 };

	memcpy(text, digits, 8);
	return (uint32_t)strtoul(text, NULL, 16);
}

/* True: a well-formed newc archive up to its trailer, followed by nothing but zeros to a multiple of 512. */
static bool read_archive(const uint8_t *data, size_t len)
{
	size_t at = 0;

	entry_count = 0;
	while (len - at >= 110 && !memcmp(data + at, "070701", 6) && entry_count < MAX_ENTRIES) {
		uint32_t file_len = hex8(data + at + 54), name_len = hex8(data + at + 94);
		struct entry entry = { .name = (const char *)data + at + 110, .ino = hex8(data + at + 6) };
		size_t body = ALIGN_UP(at + 110 + name_len, 4), next = ALIGN_UP(body + file_len, 4);

		if (next > len || entry.name[name_len - 1] || strlen(entry.name) + 1 != name_len)
			return false;
		at = next;
		if (!strcmp(entry.name, "TRAILER!!!"))
			break;
		entry.mode = hex8((const uint8_t *)entry.name - 110 + 14);
		entry.rmajor = hex8((const uint8_t *)entry.name - 110 + 78);
		entry.rminor = hex8((const uint8_t *)entry.name - 110 + 86);
		entry.data = data + body;
		entry.len = file_len;
		entries[entry_count++] = entry;
	}
	for (; at < len; at++)
		if (data[at])
			return false;
	return entry_count > 0 && len % 512 == 0;
}

/* An empty entry when there is none of that name. */
static const struct entry *find(const char *name)
{
	static const struct entry absent;

	for (size_t i = 0; i < entry_count; i++)
		if (!strcmp(entries[i].name, name))
			return &entries[i];
	return &absent;
}

static bool has(const char *name)
{
	return find(name)->name;
}

static bool holds(const char *name, const void *data, size_t len)
{
	const struct entry *entry = find(name);

	return S_ISREG(entry->mode) && entry->len == len && !memcmp(entry->data, data, len);
}

static const char *const want[] = { "virtio_mmio", NULL };

/* With a kernel file below the tree's root; the paths of config are below it, too. */
static int build(struct initramfs_config config)
{
	static char kernel[200], modules[200], busybox[200];

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz-1.2.3-test", tree_root());
	snprintf(modules, sizeof(modules), "%s/%s", tree_root(), config.modules ? config.modules : "");
	snprintf(busybox, sizeof(busybox), "%s/%s", tree_root(), config.busybox ? config.busybox : "");
	config.kernel = config.kernel ? config.kernel : kernel;
	config.modules = config.modules ? modules : NULL;
	config.busybox = config.busybox ? busybox : NULL;
	config.init = "the init";
	config.init_len = 8;
	config.want = want;
	error = (struct error){ 0 };
	return initramfs_build(&built, &config, &error);
}

static void make_tree(void)
{
	tree_make();
	tree_root_file("vmlinuz-1.2.3-test", "x", 1);
	tree_module("kernel/virtio.ko", "", "");
	tree_module("kernel/virtio-mmio.ko", ".xz", "virtio");
}

static void holds_init_and_modules_in_order(void)
{
	size_t len;
	uint8_t *elf = tree_elf("virtio", &len);

	make_tree();
	REQUIRE(!build((struct initramfs_config){ 0 }));
	REQUIRE(read_archive(built.data, built.len));
	CHECK(holds("init", "the init", 8));
	CHECK_EQ(find("init")->mode, S_IFREG | 0755);
	CHECK(has("modules/000-virtio.ko"));
	CHECK(holds("modules/001-virtio_mmio.ko", elf, len));
	CHECK(S_ISDIR(find("proc")->mode));
	CHECK(S_ISCHR(find("dev/console")->mode));
	CHECK_EQ(find("dev/console")->rmajor, 5);
	CHECK_EQ(find("dev/console")->rminor, 1);
	CHECK(!has("exec") && !has("terminal"));
	CHECK_STR(built.warning, "");
	CHECK_STR(built.kernel_version, "1.2.3-test");
	initramfs_free(&built);
	tree_remove();
	free(elf);
}

/* Linux makes hard links of files that share an inode number. */
static void inodes_differ_and_folders_come_first(void)
{
	make_tree();
	REQUIRE(!build((struct initramfs_config){ 0 }));
	REQUIRE(read_archive(built.data, built.len));
	for (size_t i = 0; i < entry_count; i++) {
		const char *slash = strrchr(entries[i].name, '/');
		char folder[64];

		for (size_t j = 0; j < i; j++)
			CHECK(entries[i].ino != entries[j].ino);
		if (!slash)
			continue;
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - entries[i].name), entries[i].name);
		CHECK(has(folder) && find(folder) < &entries[i]);
	}
	initramfs_free(&built);
	tree_remove();
}

static void command_is_kept_byte_for_byte(void)
{
	static const char *const commands[] = { "", "exit 3", "echo 'a  b' \"$x\"\n\tTRAILER!!!\n070701\377\001" };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		make_tree();
		REQUIRE(!build((struct initramfs_config){ .exec = commands[i], .terminal = true }));
		REQUIRE(read_archive(built.data, built.len));
		CHECK(holds("exec", commands[i], strlen(commands[i])));
		CHECK(holds("terminal", "", 0));
		initramfs_free(&built);
		tree_remove();
	}
}

static void same_contents_same_bytes(void)
{
	struct initramfs first;

	make_tree();
	REQUIRE(!build((struct initramfs_config){ .exec = "true" }));
	first = built;
	REQUIRE(!build((struct initramfs_config){ .exec = "true" }));
	CHECK_EQ(built.len, first.len);
	CHECK(built.len == first.len && !memcmp(built.data, first.data, first.len));
	initramfs_free(&built);
	initramfs_free(&first);
	tree_remove();
}

/* A header and one segment of the given type: what a program is judged by. */
static void make_program(const char *path, uint16_t machine, uint32_t segment_type)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
	} program = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = machine,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1 },
		.segment = { .p_type = segment_type },
	};

	tree_root_file(path, &program, sizeof(program));
}

static void finds_busybox_beside_the_kernel(void)
{
	make_tree();
	make_program("bin/busybox", EM_AARCH64, PT_LOAD);
	REQUIRE(!build((struct initramfs_config){ 0 }));
	REQUIRE(read_archive(built.data, built.len));
	REQUIRE(has("bin/busybox"));
	CHECK_EQ(find("bin/busybox")->mode, S_IFREG | 0755);
	CHECK_EQ(find("bin/busybox")->len, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
	initramfs_free(&built);
	tree_remove();
}

static void judges_busybox(void)
{
	static const struct {
		const char *defect;
		uint16_t machine;
		uint32_t segment_type;
		int result;
	} rows[] = {
		{ "none", EM_AARCH64, PT_LOAD, 0 },
		{ "of another architecture", EM_X86_64, PT_LOAD, -1 },
		{ "needs a dynamic linker", EM_AARCH64, PT_INTERP, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make_tree();
		make_program("mine", rows[i].machine, rows[i].segment_type);
		CHECK_EQ(build((struct initramfs_config){ .busybox = "mine" }), rows[i].result);
		if (rows[i].result) {
			CHECK_EQ(error.status, STATUS_BAD_FILE);
			CHECK_HAS(error.text, "not a static aarch64 executable");
		} else {
			initramfs_free(&built);
		}
		tree_remove();
	}
	make_tree();
	CHECK_EQ(build((struct initramfs_config){ .busybox = "nothing" }), -1);
	CHECK_HAS(error.text, "No such file");
	tree_remove();
}

static void warns_when_there_are_no_modules(void)
{
	tree_make();
	tree_root_file("vmlinuz-1.2.3-test", "x", 1);
	/* An empty lib/modules/1.2.3-test is no folder of modules. */
	REQUIRE(!build((struct initramfs_config){ 0 }));
	CHECK_HAS(built.warning, "no modules of kernel 1.2.3-test");
	CHECK_HAS(built.warning, "--modules DIR");
	initramfs_free(&built);
	tree_module("kernel/other.ko", "", "");
	REQUIRE(!build((struct initramfs_config){ 0 }));
	CHECK_HAS(built.warning, "not there: virtio_mmio");
	initramfs_free(&built);
	tree_remove();
}

static void refuses_modules_that_lead_nowhere(void)
{
	make_tree();
	CHECK_EQ(build((struct initramfs_config){ .modules = "bin" }), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, "no modules of kernel 1.2.3-test");
	REQUIRE(!build((struct initramfs_config){ .modules = "lib/modules" }));
	CHECK_STR(built.warning, "");
	initramfs_free(&built);
	tree_remove();
}

static void refuses_a_damaged_module(void)
{
	make_tree();
	tree_file("kernel/virtio.ko", "garbage", 7);
	CHECK_EQ(build((struct initramfs_config){ 0 }), -1);
	CHECK_EQ(error.status, STATUS_BAD_FILE);
	CHECK_HAS(error.text, "kernel/virtio.ko: not an aarch64 kernel module");
	tree_remove();
}

/* Many sizes and name lengths, so that every padding occurs and the buffer grows in the middle. */
static void every_padding(void)
{
	static uint8_t bytes[100000];
	struct cpio cpio = { 0 };
	char name[16];

	for (size_t i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)(1 + i % 9), "abcdefghi");
		memset(bytes, (int)i + 1, sizeof(bytes));
		cpio_add_file(&cpio, name, 0644, bytes, i < 20 ? i : sizeof(bytes) - i);
	}
	CHECK_EQ(cpio_finish(&cpio), 0);
	REQUIRE(read_archive(cpio.data, cpio.len));
	CHECK_EQ(entry_count, 40);
	for (size_t i = 0; i < entry_count; i++) {
		CHECK_EQ(entries[i].len, i < 20 ? i : sizeof(bytes) - i);
		CHECK(!entries[i].len || (entries[i].data[0] == i + 1 && entries[i].data[entries[i].len - 1] == i + 1));
	}
	cpio_free(&cpio);
}

static const struct test tests[] = {
	TEST(holds_init_and_modules_in_order),
	TEST(inodes_differ_and_folders_come_first),
	TEST(command_is_kept_byte_for_byte),
	TEST(same_contents_same_bytes),
	TEST(finds_busybox_beside_the_kernel),
	TEST(judges_busybox),
	TEST(warns_when_there_are_no_modules),
	TEST(refuses_modules_that_lead_nowhere),
	TEST(refuses_a_damaged_module),
	TEST(every_padding),
};
TEST_MAIN(tests)
