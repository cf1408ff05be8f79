/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of random bytes that entropy.h names. */
#include "entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/splitmix64.h"

/* Some of len bytes, or -errno. Above 256 a signal may cut a call short (getrandom(2)); what is there by then is kept. */
static ssize_t kernel_bytes(void *to, size_t len)
{
	ssize_t got;

	do {
		got = getrandom(to, len, GRND_NONBLOCK);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Some of len bytes out of those read ahead, which are gone from there afterwards; or -errno. */
static ssize_t ahead_bytes(struct entropy *e, void *to, size_t len)
{
	if (!e->ahead_left) {
		ssize_t got = kernel_bytes(e->ahead, sizeof(e->ahead));

		if (got < 0)
			return got;
		e->ahead_left = (size_t)got;
	}
	if (len > e->ahead_left)
		len = e->ahead_left;
	e->ahead_left -= len;
	memcpy(to, e->ahead + e->ahead_left, len);
	memset(e->ahead + e->ahead_left, 0, len);
	return (ssize_t)len;
}

static ssize_t host_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		size_t done = 0;

		while (done < iov[i].iov_len) {
			uint8_t *to = (uint8_t *)iov[i].iov_base + done;
			size_t left = iov[i].iov_len - done;
			ssize_t got = left < sizeof(e->ahead) ? ahead_bytes(e, to, left) : kernel_bytes(to, left);

			if (got < 0)
				return total ? total : got;
			done += (size_t)got;
			total += got;
		}
	}
	return total;
}

void entropy_init_host(struct entropy *e)
{
	*e = (struct entropy){ .fill = host_fill, .fd = -1, .file = -1 };
}

static ssize_t read_once(int fd, const struct iovec *iov, int count)
{
	ssize_t got;

	do {
		got = readv(fd, iov, count);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t device_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t got = read_once(e->file, iov, count);

	return got ? got : -ENODATA;
}

/* No bytes means that nobody has it open for writing at the moment. */
static ssize_t fifo_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t got = read_once(e->file, iov, count);

	return got ? got : -EAGAIN;
}

static ssize_t regular_fill(struct entropy *e, const struct iovec *iov, int count)
{
	ssize_t got = read_once(e->file, iov, count);

	if (got)
		return got;
	if (lseek(e->file, 0, SEEK_SET) < 0)
		return -errno;
	got = read_once(e->file, iov, count);
	/* Somebody emptied it under us. It was not empty when it was opened. */
	return got ? got : -ENODATA;
}

/* What kind of source an open descriptor is; 0 or -errno. */
static int choose_fill(struct entropy *e, const char **failed)
{
	struct stat st;

	*failed = "cannot be examined";
	if (fstat(e->file, &st) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		*failed = "is empty";
		if (!st.st_size)
			return -ENODATA;
		e->fill = regular_fill; /* always ready, and epoll refuses it: nothing to wait for */
		return 0;
	case S_IFCHR:
		e->fill = device_fill;
		e->fd = e->file;
		return 0;
	case S_IFIFO:
		e->fill = fifo_fill;
		/* A FIFO that only reads is hung up without a writer, and poll never stops saying so. */
		if ((fcntl(e->file, F_GETFL) & O_ACCMODE) == O_RDWR)
			e->fd = e->file;
		return 0;
	default: *failed = "is neither a file, a character device nor a FIFO"; return -EINVAL;
	}
}

int entropy_init_file(struct entropy *e, const char *path, const char **failed)
{
	struct stat st;
	int err;

	entropy_init_host(e); /* destroy is allowed after a failure */
	/* Being a writer ourselves keeps a FIFO from being at its end whenever nobody else is one. */
	if (!stat(path, &st) && S_ISFIFO(st.st_mode))
		e->file = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (e->file < 0)
		e->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	*failed = "cannot be opened";
	if (e->file < 0)
		return -errno;
	err = choose_fill(e, failed);
	if (err)
		entropy_destroy(e);
	return err;
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
	*e = (struct entropy){ .fill = seeded_fill, .fd = -1, .file = -1, .state = seed };
}

void entropy_destroy(struct entropy *e)
{
	if (e->file >= 0)
		close(e->file);
	entropy_init_host(e);
}
