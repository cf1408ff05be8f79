/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device tree written front to back into a buffer of the caller's, over libfdt's sequential-write functions.
 *
 * Errors are sticky: the first one is kept, later calls do nothing, and dt_finish reports it, so that a tree reads as a
 * list of what it holds. Numbers only: nothing here knows a machine, its devices or KVM; the nodes of a machine are in
 * dt_nodes.h.
 */
#ifndef MINIVMM_DT_H
#define MINIVMM_DT_H

#include <stddef.h>
#include <stdint.h>

struct dt {
	void *blob;
	int size;
	int error; /* first libfdt error, 0 while there is none */
	int depth; /* nodes open; a tree that dt_finish finds unbalanced is -FDT_ERR_BADSTATE */
};

/* blob stays the caller's, is size bytes (at most INT_MAX are used) and may be guest RAM: what is in it is overwritten. */
void dt_init(struct dt *dt, void *blob, size_t size);

/* "" is the root. Every begin needs its dt_end, and a node's properties come before its children. */
void dt_begin(struct dt *dt, const char *name);
/* A node called name@addr, addr in lower-case hex as the specification wants it (Devicetree Specification 2.2.1.1). */
void dt_begin_at(struct dt *dt, const char *name, uint64_t addr);
void dt_end(struct dt *dt);

void dt_empty(struct dt *dt, const char *prop);
void dt_str(struct dt *dt, const char *prop, const char *value);
/* count strings laid end to end, each with its NUL: size is all of them (sizeof of "a\0b"). */
void dt_strs(struct dt *dt, const char *prop, const char *list, size_t size);
void dt_u32(struct dt *dt, const char *prop, uint32_t value);
void dt_u64(struct dt *dt, const char *prop, uint64_t value);
/* Each cell in the host's byte order; the tree's big endian is made here. */
void dt_cells(struct dt *dt, const char *prop, const uint32_t *cells, size_t count);
void dt_bytes(struct dt *dt, const char *prop, const void *bytes, size_t len);
/* "reg" with #address-cells 2 and #size-cells 2. */
void dt_reg(struct dt *dt, uint64_t base, uint64_t size);

/* The finished blob's size in bytes, or a negative FDT_ERR_: -FDT_ERR_NOSPACE when the buffer is too small. */
int dt_finish(struct dt *dt) __attribute__((warn_unused_result));

#endif
