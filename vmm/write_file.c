/* SPDX-License-Identifier: Apache-2.0 */
/* See write_file.h. */
#include "write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const void *data, size_t len)
{
	ssize_t ret = write(fd, data, len);

	if (ret < 0)
		return -errno;
	return ret == (ssize_t)len ? 0 : -ENOSPC;
}

int write_file(const char *path, const void *data, size_t len, struct error *error)
{
	char temporary[PATH_MAX];
	struct stat st;
	bool in_place = !stat(path, &st) && !S_ISREG(st.st_mode);
	int fd, ret;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return error_set(error, STATUS_OUTPUT, "%s: %s", path, strerror(ENAMETOOLONG));
	fd = in_place ? open(path, O_WRONLY | O_CLOEXEC) : mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return error_set(error, STATUS_OUTPUT, "%s: %s", path, strerror(errno));
	ret = write_all(fd, data, len);
	if (!in_place && !ret && fchmod(fd, 0644))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!in_place && !ret && rename(temporary, path))
		ret = -errno;
	if (!in_place && ret)
		unlink(temporary);
	return ret ? error_set(error, STATUS_OUTPUT, "%s: %s", path, strerror(-ret)) : 0;
}
