/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which module is in which file, for one lib/modules/VERSION: read from modules.dep or modules.order, and where a package was
 * unpacked without either, found by walking the folder. Reads names only, never a module.
 */
#ifndef MINIVMM_MODULE_INDEX_H
#define MINIVMM_MODULE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/util.h"

struct module_index_entry {
	uint32_t hash; /* of the module's name */
	uint32_t offset; /* of its path in text */
	uint32_t len;
};

struct module_index {
	char *text; /* paths relative to the folder, one a line */
	size_t len;
	struct module_index_entry *entry;
	size_t count, capacity;
};

/* 0 or -errno: -ENOENT when the folder is no folder of modules. The caller ends with module_index_free in either case. */
must_check int module_index_open(struct module_index *index, const char *dir);
/* The same for modules.builtin: what the kernel has in itself. */
must_check int module_index_open_builtin(struct module_index *index, const char *dir);
void module_index_free(struct module_index *index);

/*
 * The path, relative to the folder, of the file of module name, where '-' and '_' are the same; NULL: none. *len is its length, it
 * has no NUL. Compressed modules may be listed with or without the ending of the compression.
 */
const char *module_index_find(const struct module_index *index, const char *name, size_t *len);

#endif
