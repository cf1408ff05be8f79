/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What minivmm reads to make its own initramfs: a folder of kernel modules with its lists, modules packed or not, busybox. The folder
 * is made once; its files lead to memory that each input fills.
 *
 * An input is six parts, each with its length before it (two bytes), the last without: modules.dep, modules.builtin, three
 * modules (plain, xz, zstd by name only: what is in them is the input's), busybox.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest_elf.h"
#include "initramfs.h"
#include "input.h"
#include "parse_error.h"
#include "targets.h"

#define DEP	"kernel/virtio_mmio.ko:\nkernel/virtio_ring.ko.xz:\nkernel/virtio.ko.zst:\n"
#define BUSYBOX (PARTS - 1)

enum { PARTS = 6 };

static const char *const files[PARTS] = { "modules.dep", "modules.builtin", "kernel/virtio_mmio.ko",
	"kernel/virtio_ring.ko.xz", "kernel/virtio.ko.zst", "busybox" };

static char dir[] = "/tmp/minivmm-fuzz.XXXXXX";
static char busybox[64];
static int fd[PARTS];

static void path_of(char path[64], const char *name)
{
	snprintf(path, 64, "%s/%s", dir, name);
}

static void remove_folder(void)
{
	char path[64];

	for (int i = 0; i < PARTS; i++) {
		path_of(path, files[i]);
		(void)unlink(path);
	}
	path_of(path, "kernel");
	(void)rmdir(path);
	(void)rmdir(dir);
}

static void start(const struct fuzz_target *target)
{
	char path[64], memory[32];

	(void)target;
	if (!mkdtemp(dir))
		fuzz_failed("host", "%s: %s", dir, strerror(errno));
	atexit(remove_folder);
	path_of(path, "kernel");
	if (mkdir(path, 0700))
		fuzz_failed("host", "%s: %s", path, strerror(errno));
	for (int i = 0; i < PARTS; i++) {
		fd[i] = memfd_create(files[i], MFD_CLOEXEC);
		snprintf(memory, sizeof(memory), "/proc/self/fd/%d", fd[i]);
		path_of(path, files[i]);
		if (fd[i] < 0 || symlink(memory, path))
			fuzz_failed("host", "%s: %s", path, strerror(errno));
	}
	path_of(busybox, files[BUSYBOX]);
}

static void fill(int part, const uint8_t *data, size_t size)
{
	if (ftruncate(fd[part], 0) || pwrite(fd[part], data, size, 0) != (ssize_t)size)
		fuzz_failed("host", "%s: %s", files[part], strerror(errno));
}

/* Alone, in a block that ends where the file does. */
static void read_elf(const uint8_t *data, size_t size)
{
	static const char *const tags[] = { "depends", "name", "" };
	uint8_t *copy = fuzz_copy(data, size);
	const char *why = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		const char *value = guest_elf_modinfo(copy, size, tags[i], &why);

		if (value ? strlen(value) > size : !why)
			fuzz_failed("elf", "a module has no %s, and nothing says why", tags[i]);
	}
	(void)guest_elf_is_static(copy, size);
	free(copy);
}

static void run(const uint8_t *data, size_t size)
{
	static const char *const want[] = { "virtio_mmio", "no_such_thing", NULL }, *const may_want[] = { "virtio-rng",
		NULL };
	const struct initramfs_config config = {
		.init = "init",
		.init_len = 4,
		.kernel = "vmlinuz-1.2.3",
		.modules = dir,
		.want = want,
		.may_want = may_want,
		.busybox = busybox,
		.exec = "true",
	};
	struct error error = { .status = STATUS_OK };
	struct fuzz_input in = { data, size };
	struct initramfs out;
	int ret;

	for (int i = 0; i < PARTS; i++) {
		size_t len = i == PARTS - 1 ? in.left : (size_t)fuzz_take_number(&in, 2), got;
		const uint8_t *part = fuzz_take(&in, len, &got);

		/* An empty list of modules is the usual one: what is interesting is then in the modules. */
		if (!i && !got)
			fill(i, (const uint8_t *)DEP, sizeof(DEP) - 1);
		else
			fill(i, part, got);
		if (i > 1)
			read_elf(part, got);
	}
	ret = initramfs_build(&out, &config, &error);
	fuzz_check_error("initramfs_build", ret, &error);
	if (ret)
		return;
	if (out.len % 512 || !out.len || memcmp(out.data, "070701", 6))
		fuzz_failed("initramfs", "%zu bytes that are no cpio archive", out.len);
	initramfs_free(&out);
}

const struct fuzz_target fuzz_initramfs = {
	.name = "initramfs",
	.what = "kernel modules, their lists and busybox, made into an initramfs",
	.start = start,
	.run = run,
};
