/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine for hosts that refuse io_uring: a few threads make the system calls one request at a time, and an eventfd
 * tells the loop what is done. The threads see requests and the file, never a device.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "block_io.h"

/* One for each bounce buffer. More would let a disk do more at a time, and a guest hold up more of the host. */
#define WORKERS BLOCK_BOUNCES

struct list {
	struct block_request *first, **tail;
};

struct worker {
	struct block_threads *t;
	uint8_t *bounce;
	pthread_t thread;
};

struct block_threads {
	struct block_file *f;
	struct loop_source source; /* eventfd: something is in finished */
	unsigned int in_flight; /* requests the user waits for; under the machine lock, as what follows is not */
	unsigned int workers;
	struct worker worker[WORKERS];
	pthread_mutex_t lock; /* for the rest */
	pthread_cond_t work, news;
	struct list todo, finished;
	bool stop;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->tail = &l->first;
}

static void list_add(struct list *l, struct block_request *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
}

static struct block_request *list_take(struct list *l)
{
	struct block_request *r = l->first;

	if (r)
		l->first = r->next;
	if (!l->first)
		l->tail = &l->first;
	return r;
}

static int64_t call(int fd, const struct block_step *step)
{
	int64_t ret = -1;

	switch (step->call) {
	case BLOCK_CALL_READV: ret = preadv2(fd, step->iov, (int)step->count, (off_t)step->offset, step->flags); break;
	case BLOCK_CALL_WRITEV:
		ret = pwritev2(fd, step->iov, (int)step->count, (off_t)step->offset, step->flags);
		break;
	case BLOCK_CALL_SYNC: ret = fdatasync(fd); break;
	case BLOCK_CALL_FALLOCATE: ret = fallocate(fd, step->flags, (off_t)step->offset, (off_t)step->len); break;
	}
	return ret < 0 ? -errno : ret;
}

static void perform(const struct block_file *f, struct block_request *r, uint8_t *bounce)
{
	struct block_step step;

	r->bounce = bounce;
	do
		block_io_step(r, &step);
	while (!block_io_finished(r, call(f->fd, &step)));
}

static void *work(void *opaque)
{
	struct worker *w = opaque;
	struct block_threads *t = w->t;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		struct block_request *r = list_take(&t->todo);

		if (!r && t->stop)
			break;
		if (!r) {
			pthread_cond_wait(&t->work, &t->lock);
			continue;
		}
		pthread_mutex_unlock(&t->lock);
		perform(t->f, r, w->bounce);
		pthread_mutex_lock(&t->lock);
		if (!t->finished.first)
			(void)eventfd_write(t->source.fd, 1);
		list_add(&t->finished, r);
		pthread_cond_signal(&t->news);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static struct block_threads *threads_of(struct block *b)
{
	return container_of(b, struct block_file, block)->engine;
}

static void threads_submit(struct block *b, struct block_request *r)
{
	struct block_threads *t = threads_of(b);

	block_io_begin(t->f, r);
	t->in_flight++;
	pthread_mutex_lock(&t->lock);
	list_add(&t->todo, r);
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

static void threads_commit(struct block *b)
{
	(void)b;
}

/* Hands what is finished to the user, and so maybe finds new work. wait: until there is something. */
static void reap(struct block_threads *t, bool wait)
{
	struct block *b = &t->f->block;
	struct block_request *r;

	pthread_mutex_lock(&t->lock);
	while (wait && !t->finished.first)
		pthread_cond_wait(&t->news, &t->lock);
	r = t->finished.first;
	list_init(&t->finished);
	pthread_mutex_unlock(&t->lock);
	while (r) {
		struct block_request *next = r->next;

		t->in_flight--;
		b->user->done(b->user, r, r->result);
		r = next;
	}
}

static void threads_ready(struct loop_source *source, uint32_t events)
{
	struct block_threads *t = container_of(source, struct block_threads, source);
	struct block *b = &t->f->block;
	bool some = t->in_flight;
	eventfd_t count;

	(void)events;
	(void)eventfd_read(source->fd, &count);
	reap(t, false);
	/* A drain may have been first, and the user gone since. */
	if (some)
		b->user->settled(b->user);
}

static void threads_drain(struct block *b)
{
	struct block_threads *t = threads_of(b);

	while (t->in_flight)
		reap(t, true);
}

static void stop_workers(struct block_threads *t)
{
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
	while (t->workers)
		pthread_join(t->worker[--t->workers].thread, NULL);
}

static void threads_free(struct block_threads *t)
{
	stop_workers(t);
	pthread_cond_destroy(&t->work);
	pthread_cond_destroy(&t->news);
	pthread_mutex_destroy(&t->lock);
	if (t->source.fd >= 0)
		close(t->source.fd);
	free(t);
}

static void threads_destroy(struct block *b)
{
	struct block_threads *t = threads_of(b);
	struct block_file *f = t->f;

	loop_del(f->loop, &t->source);
	threads_free(t);
	block_file_close(f);
}

static const struct block_ops threads_ops = {
	.submit = threads_submit,
	.commit = threads_commit,
	.drain = threads_drain,
	.destroy = threads_destroy,
};

/* Signals are for the thread that runs the loop. */
static int start_workers(struct block_threads *t)
{
	sigset_t all, before;
	int ret = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (t->workers < WORKERS && !ret) {
		struct worker *w = &t->worker[t->workers];

		w->t = t;
		w->bounce = t->f->bounce ? t->f->bounce + t->workers * BLOCK_BOUNCE_SIZE : NULL;
		ret = pthread_create(&w->thread, NULL, work, w);
		if (!ret)
			t->workers++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* One is enough to go on. */
	return t->workers ? 0 : -ret;
}

static int set_up(struct block_threads *t)
{
	int ret;

	t->source.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->source.fd < 0)
		return -errno;
	ret = start_workers(t);
	return ret ? ret : loop_add(t->f->loop, &t->source, EPOLLIN);
}

int block_threads_open(struct block_file *f)
{
	struct block_threads *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return -ENOMEM;
	t->f = f;
	t->source = (struct loop_source){ .fd = -1, .ready = threads_ready };
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	pthread_cond_init(&t->news, NULL);
	list_init(&t->todo);
	list_init(&t->finished);
	ret = set_up(t);
	if (ret) {
		threads_free(t);
		return ret;
	}
	f->engine = t;
	f->aio = BLOCK_AIO_THREADS;
	f->block.ops = &threads_ops;
	return 0;
}
