/* SPDX-License-Identifier: Apache-2.0 */
/* See block_memory.h. */
#include "block_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct block_memory *memory_of(struct block *b)
{
	return container_of(b, struct block_memory, block);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! block_memory: %s\n", what);
	exit(1);
}

static void memory_submit(struct block *b, struct block_request *r)
{
	struct block_memory *m = memory_of(b);

	must(m->count < BLOCK_MAX_IN_FLIGHT, "more requests than a backend takes");
	must(r->op == BLOCK_FLUSH || (r->offset <= b->size && r->len <= b->size - r->offset), "outside the disk");
	must(r->op == BLOCK_READ || r->op == BLOCK_FLUSH || !b->read_only, "a read-only disk is written");
	must(r->op == BLOCK_FLUSH || (r->len && !(r->len % b->logical) && !(r->offset % b->logical)),
		"no whole blocks");
	m->queue[m->count++] = r;
	m->submitted++;
	if (m->count > m->most)
		m->most = m->count;
	m->calls[r->op]++;
}

static void memory_commit(struct block *b)
{
	struct block_memory *m = memory_of(b);

	m->commits++;
	if (m->count && !m->hold)
		loop_timer_set(m->loop, &m->soon, 0);
}

static int64_t move(struct block_memory *m, struct block_request *r)
{
	uint64_t done = 0, len = r->len < m->at_most ? r->len : m->at_most;

	if (m->still)
		return (int64_t)len;
	for (unsigned int i = 0; i < r->count && done < len; i++) {
		size_t n = r->iov[i].iov_len < len - done ? r->iov[i].iov_len : len - done;

		if (r->op == BLOCK_READ)
			memcpy(r->iov[i].iov_base, m->data + r->offset + done, n);
		else
			memcpy(m->data + r->offset + done, r->iov[i].iov_base, n);
		done += n;
	}
	if (r->op == BLOCK_WRITE && r->sync)
		m->synced++;
	return (int64_t)done;
}

static int64_t perform(struct block_memory *m, struct block_request *r)
{
	if (m->error)
		return m->error;
	switch (r->op) {
	case BLOCK_READ:
	case BLOCK_WRITE: return move(m, r);
	case BLOCK_FLUSH: return 0;
	case BLOCK_DISCARD: memset(m->data + r->offset, 0xdd, r->len); break;
	case BLOCK_WRITE_ZEROES:
		m->unmapped += r->unmap;
		memset(m->data + r->offset, 0, r->len);
		break;
	}
	return (int64_t)r->len;
}

static void finish(struct block_memory *m, unsigned int i)
{
	struct block_request *r = m->queue[i];
	int64_t result = perform(m, r);

	m->count--;
	memmove(&m->queue[i], &m->queue[i + 1], (m->count - i) * sizeof(m->queue[0]));
	m->block.user->done(m->block.user, r, result);
}

void block_memory_release(struct block_memory *m, unsigned int i)
{
	must(i < m->count, "no such request is held");
	finish(m, i);
	m->block.user->settled(m->block.user);
}

static void soon(struct loop_timer *timer)
{
	struct block_memory *m = container_of(timer, struct block_memory, soon);
	unsigned int count = m->count;

	if (m->hold)
		return;
	while (count--)
		finish(m, 0);
	m->block.user->settled(m->block.user);
}

static void memory_drain(struct block *b)
{
	struct block_memory *m = memory_of(b);

	while (m->count)
		finish(m, 0);
}

static void memory_destroy(struct block *b)
{
	loop_timer_cancel(memory_of(b)->loop, &memory_of(b)->soon);
}

static const struct block_ops memory_ops = {
	.submit = memory_submit,
	.commit = memory_commit,
	.drain = memory_drain,
	.destroy = memory_destroy,
};

void block_memory_init(struct block_memory *m, struct loop *loop)
{
	*m = (struct block_memory){
		.block = { .ops = &memory_ops,
			.name = "memory",
			.size = BLOCK_MEMORY_SIZE,
			.logical = 512,
			.physical = 512 },
		.loop = loop,
		.soon = { .expired = soon },
		.at_most = UINT64_MAX,
	};
	for (size_t i = 0; i < BLOCK_MEMORY_SIZE; i++)
		m->data[i] = (uint8_t)(i % 251);
}
