/* SPDX-License-Identifier: Apache-2.0 */
/* See cpio.h. */
#include "cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_LEN  110 /* "070701" and 13 numbers of 8 hexadecimal digits */
#define ARCHIVE_PAD 512 /* cpio(1) ends archives on its block size */

static bool reserve(struct cpio *cpio, size_t more)
{
	size_t capacity = cpio->capacity ? cpio->capacity : 256 * KiB;
	void *data;

	if (cpio->error)
		return false;
	if (more <= cpio->capacity - cpio->len)
		return true;
	while (capacity - cpio->len < more && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	data = capacity - cpio->len < more ? NULL : realloc(cpio->data, capacity);
	if (!data) {
		cpio->error = -ENOMEM;
		return false;
	}
	cpio->data = data;
	cpio->capacity = capacity;
	return true;
}

static void append(struct cpio *cpio, const void *data, size_t len)
{
	if (!len || !reserve(cpio, len))
		return;
	memcpy(cpio->data + cpio->len, data, len);
	cpio->len += len;
}

static void pad(struct cpio *cpio, size_t align)
{
	static const uint8_t zeros[ARCHIVE_PAD];

	append(cpio, zeros, (size_t)ALIGN_UP(cpio->len, align) - cpio->len);
}

static void add_entry(struct cpio *cpio, const char *name, uint32_t mode, uint32_t major, uint32_t minor,
	const void *data, size_t len)
{
	size_t name_size = strlen(name) + 1;
	char header[HEADER_LEN + 1];

	if (len > UINT32_MAX) {
		cpio->error = cpio->error ? cpio->error : -EFBIG;
		return;
	}
	/* magic, ino, mode, uid, gid, nlink, mtime, filesize, major, minor, rmajor, rminor, namesize, check */
	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", cpio->entries++,
		mode, 0U, 0U, S_ISDIR(mode) ? 2U : 1U, 0U, (uint32_t)len, 0U, 0U, major, minor, (uint32_t)name_size,
		0U);
	append(cpio, header, HEADER_LEN);
	append(cpio, name, name_size);
	pad(cpio, 4);
	append(cpio, data, len);
	pad(cpio, 4);
}

void cpio_add_dir(struct cpio *cpio, const char *name)
{
	add_entry(cpio, name, S_IFDIR | 0755, 0, 0, NULL, 0);
}

void cpio_add_file(struct cpio *cpio, const char *name, uint32_t mode, const void *data, size_t len)
{
	add_entry(cpio, name, S_IFREG | mode, 0, 0, data, len);
}

void cpio_add_char_device(struct cpio *cpio, const char *name, uint32_t major, uint32_t minor)
{
	add_entry(cpio, name, S_IFCHR | 0600, major, minor, NULL, 0);
}

int cpio_finish(struct cpio *cpio)
{
	add_entry(cpio, "TRAILER!!!", 0, 0, 0, NULL, 0);
	pad(cpio, ARCHIVE_PAD);
	return cpio->error;
}

void cpio_free(struct cpio *cpio)
{
	free(cpio->data);
	*cpio = (struct cpio){ 0 };
}
