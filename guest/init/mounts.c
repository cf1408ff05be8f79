/* SPDX-License-Identifier: Apache-2.0 */
/* The default init's file systems. What cannot be mounted is told and done without: a lean kernel may not have it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

struct mount_row {
	const char *type, *target, *options;
	unsigned long flags;
};

static const struct mount_row mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
	{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		const struct mount_row *row = &mounts[i];

		mkdir(row->target, 0755);
		/* EBUSY: the kernel mounted it itself (CONFIG_DEVTMPFS_MOUNT). */
		if (mount(row->type, row->target, row->type, row->flags, row->options) && errno != EBUSY)
			say("mount %s on %s: %s", row->type, row->target, strerror(errno));
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			say("link %s: %s", links[i][1], strerror(errno));
}

/* "DEVICE TARGET TYPE ...": only what is on a disk has something to lose. */
static void unmount_line(char *line)
{
	char *save, *device = strtok_r(line, " ", &save), *target = strtok_r(NULL, " ", &save);

	if (!device || !target || strncmp(device, "/dev/", 5))
		return;
	if (umount2(target, 0) && mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		say("unmount %s: %s", target, strerror(errno));
}

void unmount_all(void)
{
	static char table[16384];
	char *line;

	sync();
	if (read_text("/proc/self/mounts", table, sizeof(table)) < 0)
		return;
	/* The last one mounted first. */
	while ((line = strrchr(table, '\n'))) {
		*line = 0;
		unmount_line(line + 1);
	}
}
