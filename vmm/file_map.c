/* SPDX-License-Identifier: Apache-2.0 */
/* See file_map.h. */
#include "file_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* All that are open. The handler reads it: a map is whole before it is put in. */
static struct file_map *maps;

static struct sigaction before; /* what SIGBUS did without us */

static struct file_map *find_map(uintptr_t addr)
{
	for (struct file_map *map = __atomic_load_n(&maps, __ATOMIC_ACQUIRE); map; map = map->next)
		if (addr - (uintptr_t)map->data < map->size)
			return map;
	return NULL;
}

/* From the page at addr on the file has ended: zeroes for that page, and for those behind it when they are read. */
static bool tear(struct file_map *map, uintptr_t addr)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = (void *)(addr & ~(page - 1));

	map->torn = true;
	return mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void bus_error(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	struct file_map *map = info->si_code == BUS_ADRERR ? find_map((uintptr_t)info->si_addr) : NULL;

	(void)context;
	if (!map || !tear(map, (uintptr_t)info->si_addr)) {
		/* Delivered once this returns. */
		(void)sigaction(number, &before, NULL);
		(void)raise(number);
	}
	errno = saved;
}

static void watch_bus_errors(void)
{
	static const struct sigaction action = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };
	static bool watched;

	if (!watched)
		(void)sigaction(SIGBUS, &action, &before);
	watched = true;
}

int file_map_open(struct file_map *map, int fd, uint64_t size)
{
	void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	*map = (struct file_map){ .data = NULL };
	if (data == MAP_FAILED)
		return -errno;
	watch_bus_errors();
	map->data = data;
	map->size = size;
	map->next = maps;
	__atomic_store_n(&maps, map, __ATOMIC_RELEASE);
	return 0;
}

void file_map_rest(const struct file_map *map)
{
	if (map->data)
		(void)madvise((void *)map->data, map->size, MADV_DONTNEED);
}

void file_map_close(struct file_map *map)
{
	struct file_map **link = &maps;

	if (!map->data)
		return;
	while (*link != map)
		link = &(*link)->next;
	__atomic_store_n(link, map->next, __ATOMIC_RELEASE);
	munmap((void *)map->data, map->size);
	map->data = NULL;
}
