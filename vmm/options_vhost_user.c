/* SPDX-License-Identifier: Apache-2.0 */
/* See options_vhost_user.h. */
#include "options_vhost_user.h"

#include <stdio.h>
#include <string.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>

#include "keyval.h"
#include "options_device.h"
#include "options_place.h"
#include "virtio/blk.h"

#define OPTION "--vhost-user"

#define MOST_RECONNECT 3600 /* seconds */
#define MOST_SIZE      32768 /* virtio 2.7: of a split ring */

/* The device type's own features, by mask. */
#define BIT(n)	 (1ULL << (n))
#define BELOW(n) (BIT(n) - 1)

/* Newer than the headers of the oldest distribution we build on. */
#define BLK_F_SECURE_ERASE 16
#define BLK_F_ZONED	   17
#define NET_F_NOTF_COAL	   53
#define NET_F_HASH_REPORT  57
#define NET_F_RSS	   60

/* VIRTIO_BLK_F_SECURE_ERASE's fields come behind it, and not every backend shows them. */
#define BLK_CONFIG_SIZE (offsetof(struct virtio_blk_config, unused1) + sizeof(((struct virtio_blk_config *)0)->unused1))
#define NET_CONFIG_SIZE (offsetof(struct virtio_net_config, mtu) + sizeof(((struct virtio_net_config *)0)->mtu))

/* All that is done by requests on the control queue, which is a monitor's to answer and no backend's. */
#define NET_CONTROLLED                                                                                                 \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) |                         \
		BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_MQ) |            \
		BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT(NET_F_NOTF_COAL) |       \
		BIT(NET_F_HASH_REPORT) | BIT(NET_F_RSS))

static const struct type {
	const char *name;
	struct vhost_user_kind kind; /* queue_count: of a device with queues=1 */
	unsigned int queues_most;
} types[] = {
	{ "rng",
		{ .name = "vhost-user-rng",
			.device_id = VIRTIO_ID_RNG,
			.queue_count = 1,
			.queue_size = 64,
			.foreign = BELOW(24) },
		1 },
	{ "blk",
		{ .name = "vhost-user-blk",
			.device_id = VIRTIO_ID_BLOCK,
			.queue_count = 1,
			.queue_size = 128,
			.config_size = BLK_CONFIG_SIZE,
			.count_at = offsetof(struct virtio_blk_config, num_queues),
			.seg_max_at = offsetof(struct virtio_blk_config, seg_max),
			.needs_config = true,
			.never = BIT(BLK_F_SECURE_ERASE) | BIT(BLK_F_ZONED) },
		OPTIONS_MAX_QUEUES },
	/* The first queue is for requests that go before all others. */
	{ "fs",
		{ .name = "vhost-user-fs",
			.device_id = VIRTIO_ID_FS,
			.queue_count = 2,
			.queue_size = 256,
			.config_size = sizeof(struct virtio_fs_config),
			.never = BIT(0), /* VIRTIO_FS_F_NOTIFICATION, with one more queue */
			.foreign = BELOW(24) & ~BELOW(8) },
		OPTIONS_MAX_QUEUES },
	/* Events tell of the guest's move to another host. */
	{ "vsock",
		{ .name = "vhost-user-vsock",
			.device_id = VIRTIO_ID_VSOCK,
			.queue_count = 3,
			.queue_size = 128,
			.config_size = sizeof(struct virtio_vsock_config),
			.unserved = 1,
			.needs_config = true,
			.foreign = BELOW(24) & ~BELOW(8) },
		1 },
	{ "net",
		{ .name = "vhost-user-net",
			.device_id = VIRTIO_ID_NET,
			.queue_count = 2,
			.queue_size = 256,
			.config_size = NET_CONFIG_SIZE,
			.never = NET_CONTROLLED | BIT(VIRTIO_NET_F_SPEED_DUPLEX),
			.of_config = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MTU) },
		1 },
	/* The last: any other, of which only the number is known. */
	{ "id", { .name = "vhost-user-device", .queue_count = 1, .queue_size = 128 }, OPTIONS_MAX_QUEUES },
};

static const struct type *const by_id = &types[ARRAY_SIZE(types) - 1];

/* What the value is cut up into. */
struct text {
	const char *socket, *features, *bus, *addr, *tag, *mac;
	uint64_t id, queues, queue_size, config_size, reconnect;
};

static const struct type *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

/* The type in front of the first comma is cut off: what is left, or NULL with *error. */
static char *cut_type(char *value, const struct type **type, struct error *error)
{
	size_t len = strcspn(value, ",");
	bool more = value[len];

	if (!strncmp(value, "id=", 3)) {
		*type = by_id;
		return value;
	}
	value[len] = '\0';
	*type = find_type(value);
	if (!*type || *type == by_id) {
		error_set(error, STATUS_USAGE,
			OPTION " %s: write rng, blk, fs, vsock, net or id=N first, like " OPTION " rng,socket=PATH",
			value);
		return NULL;
	}
	return value + len + more;
}

static int bad_number(const char *key, uint64_t value, unsigned int least, unsigned int most, struct error *error)
{
	return error_set(error, STATUS_USAGE, OPTION ": %s=%llu: write a number from %u to %u", key,
		(unsigned long long)value, least, most);
}

static int check_numbers(const struct text *text, const struct type *type, struct error *error)
{
	if (type == by_id && (text->id < 1 || text->id > UINT8_MAX))
		return bad_number("id", text->id, 1, UINT8_MAX, error);
	if (text->queues < 1 || text->queues > type->queues_most)
		return bad_number("queues", text->queues, 1, type->queues_most, error);
	if (text->queue_size < 2 || text->queue_size > MOST_SIZE || text->queue_size & (text->queue_size - 1))
		return error_set(error, STATUS_USAGE, OPTION ": queue-size=%llu: write a power of 2 from 2 to %u",
			(unsigned long long)text->queue_size, MOST_SIZE);
	if (text->config_size > VIRTIO_CONFIG_MAX)
		return bad_number("config-size", text->config_size, 0, VIRTIO_CONFIG_MAX, error);
	if (text->reconnect > MOST_RECONNECT)
		return bad_number("reconnect", text->reconnect, 0, MOST_RECONNECT, error);
	return 0;
}

/* A key that another type has. */
static int check_keys(const struct text *text, const struct type *type, struct error *error)
{
	const struct {
		const char *key, *type;
		bool given;
	} keys[] = {
		{ "tag", "fs", text->tag },
		{ "mac", "net", text->mac },
		{ "id", "id", text->id },
		{ "config-size", "id", text->config_size },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].given && strcmp(keys[i].type, type->name))
			return error_set(error, STATUS_USAGE, OPTION ": %s: a device of type %s has none", keys[i].key,
				type->name);
	return 0;
}

static int parse(struct text *text, const struct type *type, char *value, struct error *error)
{
	static const struct keyval_key keys[] = {
		{ "socket", KEYVAL_STRING, offsetof(struct text, socket), true },
		{ "id", KEYVAL_NUMBER, offsetof(struct text, id) },
		{ "queues", KEYVAL_NUMBER, offsetof(struct text, queues) },
		{ "queue-size", KEYVAL_NUMBER, offsetof(struct text, queue_size) },
		{ "config-size", KEYVAL_NUMBER, offsetof(struct text, config_size) },
		{ "reconnect", KEYVAL_NUMBER, offsetof(struct text, reconnect) },
		{ "tag", KEYVAL_STRING, offsetof(struct text, tag) },
		{ "mac", KEYVAL_STRING, offsetof(struct text, mac) },
		{ "features", KEYVAL_STRING, offsetof(struct text, features) },
		{ "bus", KEYVAL_STRING, offsetof(struct text, bus) },
		{ "addr", KEYVAL_STRING, offsetof(struct text, addr) },
	};

	if (!*value)
		return error_set(error, STATUS_USAGE,
			OPTION " %s: socket=PATH is missing; add ,socket=PATH of its backend", type->name);
	if (keyval_parse(OPTION, value, keys, ARRAY_SIZE(keys), text, error) || check_keys(text, type, error) ||
		check_numbers(text, type, error))
		return -1;
	return 0;
}

/* virtio 5.11.4: padded with zeroes, and none at its end when it is that long. */
static int set_tag(struct vhost_user_device_options *device, const char *tag, struct error *error)
{
	struct virtio_fs_config *config = &device->config.fs;

	if (!tag)
		return error_set(error, STATUS_USAGE,
			OPTION
			" fs: tag=NAME is missing: what the guest mounts it by, as in mount -t virtiofs NAME /mnt");
	if (strlen(tag) > sizeof(config->tag))
		return error_set(error, STATUS_USAGE, OPTION ": tag=%s: too long, a tag has up to %zu bytes", tag,
			sizeof(config->tag));
	memcpy(config->tag, tag, strlen(tag));
	config->num_request_queues = device->kind.queue_count - 1u;
	device->kind.config = config;
	return 0;
}

static int set_mac(struct vhost_user_device_options *device, const char *text, struct error *error)
{
	struct virtio_net_config *config = &device->config.net;
	unsigned int byte[6];
	int end = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4], &byte[5],
		    &end) != 6 ||
		text[end] || end != 17 || byte[0] & 1)
		return error_set(error, STATUS_USAGE,
			OPTION ": mac=%s: write an address of one station, like 52:54:00:12:34:56", text);
	for (size_t i = 0; i < ARRAY_SIZE(byte); i++)
		config->mac[i] = (uint8_t)byte[i];
	device->kind.config = config;
	device->kind.own = BIT(VIRTIO_NET_F_MAC);
	device->kind.never |= BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MTU);
	return 0;
}

/* The names of blk's are known; those of the others are numbers. */
static int number_of(const char *name)
{
	uint64_t number;

	return parse_number(name, &number) || number > 63 ? -1 : (int)number;
}

static int number_or_blk(const char *name)
{
	int bit = virtio_blk_feature_bit(name);

	return bit < 0 ? number_of(name) : bit;
}

int vhost_user_device_parse(struct vhost_user_device_options *device, char *value, struct error *error)
{
	const struct type *type;
	char *rest = cut_type(value, &type, error);
	struct text text = { .queues = 1 };
	bool blk;

	*device = (struct vhost_user_device_options){ .socket = NULL };
	if (!rest)
		return -1;
	device->kind = type->kind;
	blk = type->kind.device_id == VIRTIO_ID_BLOCK;
	text.queue_size = type->kind.queue_size;
	if (parse(&text, type, rest, error) ||
		feature_options_parse(
			OPTION, text.features, blk ? number_or_blk : number_of, &device->features, error) ||
		place_options_parse(OPTION, text.bus, text.addr, &device->place, error))
		return -1;
	device->socket = text.socket;
	device->reconnect = (unsigned int)text.reconnect;
	device->kind.queue_count = (uint16_t)(type->kind.queue_count + text.queues - 1);
	device->kind.queue_size = (uint16_t)text.queue_size;
	if (text.id) {
		device->kind.device_id = (uint16_t)text.id;
		device->kind.config_size = (uint16_t)text.config_size;
	}
	if (type->kind.device_id == VIRTIO_ID_FS)
		return set_tag(device, text.tag, error);
	return set_mac(device, text.mac, error);
}
