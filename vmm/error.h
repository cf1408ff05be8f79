/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one message a failure ends in, and the exit status that goes with it. Functions of vmm/ that can fail for a reason a
 * user can do something about take a struct error, fill it once, and return -1; main prints it as one line.
 */
#ifndef MINIVMM_ERROR_H
#define MINIVMM_ERROR_H

#include "core/util.h"

/*
 * The numbers follow sysexits(3) where it has one. With --exec the guest's own status is returned instead whenever the
 * guest got as far as having one.
 */
enum exit_status {
	STATUS_OK = 0, /* the guest powered off */
	STATUS_USAGE = 64, /* command line */
	STATUS_BAD_FILE = 65, /* kernel, initrd, module or other guest input missing or unusable */
	STATUS_HOST = 69, /* the host cannot: no KVM, no permission, a feature or a resource missing */
	STATUS_INTERNAL = 70, /* a bug of ours */
	STATUS_OUTPUT = 73, /* an output file or socket cannot be made or written */
	STATUS_KILLED = 79, /* ended from outside before the guest powered off: Ctrl-A X, a second SIGTERM */
	STATUS_CRASHED = 80, /* the guest panicked */
	STATUS_NO_ANSWER = 81, /* --exec was asked for and the guest powered off without reporting a status */
};

struct error {
	enum exit_status status; /* STATUS_OK while nothing went wrong */
	char text[480]; /* object, cause, fix; no "minivmm:" and no newline */
};

/* A file of the user's could not be had (errno): it is at fault, unless the host lacked something for it. */
enum exit_status error_file_status(int error);

/* Fills *error unless it holds an earlier failure: the first cause is the one to tell. Always returns -1. */
int error_set(struct error *error, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
