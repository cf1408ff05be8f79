/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind a recorded machine's devices: it gives and does what the recording says, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "recording_internal.h"

/* The errno to fail with, once; 0: none. */
static int take_error(struct recording_host *host)
{
	int error = host->error;

	host->error = 0;
	return error;
}

static ssize_t fill(struct entropy *e, const struct iovec *iov, int count)
{
	struct recording_host *host = &container_of(e, struct recording, entropy)->host;
	int error = take_error(host);
	size_t given = 0;

	if (error)
		return -error;
	if (host->again || !host->data_len) {
		host->again -= host->again != 0;
		return -EAGAIN;
	}
	for (int i = 0; i < count && given < host->data_len; i++) {
		size_t n = host->data_len - given < iov[i].iov_len ? host->data_len - given : iov[i].iov_len;

		memcpy(iov[i].iov_base, host->data + given, n);
		given += n;
	}
	host->data_len -= given;
	memmove(host->data, host->data + given, host->data_len);
	return (ssize_t)given;
}

struct disk {
	struct block block;
	struct recording *r;
	struct block_request *first, **last;
	uint8_t *bytes;
};

static struct disk *disk_of(struct block *b)
{
	return container_of(b, struct disk, block);
}

static void disk_submit(struct block *b, struct block_request *request)
{
	struct disk *d = disk_of(b);

	request->next = NULL;
	*d->last = request;
	d->last = &request->next;
}

static void move(struct disk *d, const struct block_request *request)
{
	uint8_t *at = d->bytes + request->offset;

	for (unsigned int i = 0; i < request->count; i++) {
		const struct iovec *iov = &request->iov[i];

		if (request->op == BLOCK_READ)
			memcpy(iov->iov_base, at, iov->iov_len);
		else
			memcpy(at, iov->iov_base, iov->iov_len);
		at += iov->iov_len;
	}
}

static int64_t result_of(struct disk *d, const struct block_request *request)
{
	struct recording_host *host = &d->r->host;
	int error = take_error(host);
	uint64_t at_most = host->at_most;

	if (error)
		return -error;
	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE: break;
	case BLOCK_FLUSH: return 0;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES: memset(d->bytes + request->offset, 0, request->len); return (int64_t)request->len;
	}
	move(d, request);
	host->at_most = UINT64_MAX;
	return (int64_t)(at_most < request->len ? at_most : request->len);
}

/* At once, as --record has its disks served. */
static void disk_commit(struct block *b)
{
	struct disk *d = disk_of(b);

	while (d->first) {
		struct block_request *request = d->first;

		d->first = request->next;
		if (!d->first)
			d->last = &d->first;
		b->user->done(b->user, request, result_of(d, request));
	}
}

static void disk_destroy(struct block *b)
{
	struct disk *d = disk_of(b);

	munmap(d->bytes, d->block.size);
	free(d);
}

struct block *recording_disk(struct recording *r, const struct block *shape)
{
	static const struct block_ops ops = {
		.submit = disk_submit,
		.commit = disk_commit,
		.drain = disk_commit,
		.destroy = disk_destroy,
	};
	struct disk *d = calloc(1, sizeof(*d));

	recording_must(d, "no memory");
	recording_must(shape->size && shape->logical >= BLOCK_SECTOR && shape->physical >= shape->logical,
		"a disk without a size");
	d->block = *shape;
	d->block.ops = &ops;
	d->block.name = "recorded disk";
	d->r = r;
	d->last = &d->first;
	d->bytes = mmap(NULL, shape->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	recording_must(d->bytes != MAP_FAILED, "no memory for a disk");
	return &d->block;
}

static ssize_t console_read(struct chardev *c, void *buf, size_t len)
{
	struct recording *r = container_of(c, struct recording, console);
	size_t n = len < r->typed_len ? len : r->typed_len;

	if (!n)
		return -EAGAIN;
	memcpy(buf, r->typed, n);
	r->typed_len -= n;
	memmove(r->typed, r->typed + n, r->typed_len);
	return (ssize_t)n;
}

static ssize_t console_write(struct chardev *c, const void *buf, size_t len)
{
	(void)c, (void)buf;
	return (ssize_t)len;
}

static void console_watch(struct chardev *c, bool in, bool out)
{
	(void)c, (void)in, (void)out;
}

static void console_destroy(struct chardev *c)
{
	(void)c;
}

static void append(uint8_t **data, size_t *len, const struct fuzz_op *op)
{
	*data = realloc(*data, *len + op->len + 1);
	recording_must(*data, "no memory");
	if (op->len)
		memcpy(*data + *len, op->data, op->len);
	*len += op->len;
}

void recording_host_step(struct recording *r, const struct fuzz_op *op)
{
	switch (op->host) {
	case FUZZ_HOST_ERROR: r->host.error = (int)(op->value & 0xfff); break;
	case FUZZ_HOST_SHORT: r->host.at_most = op->value; break;
	case FUZZ_HOST_AGAIN: r->host.again += (unsigned int)op->value; break;
	case FUZZ_HOST_ENTROPY: append(&r->host.data, &r->host.data_len, op); break;
	case FUZZ_HOST_INPUT:
		append(&r->typed, &r->typed_len, op);
		chardev_readable(&r->console);
		break;
	default: break; /* nothing that --record writes */
	}
}

void recording_host_start(struct recording *r)
{
	static const struct chardev_ops ops = {
		.read = console_read,
		.write = console_write,
		.watch = console_watch,
		.destroy = console_destroy,
	};

	chardev_init(&r->console, &ops, &r->loop, "recorded console");
	r->entropy = (struct entropy){ .fill = fill, .fd = -1, .file = -1 };
	r->host.at_most = UINT64_MAX;
}

void recording_host_end(struct recording *r)
{
	free(r->typed);
	free(r->host.data);
}
