/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel modules a guest needs before it has a root: finds the lib/modules/VERSION that belongs to a kernel file, and
 * reads the wanted modules and what they depend on in the order they have to be loaded in. What becomes of them is the
 * initramfs's. depmod need not have run: each module tells its own dependencies.
 */
#ifndef MINIVMM_MODULES_H
#define MINIVMM_MODULES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define MODULES_MAX	   128 /* modules in one initramfs; what is wanted needs a dozen */
#define KERNEL_VERSION_MAX 128 /* with the NUL; the kernel's own limit is 64 characters */

/*
 * The version (uname -r) of a kernel by its file name, as in vmlinuz-6.1.0-56-cloud-arm64. False, and an empty string, when the
 * name does not tell.
 */
bool modules_version_from_name(const char *kernel, char version[KERNEL_VERSION_MAX]);

/*
 * modules_find_given: the module folder meant by --modules dir, which is that folder itself, a lib/modules or a root;
 * modules_find: the one of a kernel file, in lib/modules beside it, one folder up, or of the host. With version "" a
 * lib/modules that holds a single version is taken, never the host's. False: none; found holds PATH_MAX bytes.
 */
bool modules_find_given(const char *dir, const char *version, char *found);
bool modules_find(const char *kernel, const char *version, char *found);

struct module {
	char *name; /* as the kernel names it: with '_', no ".ko" */
	uint8_t *data; /* decompressed */
	size_t len;
};

struct modules {
	struct module *module; /* in load order */
	size_t count, capacity;
	char missing[240]; /* wanted, neither here nor built in: names with the reason where there is one; "" if none */
};

/*
 * Reads the modules named in want and may_want (NULL terminated; may_want may be NULL), and their dependencies, from the
 * folder dir. Built in ones are left out. A wanted one that is not there, or needs one that is not there, is left out and told in
 * missing; one of may_want quietly. 0, the caller ends with modules_free; -1 with *error filled: a file that is there and
 * cannot be used, modules that need each other in a circle, no memory.
 */
must_check int modules_read(struct modules *modules, const char *dir, const char *const *want,
	const char *const *may_want, struct error *error);
void modules_free(struct modules *modules);

#endif
