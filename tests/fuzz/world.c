/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. The entropy source and the character stream; the disk is in world_disk.c. */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "arena.h"
#include "kernel.h"
#include "machine.h"
#include "oracle.h"
#include "world_disk.h"

struct fuzz_world *fuzz_world;

static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void random_bytes(struct entropy *e, uint8_t *to, size_t len)
{
	for (; len >= sizeof(uint64_t); to += sizeof(uint64_t), len -= sizeof(uint64_t)) {
		uint64_t value = random_next(&e->state);

		memcpy(to, &value, sizeof(value));
	}
	while (len--)
		*to++ = (uint8_t)random_next(&e->state);
}

/* The next of what is waiting. */
static size_t take_data(void *buf, size_t len)
{
	struct fuzz_world *w = fuzz_world;
	size_t n = len < w->data_len ? len : w->data_len;

	memcpy(buf, w->data, n);
	w->data_len -= (uint32_t)n;
	memmove(w->data, w->data + n, w->data_len);
	return n;
}

/* Readable when there is something: the source's descriptor. */
static void settle_entropy(void)
{
	struct fuzz_world *w = fuzz_world;

	if (!w->entropy)
		return;
	w->entropy->fd = w->hold ? -1 : w->entropy_fd;
	fuzz_fd_stay_ready(w->entropy_fd, !w->again || w->gone);
}

/* The world's next step does not do what it should: which errno, 0: it does. */
static int take_error(void)
{
	struct fuzz_world *w = fuzz_world;
	int error = w->error;

	if (w->gone)
		return EAGAIN;
	if (w->again) {
		w->again--;
		return EAGAIN;
	}
	w->error = 0;
	return error;
}

static ssize_t entropy_fill(struct entropy *e, const struct iovec *iov, int count)
{
	int error = take_error();
	size_t total = 0;

	fuzz_oracle_backend("entropy", iov, (unsigned int)count);
	settle_entropy();
	if (error)
		return -error;
	for (int i = 0; i < count && total < fuzz_world->at_most; i++) {
		size_t n = iov[i].iov_len, left = fuzz_world->at_most - total, given;

		n = n < left ? n : left;
		given = take_data(iov[i].iov_base, n);
		random_bytes(e, (uint8_t *)iov[i].iov_base + given, n - given);
		total += n;
	}
	fuzz_world->at_most = UINT64_MAX;
	fuzz_oracle_wrote(iov, total);
	return (ssize_t)total;
}

struct entropy *fuzz_world_entropy(void)
{
	struct fuzz_world *w = fuzz_world;

	w->entropy = fuzz_arena_alloc(sizeof(*w->entropy));
	w->entropy_fd = eventfd(0, EFD_NONBLOCK);
	fuzz_must(w->entropy_fd >= 0, "no descriptor for its entropy");
	*w->entropy = (struct entropy){ .fill = entropy_fill, .file = -1 };
	settle_entropy();
	return w->entropy;
}

static ssize_t stream_read(struct chardev *c, void *buf, size_t len)
{
	struct fuzz_world *w = fuzz_world;
	size_t n;

	(void)c;
	if (w->gone || !w->data_len)
		return -EAGAIN;
	n = take_data(buf, len < w->at_most ? len : w->at_most);
	w->at_most = UINT64_MAX;
	return n ? (ssize_t)n : -EAGAIN;
}

/* Errors are the stream's own to deal with; room there may be none. */
static ssize_t stream_write(struct chardev *c, const void *buf, size_t len)
{
	struct fuzz_world *w = fuzz_world;
	const uint8_t *bytes = buf;

	(void)c;
	if (w->gone)
		return (ssize_t)len;
	if (w->hold || w->again) {
		w->again -= w->again ? 1 : 0;
		return -EAGAIN;
	}
	len = len < w->at_most ? len : w->at_most;
	w->at_most = UINT64_MAX;
	for (size_t i = 0; i < len; i++)
		fuzz_machine_mix(bytes[i]);
	return (ssize_t)len;
}

/* What a descriptor would be found to be. */
static void settle_stream(void)
{
	struct fuzz_world *w = fuzz_world;
	struct chardev *c = w->chardev;

	if (c && ((c->watch_in && w->data_len && !w->gone) || (c->watch_out && !w->hold)))
		loop_timer_set(w->loop, &w->chardev_soon, 0);
}

static void stream_watch(struct chardev *c, bool in, bool out)
{
	(void)c, (void)in, (void)out;
	settle_stream();
}

static void stream_soon(struct loop_timer *timer)
{
	struct fuzz_world *w = container_of(timer, struct fuzz_world, chardev_soon);

	if (w->chardev->watch_in && w->data_len && !w->gone)
		chardev_readable(w->chardev);
	if (w->chardev->watch_out && !w->hold)
		chardev_writable(w->chardev);
	settle_stream();
}

static void stream_destroy(struct chardev *c)
{
	(void)c;
}

struct chardev *fuzz_world_chardev(void)
{
	static const struct chardev_ops ops = {
		.read = stream_read, .write = stream_write, .watch = stream_watch, .destroy = stream_destroy
	};
	struct fuzz_world *w = fuzz_world;

	w->chardev = fuzz_arena_alloc(sizeof(*w->chardev));
	w->chardev_soon.expired = stream_soon;
	chardev_init(w->chardev, &ops, w->loop, "stream");
	return w->chardev;
}

static void add_data(const struct fuzz_op *op)
{
	struct fuzz_world *w = fuzz_world;
	size_t room = sizeof(w->data) - w->data_len, n = op->len < room ? op->len : room;

	if (n)
		memcpy(w->data + w->data_len, op->data, n);
	w->data_len += (uint32_t)n;
}

void fuzz_world_host(const struct fuzz_op *op)
{
	struct fuzz_world *w = fuzz_world;

	w->gone = op->host == FUZZ_HOST_GONE;
	switch (op->host) {
	/* Those that Linux has. */
	case FUZZ_HOST_ERROR: w->error = op->value && op->value < 134 ? (int)op->value : EIO; break;
	case FUZZ_HOST_SHORT: w->at_most = op->value ? op->value : 1; break;
	case FUZZ_HOST_AGAIN: w->again = op->value < 16 ? (uint32_t)op->value : 16; break;
	case FUZZ_HOST_HOLD: w->hold = true; break;
	case FUZZ_HOST_RELEASE:
		w->again = 0;
		if (fuzz_disk_release(op->value))
			break;
		w->hold = false;
		w->error = 0;
		w->at_most = UINT64_MAX;
		w->data_len = 0;
		break;
	case FUZZ_HOST_INPUT:
	case FUZZ_HOST_ENTROPY: add_data(op); break;
	case FUZZ_HOST_READ_ONLY:
		/* Not under the hands of a request that writes. */
		if (!w->requests)
			w->disk.read_only = op->value;
		break;
	case FUZZ_HOST_AT_ONCE: w->at_once = op->value; break;
	default: break;
	}
	fuzz_disk_settle();
	settle_entropy();
	settle_stream();
}

void fuzz_world_heal(void)
{
	struct fuzz_op back = { .kind = FUZZ_HOST, .host = FUZZ_HOST_RELEASE, .value = UINT64_MAX };

	fuzz_do(&back);
}

void fuzz_world_start(struct loop *loop)
{
	fuzz_world = fuzz_arena_alloc(sizeof(*fuzz_world));
	fuzz_world->loop = loop;
	fuzz_world->at_most = UINT64_MAX;
}

void fuzz_world_reset(void)
{
	fuzz_disk_reset();
}
