/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in a guest: takes virtio devices from their drivers and gives them back, again and again, while their data is read
 * and written. One process a device for each, no fork between two steps. What is read of a disk is compared with what was
 * there at first; what is written is the same again, so that a write which is cut off leaves nothing to see.
 *
 *	rebind COUNT SECONDS	COUNT times for each device, or as often as fits in SECONDS
 *
 * Prints a line for each device: "DRIVER bound N of N times, R reads and W writes meanwhile, X wrong".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 16384
#define MOST  (16 * 1024 * 1024)

struct counts {
	unsigned long reads, writes, wrong, tried, bound;
};

static const struct device {
	const char *driver, *node;
	bool disk;
} devices[] = {
	{ "virtio_blk", "/dev/vda", true },
	{ "virtio_rng", "/dev/hwrng", false },
};

#define DEVICES (sizeof(devices) / sizeof(devices[0]))

static struct counts *counts; /* shared by all processes, each entry written by one */

static uint8_t *first;
static size_t size;

static void fail(const char *what)
{
	fprintf(stderr, "rebind: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *aligned(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* Whether the block came, and as it was. */
static bool read_block(int fd, struct counts *c, uint8_t *buf, off_t at)
{
	if (pread(fd, buf, BLOCK, at) != BLOCK)
		return false;
	c->reads++;
	c->wrong += memcmp(buf, first + at, BLOCK) != 0;
	return true;
}

/* Goes on until the disk is gone. */
static void use_disk(int fd, struct counts *c, uint8_t *buf)
{
	static unsigned int random = 1;
	off_t at;

	do {
		random = random * 1103515245 + 12345;
		at = (off_t)((random >> 8) % (size / BLOCK)) * BLOCK;
		if (!read_block(fd, c, buf, at))
			return;
		memcpy(buf, first + at, BLOCK);
		if (pwrite(fd, buf, BLOCK, at) != BLOCK)
			return;
		c->writes++;
	} while (true);
}

static void use_rng(int fd, struct counts *c, uint8_t *buf)
{
	while (read(fd, buf, 64) > 0)
		c->reads++;
}

static void use(const struct device *device, struct counts *c)
{
	uint8_t *buf = aligned(BLOCK);

	for (;;) {
		int fd = open(device->node, device->disk ? O_RDWR | O_DIRECT : O_RDONLY);

		if (fd < 0) {
			usleep(10000);
			continue;
		}
		(device->disk ? use_disk : use_rng)(fd, c, buf);
		close(fd);
	}
}

/* The first device of the driver, as sysfs names it. */
static void find(const char *driver, char name[64])
{
	char path[128];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s", driver);
	dir = opendir(path);
	if (!dir)
		fail(path);
	name[0] = '\0';
	while (!name[0] && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "virtio", 6))
			snprintf(name, 64, "%.63s", entry->d_name);
	closedir(dir);
	if (!name[0])
		fail(driver);
}

static int open_control(const char *driver, const char *what)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s/%s", driver, what);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		fail(path);
	return fd;
}

static void rebind(const struct device *device, const char *name, struct counts *c, unsigned long count, time_t end)
{
	int unbind = open_control(device->driver, "unbind"), bind = open_control(device->driver, "bind");
	size_t len = strlen(name);

	while (c->tried < count && time(NULL) < end) {
		c->tried++;
		if (pwrite(unbind, name, len, 0) == (ssize_t)len && pwrite(bind, name, len, 0) == (ssize_t)len)
			c->bound++;
	}
}

static void read_first(void)
{
	int fd = open(devices[0].node, O_RDONLY | O_DIRECT);
	ssize_t n;

	first = aligned(MOST);
	while (fd >= 0 && size < MOST && (n = read(fd, first + size, BLOCK)) == BLOCK)
		size += BLOCK;
	if (!size)
		fail(devices[0].node);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	time_t end = time(NULL) + (argc > 2 ? atol(argv[2]) : 60);
	pid_t users[DEVICES], binders[DEVICES];

	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		fail("mmap");
	read_first();
	for (size_t i = 0; i < DEVICES; i++) {
		char name[64];

		find(devices[i].driver, name);
		users[i] = fork();
		if (!users[i])
			use(&devices[i], &counts[i]);
		binders[i] = fork();
		if (!binders[i]) {
			rebind(&devices[i], name, &counts[i], count, end);
			_exit(0);
		}
		if (users[i] < 0 || binders[i] < 0)
			fail("fork");
	}
	for (size_t i = 0; i < DEVICES; i++)
		waitpid(binders[i], NULL, 0);
	for (size_t i = 0; i < DEVICES; i++) {
		kill(users[i], SIGKILL);
		waitpid(users[i], NULL, 0);
		printf("%s bound %lu of %lu times, %lu reads and %lu writes meanwhile, %lu wrong\n", devices[i].driver,
			counts[i].bound, counts[i].tried, counts[i].reads, counts[i].writes, counts[i].wrong);
	}
	return 0;
}
