/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --vhost-user TYPE,socket=PATH,...: a device that another program serves. What each type is like (its numbers, and what is
 * ours of it) is here; that program is met in vhost_users.c, and its device placed in board_vhost_user.c.
 */
#ifndef MINIVMM_OPTIONS_VHOST_USER_H
#define MINIVMM_OPTIONS_VHOST_USER_H

#include "options.h"

/* value is cut up in place; *device outlives the strings and points into itself: it is not to be moved. 0, or -1 with *error. */
must_check int vhost_user_device_parse(struct vhost_user_device_options *device, char *value, struct error *error);

#endif
