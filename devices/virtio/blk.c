/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk. What a request says is taken out and checked once (blk_begin); payload moves between the disk and guest
 * memory without a copy of ours. What a guest can do wrong ends in a status byte, what the host's disk does wrong
 * too.
 */
#include "blk.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "blk_config.h"

static struct virtio_blk *blk_of(struct virtio *v)
{
	return container_of(v, struct virtio_blk, v);
}

static void free_request(struct virtio_blk_request *r)
{
	r->next = r->d->free;
	r->d->free = r;
}

/* A request that has been in use, as long as there is one: its memory is there already. NULL: all are in flight. */
static struct virtio_blk_request *first_free(struct virtio_blk *d)
{
	struct virtio_blk_request *r;

	if (!d->free && d->untouched < BLOCK_MAX_IN_FLIGHT) {
		r = &d->requests[d->untouched++];
		r->d = d;
		free_request(r);
	}
	return d->free;
}

/* Gives r back to the driver with `written` bytes of data. The status byte is counted: it was written. */
static void finish(struct virtio_blk_request *r, uint8_t status, uint32_t written)
{
	*r->status = status;
	r->chain.written = written + 1;
	virtq_push(r->q, &r->chain);
	free_request(r);
}

/*
 * The guest sees an error of the disk; whoever runs the monitor is told of the first one, since the guest cannot do
 * anything about it.
 */
static not_inline void host_error(struct virtio_blk_request *r, int64_t result)
{
	static const char *const doing[] = {
		[BLOCK_READ] = "reading",
		[BLOCK_WRITE] = "writing",
		[BLOCK_FLUSH] = "flushing",
		[BLOCK_DISCARD] = "discarding",
		[BLOCK_WRITE_ZEROES] = "writing zeroes",
	};
	char text[256];

	snprintf(text, sizeof(text), "%s: %s failed: %s", r->d->block->name, doing[r->block.op],
		result < 0 ? strerror((int)-result) : "the file is shorter than it was");
	virtio_warn(&r->d->v, NULL, text);
}

/* Inside the disk, in whole blocks. */
static bool in_range(const struct virtio_blk *d, uint64_t sector, uint64_t len)
{
	const struct block *b = d->block;

	if (sector > b->size / BLOCK_SECTOR || len > b->size - sector * BLOCK_SECTOR)
		return false;
	return !(sector * BLOCK_SECTOR % b->logical) && !(len % b->logical);
}

/* Each of these starts what a request asks for and says true, or answers it with *status. */

static bool begin_move(struct virtio_blk_request *r, uint64_t sector, uint8_t *status)
{
	struct block_request *b = &r->block;
	bool in = r->type == VIRTIO_BLK_T_IN;

	b->op = in ? BLOCK_READ : BLOCK_WRITE;
	b->sync = !r->d->cache;
	b->iov = in ? r->chain.in : r->chain.out;
	b->count = in ? r->chain.in_count : r->chain.out_count;
	b->offset = sector * BLOCK_SECTOR;
	b->len = in ? r->chain.in_len : r->chain.out_len;
	if (b->len > BLK_DATA_MAX || !in_range(r->d, sector, b->len)) {
		*status = VIRTIO_BLK_S_IOERR;
		return false;
	}
	if (!b->len) {
		*status = VIRTIO_BLK_S_OK;
		return false;
	}
	block_submit(r->d->block, b);
	return true;
}

static bool begin_flush(struct virtio_blk_request *r, uint64_t sector, uint8_t *status)
{
	(void)sector;
	/* Nothing is in a cache of ours that this disk could put on stable storage. */
	if (r->d->block->read_only) {
		*status = VIRTIO_BLK_S_OK;
		return false;
	}
	r->block.op = BLOCK_FLUSH;
	r->block.offset = r->block.len = 0;
	block_submit(r->d->block, &r->block);
	return true;
}

/* The answer to a range that cannot be had, VIRTIO_BLK_S_OK if it can (virtio 5.2.6.2). */
static uint8_t check_range(const struct virtio_blk_request *r, const struct virtio_blk_discard_write_zeroes *range)
{
	bool discard = r->type == VIRTIO_BLK_T_DISCARD;
	uint32_t known = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (range->flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	if (range->num_sectors > (discard ? BLK_DISCARD_MAX : BLK_WRITE_ZEROES_MAX))
		return VIRTIO_BLK_S_IOERR;
	return in_range(r->d, range->sector, range->num_sectors * BLOCK_SECTOR) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/* Starts the next range that is not empty. false: there is none. */
static bool next_range(struct virtio_blk_request *r)
{
	while (r->range < r->range_count) {
		const struct virtio_blk_discard_write_zeroes *range = &r->ranges[r->range++];

		if (!range->num_sectors)
			continue;
		r->block.op = r->type == VIRTIO_BLK_T_DISCARD ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
		r->block.unmap = range->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
		r->block.offset = range->sector * BLOCK_SECTOR;
		r->block.len = range->num_sectors * BLOCK_SECTOR;
		block_submit(r->d->block, &r->block);
		return true;
	}
	return false;
}

/* All ranges are checked before any is touched. */
static bool begin_ranges(struct virtio_blk_request *r, uint64_t sector, uint8_t *status)
{
	size_t size = sizeof(r->ranges[0]), len = r->chain.out_len;
	size_t most = r->type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_MAX_RANGES : 1;

	(void)sector;
	*status = VIRTIO_BLK_S_IOERR;
	if (!len || len % size || len / size > most)
		return false;
	(void)chain_read(&r->chain, r->ranges, len);
	r->range = 0;
	r->range_count = (uint16_t)(len / size);
	for (uint16_t i = 0; i < r->range_count; i++) {
		*status = check_range(r, &r->ranges[i]);
		if (*status != VIRTIO_BLK_S_OK)
			return false;
	}
	return next_range(r);
}

static bool begin_get_id(struct virtio_blk_request *r, uint64_t sector, uint8_t *status)
{
	(void)sector;
	(void)chain_write(&r->chain, r->d->serial, sizeof(r->d->serial));
	*status = VIRTIO_BLK_S_OK;
	return false;
}

static const struct request_type {
	uint32_t type;
	bool writes; /* changes the disk */
	int feature; /* without which there is no such request, -1: always there */
	bool (*begin)(struct virtio_blk_request *r, uint64_t sector, uint8_t *status);
} request_types[] = {
	{ VIRTIO_BLK_T_IN, false, -1, begin_move },
	{ VIRTIO_BLK_T_OUT, true, -1, begin_move },
	{ VIRTIO_BLK_T_FLUSH, false, -1, begin_flush },
	{ VIRTIO_BLK_T_GET_ID, false, -1, begin_get_id },
	{ VIRTIO_BLK_T_DISCARD, true, VIRTIO_BLK_F_DISCARD, begin_ranges },
	{ VIRTIO_BLK_T_WRITE_ZEROES, true, VIRTIO_BLK_F_WRITE_ZEROES, begin_ranges },
};

static const struct request_type *find_type(const struct virtio_blk *d, uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_types); i++)
		if (request_types[i].type == type)
			return request_types[i].feature < 0 ||
					       virtio_has_feature(&d->v, (unsigned int)request_types[i].feature)
				       ? &request_types[i]
				       : NULL;
	return NULL;
}

/*
 * virtio 5.2.6: "The final status byte is written by the device", and it is the last byte the device may write,
 * however the buffers are cut. The data is what is before it.
 */
static bool take_status(struct virtio_blk_request *r)
{
	struct chain *chain = &r->chain;
	const struct iovec *last;

	if (!chain->in_len)
		return false;
	last = &chain->in[chain->in_count - 1];
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	chain_limit(chain, chain->in_len - 1);
	return true;
}

static void blk_begin(struct virtio_blk *d, struct virtq *q, struct virtio_blk_request *r)
{
	const struct request_type *type;
	struct virtio_blk_outhdr header;
	uint8_t status;

	r->q = q;
	if (!take_status(r)) {
		q->fault = "a disk request has no room for its status";
		virtq_push(q, &r->chain);
		free_request(r);
		return;
	}
	if (chain_read(&r->chain, &header, sizeof(header)) < sizeof(header)) {
		q->fault = "a disk request is shorter than its header";
		finish(r, VIRTIO_BLK_S_IOERR, 0);
		return;
	}
	r->type = header.type;
	type = find_type(d, header.type);
	if (!type)
		finish(r, VIRTIO_BLK_S_UNSUPP, 0);
	else if (type->writes && d->block->read_only)
		finish(r, VIRTIO_BLK_S_IOERR, 0);
	else if (!type->begin(r, header.sector, &status))
		finish(r, status, r->chain.written);
}

static void blk_queue_notify(struct virtio *v, struct virtq *q)
{
	struct virtio_blk *d = blk_of(v);
	struct virtio_blk_request *r;

	d->waiting &= ~(1u << q->index);
	do {
		while ((r = first_free(d))) {
			if (!virtq_pop(q, &r->chain))
				break;
			d->free = r->next;
			blk_begin(d, q, r);
		}
		block_commit(d->block);
		/* A disk that answers at once has given requests back by now, and nobody would wake the queue later. */
	} while (!r && d->free);
	/* What is still in the ring has to wait for a request that is done, and no kick is needed for it. */
	if (!r)
		d->waiting |= 1u << q->index;
}

/* A step of r was done. Whether another one has begun. */
static bool blk_continues(struct virtio_blk_request *r)
{
	if (r->block.op != BLOCK_DISCARD && r->block.op != BLOCK_WRITE_ZEROES)
		return false;
	if (next_range(r))
		return true;
	if (r->d->cache)
		return false;
	/* Without a cache a change is on stable storage once it is done. */
	r->block.op = BLOCK_FLUSH;
	block_submit(r->d->block, &r->block);
	return true;
}

static void blk_done(struct block_user *user, struct block_request *block, int64_t result)
{
	struct virtio_blk *d = container_of(user, struct virtio_blk, user);
	struct virtio_blk_request *r = container_of(block, struct virtio_blk_request, block);
	bool moves = block->op == BLOCK_READ || block->op == BLOCK_WRITE;
	bool good = result >= 0 && (!moves || (uint64_t)result == block->len);

	/* Its driver is gone: no byte of guest memory is ours any more (R38). */
	if (!virtio_running(&d->v) || r->q == d->dropping) {
		free_request(r);
		return;
	}
	if (!good)
		host_error(r, result);
	else if (blk_continues(r))
		return;
	finish(r, good ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR,
		block->op == BLOCK_READ && result > 0 ? (uint32_t)result : 0);
}

/* Requests are free again: queues that wait for some have their turn, another one first each time. */
static void blk_serve_waiting(struct virtio_blk *d)
{
	uint16_t count = d->class.queue_count, i = d->serve_next;

	if (!d->waiting)
		return;
	for (uint16_t n = 0; n < count && d->waiting && d->free; n++) {
		if (d->waiting & 1u << i)
			virtio_serve(&d->v, &d->v.queue[i]);
		i = i + 1 < count ? (uint16_t)(i + 1) : 0;
	}
	d->serve_next = d->serve_next + 1 < count ? (uint16_t)(d->serve_next + 1) : 0;
}

static void blk_notify(struct virtio_blk *d)
{
	for (uint16_t i = 0; i < d->class.queue_count; i++)
		virtio_notify_queue(&d->v, &d->v.queue[i]);
}

static void blk_settled(struct block_user *user)
{
	struct virtio_blk *d = container_of(user, struct virtio_blk, user);

	blk_notify(d);
	blk_serve_waiting(d);
	/* Ranges that were gone on with. */
	block_commit(d->block);
}

/* In flight are reads by the kernel into guest memory: they are waited for, there is no taking them back for sure. */
static void blk_reset(struct virtio *v)
{
	struct virtio_blk *d = blk_of(v);

	block_drain(d->block);
	d->waiting = 0;
	d->cache = !d->write_through;
}

static void blk_queue_reset(struct virtio *v, struct virtq *q)
{
	struct virtio_blk *d = blk_of(v);

	d->dropping = q;
	block_drain(d->block);
	d->dropping = NULL;
	d->waiting &= ~(1u << q->index);
	blk_notify(d);
	blk_serve_waiting(d);
}

/* Queues that wait for requests go on waiting: virtio_resume looks at every one of them. */
static void blk_drain(struct virtio *v)
{
	struct virtio_blk *d = blk_of(v);

	block_drain(d->block);
	blk_notify(d);
}

/* What is in a snapshot beside the rings. The disk itself is not: only its size can be told to be another one. */
static void blk_state(struct virtio *v, struct state *s)
{
	struct virtio_blk *d = blk_of(v);
	uint64_t size = d->block->size;

	state_u64(s, &size);
	state_bool(s, &d->cache);
	if (state_loading(s) && !state_failed(s) && size != d->block->size)
		state_fail(s, "its disk had another size");
}

static const struct virtio_class blk_class = {
	.name = "virtio-blk",
	.device_id = VIRTIO_ID_BLOCK,
	.queue_size = VIRTIO_BLK_QUEUE_SIZE,
	.config_size = BLK_CONFIG_SIZE,
	.get_features = blk_get_features,
	.set_features = blk_set_features,
	.get_config = blk_get_config,
	.set_config = blk_set_config,
	.reset = blk_reset,
	.queue_reset = blk_queue_reset,
	.queue_notify = blk_queue_notify,
	.drain = blk_drain,
	.state = blk_state,
};

int virtio_blk_init(struct virtio_blk *d, struct loop *loop, const struct mem *mem, struct block *block,
	const struct virtio_blk_options *options)
{
	assert(options->queues && options->queues <= VIRTIO_BLK_MAX_QUEUES);
	assert(!options->queue_size || options->queue_size >= VIRTIO_BLK_QUEUE_SIZE_MIN);
	*d = (struct virtio_blk){
		.class = blk_class,
		.block = block,
		.user = { .done = blk_done, .settled = blk_settled },
		.write_through = options->write_through,
		.cache = !options->write_through,
	};
	d->class.queue_count = options->queues;
	if (options->queue_size)
		d->class.queue_size = options->queue_size;
	if (options->serial)
		memcpy(d->serial, options->serial, strnlen(options->serial, sizeof(d->serial)));
	d->requests = calloc(BLOCK_MAX_IN_FLIGHT, sizeof(*d->requests));
	if (!d->requests)
		return -ENOMEM;
	if (virtio_init(&d->v, &d->class, loop, mem) < 0) {
		free(d->requests);
		d->requests = NULL;
		return -ENOMEM;
	}
	block_attach(block, &d->user);
	return 0;
}

void virtio_blk_destroy(struct virtio_blk *d)
{
	block_drain(d->block);
	block_attach(d->block, NULL);
	virtio_destroy(&d->v);
	free(d->requests);
	d->requests = NULL;
}
