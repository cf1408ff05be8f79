/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the modules the monitor put into the initramfs. It chose and ordered them and unpacked them, so this is no modprobe: no
 * dependencies, no search, no options.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

static void load_module(const char *name)
{
	char path[300];
	int fd;

	text_format(path, sizeof(path), MODULES_DIR "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		say("module %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	/* The archive's copy is guest memory that nothing needs any more. */
	unlink(path);
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void load_modules(void)
{
	struct dirent **names;
	int count = scandir(MODULES_DIR, &names, not_hidden, alphasort);

	for (int i = 0; i < count; i++) {
		load_module(names[i]->d_name);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	rmdir(MODULES_DIR);
}
