/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of minivmm-vhost-user, parsed into plain values. Options that minivmm has too (--rng, --disk) are read by the
 * same code. Those of vhost-user's backend program conventions have the names they have there.
 */
#ifndef MINIVMM_VHOST_USER_OPTIONS_H
#define MINIVMM_VHOST_USER_OPTIONS_H

#include "options.h"

enum vhost_user_action { VHOST_USER_RUN, VHOST_USER_HELP, VHOST_USER_SHOW_VERSION, VHOST_USER_CAPABILITIES };
enum vhost_user_device { VHOST_USER_DEVICE_NONE, VHOST_USER_DEVICE_RNG, VHOST_USER_DEVICE_BLK };

struct vhost_user_options {
	enum vhost_user_action action;
	enum vhost_user_device device;
	const char *path; /* of the socket to listen on, NULL: fd is there instead */
	int fd; /* a socket, connected or listening; -1: none */
	struct options values; /* rng_* and disks[0] of it */
};

/* Strings point into argv, which is cut up in place. 0, or -1 with *error filled. */
must_check int vhost_user_options_parse(struct vhost_user_options *o, int argc, char **argv, struct error *error);
void vhost_user_options_help(FILE *file);

#endif
