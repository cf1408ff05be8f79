/* SPDX-License-Identifier: Apache-2.0 */
/* See modules.h. Which folder belongs to which kernel; reads no module. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "modules.h"

bool modules_version_from_name(const char *kernel, char version[KERNEL_VERSION_MAX])
{
	const char *slash = strrchr(kernel, '/');
	const char *dash = strchr(slash ? slash + 1 : kernel, '-');

	version[0] = 0;
	if (!dash || !isdigit((unsigned char)dash[1]) || strlen(dash + 1) >= KERNEL_VERSION_MAX)
		return false;
	strcpy(version, dash + 1);
	return true;
}

static bool join(char *path, const char *a, const char *b)
{
	return snprintf(path, PATH_MAX, "%s/%s", a, b) < PATH_MAX;
}

/* dir is a lib/modules/VERSION. */
static bool is_module_dir(const char *dir, char *found)
{
	static const char *const marks[] = { "modules.dep", "modules.order", "kernel" };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		char path[PATH_MAX];
		struct stat st;

		/* An unpacked root may have a /kernel; modules are two levels down in lib/modules/VERSION/kernel. */
		if (join(path, dir, marks[i]) && !stat(path, &st) && (i < 2 || S_ISDIR(st.st_mode)))
			return realpath(dir, found);
	}
	return false;
}

/* The only subfolder of dir that is one of modules. */
static bool find_single(const char *dir, char *found)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	unsigned int count = 0;

	if (!stream)
		return false;
	while ((entry = readdir(stream))) {
		char path[PATH_MAX], folder[PATH_MAX];

		if (entry->d_name[0] == '.' || !join(path, dir, entry->d_name) || !is_module_dir(path, folder))
			continue;
		if (!count++)
			strcpy(found, folder);
	}
	closedir(stream);
	return count == 1;
}

/* dir is a lib/modules. */
static bool find_version(const char *dir, const char *version, char *found)
{
	char path[PATH_MAX];

	if (!version[0])
		return find_single(dir, found);
	return join(path, dir, version) && is_module_dir(path, found);
}

static bool find_below(const char *root, const char *const *parents, size_t count, const char *version, char *found)
{
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (join(path, root, parents[i]) && find_version(path, version, found))
			return true;
	}
	return false;
}

bool modules_find_given(const char *dir, const char *version, char *found)
{
	static const char *const parents[] = { ".", "lib/modules", "usr/lib/modules" };

	return is_module_dir(dir, found) || find_below(dir, parents, ARRAY_SIZE(parents), version, found);
}

bool modules_find(const char *kernel, const char *version, char *found)
{
	static const char *const parents[] = { "lib/modules", "usr/lib/modules", "../lib/modules",
		"../usr/lib/modules" };
	char path[PATH_MAX], *slash;

	/* /vmlinuz is a link into /boot: beside the kernel means beside the file itself. */
	if (!realpath(kernel, path))
		return false;
	slash = strrchr(path, '/');
	if (slash == path)
		slash++; /* of a file in / the folder is "/" */
	*slash = 0;
	/* Some distributions keep the kernel in lib/modules/VERSION itself. */
	if (is_module_dir(path, found) || find_below(path, parents, ARRAY_SIZE(parents), version, found))
		return true;
	return version[0] && find_version("/lib/modules", version, found);
}
