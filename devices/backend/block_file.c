/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a file or block device as a disk. Everything that can be wrong with it is found here, before there is a
 * guest; what goes wrong later is an error of one request.
 */
#include "block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/magic.h>

#include "block_io.h"

#define LOGICAL_MAX  4096
#define PHYSICAL_MAX (1 * MiB)

/* Fills why; returns -error for the caller to return. */
static int refuse(char why[BLOCK_WHY_LEN], int error, const char *text)
{
	snprintf(why, BLOCK_WHY_LEN, "%s", text);
	return -error;
}

static int refuse_errno(char why[BLOCK_WHY_LEN], int error, const char *text, const char *fix)
{
	snprintf(why, BLOCK_WHY_LEN, "%s: %s%s", text, strerror(error), fix);
	return -error;
}

/* Non-blocking for the open itself: a FIFO without a writer must not hold us up. */
static int open_file(struct block_file *f, const struct block_file_config *config, char why[BLOCK_WHY_LEN])
{
	int flags = (config->read_only ? O_RDONLY : O_RDWR) | (config->direct ? O_DIRECT : 0);

	f->fd = open(config->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd >= 0)
		return 0;
	switch (errno) {
	case EISDIR: return refuse(why, EISDIR, "is a directory; a disk is a file or a block device");
	case EINVAL:
		if (config->direct)
			return refuse(why, EINVAL, "its file system does not take direct=on; leave it out");
		break;
	case EACCES:
	case EPERM:
	case EROFS:
	case ETXTBSY:
		if (!config->read_only)
			return refuse_errno(why, errno, "cannot be opened for writing",
				"; write ro for a disk that the guest only reads");
		break;
	default: break;
	}
	return refuse_errno(why, errno, "cannot be opened", "");
}

static int find_size(struct block_file *f, uint64_t *size, char why[BLOCK_WHY_LEN])
{
	struct stat st;

	if (fstat(f->fd, &st))
		return refuse_errno(why, errno, "cannot be examined", "");
	switch (st.st_mode & S_IFMT) {
	case S_IFREG: *size = (uint64_t)st.st_size; return 0;
	case S_IFBLK:
		f->device = true;
		if (ioctl(f->fd, BLKGETSIZE64, size))
			return refuse_errno(why, errno, "does not tell its size", "");
		return 0;
	case S_IFDIR: return refuse(why, EISDIR, "is a directory; a disk is a file or a block device");
	default: return refuse(why, EINVAL, "is neither a file nor a block device");
	}
}

/*
 * One writer or any number of readers. Locks of the open file description: they end with the descriptor, however the
 * process ends, and a second open in this process conflicts too.
 */
static int lock(struct block_file *f, bool read_only, char why[BLOCK_WHY_LEN])
{
	struct flock fl = { .l_type = (short)(read_only ? F_RDLCK : F_WRLCK), .l_whence = SEEK_SET };

	if (!fcntl(f->fd, F_OFD_SETLK, &fl))
		return 0;
	/* File systems without locks exist (some network ones): those who use them have to look out themselves. */
	if (errno != EAGAIN && errno != EACCES)
		return 0;
	return refuse(why, EAGAIN,
		read_only ? "is in use for writing by another monitor (it holds a lock); end that one first"
			  : "is in use by another monitor (it holds a lock); end that one, or write ro in both");
}

static uint8_t *buffer(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

/*
 * What O_DIRECT wants differs between file systems, devices and kernels, and only new ones tell (STATX_DIOALIGN): a
 * read of each size at an address no better aligned than its size shows it on all of them.
 */
static int find_alignment(struct block_file *f, char why[BLOCK_WHY_LEN])
{
	for (uint32_t align = BLOCK_SECTOR; align <= LOGICAL_MAX; align *= 2) {
		if (pread(f->fd, f->bounce + align, align, 0) < 0) {
			if (errno == EINVAL)
				continue;
			return refuse_errno(why, errno, "cannot be read", "");
		}
		f->align = f->mem_align = align;
		return 0;
	}
	return refuse(why, EINVAL, "its file system does not take direct=on; leave it out");
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int choose_block_sizes(struct block_file *f, const struct block_file_config *config, char why[BLOCK_WHY_LEN])
{
	uint64_t least = f->align > BLOCK_SECTOR ? f->align : BLOCK_SECTOR;
	uint64_t logical = config->logical ? config->logical : least;
	uint64_t physical = config->physical ? config->physical : logical;
	unsigned int host;

	if (!power_of_two(logical) || logical < BLOCK_SECTOR || logical > LOGICAL_MAX)
		return refuse(why, EINVAL, "cannot have this logical= block size; write 512, 1024, 2048 or 4096");
	if (logical < least) {
		snprintf(why, BLOCK_WHY_LEN, "with direct=on needs logical=%llu or more", (unsigned long long)least);
		return -EINVAL;
	}
	if (!power_of_two(physical) || physical < logical || physical > PHYSICAL_MAX)
		return refuse(why, EINVAL,
			"cannot have this physical= block size; write a power of two from the logical one to 1048576");
	if (!config->physical && f->device && !ioctl(f->fd, BLKPBSZGET, &host) && power_of_two(host) &&
		host > physical && host <= PHYSICAL_MAX)
		physical = host;
	f->block.logical = (uint32_t)logical;
	f->block.physical = (uint32_t)physical;
	return 0;
}

static int examine(struct block_file *f, const struct block_file_config *config, char why[BLOCK_WHY_LEN])
{
	uint64_t size = 0;
	int ret = find_size(f, &size, why);

	if (!ret)
		ret = lock(f, config->read_only, why);
	if (!ret && config->direct)
		ret = find_alignment(f, why);
	if (!ret)
		ret = choose_block_sizes(f, config, why);
	if (ret)
		return ret;
	f->tail = size % f->block.logical;
	f->block.size = size - f->tail;
	/* The largest offset that system calls take; no file is larger, but a device node may claim to be. */
	if (f->block.size > INT64_MAX)
		return refuse(why, EFBIG, "is too large");
	if (!f->block.size)
		return refuse(why, EINVAL,
			size ? "is smaller than one block; see truncate(1)"
			     : "is empty; give it a size with truncate(1)");
	return 0;
}

/* Nothing that is read or written has to come from a disk or get to one, but for what was swapped out. */
static bool in_memory(const struct block_file *f)
{
	struct statfs fs;

	return !f->device && !fstatfs(f->fd, &fs) &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* io_uring would give a request on a non-blocking file back undone; to plain calls files and disks are all the same. */
static int end_non_blocking(const struct block_file *f, char why[BLOCK_WHY_LEN])
{
	int flags = fcntl(f->fd, F_GETFL);

	return flags < 0 || fcntl(f->fd, F_SETFL, flags & ~O_NONBLOCK)
		       ? refuse_errno(why, errno, "cannot be set up", "")
		       : 0;
}

static int choose_engine(struct block_file *f, enum block_aio aio, char why[BLOCK_WHY_LEN])
{
	int ret;

	if (aio == BLOCK_AIO_SYNC || (aio == BLOCK_AIO_AUTO && in_memory(f))) {
		ret = block_sync_open(f);
		return ret ? refuse(why, -ret, "out of memory") : 0;
	}
	ret = end_non_blocking(f, why);
	if (ret)
		return ret;
	ret = aio == BLOCK_AIO_THREADS ? -ENOSYS : block_uring_open(f);

	if (ret && aio == BLOCK_AIO_URING) {
		(void)refuse_errno(why, -ret, "the host refuses io_uring", "; write aio=threads, or leave aio out");
		return -ENOSYS;
	}
	if (ret)
		ret = block_threads_open(f);
	return ret ? refuse_errno(why, -ret, "threads for it cannot be started", "") : 0;
}

static int set_up(struct block_file *f, const struct block_file_config *config, char why[BLOCK_WHY_LEN])
{
	int ret = open_file(f, config, why);

	if (ret)
		return ret;
	if (config->direct)
		f->bounce = buffer((size_t)BLOCK_BOUNCES * BLOCK_BOUNCE_SIZE);
	if (config->direct && !f->bounce)
		return refuse_errno(why, ENOMEM, "buffers for it", "");
	ret = examine(f, config, why);
	return ret ? ret : choose_engine(f, config->aio, why);
}

void block_file_close(struct block_file *f)
{
	if (f->bounce)
		munmap(f->bounce, (size_t)BLOCK_BOUNCES * BLOCK_BOUNCE_SIZE);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

int block_file_open(
	struct loop *loop, const struct block_file_config *config, struct block_file **file, char why[BLOCK_WHY_LEN])
{
	struct block_file *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return refuse(why, ENOMEM, "out of memory");
	f->loop = loop;
	f->fd = -1;
	f->align = f->mem_align = 1;
	f->block.name = config->path;
	f->block.read_only = config->read_only;
	ret = set_up(f, config, why);
	if (ret) {
		block_file_close(f);
		return ret;
	}
	*file = f;
	return 0;
}
