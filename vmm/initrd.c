/* SPDX-License-Identifier: Apache-2.0 */
/* The initrd of boot.h: opened or taken from memory. Where it goes is boot.c's; what is in it is nobody's here. */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(struct initrd *initrd, struct error *error)
{
	struct stat st;

	/* O_NONBLOCK: a FIFO is refused below instead of waited for. */
	initrd->fd = open(initrd->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (initrd->fd < 0 || fstat(initrd->fd, &st))
		return error_set(error, STATUS_BAD_FILE, "initrd %s: %s%s", initrd->path, strerror(errno),
			errno == ENOENT	  ? "; name one that exists, or leave out --initrd for the built-in one"
			: errno == EACCES ? "; make it readable for this user, or run as one who may read it"
					  : "");
	if (S_ISDIR(st.st_mode))
		return error_set(error, STATUS_BAD_FILE,
			"initrd %s: this is a directory; pack it into a cpio archive (-H newc)", initrd->path);
	if (!S_ISREG(st.st_mode))
		return error_set(error, STATUS_BAD_FILE, "initrd %s: not a regular file; copy it to one", initrd->path);
	if (st.st_size == 0)
		return error_set(error, STATUS_BAD_FILE, "initrd %s: the file is empty; get it again", initrd->path);
	initrd->size = (uint64_t)st.st_size;
	return 0;
}

int initrd_open(struct initrd *initrd, const char *path, struct error *error)
{
	*initrd = (struct initrd){ .path = path, .fd = -1 };
	if (!open_file(initrd, error))
		return 0;
	initrd_close(initrd);
	return -1;
}

void initrd_from_memory(struct initrd *initrd, const struct iovec *pieces, unsigned int count)
{
	*initrd = (struct initrd){ .fd = -1, .pieces = pieces, .piece_count = count };
	for (unsigned int i = 0; i < count; i++)
		initrd->size += pieces[i].iov_len;
}

void initrd_close(struct initrd *initrd)
{
	if (initrd->fd >= 0)
		close(initrd->fd);
	*initrd = (struct initrd){ .path = initrd->path, .fd = -1 };
}
