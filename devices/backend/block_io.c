/* SPDX-License-Identifier: Apache-2.0 */
/* See block_io.h. */
#include "block_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The largest alignment that O_DIRECT asks for. */
#define ZEROES_SIZE 4096

/* A long range of zeroes, as writev takes it. */
static _Alignas(ZEROES_SIZE) const uint8_t zeroes[ZEROES_SIZE];
static const struct iovec many_zeroes[] = { [0 ... 31] = { (void *)zeroes, ZEROES_SIZE } };

static bool aligned(const struct block_file *f, const struct block_request *r)
{
	if (likely(!f->bounce))
		return true; /* whatever it is */
	for (unsigned int i = 0; i < r->count; i++)
		if ((uintptr_t)r->iov[i].iov_base % f->mem_align || r->iov[i].iov_len % f->align)
			return false;
	return true;
}

void block_io_begin(const struct block_file *f, struct block_request *r)
{
	r->next = NULL;
	r->moved = 0;
	r->result = 0;
	r->bounce = NULL;
	r->writing_zeroes = false;
	r->bounced = (r->op == BLOCK_READ || r->op == BLOCK_WRITE) && !aligned(f, r);
}

/* len bytes between the front of the iovecs, which stay as they are, and the bounce buffer. */
static void copy_front(const struct block_request *r, size_t len, bool to_bounce)
{
	size_t done = 0;

	for (unsigned int i = 0; done < len; i++) {
		size_t n = r->iov[i].iov_len < len - done ? r->iov[i].iov_len : len - done;

		if (to_bounce)
			memcpy(r->bounce + done, r->iov[i].iov_base, n);
		else
			memcpy(r->iov[i].iov_base, r->bounce + done, n);
		done += n;
	}
}

static void skip_front(struct block_request *r, size_t len)
{
	while (r->count && len >= r->iov->iov_len) {
		len -= r->iov->iov_len;
		r->iov++;
		r->count--;
	}
	if (r->count) {
		r->iov->iov_base = (char *)r->iov->iov_base + len;
		r->iov->iov_len -= len;
	}
}

/* What is left, as far as a buffer of that size goes. */
static void use_buffer(struct block_request *r, const uint8_t *buffer, size_t size, struct block_step *step)
{
	uint64_t left = r->len - r->moved;

	r->piece = (struct iovec){ (void *)buffer, left < size ? left : size };
	step->iov = &r->piece;
	step->count = 1;
}

static void use_zeroes(struct block_request *r, struct block_step *step)
{
	uint64_t whole = (r->len - r->moved) / ZEROES_SIZE;

	if (!whole) {
		use_buffer(r, zeroes, ZEROES_SIZE, step);
		return;
	}
	step->iov = many_zeroes;
	step->count = whole < ARRAY_SIZE(many_zeroes) ? (unsigned int)whole : ARRAY_SIZE(many_zeroes);
}

static void move_step(struct block_request *r, struct block_step *step)
{
	step->iov = r->iov;
	step->count = r->count;
	if (!r->bounced)
		return;
	use_buffer(r, r->bounce, BLOCK_BOUNCE_SIZE, step);
	if (r->op == BLOCK_WRITE)
		copy_front(r, r->piece.iov_len, true);
}

void block_io_step(struct block_request *r, struct block_step *step)
{
	*step = (struct block_step){ .offset = r->offset + r->moved, .len = r->len };
	switch (r->op) {
	case BLOCK_READ:
		step->call = BLOCK_CALL_READV;
		move_step(r, step);
		break;
	case BLOCK_WRITE:
		step->call = BLOCK_CALL_WRITEV;
		step->flags = r->sync ? RWF_DSYNC : 0;
		move_step(r, step);
		break;
	case BLOCK_FLUSH: step->call = BLOCK_CALL_SYNC; break;
	case BLOCK_DISCARD:
		step->call = BLOCK_CALL_FALLOCATE;
		step->flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		break;
	case BLOCK_WRITE_ZEROES:
		if (r->writing_zeroes) {
			step->call = BLOCK_CALL_WRITEV;
			use_zeroes(r, step);
			break;
		}
		step->call = BLOCK_CALL_FALLOCATE;
		/* A hole reads as zeroes too. */
		step->flags = (r->unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE;
		break;
	}
}

static bool finish(struct block_request *r, int64_t result)
{
	r->result = result;
	return true;
}

/* The kernel may move less than it was asked to for many reasons; only nothing at all means that the file ends here. */
static bool moved(struct block_request *r, uint64_t got)
{
	if (!got)
		return finish(r, (int64_t)r->moved);
	if (r->bounced && r->op == BLOCK_READ)
		copy_front(r, got, false);
	r->moved += got;
	if (r->moved == r->len)
		return finish(r, (int64_t)r->len);
	if (!r->writing_zeroes)
		skip_front(r, got);
	return false;
}

static bool unsupported(int64_t got)
{
	return got == -EOPNOTSUPP || got == -ENOSYS || got == -ENODEV;
}

bool block_io_finished(struct block_request *r, int64_t got)
{
	if (got == -EINTR)
		return false;
	if (r->op == BLOCK_WRITE_ZEROES && !r->writing_zeroes && unsupported(got)) {
		r->writing_zeroes = true;
		return false;
	}
	/* Discarding is a hint (virtio 5.2.6.2: "the device MAY deallocate"): nobody is worse off without. */
	if (r->op == BLOCK_DISCARD && unsupported(got))
		return finish(r, (int64_t)r->len);
	if (got < 0)
		return finish(r, got);
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE || r->writing_zeroes)
		return moved(r, (uint64_t)got);
	return finish(r, (int64_t)r->len);
}
