/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_memory.h. */
#include "vhost_user_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Mappings of huge pages begin and end on one, and a file tells their size as its block size. Where that is not what it means it
 * does no harm: what is mapped beyond the region is not handed out.
 */
static uint64_t page_size(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)st->st_blksize;

	return block > page && block <= GiB && !(block & (block - 1)) ? block : page;
}

/* Maps the file's part into *mapping and sets *host to its first byte: NULL, or why not. */
static const char *map_part(struct vhost_user_mapping *mapping, uint64_t offset, uint64_t size, int fd, uint8_t **host)
{
	uint64_t page, skip;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "a memory region's descriptor is not a file";
	if (!size || offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
		return "a memory region is empty or longer than its file";
	/* Sums of two lengths of one file, which are below 2^63. */
	page = page_size(&st);
	skip = offset % page;
	mapping->length = ALIGN_UP(skip + size, page);
	mapping->start = mmap(
		NULL, mapping->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (mapping->start == MAP_FAILED)
		return errno == ENOMEM ? "there is no room to map a memory region" : "a memory region cannot be mapped";
	*host = (uint8_t *)mapping->start + skip;
	return NULL;
}

/* Of mem_add. */
static const char *cannot_add(int error)
{
	switch (error) {
	case -EEXIST: return "two memory regions overlap";
	case -ENOSPC: return "there are more memory regions than fit";
	default: return "a memory region's guest addresses pass 2^64";
	}
}

const char *vhost_user_memory_add(struct vhost_user_memory *m, const struct vhost_user_region *region, int fd)
{
	struct mem_region place = { .base = region->guest, .size = region->size, .fd = -1 };
	struct vhost_user_mapping mapping = { .user = region->user };
	const char *why;
	int ret;

	if (region->size && region->size - 1 > UINT64_MAX - region->user)
		return "a memory region's user addresses pass 2^64";
	why = map_part(&mapping, region->offset, region->size, fd, &place.host);
	if (why)
		return why;
	ret = mem_add(&m->mem, &place);
	if (ret) {
		munmap(mapping.start, mapping.length);
		return cannot_add(ret);
	}
	m->mapping[m->mem.count - 1] = mapping;
	return NULL;
}

bool vhost_user_memory_remove(struct vhost_user_memory *m, const struct vhost_user_region *region)
{
	for (unsigned int i = 0; i < m->mem.count; i++) {
		struct mem_region *r = &m->mem.region[i];
		unsigned int last = m->mem.count - 1;

		if (r->base != region->guest || r->size != region->size || m->mapping[i].user != region->user)
			continue;
		munmap(m->mapping[i].start, m->mapping[i].length);
		*r = m->mem.region[last];
		m->mapping[i] = m->mapping[last];
		memset(&m->mem.region[last], 0, sizeof(m->mem.region[last]));
		memset(&m->mapping[last], 0, sizeof(m->mapping[last]));
		m->mem.count = last;
		return true;
	}
	return false;
}

void vhost_user_memory_clear(struct vhost_user_memory *m)
{
	for (unsigned int i = 0; i < m->mem.count; i++)
		munmap(m->mapping[i].start, m->mapping[i].length);
	memset(&m->mem, 0, sizeof(m->mem));
	memset(m->mapping, 0, sizeof(m->mapping));
	m->lost = 0;
}

const char *vhost_user_memory_map_inflight(
	struct vhost_user_memory *m, uint64_t offset, uint64_t size, int fd, void **at)
{
	struct vhost_user_mapping mapping = { .user = 0 };
	const char *why;
	uint8_t *host;

	if (offset % sizeof(uint64_t))
		return "an inflight region is not aligned";
	why = map_part(&mapping, offset, size, fd, &host);
	if (why)
		return why;
	m->inflight = mapping;
	*at = host;
	return NULL;
}

void vhost_user_memory_unmap_inflight(struct vhost_user_memory *m)
{
	if (m->inflight.start)
		munmap(m->inflight.start, m->inflight.length);
	memset(&m->inflight, 0, sizeof(m->inflight));
}

int vhost_user_memory_make_inflight(uint64_t size)
{
	int fd = memfd_create("vhost-user-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

bool vhost_user_memory_translate(const struct vhost_user_memory *m, uint64_t user, gpa_t *gpa)
{
	for (unsigned int i = 0; i < m->mem.count; i++) {
		/* Below the region's first this wraps past its size, since its last does not pass 2^64. */
		uint64_t offset = user - m->mapping[i].user;

		if (offset < m->mem.region[i].size) {
			*gpa = m->mem.region[i].base + offset;
			return true;
		}
	}
	return false;
}

/* All of it: a part of a huge page cannot be replaced. */
static bool patch(const struct vhost_user_mapping *map, const void *addr, bool *good)
{
	void *zeroes;

	if ((uintptr_t)addr - (uintptr_t)map->start >= map->length)
		return false;
	zeroes = mmap(map->start, map->length, PROT_READ | PROT_WRITE,
		MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	*good = zeroes == map->start;
	return true;
}

bool vhost_user_memory_patch(struct vhost_user_memory *m, const void *addr)
{
	int saved = errno;
	bool good = false, found = patch(&m->inflight, addr, &good);

	for (unsigned int i = 0; !found && i < m->mem.count; i++)
		found = patch(&m->mapping[i], addr, &good);
	errno = saved;
	if (found)
		m->lost = 1;
	return good;
}
