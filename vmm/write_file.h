/* SPDX-License-Identifier: Apache-2.0 */
/* A whole file out of memory: what --dump-dtb writes. */
#ifndef MINIVMM_WRITE_FILE_H
#define MINIVMM_WRITE_FILE_H

#include <stddef.h>

#include "error.h"

/*
 * All or nothing: a tree cut short must not be left for someone to use, nor an older one lost. What is there and no file (a
 * pipe, /dev/stdout) is written as it is. 0, or -1 with *error (STATUS_OUTPUT).
 */
int write_file(const char *path, const void *data, size_t len, struct error *error);

#endif
