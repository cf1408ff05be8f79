/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine for files in the host's memory: each request is done by plain system calls while its batch is committed. There is
 * no disk to wait for, so handing it to somebody else and hearing of its end would cost more than the request. On a file
 * that has a disk behind it this engine holds up the whole loop meanwhile: there it has to be asked for.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "block_io.h"
#include "core/syscall.h"

struct block_sync {
	struct block_file *f;
	struct block_request *first, **last; /* submitted */
};

static struct block_sync *sync_of(struct block *b)
{
	return container_of(b, struct block_file, block)->engine;
}

/* Into one piece of memory, as most requests go: nothing has to be gathered, which the kernel charges for. */
static bool plain(const struct block_step *step)
{
	return step->count == 1 && !step->flags;
}

static int64_t call(const struct block_file *f, const struct block_step *step)
{
	ssize_t got = -1;

	switch (step->call) {
	case BLOCK_CALL_READV:
		if (plain(step))
			got = direct_pread(f->fd, step->iov->iov_base, step->iov->iov_len, (off_t)step->offset);
		else
			got = preadv2(f->fd, step->iov, (int)step->count, (off_t)step->offset, step->flags);
		break;
	case BLOCK_CALL_WRITEV:
		if (plain(step))
			got = direct_pwrite(f->fd, step->iov->iov_base, step->iov->iov_len, (off_t)step->offset);
		else
			got = pwritev2(f->fd, step->iov, (int)step->count, (off_t)step->offset, step->flags);
		break;
	case BLOCK_CALL_SYNC: got = fdatasync(f->fd); break;
	case BLOCK_CALL_FALLOCATE: got = fallocate(f->fd, step->flags, (off_t)step->offset, (off_t)step->len); break;
	}
	return got < 0 ? -errno : got;
}

static void sync_submit(struct block *b, struct block_request *r)
{
	struct block_sync *s = sync_of(b);

	block_io_begin(s->f, r);
	*s->last = r;
	s->last = &r->next;
}

/* One at a time, so one bounce buffer does. */
static void run(struct block_sync *s, struct block_request *r)
{
	struct block_step step;

	r->bounce = r->bounced ? s->f->bounce : NULL;
	do
		block_io_step(r, &step);
	while (!block_io_finished(r, call(s->f, &step)));
}

/* `done` may submit more, which is done here too. */
static void sync_commit(struct block *b)
{
	struct block_sync *s = sync_of(b);

	while (s->first) {
		struct block_request *r = s->first;

		s->first = r->next;
		if (!s->first)
			s->last = &s->first;
		run(s, r);
		b->user->done(b->user, r, r->result);
	}
}

static void sync_destroy(struct block *b)
{
	struct block_sync *s = sync_of(b);
	struct block_file *f = s->f;

	assert(!s->first);
	free(s);
	block_file_close(f);
}

static const struct block_ops sync_ops = {
	.submit = sync_submit,
	.commit = sync_commit,
	.drain = sync_commit,
	.destroy = sync_destroy,
};

int block_sync_open(struct block_file *f)
{
	struct block_sync *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->f = f;
	s->last = &s->first;
	f->engine = s;
	f->aio = BLOCK_AIO_SYNC;
	f->block.ops = &sync_ops;
	return 0;
}
