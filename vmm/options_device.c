/* SPDX-License-Identifier: Apache-2.0 */
/* See options_device.h. */
#include "options_device.h"

#include <stdio.h>
#include <string.h>

#include "keyval.h"
#include "options_place.h"
#include "virtio/blk.h"
#include "virtio/virtio.h"

int feature_options_parse(const char *option, const char *text, int (*own)(const char *name),
	struct feature_options *features, struct error *error)
{
	while (text && *text) {
		size_t len = strcspn(text, ",");
		char name[32] = "";
		int bit = -1;

		if ((*text == '+' || *text == '-') && len > 1 && len <= sizeof(name)) {
			memcpy(name, text + 1, len - 1);
			bit = virtio_feature_bit(name);
			if (bit < 0 && own)
				bit = own(name);
		}
		if (bit < 0)
			return error_set(error, STATUS_USAGE,
				"%s: features: no \"%.*s\"; write + or - and a name, like "
				"features=+ring_packed,-event_idx",
				option, (int)(len < 64 ? len : 64), text);
		*(*text == '+' ? &features->on : &features->off) |= 1ULL << bit;
		text += len + (text[len] == ',');
	}
	return 0;
}

/* One of two or more words, NULL standing for the first; its place in names. */
static int parse_word(
	const char *key, const char *value, const char *const *names, size_t count, size_t *index, struct error *error)
{
	char list[64] = "";
	size_t used = 0;

	*index = 0;
	for (size_t i = 0; i < count; i++) {
		if (!value || !strcmp(value, names[i])) {
			*index = i;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? " or " : "", names[i]);
	}
	return error_set(error, STATUS_USAGE, "--disk: %s=%s: write %s", key, value, list);
}

/* What the text of --disk is cut up into. */
struct disk_text {
	const char *path, *aio, *cache, *id, *features, *bus, *addr;
	bool ro, direct;
	uint64_t queues, queue_size, logical, physical;
};

static int parse_disk(struct disk_text *text, char *value, struct error *error)
{
	static const struct keyval_key keys[] = {
		{ "path", KEYVAL_STRING, offsetof(struct disk_text, path), true },
		{ "ro", KEYVAL_FLAG, offsetof(struct disk_text, ro) },
		{ "direct", KEYVAL_FLAG, offsetof(struct disk_text, direct) },
		{ "aio", KEYVAL_STRING, offsetof(struct disk_text, aio) },
		{ "cache", KEYVAL_STRING, offsetof(struct disk_text, cache) },
		{ "queues", KEYVAL_NUMBER, offsetof(struct disk_text, queues) },
		{ "queue-size", KEYVAL_NUMBER, offsetof(struct disk_text, queue_size) },
		{ "logical", KEYVAL_NUMBER, offsetof(struct disk_text, logical) },
		{ "physical", KEYVAL_SIZE, offsetof(struct disk_text, physical) },
		{ "id", KEYVAL_STRING, offsetof(struct disk_text, id) },
		{ "features", KEYVAL_STRING, offsetof(struct disk_text, features) },
		{ "bus", KEYVAL_STRING, offsetof(struct disk_text, bus) },
		{ "addr", KEYVAL_STRING, offsetof(struct disk_text, addr) },
	};

	if (keyval_parse("--disk", value, keys, ARRAY_SIZE(keys), text, error))
		return -1;
	if (text->queues < 1 || text->queues > OPTIONS_MAX_QUEUES)
		return error_set(error, STATUS_USAGE, "--disk: queues=%llu: write a number from 1 to %d",
			(unsigned long long)text->queues, OPTIONS_MAX_QUEUES);
	if (text->queue_size &&
		(text->queue_size < VIRTIO_BLK_QUEUE_SIZE_MIN || text->queue_size > OPTIONS_MAX_QUEUE_SIZE ||
			text->queue_size & (text->queue_size - 1)))
		return error_set(error, STATUS_USAGE, "--disk: queue-size=%llu: write a power of 2 from %d to %d",
			(unsigned long long)text->queue_size, VIRTIO_BLK_QUEUE_SIZE_MIN, OPTIONS_MAX_QUEUE_SIZE);
	if (text->id && strlen(text->id) > OPTIONS_MAX_DISK_ID)
		return error_set(error, STATUS_USAGE, "--disk: id=%s: too long, a serial number has up to %d bytes",
			text->id, OPTIONS_MAX_DISK_ID);
	return 0;
}

int disk_options_parse(struct disk_options *disk, char *value, struct error *error)
{
	static const char *const aios[] = { "auto", "io_uring", "threads", "sync" };
	static const char *const caches[] = { "writeback", "writethrough" };
	struct disk_text text = { .queues = 1 };
	struct feature_options features = { 0, 0 };
	struct place_options place;
	size_t aio, cache;

	if (parse_disk(&text, value, error) || parse_word("aio", text.aio, aios, ARRAY_SIZE(aios), &aio, error) ||
		parse_word("cache", text.cache, caches, ARRAY_SIZE(caches), &cache, error) ||
		feature_options_parse("--disk", text.features, virtio_blk_feature_bit, &features, error) ||
		place_options_parse("--disk", text.bus, text.addr, &place, error))
		return -1;
	*disk = (struct disk_options){
		.file = {
			.path = text.path,
			.read_only = text.ro,
			.direct = text.direct,
			.aio = (enum block_aio)aio, /* in the order of their names here */
			.logical = text.logical,
			.physical = text.physical,
		},
		.queues = text.queues,
		.queue_size = text.queue_size,
		.write_through = cache,
		.id = text.id,
		.features = features,
		.place = place,
	};
	return 0;
}

int rng_options_parse(struct options *options, char *value, struct error *error)
{
	struct rng_text {
		const char *source, *features, *bus, *addr;
	} text = { NULL, NULL, NULL, NULL };
	static const struct keyval_key keys[] = {
		{ "source", KEYVAL_STRING, offsetof(struct rng_text, source) },
		{ "features", KEYVAL_STRING, offsetof(struct rng_text, features) },
		{ "bus", KEYVAL_STRING, offsetof(struct rng_text, bus) },
		{ "addr", KEYVAL_STRING, offsetof(struct rng_text, addr) },
	};

	options->rng = true;
	options->rng_features = (struct feature_options){ 0, 0 };
	if (keyval_parse("--rng", value, keys, ARRAY_SIZE(keys), &text, error) ||
		feature_options_parse("--rng", text.features, NULL, &options->rng_features, error) ||
		place_options_parse("--rng", text.bus, text.addr, &options->rng_place, error))
		return -1;
	options->rng_source = text.source;
	return 0;
}
