/* SPDX-License-Identifier: Apache-2.0 */
/* See initramfs.h: chooses what goes in. The archive format is cpio.c's. */
#include "initramfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "guest_elf.h"
#include "kernel.h"
#include "modules.h"
#include "read_file.h"

#define BUSYBOX_MAX_LEN (64 * MiB)

/* Where the guest's init mounts and installs things; a stock kernel's own archive has /dev/console, a lean one's may not. */
static void add_skeleton(struct cpio *cpio)
{
	static const char *const dirs[] = { "bin", "dev", "etc", "modules", "proc", "root", "run", "sbin", "sys", "tmp",
		"usr", "usr/bin", "usr/sbin" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		cpio_add_dir(cpio, dirs[i]);
	cpio_add_char_device(cpio, "dev/console", 5, 1);
}

static void learn_version(struct initramfs *out, const struct initramfs_config *config)
{
	_Static_assert(sizeof(out->kernel_version) == KERNEL_VERSION_MAX, "one version, one size");
	/* The name first: finding the banner means reading through most of the image. */
	bool learned = modules_version_from_name(config->kernel, out->kernel_version);

	if (!learned && config->image)
		learned = !kernel_version(config->image, out->kernel_version, sizeof(out->kernel_version));
	/* It becomes a part of paths. */
	if (!learned || strchr(out->kernel_version, '/'))
		out->kernel_version[0] = 0;
}

/* 0 with *found the module folder or "", or -1: the user named one and it is not there. */
static int find_modules(struct initramfs *out, const struct initramfs_config *config, char *found, struct error *error)
{
	const char *version = out->kernel_version;

	*found = 0;
	if (config->modules) {
		if (modules_find_given(config->modules, version, found))
			return 0;
		return error_set(error, STATUS_BAD_FILE,
			"--modules %s: no modules of kernel %s there, in lib/modules or in usr/lib/modules below it",
			config->modules, version[0] ? version : "(version unknown)");
	}
	if (!modules_find(config->kernel, version, found)) {
		*found = 0;
		snprintf(out->warning, sizeof(out->warning),
			"no modules of kernel %.64s in lib/modules beside %.128s, in the folder above or in "
			"/lib/modules of this host "
			"(--modules DIR names them): devices whose drivers are not built in stay unused",
			version[0] ? version : "(version unknown)", config->kernel);
	}
	return 0;
}

static int add_modules(
	struct cpio *cpio, struct initramfs *out, const struct initramfs_config *config, struct error *error)
{
	char dir[PATH_MAX];
	struct modules modules;

	if (find_modules(out, config, dir, error))
		return -1;
	if (!dir[0])
		return 0;
	if (modules_read(&modules, dir, config->want, config->may_want, error))
		return -1;
	for (size_t i = 0; i < modules.count; i++) {
		char name[112];

		snprintf(name, sizeof(name), "modules/%03zu-%.64s.ko", i, modules.module[i].name);
		cpio_add_file(cpio, name, 0644, modules.module[i].data, modules.module[i].len);
	}
	if (modules.missing[0])
		snprintf(out->warning, sizeof(out->warning), "modules in %.160s: not there: %s", dir, modules.missing);
	modules_free(&modules);
	return 0;
}

/* 0, -ENOEXEC: there, but no static aarch64 program, or -errno. */
static int add_busybox_file(struct cpio *cpio, const char *path)
{
	uint8_t *data;
	size_t len;
	int ret = read_file(path, BUSYBOX_MAX_LEN, &data, &len);

	if (ret)
		return ret;
	if (guest_elf_is_static(data, len))
		cpio_add_file(cpio, "bin/busybox", 0755, data, len);
	else
		ret = -ENOEXEC;
	free(data);
	return ret;
}

/* The first that will do; without one the guest has no prompt, which its init says. */
static void add_found_busybox(struct cpio *cpio, const char *kernel)
{
	static const char *const beside[] = { "bin/busybox", "../bin/busybox", "../usr/bin/busybox" };
	static const char *const host[] = { "/bin/busybox", "/usr/bin/busybox" };
	char real[PATH_MAX], path[PATH_MAX + 32];
	char *slash = realpath(kernel, real) ? strrchr(real, '/') : NULL;

	for (size_t i = 0; slash && i < ARRAY_SIZE(beside); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - real), real, beside[i]);
		if (!add_busybox_file(cpio, path))
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(host); i++)
		if (!add_busybox_file(cpio, host[i]))
			return;
}

static int add_busybox(struct cpio *cpio, const struct initramfs_config *config, struct error *error)
{
	int ret;

	if (!config->busybox) {
		add_found_busybox(cpio, config->kernel);
		return 0;
	}
	ret = add_busybox_file(cpio, config->busybox);
	if (ret == -ENOEXEC)
		return error_set(error, STATUS_BAD_FILE,
			"--busybox %s: not a static aarch64 executable (Debian: package busybox-static, arm64)",
			config->busybox);
	if (ret)
		return error_set(error, STATUS_BAD_FILE, "--busybox %s: %s", config->busybox, strerror(-ret));
	return 0;
}

int initramfs_build(struct initramfs *out, const struct initramfs_config *config, struct error *error)
{
	struct cpio cpio = { 0 };
	int ret;

	*out = (struct initramfs){ 0 };
	learn_version(out, config);
	add_skeleton(&cpio);
	cpio_add_file(&cpio, "init", 0755, config->init, config->init_len);
	if (config->exec)
		cpio_add_file(&cpio, "exec", 0600, config->exec, strlen(config->exec));
	if (config->terminal)
		cpio_add_file(&cpio, "terminal", 0644, NULL, 0);
	if (add_busybox(&cpio, config, error) || add_modules(&cpio, out, config, error)) {
		cpio_free(&cpio);
		return -1;
	}
	ret = cpio_finish(&cpio);
	if (ret) {
		cpio_free(&cpio);
		return error_set(error, STATUS_HOST, "initramfs: %s", strerror(-ret));
	}
	out->data = cpio.data;
	out->len = cpio.len;
	out->capacity = cpio.capacity;
	return 0;
}

void initramfs_free(struct initramfs *out)
{
	free(out->data);
	*out = (struct initramfs){ 0 };
}
