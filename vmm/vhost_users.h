/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that serve --vhost-user devices, met once for all lives of the machine: some of them end with their connection.
 * What is said over it is the device's (virtio/vhost_user.h).
 */
#ifndef MINIVMM_VHOST_USERS_H
#define MINIVMM_VHOST_USERS_H

#include "backend/vhost_user_client.h"
#include "options.h"

/*
 * How long one answer is waited for. Whoever waits holds the machine lock, and so for this long the guest's other devices and
 * its console may stand still, once: then the backend is given up. A disk's may have to finish its requests before it answers.
 */
#define VHOST_USERS_PATIENCE_NS (3 * 1000000000ULL)

/* options->vhost_user_count clients; begins zeroed. */
struct vhost_users {
	struct vhost_user_client client[OPTIONS_MAX_VHOST_USERS];
	unsigned int count; /* that were opened, and may have lost their connection since */
};

/* Connects those that have no connection. 0, or -1 with *error, which names the socket. */
must_check int vhost_users_connect(struct vhost_users *users, const struct options *options, struct error *error);
void vhost_users_close(struct vhost_users *users);
/* Protocol features that the device is to have where its backend offers them. */
uint64_t vhost_users_wanted(const struct vhost_user_device_options *device);
/* *error from what a client says is wrong with its backend, and -1. ret: -errno. */
int vhost_users_refuse(const struct vhost_user_device_options *device, const struct vhost_user_client *client, int ret,
	struct error *error);

#endif
