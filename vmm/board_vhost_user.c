/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that other programs serve, on the board. See board.h; meeting those programs is vhost_users.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "board.h"
#include "machine.h"
#include "vhost_users.h"

#define NS_PER_S 1000000000ULL

/* What features=+x asks for has to be there; what the core could do alone is of no use. */
static int check_features(const struct vhost_user_device_options *options, struct vhost_user_client *client)
{
	uint64_t missing = options->features.on & ~client->features;
	const char *name;
	int bit;

	if (!missing)
		return 0;
	bit = __builtin_ctzll(missing);
	name = virtio_feature_name((unsigned int)bit);
	snprintf(client->why, sizeof(client->why), "it does not offer feature %d%s%s%s, which features= asks for", bit,
		name ? " (" : "", name ? name : "", name ? ")" : "");
	return -EINVAL;
}

/* The connection is the device's from here on. */
static int init(struct board *board, struct board_vhost_user *device, unsigned int i)
{
	const struct machine_config *config = board->config;
	const struct vhost_user_device_options *options = &config->options->vhost_users[i];
	struct vhost_user_client *client = &config->vhost_users->client[i];
	int ret = check_features(options, client);

	device->d.client = *client;
	if (ret)
		return ret;
	client->fd = -1;
	ret = virtio_vhost_user_init(&device->d, &options->kind, config->loop, board->mem);
	if (!ret && options->reconnect)
		virtio_vhost_user_await(&device->d, options->socket, options->reconnect * NS_PER_S);
	return ret;
}

int board_place_vhost_user(struct board *board, unsigned int i, struct error *error)
{
	const struct vhost_user_device_options *options = &board->config->options->vhost_users[i];
	struct board_vhost_user *device = &board->vhost_users[i];
	int ret = init(board, device, i);

	if (ret)
		return vhost_users_refuse(options, &device->d.client, ret, error);
	device->up = true;
	return board_place_transport(
		board, &device->transport, &device->d.v, &options->place, &options->features, error);
}

void board_destroy_vhost_user(struct board *board, unsigned int i)
{
	struct board_vhost_user *device = &board->vhost_users[i];

	board_destroy_transport(&device->transport);
	if (!device->up)
		return;
	/* For the next life. */
	virtio_vhost_user_release(&device->d, &board->config->vhost_users->client[i]);
	virtio_vhost_user_destroy(&device->d);
}
