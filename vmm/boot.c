/* SPDX-License-Identifier: Apache-2.0 */
/* See boot.h. */
#include "boot.h"

#include <errno.h>
#include <string.h>

#include "place_file.h"

/* QEMU's choice (hw/arm/boot.c): leaves the kernel room to unpack into, and stays in what the oldest kernels can reach. */
#define INITRD_OFFSET_MAX (128 * MiB)

/* The largest host page size, so that an initrd can be mapped on every host. */
#define INITRD_ALIGN (64 * KiB)

/* A tree aligned to its own size crosses no 2 MiB boundary either; 2 MiB is where it goes when there is room. */
#define DTB_ALIGN	(2 * MiB)
#define DTB_ALIGN_LEAST BOOT_DTB_SIZE

/* Beyond any RAM, and far from overflow in the sums below. */
#define SIZE_MOST (1ULL << 48)

/* All as offsets into RAM. */
struct places {
	uint64_t initrd;
	uint64_t dtb;
	uint64_t end;
};

static struct places places_from(uint64_t initrd_least, uint64_t initrd_size, uint64_t dtb_align)
{
	struct places places;

	places.initrd = ALIGN_UP(initrd_least, INITRD_ALIGN);
	places.dtb = ALIGN_UP(places.initrd + initrd_size, dtb_align);
	places.end = places.dtb + BOOT_DTB_SIZE;
	return places;
}

static uint64_t to_mib(uint64_t bytes)
{
	return ALIGN_UP(bytes, MiB) / MiB;
}

static int too_small(
	uint64_t ram_size, uint64_t needed, const struct kernel *kernel, uint64_t initrd_size, struct error *error)
{
	if (!initrd_size)
		return error_set(error, STATUS_USAGE,
			"%llu MiB of memory are too small for kernel %s (%llu MiB in memory); give --memory %lluM or "
			"more",
			(unsigned long long)(ram_size / MiB), kernel->path, (unsigned long long)to_mib(kernel->span),
			(unsigned long long)to_mib(needed));
	return error_set(error, STATUS_USAGE,
		"%llu MiB of memory are too small for kernel %s (%llu MiB in memory) and the initrd (%llu MiB); give "
		"--memory %lluM "
		"or more",
		(unsigned long long)(ram_size / MiB), kernel->path, (unsigned long long)to_mib(kernel->span),
		(unsigned long long)to_mib(initrd_size), (unsigned long long)to_mib(needed));
}

int boot_place(struct boot_info *info, gpa_t ram, uint64_t ram_size, const struct kernel *kernel,
	const struct initrd *initrd, struct error *error)
{
	uint64_t initrd_size = initrd ? initrd->size : 0;
	uint64_t kernel_end, least;
	struct places places;

	if (kernel->load_offset > SIZE_MOST || kernel->span > SIZE_MOST || initrd_size > SIZE_MOST)
		return error_set(error, STATUS_USAGE, "kernel %s and initrd are larger than any memory", kernel->path);
	kernel_end = kernel->load_offset + kernel->span;
	least = ram_size / 2 < INITRD_OFFSET_MAX ? ram_size / 2 : INITRD_OFFSET_MAX;
	places = places_from(kernel_end > least ? kernel_end : least, initrd_size, DTB_ALIGN);
	if (places.end > ram_size)
		places = places_from(kernel_end, initrd_size, DTB_ALIGN_LEAST);
	if (places.end > ram_size)
		return too_small(ram_size, places.end, kernel, initrd_size, error);
	*info = (struct boot_info){
		.entry = ram + kernel->load_offset + kernel->elf_entry,
		.initrd = initrd_size ? ram + places.initrd : 0,
		.initrd_size = initrd_size,
		.dtb = ram + places.dtb,
	};
	return 0;
}

static int load_pieces(const struct mem *mem, gpa_t gpa, const struct initrd *initrd)
{
	uint8_t *dst = mem_ptr(mem, gpa, initrd->size);

	if (!dst)
		return -EFAULT;
	for (unsigned int i = 0; i < initrd->piece_count; i++) {
		/* An empty piece may have no address at all. */
		if (initrd->pieces[i].iov_len)
			memcpy(dst, initrd->pieces[i].iov_base, initrd->pieces[i].iov_len);
		dst += initrd->pieces[i].iov_len;
	}
	return 0;
}

static int load_initrd(const struct mem *mem, gpa_t gpa, const struct initrd *initrd, struct error *error)
{
	const char *name = initrd->path ? initrd->path : "(built in)";
	int rc = initrd->path ? place_file(mem, gpa, initrd->fd, initrd->size) : load_pieces(mem, gpa, initrd);

	if (rc == -ENODATA)
		return error_set(error, STATUS_BAD_FILE,
			"initrd %s: became shorter while in use; restart with the whole file", name);
	if (rc)
		return error_set(error, STATUS_HOST, "initrd %s: cannot be loaded: %s", name, strerror(-rc));
	return 0;
}

int boot_load(struct boot_info *info, const struct mem *mem, gpa_t ram, uint64_t ram_size, const struct kernel *kernel,
	const struct initrd *initrd, struct error *error)
{
	if (boot_place(info, ram, ram_size, kernel, initrd, error) ||
		kernel_load(kernel, mem, ram, &info->entry, error))
		return -1;
	return info->initrd_size ? load_initrd(mem, info->initrd, initrd, error) : 0;
}
