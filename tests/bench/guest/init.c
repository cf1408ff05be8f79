/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmarks' /init: says that it is there, does the work that the kernel's command line names, says how long it took by
 * the guest's own clock, and powers off. Everything it needs is in it or in /modules.
 *
 * From the command line, which the kernel hands on as environment: bench=rng|blk|idle (nothing: power off at once), count=,
 * and for blk op=read|write, random=1, size=, depth=, batch=1 (the next ones go out when all have come back), sync=1
 * (pread and pwrite, one at a time).
 *
 * Around the work it sleeps, so that the host can look at the machine while nothing happens in it: between @quiet and @before
 * there is no work, between @before and @after there is all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK	  "/dev/vda"
#define MAX_DEPTH 64

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void settle(void)
{
	struct timespec ts = { .tv_nsec = 100000000 };

	nanosleep(&ts, NULL);
}

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void off(void)
{
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void die(const char *what)
{
	char text[160];

	snprintf(text, sizeof(text), "@failed %s: %s\n", what, strerror(errno));
	say(text);
	off();
}

static unsigned long setting(const char *name, unsigned long normal)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 10) : normal;
}

/* In the order of their names: /modules/0.ko, /modules/1.ko, ... */
static void load_modules(void)
{
	char path[32];
	int fd;

	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/modules/%d.ko", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0))
			die(path);
		close(fd);
	}
}

/* A device's driver may still be at work when its module has been loaded. */
static int open_device(const char *path, int flags)
{
	int fd;

	for (int i = 0; i < 20; i++) {
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		settle();
	}
	die(path);
	return -1;
}

/* 64 bytes a request, whatever the size of a read: hw_random's buffer is a cache line. */
static uint64_t run_rng(unsigned long count)
{
	char buf[4096];
	int fd = open_device("/dev/hwrng", O_RDONLY);
	uint64_t start;

	/* The first read may find what the kernel has asked for on its own. */
	if (read(fd, buf, 256) != 256)
		die("/dev/hwrng");
	say("@quiet\n");
	settle();
	say("@before\n");
	settle();
	start = now();
	for (unsigned long left = count * 64; left;) {
		ssize_t ret = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (ret <= 0)
			die("/dev/hwrng");
		left -= (size_t)ret;
	}
	return now() - start;
}

struct disk {
	int fd;
	aio_context_t aio;
	bool write, random, batch, sync;
	unsigned long size, depth, blocks;
	uint64_t seed, next;
	char *buf; /* depth times size */
	struct iocb iocb[MAX_DEPTH];
};

static int64_t next_offset(struct disk *disk)
{
	uint64_t block;

	if (disk->random) {
		disk->seed ^= disk->seed << 13;
		disk->seed ^= disk->seed >> 7;
		disk->seed ^= disk->seed << 17;
		block = disk->seed % disk->blocks;
	} else {
		block = disk->next++ % disk->blocks;
	}
	return (int64_t)(block * disk->size);
}

static struct iocb *prepare(struct disk *disk, unsigned long slot)
{
	struct iocb *iocb = &disk->iocb[slot];

	*iocb = (struct iocb){
		.aio_fildes = (uint32_t)disk->fd,
		.aio_lio_opcode = disk->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)(disk->buf + slot * disk->size),
		.aio_nbytes = disk->size,
		.aio_offset = next_offset(disk),
		.aio_data = slot,
	};
	return iocb;
}

static void submit(const struct disk *disk, struct iocb **iocb, long count)
{
	if (count && syscall(SYS_io_submit, disk->aio, count, iocb) != count)
		die("io_submit");
}

/* depth of them in flight: what has come back goes out again in one call; with batch, when all have come back. */
static void run_queue(struct disk *disk, unsigned long count)
{
	struct io_event event[MAX_DEPTH];
	struct iocb *next[MAX_DEPTH];
	unsigned long sent = 0, done = 0;
	long got;

	for (; sent < disk->depth && sent < count; sent++)
		next[sent] = prepare(disk, sent);
	submit(disk, next, (long)sent);
	while (done < count) {
		long ready = 0, least = disk->batch ? (long)(sent - done) : 1;

		got = syscall(SYS_io_getevents, disk->aio, least, (long)disk->depth, event, NULL);
		if (got <= 0)
			die("io_getevents");
		for (long i = 0; i < got; i++) {
			if (event[i].res != (int64_t)disk->size)
				die("a request failed");
			if (sent < count) {
				next[ready++] = prepare(disk, event[i].data);
				sent++;
			}
		}
		done += (unsigned long)got;
		submit(disk, next, ready);
	}
}

static void run_one_by_one(struct disk *disk, unsigned long count)
{
	for (; count; count--) {
		int64_t offset = next_offset(disk);
		ssize_t ret = disk->write ? pwrite(disk->fd, disk->buf, disk->size, offset)
					  : pread(disk->fd, disk->buf, disk->size, offset);

		if (ret != (ssize_t)disk->size)
			die("a request failed");
	}
}

static uint64_t run_blk(unsigned long count)
{
	struct disk disk = {
		.fd = open_device(DISK, O_RDWR | O_DIRECT),
		.write = !strcmp(getenv("op") ? getenv("op") : "read", "write"),
		.random = setting("random", 0),
		.batch = setting("batch", 0),
		.sync = setting("sync", 0),
		.size = setting("size", 4096),
		.depth = setting("depth", 1),
		.seed = 88172645463325252ULL,
	};
	uint64_t start;

	disk.blocks = (unsigned long)lseek(disk.fd, 0, SEEK_END) / disk.size;
	disk.buf = mmap(NULL, disk.depth * disk.size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (disk.buf == MAP_FAILED || disk.depth > MAX_DEPTH || syscall(SYS_io_setup, MAX_DEPTH, &disk.aio))
		die("io_setup");
	run_one_by_one(&disk, 16);
	say("@quiet\n");
	settle();
	say("@before\n");
	settle();
	start = now();
	if (disk.sync)
		run_one_by_one(&disk, count);
	else
		run_queue(&disk, count);
	return now() - start;
}

int main(void)
{
	const char *bench = getenv("bench");
	unsigned long count = setting("count", 4096);
	char text[64];
	uint64_t took = 0;

	say("@init\n");
	if (!bench)
		off();
	if (mount("dev", "/dev", "devtmpfs", 0, NULL))
		die("/dev");
	load_modules();
	if (!strcmp(bench, "idle")) {
		settle();
		settle();
		say("@idle\n");
		for (;;)
			pause();
	}
	if (!strcmp(bench, "rng"))
		took = run_rng(count);
	else if (!strcmp(bench, "blk"))
		took = run_blk(count);
	settle();
	snprintf(text, sizeof(text), "@after %llu\n", (unsigned long long)took);
	say(text);
	settle();
	off();
}
