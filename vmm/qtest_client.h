/* SPDX-License-Identifier: Apache-2.0 */
/* The two descriptors that lead to a qtest client. Not the protocol (qtest.h). */
#ifndef MINIVMM_QTEST_CLIENT_H
#define MINIVMM_QTEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

struct qtest_client {
	int in, out; /* the same for a socket; -1: not open */
	bool close; /* they are ours */
	bool gone; /* nobody reads what is written any more */
};

/*
 * where is "unix:PATH", whose client listens there, as QEMU has it; "stdio"; or "fd:N", inherited. Their flags stay as they
 * are: others may share the open file. 0, or -1 with *error filled.
 */
must_check int qtest_client_open(struct qtest_client *client, const char *where, struct error *error);
void qtest_client_close(struct qtest_client *client);

/* After poll said so. Bytes, 0 at the end of file or when the client broke the connection, -EAGAIN. */
ssize_t qtest_client_read(struct qtest_client *client, void *buf, size_t len);
/* After poll said so, without waiting. Bytes taken, -EAGAIN; with a client that is gone, all of them. */
ssize_t qtest_client_write(struct qtest_client *client, const void *buf, size_t len);

#endif
