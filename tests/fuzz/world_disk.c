/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world's disk: bytes in memory, requests that are done on the next turn of the loop, at once, or when a step says so. What
 * backend/block.h asks of whoever submits is checked here.
 */
#include "world_disk.h"

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "oracle.h"
#include "world.h"

#define PIECE 4096u

static uint8_t bytes[FUZZ_DISK_SIZE];

static void check(const struct block *b, const struct block_request *r)
{
	const struct fuzz_world *w = fuzz_world;
	uint64_t len = 0;

	if (w->requests == BLOCK_MAX_IN_FLIGHT)
		fuzz_failed("disk", "more requests than a backend takes");
	for (unsigned int i = 0; i < w->requests; i++)
		if (w->request[i] == r)
			fuzz_failed("disk", "a request is submitted that is in flight");
	if (b->read_only && r->op != BLOCK_READ && r->op != BLOCK_FLUSH)
		fuzz_failed("disk", "a read-only disk is written");
	if (r->op == BLOCK_FLUSH)
		return;
	if (r->offset > b->size || r->len > b->size - r->offset || !r->len)
		fuzz_failed("disk", "offset %llu, length %llu is not inside", (unsigned long long)r->offset,
			(unsigned long long)r->len);
	if (r->len % b->logical || r->offset % b->logical)
		fuzz_failed("disk", "no whole blocks");
	if (r->op != BLOCK_READ && r->op != BLOCK_WRITE)
		return;
	fuzz_oracle_backend("disk", r->iov, r->count);
	for (unsigned int i = 0; i < r->count; i++)
		len += r->iov[i].iov_len;
	if (len < r->len)
		fuzz_failed("disk", "the buffers hold less than the request's length");
}

static void disk_submit(struct block *b, struct block_request *r)
{
	check(b, r);
	fuzz_world->request[fuzz_world->requests++] = r;
}

static void written(uint64_t offset, uint64_t len)
{
	for (uint64_t i = offset / PIECE; i <= (offset + len - 1) / PIECE; i++)
		fuzz_world->disk_written[i / 64] |= 1ULL << i % 64;
}

static int64_t move(struct block_request *r)
{
	uint64_t most = fuzz_world->at_most, len = r->len < most ? r->len : most, done = 0;

	/* Still: a chain that was taken away in the meantime is nobody's to touch. */
	fuzz_oracle_backend("disk", r->iov, r->count);
	fuzz_world->at_most = UINT64_MAX;
	if (r->op == BLOCK_WRITE)
		written(r->offset, len);
	for (unsigned int i = 0; i < r->count && done < len; i++) {
		size_t n = r->iov[i].iov_len < len - done ? r->iov[i].iov_len : len - done;

		if (r->op == BLOCK_READ)
			memcpy(r->iov[i].iov_base, bytes + r->offset + done, n);
		else
			memcpy(bytes + r->offset + done, r->iov[i].iov_base, n);
		done += n;
	}
	if (r->op == BLOCK_READ)
		fuzz_oracle_wrote(r->iov, done);
	return (int64_t)done;
}

static int64_t perform(struct block_request *r)
{
	int error = fuzz_world->gone ? EIO : fuzz_world->error;

	fuzz_world->error = 0;
	if (error)
		return -error;
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE)
		return move(r);
	if (r->op == BLOCK_FLUSH)
		return 0;
	written(r->offset, r->len);
	memset(bytes + r->offset, 0, r->len);
	return (int64_t)r->len;
}

static void finish(unsigned int i)
{
	struct fuzz_world *w = fuzz_world;
	struct block_request *r = w->request[i];
	int64_t result = perform(r);

	fuzz_oracle_worked();
	w->requests--;
	memmove(&w->request[i], &w->request[i + 1], (w->requests - i) * sizeof(w->request[0]));
	w->disk.user->done(w->disk.user, r, result);
}

static void finish_all(void)
{
	while (fuzz_world->requests)
		finish(0);
}

void fuzz_disk_settle(void)
{
	struct fuzz_world *w = fuzz_world;

	if (w->requests && !w->hold)
		loop_timer_set(w->loop, &w->disk_soon, 0);
}

static void disk_commit(struct block *b)
{
	(void)b;
	if (fuzz_world->at_once && !fuzz_world->hold)
		finish_all();
	else
		fuzz_disk_settle();
}

static void disk_soon(struct loop_timer *timer)
{
	struct fuzz_world *w = container_of(timer, struct fuzz_world, disk_soon);
	unsigned int count = w->requests;

	if (w->hold)
		return;
	if (w->again) {
		w->again--;
		fuzz_disk_settle();
		return;
	}
	while (count--)
		finish(0);
	w->disk.user->settled(w->disk.user);
}

bool fuzz_disk_release(uint64_t i)
{
	struct fuzz_world *w = fuzz_world;

	if (i >= w->requests)
		return false;
	finish((unsigned int)i);
	w->disk.user->settled(w->disk.user);
	return true;
}

static void disk_drain(struct block *b)
{
	(void)b;
	finish_all();
}

static void disk_destroy(struct block *b)
{
	(void)b;
}

struct block *fuzz_world_disk(void)
{
	static const struct block_ops ops = {
		.submit = disk_submit, .commit = disk_commit, .drain = disk_drain, .destroy = disk_destroy
	};
	struct fuzz_world *w = fuzz_world;

	w->disk = (struct block){
		.ops = &ops, .name = "memory", .size = FUZZ_DISK_SIZE, .logical = 512, .physical = 4096
	};
	w->disk_soon.expired = disk_soon;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	return &w->disk;
}

void fuzz_disk_reset(void)
{
	for (uint64_t i = 0; i < FUZZ_DISK_SIZE / PIECE; i++) {
		if (!(fuzz_world->disk_written[i / 64] >> i % 64 & 1))
			continue;
		for (size_t n = i * PIECE; n < (i + 1) * PIECE; n++)
			bytes[n] = (uint8_t)(n % 251);
	}
}
