/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's bytes in guest RAM, read.
 *
 * Not mapped there, though a mapping is there at once and shares the host's page cache: a guest touches all of its kernel, and
 * of a mapped file KVM gives it a page of the host's at a time, two or three times over as it is read, executed and written.
 * Debian's 27 MB kernel is read in 16 M instructions where the faults cost 88 M more; into huge pages, that is, but with small
 * ones too the boot is shorter.
 *
 * Nor copied out of a mapping of our own: copying then takes half, and mapping and unmapping its pages all of what that saves.
 */
#ifndef MINIVMM_PLACE_FILE_H
#define MINIVMM_PLACE_FILE_H

#include "core/mem.h"
#include "core/util.h"

/* Puts the first size bytes of fd at gpa. 0 or -errno: -EFAULT: not in one region; -ENODATA: fd is shorter by now. */
must_check int place_file(const struct mem *mem, gpa_t gpa, int fd, uint64_t size);

#endif
