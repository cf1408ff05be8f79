/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small root with a lib/modules/1.2.3-test in a temporary folder, and modules that are ELF files with nothing but a .modinfo. One
 * at a time. A failure to make one ends the test program.
 */
#ifndef MINIVMM_MODULE_TREE_H
#define MINIVMM_MODULE_TREE_H

#include <stddef.h>
#include <stdint.h>

#define TREE_DIR "lib/modules/1.2.3-test"

void tree_make(void);
void tree_remove(void);
const char *tree_root(void);

/* path is below the module folder, tree_root_file's below the root; folders are made. */
void tree_file(const char *path, const void *data, size_t len);
void tree_root_file(const char *path, const void *data, size_t len);
/* The same with a module that depends on others ("a,b"), packed by the tool for ending: "", ".xz", ".zst" or ".gz". */
void tree_module(const char *path, const char *ending, const char *depends);

/* The module itself; the caller frees it. Its section table is the last thing in it. */
uint8_t *tree_elf(const char *depends, size_t *len);

#endif
