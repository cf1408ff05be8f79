/* SPDX-License-Identifier: Apache-2.0 */
/* Traces as text: what is written is read back as it was, and what is no trace is refused by its line. */
#include "fuzz/trace.h"

#include <errno.h>
#include <stdlib.h>

#include "test.h"

static char why[FUZZ_WHY];

static int read_text(struct fuzz_trace *trace, const char *text, size_t len)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	int ret;

	*trace = (struct fuzz_trace){ 0 };
	why[0] = '\0';
	if (!file)
		return -errno;
	ret = fuzz_trace_read(trace, file, why);
	fclose(file);
	return ret;
}

static char *written(const struct fuzz_trace *trace)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	if (!file)
		return NULL;
	fuzz_trace_write(trace, file);
	fclose(file);
	return text;
}

static const char every[] = "# devices rng-mmio@31\n"
			    "#\n"
			    "readb 0xa003e00\n"
			    "readw 0xa003e00 = 0x7472\n"
			    "readl 0xa003e00 = 0x74726976\n"
			    "readq 0xa003e00 = 0xffffffffffffffff\n"
			    "writeb 0xa003e70 0x1\n"
			    "writew 0xa003e70 0x1\n"
			    "writel 0xa003e70 0xffffffffffffffff\n"
			    "writeq 0xffffffffffffffff 0x0\n"
			    "write 0x40000000 3 0x00ff7a\n"
			    "write 0x40000000 0 0x\n"
			    "clock_step 18446744073709551615\n"
			    "dma 0x40001002 2 4294967295 0x0100\n"
			    "host error 5\n"
			    "host short 17\n"
			    "host again 3\n"
			    "host hold\n"
			    "host release 2\n"
			    "host input 0x68690a\n"
			    "host entropy 0x\n"
			    "host gone\n"
			    "# used 65535 3 4294967295\n";

static void every_line_comes_back(void)
{
	struct fuzz_trace trace;
	char *text;

	CHECK_EQ(read_text(&trace, every, sizeof(every) - 1), 0);
	CHECK_STR(why, "");
	text = written(&trace);
	REQUIRE(text);
	CHECK_STR(text, every);
	CHECK_EQ(trace.count, 23);
	free(text);
	fuzz_trace_clear(&trace);
	CHECK_EQ(trace.count, 0);
}

static void fields(void)
{
	static const char text[] = "readw 16 = 7\n\ndma 0x40001002 2 9 0xAb0f\n# used 1 2 3\n";
	struct fuzz_trace trace;

	CHECK_EQ(read_text(&trace, text, sizeof(text) - 1), 0);
	REQUIRE(trace.count == 3);
	CHECK_EQ(trace.line[0].op.kind, FUZZ_READ);
	CHECK_EQ(trace.line[0].op.addr, 16);
	CHECK_EQ(trace.line[0].op.size, 2);
	CHECK_EQ(trace.line[0].op.value, 7);
	CHECK(trace.line[0].answered);
	CHECK_EQ(trace.line[0].number, 1);
	CHECK_EQ(trace.line[1].op.kind, FUZZ_LATE);
	CHECK_EQ(trace.line[1].op.nth, 9);
	CHECK_EQ(trace.line[1].op.len, 2);
	CHECK(!memcmp(trace.line[1].op.data, "\xab\x0f", 2));
	CHECK_EQ(trace.line[1].number, 3);
	CHECK_EQ(trace.line[2].kind, FUZZ_LINE_USED);
	CHECK_EQ(trace.line[2].used.queue, 1);
	CHECK_EQ(trace.line[2].used.head, 2);
	CHECK_EQ(trace.line[2].used.len, 3);
	fuzz_trace_clear(&trace);
}

/* Built step by step, as by whoever runs them, then read again. */
static void kept_steps(void)
{
	uint8_t data[300];
	struct fuzz_op ops[] = {
		{ .kind = FUZZ_READ, .size = 4, .addr = 0xa003e00, .value = 0x74726976 },
		{ .kind = FUZZ_WRITE_BYTES, .addr = 0x40000000, .data = data, .len = sizeof(data) },
		{ .kind = FUZZ_HOST, .host = FUZZ_HOST_INPUT, .data = data, .len = 1 },
	};
	struct fuzz_trace trace = { 0 }, again;
	char *text, *second;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t round = 0; round < 100; round++)
		for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
			fuzz_trace_add_op(&trace, &ops[i]);
	fuzz_trace_add_used(&trace, &(struct fuzz_used){ 0, 5, 64 });
	fuzz_trace_add_comment(&trace, "the end");
	memset(data, 0, sizeof(data));
	text = written(&trace);
	REQUIRE(text);
	CHECK_HAS(text, "readl 0xa003e00 = 0x74726976\nwrite 0x40000000 300 0x000102");
	CHECK_HAS(text, "fdfeff00");
	CHECK_HAS(text, "# used 0 5 64\n# the end\n");
	CHECK_EQ(read_text(&again, text, strlen(text)), 0);
	second = written(&again);
	CHECK_STR(second, text);
	free(text);
	free(second);
	fuzz_trace_clear(&trace);
	fuzz_trace_clear(&again);
}

static const struct bad {
	const char *text, *message;
} bad[] = {
	{ "readx 0\n", "line 1: 'readx' is no step" },
	{ "# first\n\nreadl\n", "line 3: ADDR is missing" },
	{ "readl -1\n", "ADDR is '-1', not a number" },
	{ "readl 0x\n", "ADDR is '0x', not a number" },
	{ "readl 12z\n", "ADDR is '12z', not a number" },
	{ "readl 0x10000000000000000\n", "not a number" },
	{ "readl 0 1\n", "'1' is where '= VALUE' may be" },
	{ "readl 0 =\n", "VALUE is missing" },
	{ "readb 0 = 256\n", "VALUE is more than 255" },
	{ "readl 0 = 1 2\n", "'2' is a word too many" },
	{ "writel 0\n", "VALUE is missing" },
	{ "writel  0 0\n", "a space too many" },
	{ "writel 0 0 \n", "a space too many" },
	{ " writel 0 0\n", "a space too many" },
	{ "writel 0 0 0\n", "'0' is a word too many" },
	{ "writel 0 0 0 0 0 0\n", "more words than any step takes" },
	{ "write 0 1 12\n", "the data, 0x and two digits a byte, is missing" },
	{ "write 0 1 0x123\n", "half a byte" },
	{ "write 0 2 0x12\n", "SIZE is 2 and the data has 1 bytes" },
	{ "write 0 1 0x1g\n", "no hexadecimal digit" },
	{ "dma 0 1 0x100000000 0x00\n", "NTH is more than 4294967295" },
	{ "dma 0 1 0x00\n", "the data, 0x and two digits a byte, is missing" },
	{ "host\n", "WHAT is missing" },
	{ "host sleep 3\n", "'sleep' is nothing that a host does" },
	{ "host hold 1\n", "'1' is a word too many" },
	{ "host error\n", "VALUE is missing" },
	{ "host input 3\n", "the data, 0x and two digits a byte, is missing" },
	{ "clock_step\n", "NS is missing" },
	{ "# used 0 1\n", "LEN is missing" },
	{ "# used 65536 1 1\n", "QUEUE is more than 65535" },
	{ "# used by nobody\n", "QUEUE is 'by', not a number" },
	{ "writel 0 0\nwritel 0 0", "line 2: the file ends in the middle of it" },
};

static void what_is_no_trace(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fuzz_trace trace;

		CHECK_EQ(read_text(&trace, bad[i].text, strlen(bad[i].text)), -EINVAL);
		CHECK_HAS(why, bad[i].message);
		CHECK_HAS(why, "line ");
		CHECK(!strchr(why, '\n'));
		fuzz_trace_clear(&trace);
	}
}

static void bytes_that_are_no_text(void)
{
	static const char nul[] = "writel 0 0\0 0\n";
	struct fuzz_trace trace;

	CHECK_EQ(read_text(&trace, nul, sizeof(nul) - 1), -EINVAL);
	CHECK_HAS(why, "line 1: there is a NUL byte");
	fuzz_trace_clear(&trace);
}

static const struct test tests[] = {
	TEST(every_line_comes_back),
	TEST(fields),
	TEST(kept_steps),
	TEST(what_is_no_trace),
	TEST(bytes_that_are_no_text),
};
TEST_MAIN(tests)
