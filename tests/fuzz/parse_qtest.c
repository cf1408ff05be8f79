/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The qtest protocol over a page of memory. Each input is sent twice, at once and in portions: the answers have to be the same, and
 * one for each line.
 */
#include "input.h"
#include "mutate_file.h"
#include "qtest.h"
#include "targets.h"

#define MEMORY	  4096
#define LOOKED_AT (64 * KiB)

struct session {
	struct qtest q;
	uint8_t memory[MEMORY];
	uint64_t now, steps;
	uint64_t hash, lines, sent; /* what was sent: of its beginning a hash, then only how much */
};

static struct session whole, parts;

static uint64_t read_one(void *opaque, uint64_t addr, unsigned int size)
{
	struct session *s = opaque;
	uint64_t value = 0;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		fuzz_failed("qtest", "an access of %u bytes", size);
	if (addr <= MEMORY - size)
		memcpy(&value, s->memory + addr, size);
	return value;
}

static void write_one(void *opaque, uint64_t addr, unsigned int size, uint64_t value)
{
	struct session *s = opaque;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		fuzz_failed("qtest", "an access of %u bytes", size);
	if (addr <= MEMORY - size)
		memcpy(s->memory + addr, &value, size);
	/* A device that interrupts. */
	if (addr == MEMORY)
		qtest_irq(&s->q, (uint32_t)value >> 1, value & 1);
}

static void read_bytes(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
	const struct session *s = opaque;

	memset(buf, 0, len);
	if (addr < MEMORY)
		memcpy(buf, s->memory + addr, len < MEMORY - addr ? len : MEMORY - addr);
}

static void write_bytes(void *opaque, uint64_t addr, const uint8_t *buf, size_t len)
{
	struct session *s = opaque;

	if (addr < MEMORY)
		memcpy(s->memory + addr, buf, len < MEMORY - addr ? len : MEMORY - addr);
}

static uint64_t now(void *opaque)
{
	const struct session *s = opaque;

	return s->now;
}

static uint64_t deadline(void *opaque)
{
	const struct session *s = opaque;

	return s->memory[0] ? s->now + s->memory[0] : UINT64_MAX;
}

static void advance(void *opaque, uint64_t ns)
{
	struct session *s = opaque;

	if (ns < s->now)
		fuzz_failed("qtest", "the clock goes back");
	/* Timers that do not come to an end. */
	s->now = s->memory[1] ? s->now + (ns - s->now) / 2 : ns;
}

static bool settle(void *opaque)
{
	struct session *s = opaque;

	s->steps++;
	/* One command may move 16 MiB; a second one would only take time. */
	return s->memory[2] != 0xff && s->sent < LOOKED_AT;
}

static bool is_gic(void *opaque, const char *name)
{
	(void)opaque;
	return !strcmp(name, "gic");
}

static void send_text(void *opaque, const char *text, size_t len)
{
	struct session *s = opaque;

	for (size_t i = 0; i < len && s->sent + i < LOOKED_AT; i++) {
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
			fuzz_failed("qtest", "byte 0x%02x in an answer", (uint8_t)text[i]);
		s->hash = (s->hash ^ (uint8_t)text[i]) * 0x100000001b3ULL;
		s->lines += text[i] == '\n';
	}
	s->sent += len;
}

static const struct qtest_ops ops = {
	.read = read_one,
	.write = write_one,
	.read_bytes = read_bytes,
	.write_bytes = write_bytes,
	.now = now,
	.deadline = deadline,
	.advance = advance,
	.settle = settle,
	.is_gic = is_gic,
	.send = send_text,
};

/* Portions are as long as the bytes before them say; 0: all there is. */
static void talk(struct session *s, const uint8_t *data, size_t size, size_t portion)
{
	bool on = true;

	memset(s, 0, sizeof(*s));
	qtest_init(&s->q, &ops, s);
	while (size && on) {
		size_t len = portion && portion < size ? portion : size;

		on = qtest_input(&s->q, (const char *)data, len);
		portion = portion ? data[0] % 32U + 1 : 0;
		data += len;
		size -= len;
	}
	qtest_flush(&s->q);
	qtest_destroy(&s->q);
}

static void run(const uint8_t *data, size_t size)
{
	talk(&whole, data, size, 0);
	talk(&parts, data, size, 1);
	if (whole.hash != parts.hash || whole.sent != parts.sent || whole.lines != parts.lines ||
		whole.steps != parts.steps || memcmp(whole.memory, parts.memory, MEMORY))
		fuzz_failed("qtest", "%llu lines of answers in one piece, %llu in portions, or not the same ones",
			(unsigned long long)whole.lines, (unsigned long long)parts.lines);
}

const struct fuzz_target fuzz_qtest = {
	.name = "qtest",
	.what = "lines of the qtest protocol, whole and in portions",
	.run = run,
	.mutate = fuzz_mutate_qtest,
};
