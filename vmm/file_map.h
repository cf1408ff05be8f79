/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file mapped to be read, which somebody may cut short meanwhile. What was mapped of it then is no memory any more, and who
 * reads there is sent SIGBUS. Here that is no end of the process: pages of zeroes take the place of what is gone, and the
 * map is torn, which whoever has read from it looks at before using what was read.
 *
 * The handler is the process' own and stays: any other SIGBUS does what it did without it. Maps are opened and closed by
 * one thread.
 */
#ifndef MINIVMM_FILE_MAP_H
#define MINIVMM_FILE_MAP_H

#include <signal.h>
#include <stdint.h>

#include "core/util.h"

struct file_map {
	const uint8_t *data; /* NULL: not open */
	uint64_t size;
	volatile sig_atomic_t torn; /* some of data is not the file's */
	struct file_map *next;
};

/* The first size bytes of fd, which may be closed then. 0 or -errno: not every file can be mapped. *map stays where it is. */
must_check int file_map_open(struct file_map *map, int fd, uint64_t size);
/* Gives back the memory that reading took; what is read again is there again. */
void file_map_rest(const struct file_map *map);
/* Accepts a map that is not open. */
void file_map_close(struct file_map *map);

#endif
