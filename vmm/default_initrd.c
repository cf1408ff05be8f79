/* SPDX-License-Identifier: Apache-2.0 */
/* See default_initrd.h. Which modules a guest of ours can use is decided here. */
#include "default_initrd.h"

#include <stdio.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "init_blob.h"

#define MODULES_WANTED 7 /* at most, of choose_modules */

/* Comfort: the power key for a graceful shutdown. */
static const char *const welcome[] = { "gpio_keys", "evdev", NULL };
/* And what most disks hold, ext2 and ext3 too. */
static const char *const welcome_with_disks[] = { "gpio_keys", "evdev", "ext4", NULL };

/* Of devices that only --vhost-user gives. */
static const struct {
	uint16_t device_id;
	const char *module;
} drivers[] = {
	{ VIRTIO_ID_FS, "virtiofs" },
	{ VIRTIO_ID_VSOCK, "vmw_vsock_virtio_transport" },
	{ VIRTIO_ID_NET, "virtio_net" },
};

static bool has_vhost_user(const struct options *options, uint16_t device_id)
{
	for (unsigned int i = 0; i < options->vhost_user_count; i++)
		if (options->vhost_users[i].kind.device_id == device_id)
			return true;
	return false;
}

static bool has_disks(const struct options *options)
{
	return options->disk_count || has_vhost_user(options, VIRTIO_ID_BLOCK);
}

/* The drivers of the machine's devices, NULL at the end; without them the guest has none of them. */
static void choose_modules(const char *names[MODULES_WANTED + 1], const struct options *options)
{
	size_t count = 0;

	if (options->mmio || !options->pci)
		names[count++] = "virtio_mmio";
	if (options->pci)
		names[count++] = "virtio_pci";
	names[count++] = "virtio_rng";
	if (has_disks(options))
		names[count++] = "virtio_blk";
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (has_vhost_user(options, drivers[i].device_id))
			names[count++] = drivers[i].module;
	names[count] = NULL;
}

int default_initrd_make(struct default_initrd *made, const struct options *options, const struct kernel *kernel,
	struct initrd *initrd, struct error *error)
{
	const char *wanted[MODULES_WANTED + 1];
	const struct initramfs_config config = {
		.init = guest_init_start,
		.init_len = (size_t)(guest_init_end - guest_init_start),
		.kernel = options->kernel,
		.image = kernel,
		.modules = options->modules,
		.want = wanted,
		.may_want = has_disks(options) ? welcome_with_disks : welcome,
		.busybox = options->busybox,
		.exec = options->exec,
		.terminal = isatty(STDOUT_FILENO),
	};

	choose_modules(wanted, options);
	if (initramfs_build(&made->archive, &config, error))
		return -1;
	if (made->archive.warning[0])
		fprintf(stderr, "minivmm: %s\n", made->archive.warning);
	made->piece = (struct iovec){ .iov_base = made->archive.data, .iov_len = made->archive.len };
	initrd_from_memory(initrd, &made->piece, 1);
	return 0;
}

void default_initrd_free(struct default_initrd *made)
{
	initramfs_free(&made->archive);
}
