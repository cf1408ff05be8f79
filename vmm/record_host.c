/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between the devices of a recorded machine and their backends: each passes on what it is asked for, and writes down
 * what came of it where that decides what the device does next.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record_internal.h"

#define OUTPUT_MAX (1 * MiB) /* console output kept for a terminal that does not take it; more is dropped */
#define DRAIN_MS   10
#define DRAIN_TRYS 100 /* at the end */

static ssize_t fill(struct entropy *e, const struct iovec *iov, int count)
{
	struct record *r = container_of(e, struct record, entropy);
	ssize_t got = r->inner_entropy->fill(r->inner_entropy, iov, count);

	if (got > 0) {
		record_put(r, &r->before, "host entropy");
		record_put_data(r, &r->before, iov, (unsigned int)count, (size_t)got);
	} else if (got == -EAGAIN) {
		record_put(r, &r->before, "host again 1\n");
	} else {
		record_put(r, &r->before, "host error %d\n", got ? (int)-got : EIO);
	}
	return got;
}

struct entropy *record_entropy(struct record *r, struct entropy *entropy)
{
	r->inner_entropy = entropy;
	r->entropy = (struct entropy){ .fill = fill, .fd = entropy->fd, .file = -1 };
	return &r->entropy;
}

struct record_disk {
	struct block block;
	struct block_user user; /* of inner */
	struct block *inner;
	struct record *r;
};

static struct record_disk *disk_of(struct block *b)
{
	return container_of(b, struct record_disk, block);
}

/* What is written is used in place and so is no load; a replay's disk is to have it all the same. */
static void disk_submit(struct block *b, struct block_request *request)
{
	struct record_disk *d = disk_of(b);

	for (unsigned int i = 0; request->op == BLOCK_WRITE && i < request->count; i++) {
		const struct iovec *iov = &request->iov[i];

		record_put(
			d->r, &d->r->before, "write 0x%" PRIx64 " %zu", record_gpa(d->r, iov->iov_base), iov->iov_len);
		record_put_data(d->r, &d->r->before, iov, 1, iov->iov_len);
	}
	block_submit(d->inner, request);
}

static void disk_commit(struct block *b)
{
	block_commit(disk_of(b)->inner);
}

static void disk_drain(struct block *b)
{
	block_drain(disk_of(b)->inner);
}

/* The disk itself is the session's. */
static void disk_destroy(struct block *b)
{
	free(disk_of(b));
}

static void disk_done(struct block_user *user, struct block_request *request, int64_t result)
{
	struct record_disk *d = container_of(user, struct record_disk, user);
	bool moves = request->op == BLOCK_READ || request->op == BLOCK_WRITE;

	if (result < 0)
		record_put(d->r, &d->r->before, "host error %d\n", (int)-result);
	else if (moves && (uint64_t)result < request->len)
		record_put(d->r, &d->r->before, "host short %" PRId64 "\n", result);
	d->block.user->done(d->block.user, request, result);
}

static void disk_settled(struct block_user *user)
{
	struct record_disk *d = container_of(user, struct record_disk, user);

	d->block.user->settled(d->block.user);
}

struct block *record_disk(struct record *r, struct block *disk, struct error *error)
{
	static const struct block_ops ops = {
		.submit = disk_submit,
		.commit = disk_commit,
		.drain = disk_drain,
		.destroy = disk_destroy,
	};
	struct record_disk *d = r->disk_count < RECORD_DISKS ? calloc(1, sizeof(*d)) : NULL;

	if (!d) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	d->block = *disk;
	d->block.ops = &ops;
	d->block.user = NULL;
	d->user = (struct block_user){ .done = disk_done, .settled = disk_settled };
	d->inner = disk;
	d->r = r;
	block_attach(disk, &d->user);
	r->disks[r->disk_count++] = d;
	return &d->block;
}

struct record_console {
	struct chardev dev;
	struct chardev_user user; /* of inner */
	struct chardev *inner;
	struct record *r;
	size_t out_first, out_len; /* of out, a ring */
	char out[OUTPUT_MAX];
};

static struct record_console *console_of(struct chardev *c)
{
	return container_of(c, struct record_console, dev);
}

static ssize_t console_read(struct chardev *c, void *buf, size_t len)
{
	struct record_console *console = console_of(c);
	ssize_t got = chardev_read(console->inner, buf, len);

	if (got > 0) {
		const struct iovec iov = { .iov_base = buf, .iov_len = (size_t)got };

		record_put(console->r, &console->r->after, "host input");
		record_put_data(console->r, &console->r->after, &iov, 1, (size_t)got);
	}
	return got;
}

/* Whether something is left. */
static bool print(struct record_console *console)
{
	while (console->out_len) {
		size_t end = OUTPUT_MAX - console->out_first, n = console->out_len < end ? console->out_len : end;
		ssize_t done = chardev_write(console->inner, console->out + console->out_first, n);

		if (done <= 0)
			break;
		console->out_first = (console->out_first + (size_t)done) % OUTPUT_MAX;
		console->out_len -= (size_t)done;
	}
	chardev_want_write(console->inner, console->out_len != 0);
	return console->out_len != 0;
}

/* All of it: how fast the terminal is must not be seen in the device's registers. */
static ssize_t console_write(struct chardev *c, const void *buf, size_t len)
{
	struct record_console *console = console_of(c);
	const char *bytes = buf;

	for (size_t i = 0; i < len && console->out_len < OUTPUT_MAX; i++)
		console->out[(console->out_first + console->out_len++) % OUTPUT_MAX] = bytes[i];
	(void)print(console);
	return (ssize_t)len;
}

static void console_watch(struct chardev *c, bool in, bool out)
{
	(void)out; /* there is always room */
	chardev_want_read(console_of(c)->inner, in);
}

static void console_destroy(struct chardev *c)
{
	free(console_of(c));
}

static void inner_readable(struct chardev_user *user)
{
	chardev_readable(&container_of(user, struct record_console, user)->dev);
}

static void inner_writable(struct chardev_user *user)
{
	(void)print(container_of(user, struct record_console, user));
}

struct chardev *record_console(struct record *r, struct chardev *inner, struct error *error)
{
	static const struct chardev_ops ops = {
		.read = console_read,
		.write = console_write,
		.watch = console_watch,
		.destroy = console_destroy,
	};
	struct record_console *console = calloc(1, sizeof(*console));

	if (!console) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	chardev_init(&console->dev, &ops, inner->loop, inner->name);
	console->user = (struct chardev_user){ .readable = inner_readable, .writable = inner_writable };
	console->inner = inner;
	console->r = r;
	chardev_attach(inner, &console->user);
	r->console = console;
	return &console->dev;
}

void record_free_host(struct record *r)
{
	while (r->disk_count) {
		struct record_disk *d = r->disks[--r->disk_count];

		block_attach(d->inner, NULL);
		block_destroy(&d->block);
	}
	if (!r->console)
		return;
	for (int i = 0; i < DRAIN_TRYS && print(r->console); i++)
		(void)loop_run_once(r->loop, DRAIN_MS);
	chardev_attach(r->console->inner, NULL);
	chardev_destroy(&r->console->dev);
	r->console = NULL;
}
