/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory that a vhost-user frontend shares: files mapped into this process as its messages say, and the frontend's own
 * addresses in them. Devices see a struct mem like any other.
 *
 * The files stay the frontend's, which may cut them short at any time: what is behind the cut then raises SIGBUS on access.
 * Asking for files sealed against that would turn away frontends that share hugetlbfs or a plain file. So the program's
 * handler of that signal calls vhost_user_memory_patch, and the connection is given up when it is next looked at. Where the
 * kernel does the access (disk requests), it is an error of that request.
 */
#ifndef MINIVMM_VHOST_USER_MEMORY_H
#define MINIVMM_VHOST_USER_MEMORY_H

#include <signal.h>

#include "core/mem.h"
#include "vhost_user_msg.h"

struct vhost_user_mapping {
	uint64_t user; /* where the frontend has the region's first byte */
	void *start; /* what mmap gave, from which the region is some way in */
	size_t length;
};

/* Begins zeroed: no memory. */
struct vhost_user_memory {
	struct mem mem; /* fd is -1: mappings outlive the descriptors they came by */
	struct vhost_user_mapping mapping[MEM_MAX_REGIONS]; /* of mem.region with the same index */
	struct vhost_user_mapping inflight; /* start NULL: none */
	volatile sig_atomic_t lost; /* a file was cut short under us; cleared by vhost_user_memory_clear */
};

/* Maps size bytes at offset of the file, which has to have them; fd stays the caller's. NULL, or why not. */
must_check const char *vhost_user_memory_add(
	struct vhost_user_memory *m, const struct vhost_user_region *region, int fd);
/* The region with this guest address, user address and size. false: there is none. Nobody has a pointer into it. */
must_check bool vhost_user_memory_remove(struct vhost_user_memory *m, const struct vhost_user_region *region);
/* All of them; what is in flight stays mapped. */
void vhost_user_memory_clear(struct vhost_user_memory *m);
/* The guest address of a user address. false: in no region. */
must_check bool vhost_user_memory_translate(const struct vhost_user_memory *m, uint64_t user, gpa_t *gpa);
/*
 * Memory for what is in flight (vhost-user, "Inflight I/O tracking"), of which there is none mapped: size bytes at offset of the
 * file. NULL and *at, 8-byte aligned, or why not, with nothing mapped.
 */
must_check const char *vhost_user_memory_map_inflight(
	struct vhost_user_memory *m, uint64_t offset, uint64_t size, int fd, void **at);
void vhost_user_memory_unmap_inflight(struct vhost_user_memory *m);
/* A file for it, zeroed, that nobody can cut short. Its descriptor or -errno. */
must_check int vhost_user_memory_make_inflight(uint64_t size);
/*
 * For a handler of SIGBUS: when addr is inside the memory, or what is in flight, puts zeroes of our own in the place of that whole region and says
 * true: the access can be made again. Only system calls and no locks.
 */
must_check bool vhost_user_memory_patch(struct vhost_user_memory *m, const void *addr);

#endif
