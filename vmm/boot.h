/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where in guest RAM when the guest starts: kernel, initrd, device tree. Places and fills the first two and leaves
 * room for the tree, which whoever knows the machine writes. No KVM.
 *
 *	ram                                                                                      ram + size
 *	 | text_offset | kernel, BSS | ...      | initrd      | 2 MiB aligned: DTB | ...           |
 *	               ^entry                   ^ram + min(size / 2, 128 MiB), or right after a kernel that passes it
 *
 * The kernel's contract (booting.rst): the tree is 8-byte aligned, at most 2 MiB and not across a 2 MiB boundary; the initrd
 * lies within 32 GiB of the kernel.
 */
#ifndef MINIVMM_BOOT_H
#define MINIVMM_BOOT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/mem.h"
#include "core/util.h"
#include "error.h"
#include "kernel.h"

/* Room kept for the device tree: 123 CPUs and a full set of virtio devices take less than half. */
#define BOOT_DTB_SIZE (64 * KiB)

/* An initrd, opened or made once and placed on every boot. */
struct initrd {
	const char *path; /* the caller's; NULL: from memory */
	int fd; /* -1: from memory */
	const struct iovec *pieces; /* the caller's, laid end to end in this order; must outlive the initrd */
	unsigned int piece_count;
	uint64_t size; /* bytes in all */
};

/* 0, or -1 with *error filled (STATUS_BAD_FILE): missing, unreadable, a directory, empty. The descriptor stays open. */
must_check int initrd_open(struct initrd *initrd, const char *path, struct error *error);
void initrd_from_memory(struct initrd *initrd, const struct iovec *pieces, unsigned int count);
/* Frees nothing of the caller's. Accepts an initrd that initrd_open failed on. */
void initrd_close(struct initrd *initrd);

struct boot_info {
	gpa_t entry;
	gpa_t initrd;
	uint64_t initrd_size; /* 0: none */
	gpa_t dtb; /* BOOT_DTB_SIZE bytes of RAM, for x0 of the first vCPU */
};

/*
 * Decides the places without touching RAM. 0, or -1 with *error filled (STATUS_USAGE: the memory is too small, and how much
 * --memory is needed). initrd may be NULL. ram is 2 MiB aligned and [ram, ram + ram_size) one region.
 */
must_check int boot_place(struct boot_info *info, gpa_t ram, uint64_t ram_size, const struct kernel *kernel,
	const struct initrd *initrd, struct error *error);

/*
 * boot_place, then kernel and initrd put there. RAM must read as zeros (fresh, or replaced by a fresh mapping for a reboot);
 * see kernel_load for what is mapped over it. 0, or -1 with *error filled.
 */
must_check int boot_load(struct boot_info *info, const struct mem *mem, gpa_t ram, uint64_t ram_size,
	const struct kernel *kernel, const struct initrd *initrd, struct error *error);

#endif
