/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's bytes in guest RAM without reading them: mapped privately over it, so that guests started from the same kernel
 * and initrd share the host's page cache and pay for what they touch. Read instead where mapping cannot work.
 */
#ifndef MINIVMM_PLACE_FILE_H
#define MINIVMM_PLACE_FILE_H

#include "core/mem.h"
#include "core/util.h"

/*
 * Puts the first size bytes of fd at gpa. Mapped when gpa's host address is page-aligned, the last page is RAM to its end and
 * the region has no descriptor (memory shared with a backend must stay shared); its tail is then zero. 0 or -errno:
 * -EFAULT: not in one region; -ENODATA: the file is shorter than size by now; or from fstat, mmap or pread.
 */
must_check int place_file(const struct mem *mem, gpa_t gpa, int fd, uint64_t size);

#endif
