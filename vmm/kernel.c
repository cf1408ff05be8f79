/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel.h. Opening, recognising and loading; the formats themselves are in kernel_image.c, kernel_elf.c, kernel_refuse.c. */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_format.h"
#include "place_file.h"

/* Where a program without a header is put and entered: what Linux's own default was, and what kvm-unit-tests links for. */
#define FLAT_OFFSET 0x80000

/* As much of a compressed kernel as is unpacked to see what it is: all headers, with the PE/COFF section table. */
#define PEEK_SIZE 4096

/* Most bytes a compressed file is unpacked to outside guest RAM; a debug vmlinux is half of that. */
#define UNPACKED_MAX GiB

static struct bytes file_bytes(const struct kernel *kernel)
{
	return (struct bytes){ kernel->file, kernel->file_size };
}

static struct bytes payload_bytes(const struct kernel *kernel)
{
	return (struct bytes){ kernel->file + kernel->payload, kernel->payload_size };
}

static int unpack_failed(const struct kernel *kernel, int rc, struct error *error)
{
	if (rc == -ENOMEM)
		return error_set(
			error, STATUS_HOST, "kernel %s: not enough memory on this host to unpack it", kernel->path);
	if (rc == -EFBIG || rc == -ENOSPC)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: its %s data unpacks to more than its header says; get the file again", kernel->path,
			compression_name(kernel->compression));
	return error_set(error, STATUS_BAD_FILE, "kernel %s: corrupt or truncated %s data; get the file again",
		kernel->path, compression_name(kernel->compression));
}

/* For what has to be seen whole before it can be placed. */
static int unpack_all(struct kernel *kernel, struct error *error)
{
	const struct bytes packed = payload_bytes(kernel);
	size_t size = 0;
	int rc =
		decompress_alloc(kernel->compression, packed.data, packed.size, UNPACKED_MAX, &kernel->unpacked, &size);

	kernel->unpacked_size = size;
	return rc ? unpack_failed(kernel, rc, error) : 0;
}

static int recognise_packed(struct kernel *kernel, struct error *error)
{
	const struct bytes packed = payload_bytes(kernel);
	uint8_t peek[PEEK_SIZE];
	struct bytes head = { peek, 0 };
	const struct file_kind *kind;
	size_t size = 0;
	int rc = decompress(kernel->compression, packed.data, packed.size, peek, sizeof(peek), &size);

	if (rc && rc != -ENOSPC)
		return unpack_failed(kernel, rc, error);
	head.size = size;
	if (elf_is(head)) {
		kernel->format = KERNEL_ELF;
		if (unpack_all(kernel, error))
			return -1;
		return elf_parse(kernel, (struct bytes){ kernel->unpacked, kernel->unpacked_size }, error);
	}
	if (image_is(head)) {
		kernel->format = KERNEL_IMAGE;
		if (image_parse(kernel, head, 0, error))
			return -1;
		if (kernel->span)
			return 0;
		/* An old kernel that does not tell its size. */
		if (unpack_all(kernel, error))
			return -1;
		return image_parse(kernel, head, kernel->unpacked_size, error);
	}
	kind = file_kind_detect(head);
	return error_set(error, STATUS_BAD_FILE, "kernel %s: %s data that holds no arm64 kernel but %s; %s",
		kernel->path, compression_name(kernel->compression), kind ? kind->what : "something unknown",
		kind ? kind->instead : KERNEL_WANTED);
}

static int recognise_plain(struct kernel *kernel, struct error *error)
{
	const struct bytes file = file_bytes(kernel);
	const struct file_kind *kind;

	if (elf_is(file)) {
		kernel->format = KERNEL_ELF;
		return elf_parse(kernel, file, error);
	}
	if (image_is(file)) {
		kernel->format = KERNEL_IMAGE;
		return image_parse(kernel, file, file.size, error);
	}
	kind = file_kind_detect(file);
	if (kind)
		return error_set(
			error, STATUS_BAD_FILE, "kernel %s: this is %s; %s", kernel->path, kind->what, kind->instead);
	kernel->format = KERNEL_FLAT;
	kernel->load_offset = FLAT_OFFSET;
	kernel->span = file.size;
	return 0;
}

static int recognise(struct kernel *kernel, struct error *error)
{
	const struct bytes file = file_bytes(kernel);

	kernel->payload_size = file.size;
	kernel->compression = compression_detect(file.data, file.size);
	if (zboot_is(file) && zboot_parse(kernel, file, error))
		return -1;
	return kernel->compression == COMPRESSION_NONE ? recognise_plain(kernel, error)
						       : recognise_packed(kernel, error);
}

static int open_failed(const char *path, struct error *error)
{
	static const struct {
		int number;
		const char *fix;
	} fixes[] = {
		{ ENOENT, "; name an arm64 kernel that exists" },
		{ EACCES, "; make it readable for this user, or run as one who may read it" },
	};
	const char *fix = "";

	for (size_t i = 0; i < ARRAY_SIZE(fixes); i++)
		if (fixes[i].number == errno)
			fix = fixes[i].fix;
	return error_set(error, STATUS_BAD_FILE, "kernel %s: %s%s", path, strerror(errno), fix);
}

/* Whatever was made of what was read of a file that was torn meanwhile is nothing, and so is what was said of it. */
static int check_whole(const struct kernel *kernel, int rc, struct error *error)
{
	if (!kernel->map.torn)
		return rc;
	error->status = STATUS_OK;
	return error_set(error, STATUS_BAD_FILE,
		"kernel %s: became shorter, or unreadable, while in use; restart with the whole file", kernel->path);
}

/* fd, map, file and file_size. */
static int open_file(struct kernel *kernel, struct error *error)
{
	struct stat st;
	int ret;

	/* O_NONBLOCK: a FIFO is refused below instead of waited for. */
	kernel->fd = open(kernel->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (kernel->fd < 0 || fstat(kernel->fd, &st))
		return open_failed(kernel->path, error);
	if (S_ISDIR(st.st_mode))
		return error_set(error, STATUS_BAD_FILE, "kernel %s: this is a directory; name the kernel file in it",
			kernel->path);
	if (!S_ISREG(st.st_mode))
		return error_set(
			error, STATUS_BAD_FILE, "kernel %s: not a regular file; copy the kernel to one", kernel->path);
	if (st.st_size == 0)
		return error_set(error, STATUS_BAD_FILE, "kernel %s: the file is empty; get it again", kernel->path);
	kernel->file_size = (uint64_t)st.st_size;
	ret = file_map_open(&kernel->map, kernel->fd, kernel->file_size);
	if (ret)
		return error_set(
			error, STATUS_BAD_FILE, "kernel %s: cannot be mapped: %s", kernel->path, strerror(-ret));
	kernel->file = kernel->map.data;
	return 0;
}

int kernel_open(struct kernel *kernel, const char *path, struct error *error)
{
	*kernel = (struct kernel){ .path = path, .fd = -1 };
	if (!open_file(kernel, error) && !check_whole(kernel, recognise(kernel, error), error))
		return 0;
	kernel_close(kernel);
	return -1;
}

/* Straight into guest RAM. */
static int load_packed(const struct kernel *kernel, uint8_t *dst, struct error *error)
{
	const struct bytes packed = payload_bytes(kernel);
	size_t size = 0;
	int rc = decompress(kernel->compression, packed.data, packed.size, dst, kernel->span, &size);

	if (rc)
		return unpack_failed(kernel, rc, error);
	if (size < kernel->file_least)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: its %s data holds a truncated arm64 Image: %llu bytes of at least %llu; get the "
			"file again",
			kernel->path, compression_name(kernel->compression), (unsigned long long)size,
			(unsigned long long)kernel->file_least);
	return 0;
}

static int load_file(const struct kernel *kernel, const struct mem *mem, gpa_t gpa, struct error *error)
{
	int rc = place_file(mem, gpa, kernel->fd, kernel->file_size);

	if (rc == -ENODATA)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: became shorter while in use; restart with the whole file", kernel->path);
	if (rc)
		return error_set(error, STATUS_HOST, "kernel %s: cannot be loaded: %s", kernel->path, strerror(-rc));
	return 0;
}

int kernel_load(const struct kernel *kernel, const struct mem *mem, gpa_t ram, gpa_t *entry, struct error *error)
{
	const gpa_t gpa = ram + kernel->load_offset;
	uint8_t *dst = mem_ptr(mem, gpa, kernel->span);

	if (!dst)
		return error_set(error, STATUS_USAGE,
			"kernel %s: needs %llu bytes of RAM at 0x%llx, which are not there", kernel->path,
			(unsigned long long)kernel->span, (unsigned long long)gpa);
	*entry = gpa;
	if (kernel->format == KERNEL_ELF) {
		const struct bytes unpacked = { kernel->unpacked, kernel->unpacked_size };

		*entry = gpa + kernel->elf_entry;
		elf_copy(kernel, kernel->unpacked ? unpacked : file_bytes(kernel), dst);
		return check_whole(kernel, 0, error);
	}
	if (kernel->unpacked) {
		memcpy(dst, kernel->unpacked, kernel->unpacked_size);
		return 0;
	}
	if (kernel->compression != COMPRESSION_NONE)
		return check_whole(kernel, load_packed(kernel, dst, error), error);
	return load_file(kernel, mem, gpa, error);
}

/* "Linux version 6.1.0-56-cloud-arm64 (...": the format string it is printed with lies near, hence the digit. */
static int find_version(struct bytes image, char *buf, size_t size)
{
	static const char banner[] = "Linux version ";
	const uint8_t *at = image.data, *end = image.data + image.size;

	while ((at = memmem(at, (size_t)(end - at), banner, sizeof(banner) - 1))) {
		size_t len = 0;

		at += sizeof(banner) - 1;
		while (at + len < end && at[len] > ' ' && at[len] < 0x7f)
			len++;
		if (len == 0 || at[0] < '0' || at[0] > '9' || at + len == end || at[len] != ' ' || len >= size)
			continue;
		memcpy(buf, at, len);
		buf[len] = '\0';
		return 0;
	}
	return -ENOENT;
}

int kernel_version(const struct kernel *kernel, char *buf, size_t size)
{
	const struct bytes packed = payload_bytes(kernel);
	uint8_t *unpacked = NULL;
	size_t len = 0;
	int rc;

	if (kernel->compression == COMPRESSION_NONE)
		return find_version(file_bytes(kernel), buf, size);
	if (kernel->unpacked)
		return find_version((struct bytes){ kernel->unpacked, kernel->unpacked_size }, buf, size);
	rc = decompress_alloc(kernel->compression, packed.data, packed.size, UNPACKED_MAX, &unpacked, &len);
	if (rc)
		return rc == -ENOMEM ? rc : -EINVAL;
	rc = find_version((struct bytes){ unpacked, len }, buf, size);
	free(unpacked);
	return rc;
}

void kernel_rest(const struct kernel *kernel)
{
	file_map_rest(&kernel->map);
}

void kernel_close(struct kernel *kernel)
{
	free(kernel->unpacked);
	file_map_close(&kernel->map);
	if (kernel->fd >= 0)
		close(kernel->fd);
	*kernel = (struct kernel){ .path = kernel->path, .fd = -1 };
}
