/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minivmm-fuzz replay: a recording as --record writes it runs on the machine it was made on, and the first thing that is not as it was
 * is told by its line.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char said[4096];

/* Its exit status; what it says is in said. */
static int replay(const char *text)
{
	char path[] = "/tmp/minivmm-replay.XXXXXX", command[512];
	int fd = mkstemp(path), status;
	FILE *file = fdopen(fd, "w");
	size_t len;

	if (!file)
		return -1;
	fputs(text, file);
	fclose(file);
	snprintf(command, sizeof(command), "%s replay %s 2>&1", PROGRAM, path);
	file = popen(command, "re");
	len = file ? fread(said, 1, sizeof(said) - 1, file) : 0;
	said[len] = '\0';
	status = file ? pclose(file) : -1;
	unlink(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Bring-up from line 7 on, a request for 4 bytes with the kick in line 29, then the clock and something typed. */
static const char recording[] = "# life of a machine\n"
				"# memory 0x40000000 8388608\n"
				"# clock 1795266005713058032\n"
				"# device pl011\n"
				"# device pl031\n"
				"# device rng-mmio@31 on=0x0 off=0x0 lazy=0\n"
				"writel 0xa003e70 0x0\n"
				"IRQ lower 47\n"
				"writel 0xa003e70 0x3\n"
				"writel 0xa003e24 0x1\n"
				"writel 0xa003e20 0x1\n"
				"writel 0xa003e70 0xb\n"
				"writel 0xa003e38 0x8\n"
				"writel 0xa003e80 0x40001000\n"
				"writel 0xa003e90 0x40002000\n"
				"writel 0xa003ea0 0x40003000\n"
				"writel 0xa003e44 0x1\n"
				"dma 0x40002002 2 0 0x0000\n"
				"dma 0x40002002 2 1 0x0000\n"
				"writel 0xa003e70 0xf\n"
				"readl 0xa003e70 = 0xf\n"
				"dma 0x40002002 2 2 0x0100\n"
				"dma 0x40002004 2 0 0x0000\n"
				"dma 0x40001000 16 0 0x00400040000000000400000002000000\n"
				"host entropy 0xc15c0289\n"
				"dma 0x40002002 2 3 0x0100\n"
				"dma 0x40002002 2 4 0x0100\n"
				"dma 0x40002000 2 0 0x0000\n"
				"writel 0xa003e50 0x0\n"
				"# used 0 0 4\n"
				"IRQ raise 47\n"
				"readl 0xa003e60 = 0x1\n"
				"clock_step 1000000000\n"
				"readl 0x9010000 = 0x6b0195d6\n"
				"writel 0x9000030 0x301\n"
				"writel 0x9000038 0x50\n"
				"host input 0x61\n"
				"IRQ raise 1\n"
				"readl 0x9000018 = 0xc7\n"
				"readl 0x9000000 = 0x61\n"
				"IRQ lower 1\n";

/* The recording with one line, `from`, replaced. */
static const char *edited(const char *from, const char *to)
{
	static char text[sizeof(recording) + 256];
	const char *at = strstr(recording, from);

	if (!at)
		return "";
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - recording), recording, to, at + strlen(from));
	return text;
}

static void as_it_was(void)
{
	CHECK_EQ(replay(recording), 0);
	CHECK_HAS(said, "5 answers, 1 used chains and 4 interrupts as recorded");
}

/* Twice the same life: nothing of the first is left. */
static void another_life(void)
{
	char text[2 * sizeof(recording)];

	snprintf(text, sizeof(text), "%s%s", recording, recording);
	CHECK_EQ(replay(text), 0);
	CHECK_HAS(said, "10 answers, 2 used chains and 8 interrupts as recorded");
}

static const struct edit {
	const char *from, *to, *message;
} edits[] = {
	{ "e60 = 0x1\n", "e60 = 0x0\n", "line 32: the answer is 0x1, recorded is 0x0" },
	{ "# used 0 0 4\n", "# used 0 0 5\n", "line 30: given back is 0 of queue 0 with 4 bytes" },
	{ "# used 0 0 4\n", "", "line 30: queue 0 gives back 0 where an interrupt was" },
	{ "# used 0 0 4\n", "# used 0 0 4\n# used 0 0 4\n", "line 31: IRQ raise 47 is where a chain was given back" },
	{ "dma 0x40002004 2 0 0x0000\n", "", "loads 2 bytes at 0x40002004 for the 1. time, which was not recorded" },
	{ "dma 0x40002000 2 0 0x0000\n", "dma 0x40002000 2 0 0x0000\ndma 0x40002000 2 1 0x0000\n",
		"line 30: 1 loads were recorded that no device makes" },
	{ "dma 0x40002002 2 4 0x0100\n", "dma 0x40002002 2 4 0x0900\n", "line 29: a device loads" },
	{ "= 0x6b0195d6\n", "= 0x6b0195d7\n", "line 34: the answer is 0x6b0195d6" },
	{ "input 0x61\n", "input 0x62\n", "line 40: the answer is 0x62" },
	/* Interrupts: one that was dropped, one too many, another line, the wrong way, out of order with the chain. */
	{ "IRQ raise 47\n", "", "line 31: before it is IRQ raise 47, which was not recorded" },
	{ "IRQ raise 47\n", "IRQ raise 47\nIRQ raise 47\n", "line 32: there is no interrupt there" },
	{ "IRQ raise 47\n", "IRQ raise 46\n", "line 31: there is IRQ raise 47" },
	{ "IRQ lower 47\n", "IRQ raise 47\n", "line 8: there is IRQ lower 47" },
	{ "# used 0 0 4\nIRQ raise 47\n", "IRQ raise 47\n# used 0 0 4\n",
		"line 30: queue 0 gives back 0 where an interrupt was" },
	{ "IRQ lower 1\n", "", "line 40: before it is IRQ lower 1, which was not recorded" },
	{ "IRQ raise 47\n", "IRQ message 8 0x8090040 0x0\n", "line 31: there is IRQ raise 47" },
	{ "IRQ raise 47\n", "IRQ rise 47\n", "line 31: 'rise' is nothing that an interrupt does" },
	{ "IRQ raise 47\n", "IRQ raise\n", "line 31: NUM is missing" },
	{ "IRQ raise 47\n", "IRQ message 8 0x8090040\n", "line 31: DATA is missing" },
	{ "# device rng-mmio@31", "# device net-mmio@31", "line 6: it has a device that is not known here" },
	{ "# device rng-mmio@31", "# device rng-mmio@32", "line 6: it has a device that is not known here" },
	{ "# life of a machine\n", "# a trace\n", "its first line is not" },
};

static void what_differs(void)
{
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		CHECK(replay(edited(edits[i].from, edits[i].to)) != 0);
		CHECK_HAS(said, edits[i].message);
	}
}

/* An alarm is a matter of the clock alone: what it raises stands behind the step that the clock makes. */
static const char alarm_clock[] = "# life of a machine\n"
				  "# memory 0x40000000 8388608\n"
				  "# clock 1795266005713058032\n"
				  "# device pl031\n"
				  "writel 0x9010010 0x1\n"
				  "writel 0x9010004 0x6b0195d6\n"
				  "clock_step 286941967\n"
				  "%s"
				  "clock_step 5\n"
				  "%s"
				  "writel 0x901001c 0x1\n"
				  "IRQ lower 2\n";

static void by_the_clock(void)
{
	char text[sizeof(alarm_clock) + 64];

	snprintf(text, sizeof(text), alarm_clock, "", "");
	CHECK_EQ(replay(text), 1);
	CHECK_HAS(said, "line 9: before it is IRQ raise 2, which was not recorded");
	snprintf(text, sizeof(text), alarm_clock, "IRQ raise 2\n", "");
	CHECK_EQ(replay(text), 1);
	CHECK_HAS(said, "line 8: there is no interrupt there");
	snprintf(text, sizeof(text), alarm_clock, "", "IRQ raise 2\n");
	CHECK_EQ(replay(text), 0);
	CHECK_HAS(said, "0 answers, 0 used chains and 2 interrupts as recorded");
}

/* A virtio-pci rng with its vector 0 for changes of configuration, one of which is that the driver's ring is broken. */
static const char message[] = "# life of a machine\n"
			      "# memory 0x40000000 8388608\n"
			      "# clock 1795266005713058032\n"
			      "# device pci ecam=0x4010000000 mem64=1\n"
			      "# device rng-pci@1 on=0x0 off=0x0\n"
			      "writew 0x4010008004 0x6\n"
			      "writel 0x10000000 %s\n"
			      "writel 0x10000008 0x17\n"
			      "writel 0x1000000c 0x0\n"
			      "writew 0x4010008042 0x8000\n"
			      "writew 0x8000000010 0x0\n"
			      "writeb 0x8000000014 0x3\n"
			      "writel 0x8000000008 0x1\n"
			      "writel 0x800000000c 0x1\n"
			      "writeb 0x8000000014 0xb\n"
			      "writew 0x8000000018 0x8\n"
			      "writel 0x8000000020 0x40001000\n"
			      "writel 0x8000000028 0x40002000\n"
			      "writel 0x8000000030 0x40003000\n"
			      "writew 0x800000001c 0x1\n"
			      "dma 0x40002002 2 0 0x0900\n"
			      "writeb 0x8000000014 0xf\n"
			      "%s";

static void a_message(void)
{
	static const struct {
		const char *doorbell, *sent, *says;
		int status;
	} cases[] = {
		{ "0x8090040", "IRQ message 8 0x8090040 0x17\n", "0 used chains and 1 interrupts as recorded", 0 },
		{ "0x8090040", "", "line 22: before it is IRQ message 8 0x8090040 0x17, which was not recorded", 1 },
		{ "0x8090040", "IRQ message 8 0x8090040 0x18\n", "line 23: there is IRQ message 8 0x8090040 0x17", 1 },
		/* No ITS is there, and so nothing is sent. */
		{ "0x8090044", "", "0 used chains and 0 interrupts as recorded", 0 },
	};
	char text[sizeof(message) + 128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), message, cases[i].doorbell, cases[i].sent);
		CHECK_EQ(replay(text), cases[i].status);
		CHECK_HAS(said, cases[i].says);
	}
}

static const struct test tests[] = {
	TEST(as_it_was),
	TEST(another_life),
	TEST(what_differs),
	TEST(by_the_clock),
	TEST(a_message),
};
TEST_MAIN(tests)
