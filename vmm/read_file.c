/* SPDX-License-Identifier: Apache-2.0 */
/* See read_file.h. */
#include "read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Until len bytes or the end of the file, which may have been cut since its size was asked. */
static ssize_t read_all(int fd, uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = read(fd, data + done, len - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int read_open(int fd, size_t max_len, uint8_t **data, size_t *len)
{
	struct stat st;
	uint8_t *buf;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > max_len)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	got = read_all(fd, buf, (size_t)st.st_size);
	if (got < 0) {
		free(buf);
		return (int)got;
	}
	buf[got] = 0;
	*data = buf;
	*len = (size_t)got;
	return 0;
}

int read_file(const char *path, size_t max_len, uint8_t **data, size_t *len)
{
	/* O_NONBLOCK: a FIFO of that name is refused, not waited on. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0)
		return -errno;
	ret = read_open(fd, max_len, data, len);
	close(fd);
	return ret;
}
