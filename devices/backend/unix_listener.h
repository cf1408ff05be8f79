/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening UNIX socket at a path: made, and taken away again with what it left in the file system. Not what is said over
 * it.
 */
#ifndef MINIVMM_UNIX_LISTENER_H
#define MINIVMM_UNIX_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "core/util.h"

struct unix_listener {
	int fd; /* -1: not open */
	bool bound;
	dev_t node_dev; /* what we made at the path, so that only that is unlinked */
	ino_t node_ino;
	struct sockaddr_un addr;
};

/*
 * A socket that is left over there and served by nobody is replaced. 0, or -errno and in *failed what is wrong, as the second half
 * of a sentence about the path; *l is then closed.
 */
must_check int unix_listener_open(struct unix_listener *l, const char *path, const char **failed);
/* Also one that is not open. */
void unix_listener_close(struct unix_listener *l);

#endif
