/* SPDX-License-Identifier: Apache-2.0 */
/* See place_file.h. */
#include "place_file.h"

#include <errno.h>
#include <unistd.h>

int place_file(const struct mem *mem, gpa_t gpa, int fd, uint64_t size)
{
	uint8_t *host = mem_ptr(mem, gpa, size);

	if (!host)
		return -EFAULT;
	for (uint64_t done = 0; done < size;) {
		ssize_t got = pread(fd, host + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENODATA;
		done += (uint64_t)got;
	}
	return 0;
}
