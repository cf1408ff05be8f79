/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_users.h. */
#include "vhost_users.h"

#include <errno.h>

#define BIT(n) (1ULL << (n))

uint64_t vhost_users_wanted(const struct vhost_user_device_options *device)
{
	uint64_t wanted = BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
			  BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE);

	/* And to hear when it changes. */
	if (!device->kind.config && device->kind.config_size)
		wanted |= BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ);
	/* Costs the backend some stores a request. */
	if (device->reconnect)
		wanted |= BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
	return wanted;
}

int vhost_users_refuse(const struct vhost_user_device_options *device, const struct vhost_user_client *client, int ret,
	struct error *error)
{
	const char *fix = "";

	if (ret == -ENOENT || ret == -ECONNREFUSED)
		fix = "; start the backend first";
	else if (ret == -ENOTSOCK)
		fix = "; name the socket the backend listens on";
	else if (ret == -EACCES)
		fix = "; make it writable for this user";
	else if (ret == -EMFILE)
		fix = "; raise the limit with ulimit -n";
	return error_set(
		error, error_file_status(-ret), "--vhost-user socket=%s: %s%s", device->socket, client->why, fix);
}

int vhost_users_connect(struct vhost_users *users, const struct options *options, struct error *error)
{
	for (unsigned int i = 0; i < options->vhost_user_count; i++) {
		const struct vhost_user_device_options *device = &options->vhost_users[i];
		struct vhost_user_client *client = &users->client[i];
		int ret;

		if (i < users->count && client->fd >= 0)
			continue;
		ret = vhost_user_client_open(
			client, device->socket, vhost_users_wanted(device), &clock_host, VHOST_USERS_PATIENCE_NS);
		if (users->count <= i)
			users->count = i + 1;
		if (ret)
			return vhost_users_refuse(device, client, ret, error);
	}
	return 0;
}

void vhost_users_close(struct vhost_users *users)
{
	while (users->count)
		vhost_user_client_close(&users->client[--users->count]);
}
