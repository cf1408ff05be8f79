/* SPDX-License-Identifier: Apache-2.0 */
/* The file, the steps and the loads from guest memory. See record.h; the host's side is record_host.c's. */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "qtest_data.h"
#include "record_internal.h"

#define WRITE_AT    (256 * KiB) /* bytes of whole steps that are kept back */
#define MAX_TURNS   1000 /* of the loop, after which devices that never come to rest are left to its own thread */
#define NS_PER_S    1000000000ULL
#define FIRST_TABLE 1024 /* entries; a power of two */

static void fail(struct record *r, int error)
{
	if (!r->error)
		r->error = error;
}

/* Room for len more bytes, and a NUL. */
static bool make_room(struct record *r, struct record_text *text, size_t len)
{
	size_t room = text->room ? text->room : 4 * KiB;
	char *at;

	if (r->error)
		return false;
	while (room - text->len <= len)
		room *= 2;
	if (room == text->room)
		return true;
	at = realloc(text->at, room);
	if (!at) {
		fail(r, ENOMEM);
		return false;
	}
	text->at = at;
	text->room = room;
	return true;
}

static void put_bytes(struct record *r, struct record_text *text, const char *bytes, size_t len)
{
	if (!make_room(r, text, len))
		return;
	memcpy(text->at + text->len, bytes, len);
	text->len += len;
}

void record_put(struct record *r, struct record_text *text, const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put_bytes(r, text, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

void record_put_data(
	struct record *r, struct record_text *text, const struct iovec *iov, unsigned int count, size_t len)
{
	put_bytes(r, text, " 0x", 3);
	for (unsigned int i = 0; i < count && len; i++) {
		const uint8_t *data = iov[i].iov_base;
		size_t left = iov[i].iov_len < len ? iov[i].iov_len : len;

		len -= left;
		while (left) {
			size_t n = left < DATA_STEP ? left : DATA_STEP;

			if (!make_room(r, text, 2 * n))
				return;
			text->len += data_to_hex(text->at + text->len, data, n);
			data += n;
			left -= n;
		}
	}
	put_bytes(r, text, "\n", 1);
}

static void write_out(struct record *r)
{
	for (size_t done = 0; done < r->out.len && !r->error;) {
		ssize_t n = write(r->fd, r->out.at + done, r->out.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			fail(r, errno);
	}
	r->out.len = 0;
}

/* The step is over. */
static void end_step(struct record *r)
{
	struct record_text *const parts[] = { &r->before, &r->step, &r->after };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i]->len)
			put_bytes(r, &r->out, parts[i]->at, parts[i]->len);
		parts[i]->len = 0;
	}
	if (r->out.len >= WRITE_AT)
		write_out(r);
}

/* Of a table that is less than three quarters full: where the count of this load is, or is to be. */
static struct record_count *find_count(struct record_count *table, size_t room, gpa_t gpa, uint32_t len)
{
	/* A multiplicative hash: the upper bits of the product know of all of the address. */
	size_t i = (size_t)(((gpa ^ len) * 0x9e3779b97f4a7c15ULL) >> 32) & (room - 1);

	while (table[i].len && (table[i].gpa != gpa || table[i].len != len))
		i = (i + 1) & (room - 1);
	return &table[i];
}

static bool grow_table(struct record *r)
{
	size_t room = r->count_room ? 2 * r->count_room : FIRST_TABLE;
	struct record_count *table = calloc(room, sizeof(*table));

	if (!table) {
		fail(r, ENOMEM);
		return false;
	}
	for (size_t i = 0; i < r->count_room; i++)
		if (r->counts[i].len)
			*find_count(table, room, r->counts[i].gpa, r->counts[i].len) = r->counts[i];
	free(r->counts);
	r->counts = table;
	r->count_room = room;
	return true;
}

/* How many loads of just these bytes were before this one. */
static uint32_t count_load(struct record *r, gpa_t gpa, uint32_t len)
{
	struct record_count *count;

	if (r->error || (r->count >= r->count_room / 4 * 3 && !grow_table(r)))
		return 0;
	count = find_count(r->counts, r->count_room, gpa, len);
	if (!count->len) {
		*count = (struct record_count){ .gpa = gpa, .len = len };
		r->count++;
	}
	return count->loads++;
}

gpa_t record_gpa(const struct record *r, const void *host)
{
	for (unsigned int i = 0; i < r->mem->count; i++) {
		const struct mem_region *region = &r->mem->region[i];
		uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)region->host);

		if (offset < region->size)
			return region->base + offset;
	}
	return UINT64_MAX;
}

static void load(struct mem_hook *hook, void *dst, void *src, size_t len)
{
	struct record *r = container_of(hook, struct record, hook);
	const struct iovec data = { .iov_base = dst, .iov_len = len };
	gpa_t gpa = record_gpa(r, src);

	mem_fetch(dst, src, len);
	/* What the hook's contract asks for: of this field first, then of what the field says is there. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	record_put(r, &r->before, "dma 0x%" PRIx64 " %zu %" PRIu32, gpa, len, count_load(r, gpa, (uint32_t)len));
	record_put_data(r, &r->before, &data, 1, len);
}

static void watched(struct virtq_watch *watch, const struct virtq *q, enum virtq_step step, uint16_t head, uint32_t len)
{
	struct record *r = container_of(watch, struct record, watch);

	if (step == VIRTQ_USED)
		record_put(r, &r->after, "# used %u %u %" PRIu32 "\n", q->index, head, len);
}

struct mem_hook *record_life(struct record *r, const struct mem *mem)
{
	end_step(r);
	r->mem = mem;
	free(r->counts);
	r->counts = NULL;
	r->count = r->count_room = 0;
	memset(r->line, 0, sizeof(r->line));
	r->running = false;
	r->clock_ns = clock_host.realtime_ns(&clock_host);
	record_put(r, &r->out, "# life of a machine\n# memory 0x%" PRIx64 " %" PRIu64 "\n# clock %" PRIu64 "\n",
		mem->region[0].base, mem->region[0].size, r->clock_ns);
	return &r->hook;
}

void record_life_ends(struct record *r)
{
	if (!r)
		return;
	end_step(r);
	r->running = false;
}

void record_device(struct record *r, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!r)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	record_put(r, &r->out, "# device %s\n", text);
}

void record_virtio(
	struct record *r, struct virtio *v, const char *name, const char *bus, unsigned int slot, const char *more)
{
	if (!r)
		return;
	record_device(r, "%s-%s@%u on=0x%" PRIx64 " off=0x%" PRIx64 "%s%s", name, bus, slot, v->features_on,
		v->features_off, *more ? " " : "", more);
	for (uint16_t i = 0; i < v->class->queue_count; i++)
		v->queue[i].watch = &r->watch;
}

void record_step_clock(struct record *r, struct record_text *text)
{
	uint64_t now = clock_host.realtime_ns(&clock_host);

	/* Set back meanwhile: there is no step for that, and the device is asked again in a while. */
	if (now <= r->clock_ns)
		return;
	record_put(r, text, "clock_step %" PRIu64 "\n", now - r->clock_ns);
	r->clock_ns = now;
}

static void serve(struct record *r)
{
	for (int turn = 0; turn < MAX_TURNS && loop_serve(r->loop) > 0; turn++)
		;
}

/* The clock goes on, and what is due by then is done first, as it will be in a replay. */
static void catch_up(struct record *r)
{
	record_step_clock(r, &r->before);
	end_step(r);
	serve(r);
	end_step(r);
}

void record_event(struct record *r, const char *what)
{
	if (!r)
		return;
	end_step(r);
	r->running = true;
	/* The loop is being served just now: what else is due comes behind this. */
	record_step_clock(r, &r->before);
	record_put(r, &r->after, "# %s\n", what);
}

/* The clock itself, and the power key, which is let go after a while. */
static bool shows_clock(gpa_t addr)
{
	return (addr >= LAYOUT_PL031 && addr - LAYOUT_PL031 < 4 * KiB) ||
	       (addr >= LAYOUT_PL061 && addr - LAYOUT_PL061 < 4 * KiB);
}

/* Reading either changes nothing: so again, if the second changed between our look at the clock and the device's. */
static void read_clock(struct record *r, struct bus *bus, gpa_t addr, unsigned int size, uint64_t *value)
{
	do {
		catch_up(r);
		bus_read(bus, addr, size, value);
	} while (clock_host.realtime_ns(&clock_host) / NS_PER_S != r->clock_ns / NS_PER_S &&
		 clock_host.realtime_ns(&clock_host) > r->clock_ns);
}

static void do_access(struct record *r, struct bus *bus, bool write, gpa_t addr, unsigned int size, uint64_t *value)
{
	if (write) {
		if (shows_clock(addr))
			catch_up(r);
		bus_write(bus, addr, size, *value);
	} else if (shows_clock(addr)) {
		read_clock(r, bus, addr, size, value);
	} else {
		bus_read(bus, addr, size, value);
	}
}

static char width_letter(unsigned int size)
{
	return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
}

void record_access(struct record *r, struct bus *bus, bool write, gpa_t addr, unsigned int size, uint64_t *value)
{
	/* What the loop's own thread did since, such as taking what was typed. */
	end_step(r);
	r->running = true;
	do_access(r, bus, write, addr, size, value);
	record_put(r, &r->step, "%s%c 0x%" PRIx64 "%s 0x%" PRIx64 "\n", write ? "write" : "read", width_letter(size),
		addr, write ? "" : " =", *value);
	serve(r);
	end_step(r);
}

int record_run(struct loop *loop)
{
	int ret = 0;

	/* With a timeout, if a distant one: loop_serve asks for that. */
	while (ret >= 0 && !__atomic_load_n(&loop->stopped, __ATOMIC_ACQUIRE))
		ret = loop_run_once(loop, INT_MAX);
	__atomic_store_n(&loop->stopped, false, __ATOMIC_RELEASE);
	return ret < 0 ? ret : 0;
}

struct record *record_create(const char *path, struct loop *loop, struct error *error)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	r->loop = loop;
	r->hook.load = load;
	r->watch.step = watched;
	r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->fd < 0) {
		error_set(error, STATUS_OUTPUT, "--record %s: %s", path, strerror(errno));
		free(r);
		return NULL;
	}
	return r;
}

int record_finish(struct record *r, struct error *error)
{
	int failed;

	if (!r)
		return 0;
	end_step(r);
	write_out(r);
	record_free_host(r);
	if (close(r->fd))
		fail(r, errno);
	failed = r->error;
	free(r->before.at);
	free(r->step.at);
	free(r->after.at);
	free(r->out.at);
	free(r->counts);
	free(r);
	return failed ? error_set(error, STATUS_OUTPUT, "--record: the recording is not complete: %s", strerror(failed))
		      : 0;
}
