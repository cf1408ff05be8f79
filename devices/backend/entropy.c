/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of random bytes that entropy.h names. */
#include "entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t host_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t total = 0;

	(void)e;
	for (int i = 0; i < count; i++) {
		size_t done = 0;

		/* Above 256 bytes a signal may cut one call short (getrandom(2)); what is there by then is kept. */
		while (done < iov[i].iov_len) {
			ssize_t got = getrandom((char *)iov[i].iov_base + done, iov[i].iov_len - done, GRND_NONBLOCK);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				return total ? total : -errno;
			done += (size_t)got;
			total += got;
		}
	}
	return total;
}

void entropy_init_host(struct entropy *e)
{
	*e = (struct entropy){ .fill = host_fill, .fd = -1 };
}

static ssize_t read_once(int fd, const struct iovec *iov, int count)
{
	ssize_t got;

	do {
		got = readv(fd, iov, count);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Devices, FIFOs: no bytes means that nobody writes at the moment. */
static ssize_t stream_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t got = read_once(e->fd, iov, count);

	return got ? got : -EAGAIN;
}

static ssize_t regular_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t got = read_once((int)e->state, iov, count);

	if (got)
		return got;
	if (lseek((int)e->state, 0, SEEK_SET) < 0)
		return -errno;
	got = read_once((int)e->state, iov, count);
	/* Somebody emptied it under us. It was not empty when it was opened. */
	return got ? got : -ENODATA;
}

static int check_file(struct entropy *e, int fd, const char **failed)
{
	struct stat st;

	*failed = "cannot be examined";
	if (fstat(fd, &st) < 0)
		return -errno;
	*failed = "is a directory";
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	*failed = "is a block device: give a file or a character device";
	if (S_ISBLK(st.st_mode))
		return -EINVAL;
	*failed = "is empty";
	if (S_ISREG(st.st_mode) && !st.st_size)
		return -ENODATA;
	if (S_ISREG(st.st_mode))
		/* epoll refuses regular files, so fd says that there is nothing to wait for. */
		*e = (struct entropy){ .fill = regular_fill, .fd = -1, .state = (uint64_t)fd };
	else
		*e = (struct entropy){ .fill = stream_fill, .fd = fd };
	return 0;
}

int entropy_init_file(struct entropy *e, const char *path, const char **failed)
{
	/* A FIFO is opened for writing too, by us: without any writer it would be at its end, which poll never stops saying. */
	int fd = -1, err;
	struct stat st;

	entropy_init_host(e); /* destroy is allowed after a failure */
	if (!stat(path, &st) && S_ISFIFO(st.st_mode))
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	*failed = "cannot be opened";
	if (fd < 0)
		return -errno;
	err = check_file(e, fd, failed);
	if (err)
		close(fd);
	return err;
}

/* Sebastiano Vigna's splitmix64: one addition and a mix per 8 bytes, any seed is good. */
static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static ssize_t seeded_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		uint8_t *to = iov[i].iov_base;

		for (size_t done = 0; done < iov[i].iov_len; done += 8) {
			uint64_t value = splitmix64(&e->state);

			for (size_t j = 0; j < 8 && done + j < iov[i].iov_len; j++)
				to[done + j] = (uint8_t)(value >> (8 * j));
		}
		total += (ssize_t)iov[i].iov_len;
	}
	return total;
}

void entropy_init_seeded(struct entropy *e, uint64_t seed)
{
	*e = (struct entropy){ .fill = seeded_fill, .fd = -1, .state = seed };
}

void entropy_destroy(struct entropy *e)
{
	if (e->fill == stream_fill)
		close(e->fd);
	else if (e->fill == regular_fill)
		close((int)e->state);
	entropy_init_host(e);
}
