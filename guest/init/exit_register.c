/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minivmm's own exit register: one 32-bit write at offset 0 of the device-tree node compatible with "minivmm,exit" tells
 * the monitor a status. No driver: the register is reached through /dev/mem. Other machines have none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init.h"

#define TREE	   "/proc/device-tree"
#define COMPATIBLE "minivmm,exit"

static uint64_t be64(const unsigned char *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The physical address in node's reg, 0: this is not the node. The root has two address cells on every arm64 machine. */
static uint64_t node_address(const char *node)
{
	char path[300], compatible[64];
	unsigned char reg[16];
	ssize_t len;
	int fd;

	text_format(path, sizeof(path), TREE "/%s/compatible", node);
	if (read_text(path, compatible, sizeof(compatible)) <= 0 || strcmp(compatible, COMPATIBLE))
		return 0;
	text_format(path, sizeof(path), TREE "/%s/reg", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, reg, sizeof(reg));
	if (fd >= 0)
		close(fd);
	return len == sizeof(reg) ? be64(reg) : 0;
}

static uint64_t find_register(void)
{
	DIR *stream = opendir(TREE);
	struct dirent *entry;
	uint64_t address = 0;

	while (stream && !address && (entry = readdir(stream)))
		if (!strncmp(entry->d_name, "exit@", 5))
			address = node_address(entry->d_name);
	if (stream)
		closedir(stream);
	return address;
}

void report_status(int status)
{
	uint64_t address = find_register();
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	volatile uint32_t *reg;
	char *map;
	int fd;

	if (!address) {
		say("this machine has no exit register; the command's status is %d", status);
		return;
	}
	fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	map = fd < 0 ? MAP_FAILED
		     : mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(address & ~(page - 1)));
	if (map == MAP_FAILED) {
		say("exit register through /dev/mem: %s; the command's status is %d", strerror(errno), status);
		return;
	}
	reg = (volatile uint32_t *)(void *)(map + (address & (page - 1)));
	*reg = (uint32_t)status;
}
