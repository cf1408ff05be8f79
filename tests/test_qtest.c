/* SPDX-License-Identifier: Apache-2.0 */
/* The qtest protocol over a machine of this test's own: every command, every error, input in any portions. */
#include <stdlib.h>

#include "qtest.h"
#include "test.h"

#define RAM 0x1000

static struct qtest q;
static uint8_t ram[RAM];
static uint64_t now, timer; /* timer: UINT64_MAX is none; it is periodic in steps of 100 when it is less */
static unsigned int settled, reads, writes;
static uint64_t last_addr, last_value;
static unsigned int last_size;
static bool end_now, irq_on_settle;
static char sent[1 << 20];
static size_t sent_len;

static uint64_t fake_read(void *opaque, uint64_t addr, unsigned int size)
{
	uint64_t value = 0;

	(void)opaque;
	reads++;
	last_addr = addr;
	last_size = size;
	if (addr < RAM - 8)
		memcpy(&value, ram + addr, size);
	return value;
}

static void fake_write(void *opaque, uint64_t addr, unsigned int size, uint64_t value)
{
	(void)opaque;
	writes++;
	last_addr = addr;
	last_size = size;
	last_value = value;
	if (addr < RAM - 8)
		memcpy(ram + addr, &value, size);
	if (addr == 0x10000)
		qtest_irq(opaque, (uint32_t)(value >> 1), value & 1);
}

static void fake_read_bytes(void *opaque, uint64_t addr, uint8_t *buf, size_t len)
{
	(void)opaque;
	last_addr = addr;
	for (size_t i = 0; i < len; i++)
		buf[i] = addr + i < RAM ? ram[addr + i] : 0;
}

static void fake_write_bytes(void *opaque, uint64_t addr, const uint8_t *buf, size_t len)
{
	(void)opaque;
	last_addr = addr;
	for (size_t i = 0; i < len; i++)
		if (addr + i < RAM)
			ram[addr + i] = buf[i];
}

static uint64_t fake_now(void *opaque)
{
	(void)opaque;
	return now;
}

static uint64_t fake_deadline(void *opaque)
{
	(void)opaque;
	return timer;
}

static void fake_advance(void *opaque, uint64_t ns)
{
	(void)opaque;
	now = ns;
	while (timer <= now)
		timer += 100;
}

static bool fake_settle(void *opaque)
{
	settled++;
	if (irq_on_settle)
		qtest_irq(opaque, 7, true);
	return !end_now;
}

static bool fake_is_gic(void *opaque, const char *name)
{
	(void)opaque;
	return !strcmp(name, "gic");
}

static void fake_send(void *opaque, const char *text, size_t len)
{
	(void)opaque;
	if (len > sizeof(sent) - 1 - sent_len)
		len = sizeof(sent) - 1 - sent_len;
	memcpy(sent + sent_len, text, len);
	sent_len += len;
	sent[sent_len] = '\0';
}

static const struct qtest_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
	.read_bytes = fake_read_bytes,
	.write_bytes = fake_write_bytes,
	.now = fake_now,
	.deadline = fake_deadline,
	.advance = fake_advance,
	.settle = fake_settle,
	.is_gic = fake_is_gic,
	.send = fake_send,
};

static void begin(void)
{
	memset(ram, 0, sizeof(ram));
	now = settled = reads = writes = 0;
	timer = UINT64_MAX;
	end_now = irq_on_settle = false;
	sent_len = 0;
	sent[0] = '\0';
	qtest_init(&q, &fake_ops, &q);
}

static void end(void)
{
	qtest_destroy(&q);
}

static const char *ask(const char *text)
{
	sent_len = 0;
	sent[0] = '\0';
	(void)qtest_input(&q, text, strlen(text));
	return sent;
}

struct exchange {
	const char *line, *answer;
};

static void check_all(const struct exchange *e, size_t count)
{
	char line[256];

	begin();
	for (size_t i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "%s\n", e[i].line);
		CHECK_STR(ask(line), e[i].answer);
	}
	end();
}

static void widths(void)
{
	static const struct exchange e[] = {
		{ "writeq 0x10 0x8899aabbccddeeff", "OK\n" },
		{ "readb 0x10", "OK 0x00000000000000ff\n" },
		{ "readw 0x10", "OK 0x000000000000eeff\n" },
		{ "readl 16", "OK 0x00000000ccddeeff\n" },
		{ "readq 020", "OK 0x8899aabbccddeeff\n" },
		{ "writeb 0x10 0x111", "OK\n" },
		{ "writew 0x12 -1", "OK\n" },
		{ "writel 0x14 0xfffffffff", "OK\n" },
		{ "readq 0x10", "OK 0xffffffffffffee11\n" },
		{ "readl 0x18", "OK 0x0000000000000000\n" },
		{ "readl 0xffffffffffffffff", "OK 0x0000000000000000\n" },
	};

	check_all(e, ARRAY_SIZE(e));
	CHECK_EQ(last_addr, UINT64_MAX);
	CHECK_EQ(last_size, 4);
}

static void blocks(void)
{
	static const struct exchange e[] = {
		{ "write 0x10 4 0x01a2FF04", "OK\n" },
		{ "read 0x10 6", "OK 0x01a2ff040000\n" },
		{ "write 0x10 4 0x55", "OK\n" },
		{ "read 0x10 4", "OK 0x55000000\n" },
		{ "write 0x10 1 0x6677", "OK\n" },
		{ "read 0x10 2", "OK 0x6600\n" },
		{ "write 0x10 2 0x123", "OK\n" },
		{ "read 0x10 2", "OK 0x1200\n" },
		{ "write 0x10 0 0x1", "OK\n" },
		{ "write 0x10 4 0x", "ERR invalid argument size\n" },
		{ "write 0x10 4 0", "ERR invalid argument size\n" },
		{ "write 0x10 4 1234", "ERR DATA is not 0x and hexadecimal digits\n" },
		{ "write 0x10 4 0x12zz", "ERR DATA is not 0x and hexadecimal digits\n" },
		{ "write 0x10 4 0x12z", "ERR DATA is not 0x and hexadecimal digits\n" },
		{ "read 0x10 2", "OK 0x1200\n" },
		{ "read 0x10 0", "ERR SIZE is 0\n" },
		{ "b64write 0x20 6 cXRlc3Qh", "OK\n" },
		{ "read 0x20 6", "OK 0x717465737421\n" },
		{ "b64read 0x20 6", "OK cXRlc3Qh\n" },
		{ "b64read 0x20 5", "OK cXRlc3Q=\n" },
		{ "b64read 0x20 4", "OK cXRlcw==\n" },
		{ "b64read 0x20 0", "OK \n" },
		{ "b64write 0x20 6 cXQ=", "OK\n" },
		{ "read 0x20 6", "OK 0x717400000000\n" },
		{ "b64write 0x20 1 cXRl", "OK\n" },
		{ "b64write 0x20 4 cX", "ERR invalid argument size\n" },
		{ "b64write 0x20 4 c====", "ERR DATA is not base64\n" },
		{ "b64write 0x20 4 cXRl=cXQ", "ERR DATA is not base64\n" },
		{ "b64write 0x20 4 cX!l", "ERR DATA is not base64\n" },
		{ "memset 0x30 3 0x1c3", "OK\n" },
		{ "memset 0x30 0 1", "OK\n" },
		{ "read 0x30 4", "OK 0xc3c3c300\n" },
	};

	check_all(e, ARRAY_SIZE(e));
}

static void refused(void)
{
	static const struct exchange e[] = {
		{ "", "ERR no command\n" },
		{ " readl 0", "ERR no command\n" },
		{ "frobnicate 1 2", "FAIL Unknown command 'frobnicate'\n" },
		{ "READL 0", "FAIL Unknown command 'READL'\n" },
		{ "bad\x01\x7f\xff", "FAIL Unknown command 'bad?\?\?'\n" },
		{ "module_load a b", "FAIL Unknown command 'module_load'\n" },
		{ "readl", "ERR write readl ADDR\n" },
		{ "readl ", "ERR '' is not a number; write readl ADDR\n" },
		{ "readl  0", "ERR '' is not a number; write readl ADDR\n" },
		{ "readl x", "ERR 'x' is not a number; write readl ADDR\n" },
		{ "readl 0x", "ERR '0x' is not a number; write readl ADDR\n" },
		{ "readl 08", "ERR '08' is not a number; write readl ADDR\n" },
		{ "readl 1\t", "ERR '1?' is not a number; write readl ADDR\n" },
		{ "readl \t1", "ERR '?1' is not a number; write readl ADDR\n" },
		{ "readl 1\r", "ERR '1?' is not a number; write readl ADDR\n" },
		{ "readl 0x10000000000000000", "ERR '0x10000000000000000' is not a number; write readl ADDR\n" },
		{ "writel 0", "ERR write writel ADDR VALUE\n" },
		{ "writel 0 y", "ERR 'y' is not a number; write writel ADDR VALUE\n" },
		{ "write 0 4", "ERR write write ADDR SIZE 0xDATA\n" },
		{ "b64write 0 4", "ERR write b64write ADDR SIZE DATA\n" },
		{ "read 0", "ERR write read ADDR SIZE\n" },
		{ "memset 0 1", "ERR write memset ADDR SIZE VALUE\n" },
		{ "read 0 0x1000001", "ERR SIZE is at most 16777216\n" },
		{ "read 0 0xffffffffffffffff", "ERR SIZE is at most 16777216\n" },
		{ "b64read 0 0xffffffffffffffff", "ERR SIZE is at most 16777216\n" },
		{ "write 0 0xffffffffffffffff 0x00", "ERR SIZE is at most 16777216\n" },
		{ "b64write 0 -1 AAAA", "ERR SIZE is at most 16777216\n" },
		{ "memset 0 0xffffffffffffffff 0", "ERR SIZE is at most 16777216\n" },
		{ "inb 0x10000", "ERR PORT is at most 0xffff\n" },
		{ "outl 0x10000 0", "ERR PORT is at most 0xffff\n" },
		{ "outl 0", "ERR write outl PORT VALUE\n" },
		{ "clock_step x", "ERR NS is not a number\n" },
		{ "clock_set", "ERR write clock_set NS\n" },
		{ "irq_intercept_in", "ERR write irq_intercept_in DEVICE\n" },
		{ "set_irq_in gic unnamed-gpio-in 1", "ERR write set_irq_in DEVICE NAME NUM LEVEL\n" },
		{ "set_irq_in gic unnamed-gpio-in 256 1", "ERR NUM is below 256 and LEVEL a number\n" },
		{ "set_irq_in gic unnamed-gpio-in -1 1", "ERR NUM is below 256 and LEVEL a number\n" },
		{ "set_irq_in gic unnamed-gpio-in 1 z", "ERR NUM is below 256 and LEVEL a number\n" },
		{ "set_irq_in gic other 1 1", "FAIL Unknown input\n" },
		{ "set_irq_in cpu unnamed-gpio-in 1 1", "FAIL Unknown device\n" },
	};

	check_all(e, ARRAY_SIZE(e));
	CHECK_EQ(reads, 0);
	CHECK_EQ(writes, 0);
}

static void other_answers(void)
{
	static const struct exchange e[] = {
		{ "endianness", "OK little\n" },
		{ "endianness and more words than a command can have at all", "OK little\n" },
		{ "readl 0 ignored", "OK 0x0000000000000000\n" },
		{ "inb 0x0", "OK 0x00ff\n" },
		{ "inw 0x0", "OK 0xffff\n" },
		{ "inl 0xffff", "OK 0xffffffff\n" },
		{ "outb 0 1", "OK\n" },
		{ "outw 0 1", "OK\n" },
		{ "outl 0xffff 1", "OK\n" },
	};

	check_all(e, ARRAY_SIZE(e));
}

static void clock_commands(void)
{
	static const struct exchange still[] = {
		{ "clock_step",
			"FAIL cannot advance clock to the next deadline because there is no pending deadline\n" },
		{ "clock_step 0", "FAIL could not advance time\n" },
		{ "clock_step 100", "OK 100\n" },
		{ "clock_step 0x10", "OK 116\n" },
		{ "clock_step -1", "FAIL could not advance time\n" },
		{ "clock_step 9223372036854775807", "FAIL could not advance time\n" },
		{ "clock_step 0xffffffffffffffff", "FAIL could not advance time\n" },
		{ "clock_set 50", "FAIL 116\n" },
		{ "clock_set 116", "OK 116\n" },
		{ "clock_set 500", "OK 500\n" },
		{ "clock_set 0xffffffffffffffff", "FAIL 500\n" },
		{ "clock_set 9223372036854775807", "OK 9223372036854775807\n" },
		{ "clock_step 1", "FAIL could not advance time\n" },
	};

	check_all(still, ARRAY_SIZE(still));
	begin();
	timer = 150;
	CHECK_STR(ask("clock_step\n"), "OK 150\n");
	CHECK_STR(ask("clock_step\n"), "OK 250\n");
	end();
}

static void interrupts(void)
{
	begin();
	/* Nobody asked. */
	CHECK_STR(ask("writel 0x10000 0x5f\n"), "OK\n");
	CHECK_STR(ask("irq_intercept_in cpu\n"), "FAIL Unknown device\n");
	CHECK_STR(ask("irq_intercept_out gic\n"), "FAIL No intercepts installed\n");
	CHECK_STR(ask("irq_intercept_in gic irq\n"), "FAIL Interception of named in-GPIOs not yet supported\n");
	CHECK_STR(ask("writel 0x10000 0x5f\n"), "OK\n");
	CHECK_STR(ask("irq_intercept_in gic\n"), "OK\n");
	CHECK_STR(ask("irq_intercept_in gic\n"), "OK\n");
	CHECK_STR(ask("irq_intercept_out gic\n"), "OK\n");
	/* Up before it was listened to, it is told when it is next set; and once only. */
	CHECK_STR(ask("inb 0\n"), "OK 0x00ff\n");
	CHECK_STR(ask("writel 0x10000 0x5f\n"), "IRQ raise 47\nOK\n");
	CHECK_STR(ask("writel 0x10000 0x5f\n"), "OK\n");
	CHECK_STR(ask("writel 0x10000 0x5e\n"), "IRQ lower 47\nOK\n");
	CHECK_STR(ask("writel 0x10000 0x5e\n"), "OK\n");
	CHECK_STR(ask("writel 0x10000 0x1ff\n"), "IRQ raise 255\nOK\n");
	CHECK_STR(ask("writel 0x10000 0x201\n"), "OK\n");
	CHECK_STR(ask("set_irq_in gic unnamed-gpio-in 3 2\n"), "IRQ raise 3\nOK\n");
	CHECK_STR(ask("set_irq_in gic unnamed-gpio-in 3 0\n"), "IRQ lower 3\nOK\n");
	/* What devices do before the answer is told before it. */
	irq_on_settle = true;
	CHECK_STR(ask("readl 0\n"), "IRQ raise 7\nOK 0x0000000000000000\n");
	end();
}

/* Told in the middle of a long answer, it waits for the answer's end, and the level that counts is the last. */
static void send_with_irq(void *opaque, const char *text, size_t len)
{
	fake_send(opaque, text, len);
	if (len == QTEST_OUT) {
		qtest_irq(opaque, 9, true);
		qtest_irq(opaque, 9, false);
		qtest_irq(opaque, 8, true);
	}
}

static void interrupts_inside_an_answer(void)
{
	struct qtest_ops ops = fake_ops;

	ops.send = send_with_irq;
	begin();
	qtest_init(&q, &ops, &q);
	ask("irq_intercept_in gic\n");
	ask("read 0 5000\n");
	CHECK_EQ(sent_len, 3 + 2 + 10000 + 1 + strlen("IRQ raise 8\n"));
	CHECK_STR(sent + 10006, "IRQ raise 8\n");
	CHECK(!strstr(sent, "IRQ lower"));
	end();
}

static void every_answer_settles_first(void)
{
	begin();
	ask("readl 0\nwritel 0 1\nfrobnicate\nclock_step 5\nread 0 4\n");
	CHECK_EQ(settled, 5);
	end_now = true;
	CHECK(!qtest_input(&q, "readl 0\nreadl 0\n", 16));
	CHECK_EQ(settled, 6);
	CHECK_EQ(reads, 2);
	end();
}

/* The answers do not depend on how bytes arrive. */
static void any_portions(void)
{
	static const char script[] =
		"writel 0x10 7\nreadl 0x10\n\nread 0x10 8\nwrite 0x10 3 0x010203\nread 0x10 4\nhalf";
	char whole[1000];

	begin();
	snprintf(whole, sizeof(whole), "%s", ask(script));
	end();
	CHECK_HAS(whole, "ERR no command\nOK 0x0700000000000000\nOK\nOK 0x01020300\n");
	for (size_t step = 1; step < sizeof(script); step++) {
		begin();
		for (size_t at = 0; at < sizeof(script) - 1; at += step)
			qtest_input(&q, script + at, sizeof(script) - 1 - at < step ? sizeof(script) - 1 - at : step);
		CHECK_STR(sent, whole);
		end();
	}
}

static void bytes_of_zero(void)
{
	static const char lines[] = "readl\0 0\nread\0l 0\n\0\nreadl 0\n";

	begin();
	qtest_input(&q, lines, sizeof(lines) - 1);
	CHECK_STR(sent, "ERR the line has a NUL byte\nERR the line has a NUL byte\nERR the line has a NUL byte\n"
			"OK 0x0000000000000000\n");
	end();
}

/* 1 GiB without a newline: memory stays bounded, one answer, and the next line is as good as any. */
static void endless_line(void)
{
	static char block[1 << 20];

	begin();
	memset(block, 'a', sizeof(block));
	for (int i = 0; i < 1024; i++) {
		CHECK(qtest_input(&q, block, sizeof(block)));
		if (q.line_room > 2 * QTEST_MAX_LINE)
			break;
	}
	CHECK(q.line_room <= 2 * QTEST_MAX_LINE);
	CHECK_EQ(sent_len, 0);
	CHECK_STR(ask("\nreadl 0\n"), "ERR the line is longer than 33555456 bytes\nOK 0x0000000000000000\n");
	CHECK(q.line_room <= 65536);
	end();
}

static void largest_block(void)
{
	size_t len = 2 * QTEST_MAX_DATA;
	char *text = malloc(len + 64);

	REQUIRE(text);
	begin();
	memset(text, '1', len + 64);
	memcpy(text, "write 0x0 0x1000000 0x", 22);
	text[22 + len] = '\n';
	qtest_input(&q, text, 22 + len + 1);
	CHECK_STR(sent, "OK\n");
	CHECK_EQ(ram[RAM - 1], 0x11);
	end();
	free(text);
}

/* The beginning of the answer that ends at sent[at]. */
static const char *line_start(size_t at)
{
	while (at && sent[at - 1] != '\n')
		at--;
	return sent + at;
}

/* Lines made of pieces of good ones: each has one answer, whatever it is, and the server goes on. */
static void random_lines(void)
{
	static const char *const pieces[] = { "readl", "writeq", "read", "write", "memset", "b64write", "b64read",
		"clock_step", "clock_set", "irq_intercept_in", "set_irq_in", "inb", "gic", "unnamed-gpio-in", " ", " ",
		" ", " ", "0x", "0x10", "-1", "0x1000", "4096", "99999999999999999999", "AAAA", "=", "\r", "\t", "\x80",
		"7" };
	uint64_t state = 1;
	size_t answers = 0;

	begin();
	for (int i = 0; i < 20000; i++) {
		char line[256] = "";

		for (int n = 0; n < 8; n++) {
			state = state * 6364136223846793005 + 1442695040888963407;
			strcat(line, pieces[(state >> 33) % ARRAY_SIZE(pieces)]);
		}
		strcat(line, "\n");
		ask(line);
		CHECK(sent_len && sent[sent_len - 1] == '\n');
		for (size_t at = 0; at < sent_len; at++)
			answers += sent[at] == '\n' && strncmp(line_start(at), "IRQ ", 4) != 0;
		CHECK_EQ(answers, i + 1);
		CHECK(!strncmp(sent, "OK", 2) || !strncmp(sent, "ERR ", 4) || !strncmp(sent, "FAIL ", 5) ||
			!strncmp(sent, "IRQ ", 4));
		if (test_failed)
			break;
	}
	end();
}

static const struct test tests[] = {
	TEST(widths),
	TEST(blocks),
	TEST(refused),
	TEST(other_answers),
	TEST(clock_commands),
	TEST(interrupts),
	TEST(interrupts_inside_an_answer),
	TEST(every_answer_settles_first),
	TEST(any_portions),
	TEST(bytes_of_zero),
	TEST(endless_line),
	TEST(largest_block),
	TEST(random_lines),
};

TEST_MAIN(tests)
