/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as disks, by each engine: opened as an input says, then batches of requests, and files that become shorter meanwhile. What is
 * read back is what an array says that had the same done to it.
 *
 * An input is how it is opened (4 bytes) and steps, each a byte with what it takes behind it (run_step).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../open_fds.h"
#include "backend/block_file.h"
#include "core/clock.h"
#include "input.h"
#include "targets.h"

#define SLOT	  8192 /* of the file, a request's own */
#define SLOTS	  8
#define SIZE	  (SLOT * SLOTS)
#define MAX_STEPS 24

struct slot {
	struct block_request r;
	struct iovec iov[3];
	bool out;
	int64_t result;
	_Alignas(4096) uint8_t data[SLOT + 64];
};

static struct loop loop;
static struct block *disk;
static struct block_user user;
static struct slot slot[SLOTS];
static uint8_t model[SIZE];
static unsigned int in_flight;
static bool shortened; /* the model does not know what there is then */
static int file = -1;
static char path[32];

static void done(struct block_user *u, struct block_request *r, int64_t result)
{
	struct slot *s = container_of(r, struct slot, r);

	(void)u;
	if (!s->out)
		fuzz_failed("disk", "a request is done twice, or was never made");
	s->out = false;
	s->result = result;
	in_flight--;
	if (result > (int64_t)r->len)
		fuzz_failed("disk", "%lld bytes of a request of %llu", (long long)result, (unsigned long long)r->len);
}

static void settled(struct block_user *u)
{
	(void)u;
}

static void start(const struct fuzz_target *target)
{
	(void)target;
	user = (struct block_user){ .done = done, .settled = settled };
	file = memfd_create("disk", MFD_CLOEXEC);
	if (file < 0 || loop_init(&loop, NULL, NULL))
		fuzz_failed("host", "a file or a loop: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

/* Cut into up to three buffers, of which none is empty, at any address. */
static void cut(struct slot *s, uint8_t how)
{
	uint8_t *at = s->data + (how & 8 ? how >> 4 : 0);
	size_t first = 1 + (how & 7) * s->r.len / 16, last;

	if (!(how & 7) || first >= s->r.len) {
		s->iov[0] = (struct iovec){ at, s->r.len };
		s->r.count = 1;
	} else {
		last = (s->r.len - first) / 2;
		s->iov[0] = (struct iovec){ at, first };
		s->iov[1] = (struct iovec){ at + first, s->r.len - first - last };
		s->iov[2] = (struct iovec){ at + s->r.len - last, last };
		s->r.count = last ? 3 : 2;
	}
	s->r.iov = s->iov;
}

/* Never two in one slot, so that the order in which they are done does not matter. */
static void submit(struct fuzz_input *in)
{
	uint8_t what = (uint8_t)fuzz_take_number(in, 1), where = (uint8_t)fuzz_take_number(in, 1),
		how = (uint8_t)fuzz_take_number(in, 1);
	struct slot *s = &slot[where % SLOTS];
	uint64_t blocks = SLOT / disk->logical, begin = (where >> 3) % blocks;

	if (s->out)
		return;
	s->r = (struct block_request){ .op = (enum block_op)(what % 5), .sync = what & 0x40, .unmap = what & 0x80 };
	if (disk->read_only && s->r.op != BLOCK_FLUSH)
		s->r.op = BLOCK_READ;
	if (s->r.op != BLOCK_FLUSH) {
		s->r.offset = (uint64_t)(where % SLOTS) * SLOT + begin * disk->logical;
		s->r.len = (1 + how % (blocks - begin)) * disk->logical;
	}
	if (s->r.op == BLOCK_READ || s->r.op == BLOCK_WRITE) {
		memset(s->data, s->r.op == BLOCK_WRITE ? what : 0xee, sizeof(s->data));
		cut(s, (uint8_t)fuzz_take_number(in, 1));
	}
	s->out = true;
	in_flight++;
	block_submit(disk, &s->r);
}

/* What was asked for has come to pass, unless the host says that it did not. */
static void compare(const struct slot *s)
{
	const struct block_request *r = &s->r;
	const uint8_t *at = s->iov[0].iov_base;

	if (shortened || s->result < 0)
		return;
	if (r->op != BLOCK_FLUSH && s->result != (int64_t)r->len)
		fuzz_failed(
			"disk", "%lld of %llu bytes, and no error", (long long)s->result, (unsigned long long)r->len);
	switch (r->op) {
	case BLOCK_READ:
		if (memcmp(at, model + r->offset, r->len))
			fuzz_failed("disk", "what is read at %llu is something else", (unsigned long long)r->offset);
		break;
	case BLOCK_WRITE: memcpy(model + r->offset, at, r->len); break;
	case BLOCK_WRITE_ZEROES: memset(model + r->offset, 0, r->len); break;
	/* Anything may be there afterwards. */
	case BLOCK_DISCARD:
		if (pread(file, model + r->offset, r->len, (off_t)r->offset) < 0)
			fuzz_failed("host", "the file cannot be read: %s", strerror(errno));
		break;
	case BLOCK_FLUSH: break;
	}
}

static void finish(bool by_loop)
{
	bool out[SLOTS];

	for (unsigned int i = 0; i < SLOTS; i++)
		out[i] = slot[i].out;
	block_commit(disk);
	for (unsigned int turns = 0; by_loop && in_flight && turns < 1000; turns++)
		(void)loop_run_once(&loop, 10);
	block_drain(disk);
	if (in_flight)
		fuzz_failed("disk", "%u requests are never done", in_flight);
	for (unsigned int i = 0; i < SLOTS; i++)
		if (out[i])
			compare(&slot[i]);
}

static void run_step(struct fuzz_input *in)
{
	uint8_t step = (uint8_t)fuzz_take_number(in, 1);

	switch (step % 8) {
	case 5: finish(true); break;
	case 6: finish(false); break;
	case 7:
		finish(false);
		shortened = true;
		if (ftruncate(file, (step >> 3) * 2048))
			fuzz_failed("host", "the file cannot be cut: %s", strerror(errno));
		break;
	default: submit(in); break;
	}
}

/* Refused, with a reason, or open. */
static bool open_disk(struct fuzz_input *in)
{
	uint8_t how = (uint8_t)fuzz_take_number(in, 1), sizes = (uint8_t)fuzz_take_number(in, 1),
		size = (uint8_t)fuzz_take_number(in, 1), other = (uint8_t)fuzz_take_number(in, 1);
	static const char *const others[] = { "/dev/null", "/proc/self", "/nonexistent", "/proc/version" };
	struct block_file_config config = {
		.path = other < 0xf0 ? path : others[other % 4],
		.aio = (enum block_aio)(how % 4),
		.read_only = how & 4,
		.direct = how & 8,
		.logical = sizes & 0x10 ? 1ULL << (sizes & 15) : 0,
		.physical = sizes & 0x80 ? 512ULL << (sizes >> 5 & 3) : 0,
	};
	char why[BLOCK_WHY_LEN] = "";
	struct block_file *f = NULL;
	int ret;

	/* Mostly as large as it has to be. */
	if (ftruncate(file, 0) || ftruncate(file, size < 0xc0 ? SIZE : size * 16) ||
		(size < 0xc0 && pwrite(file, model, SIZE, 0) != SIZE))
		fuzz_failed("host", "the file cannot be made: %s", strerror(errno));
	ret = block_file_open(&loop, &config, &f, why);
	if (ret && !why[0])
		fuzz_failed("disk", "%d, and nothing is said", ret);
	if (ret)
		return false;
	if (f->block.size > SIZE || f->block.size % f->block.logical || f->block.physical < f->block.logical)
		fuzz_failed("disk", "%llu bytes in blocks of %u", (unsigned long long)f->block.size, f->block.logical);
	disk = &f->block;
	shortened = f->block.size != SIZE;
	block_attach(disk, &user);
	return true;
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned int before = open_fds(), steps = 0;

	for (size_t i = 0; i < SIZE; i++)
		model[i] = (uint8_t)(i % 251 + i / 4096);
	if (open_disk(&in)) {
		while (in.left && steps++ < MAX_STEPS && disk->size == SIZE)
			run_step(&in);
		finish(true);
		block_attach(disk, NULL);
		block_destroy(disk);
	}
	if (loop.timers || open_fds() != before)
		fuzz_failed("disk", "%d descriptors, or a timer, are left of a disk", (int)(open_fds() - before));
}

const struct fuzz_target fuzz_host_disk = {
	.name = "host-disk",
	.what = "files as disks, by io_uring, threads and plain calls",
	.start = start,
	.run = run,
};
