/* SPDX-License-Identifier: Apache-2.0 */
/* See place_file.h. */
#include "place_file.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_shared(const struct mem *mem, gpa_t gpa)
{
	for (unsigned int i = 0; i < mem->count; i++)
		if (gpa >= mem->region[i].base && gpa - mem->region[i].base < mem->region[i].size)
			return mem->region[i].fd >= 0;
	return false;
}

static bool can_map(const struct mem *mem, gpa_t gpa, const void *host, uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (uintptr_t)host % page == 0 && !is_shared(mem, gpa) && mem_ptr(mem, gpa, ALIGN_UP(size, page));
}

static int read_all(int fd, uint8_t *dst, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t got = pread(fd, dst + done, size - done, (off_t)done);

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

int place_file(const struct mem *mem, gpa_t gpa, int fd, uint64_t size)
{
	uint8_t *host = mem_ptr(mem, gpa, size);
	struct stat st;

	if (!host)
		return -EFAULT;
	if (size == 0)
		return 0;
	if (!can_map(mem, gpa, host, size))
		return read_all(fd, host, size);
	/* Pages of a mapping past the end of its file are SIGBUS, not zeros: a file cut since it was opened shows here. */
	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size < size)
		return -ENODATA;
	if (mmap(host, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}
