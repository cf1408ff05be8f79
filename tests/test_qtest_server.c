/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm --qtest as a program: how it is reached, what its machine is, clients that do their worst, how it ends. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qtest_peer.h"
#include "test.h"

#define RNG 0x0a003e00ULL

static struct peer p;

/* Two queues of one request each by hand, a timer, and everything that could be left to chance. */
static const char script[] =
	"irq_intercept_in gic\nread 0x40000000 0x2000\nreadl 0x09010000\n"
	"writel 0x0a003e70 0\nwritel 0x0a003e70 3\nwritel 0x0a003e24 1\nwritel 0x0a003e20 1\nwritel 0x0a003e70 0xb\n"
	"writel 0x0a003e30 0\nwritel 0x0a003e38 8\nwritel 0x0a003e80 0x40300000\nwritel 0x0a003e90 0x40301000\n"
	"writel 0x0a003ea0 0x40302000\nwritel 0x0a003e44 1\nwritel 0x0a003e70 0xf\nwriteq 0x40300000 0x40303000\n"
	"writel 0x40300008 64\nwritew 0x4030000c 2\nwritew 0x40301002 1\nwritel 0x0a003e50 0\nread 0x40303000 64\n"
	"read 0x40302000 12\nclock_step 2500000000\nreadl 0x09010000\nwritel 0x0a003e64 1\nclock_step\n";

/* All the answers to a script; how many bytes. */
static size_t play(const char *const *arguments, char *answers, size_t size)
{
	size_t lines = 0, len = 0, wanted = 0;

	for (const char *c = script; *c; c++)
		wanted += *c == '\n';
	peer_start(&p, arguments);
	peer_send(&p, script, strlen(script));
	while (lines < wanted && peer_take(&p, answers + len, size - len)) {
		lines += strncmp(answers + len, "IRQ ", 4) != 0;
		len += strlen(answers + len);
		answers[len++] = '\n';
	}
	answers[len] = '\0';
	CHECK_EQ(lines, wanted);
	CHECK_EQ(peer_end(&p), 0);
	return len;
}

static void same_script_same_answers(void)
{
	static const char *const arguments[] = { "--memory", "8M", NULL };
	static char first[65536], second[65536];
	size_t len = play(arguments, first, sizeof(first));

	CHECK_EQ(play(arguments, second, sizeof(second)), len);
	CHECK(!memcmp(first, second, len));
	CHECK_HAS(first, "IRQ raise 47\nOK\n");
	CHECK_HAS(first, "IRQ lower 47\nOK\n");
	CHECK_HAS(first, "0x000001000000000040000000"); /* the used ring: index 1, chain 0, 64 bytes */
	/* 2026-01-01, and two and a half seconds later. */
	CHECK_HAS(first, "OK 0x000000006955b900\n");
	CHECK_HAS(first, "OK 0x000000006955b902\n");
	CHECK_HAS(first, "OK 2500000000\n");
	CHECK_HAS(first, "FAIL cannot advance clock");
}

static void machine(void)
{
	static const char *const none[] = { "--memory", "4M", "--no-rng", "--cpus", "3", NULL };

	peer_start(&p, none);
	CHECK_STR(peer_ask(&p, "readl 0x%llx", RNG), "OK 0x0000000000000000");
	/* The device tree, and the end of RAM, over which accesses go by pieces. */
	CHECK_STR(peer_ask(&p, "readl 0x40000000"), "OK 0x00000000edfe0dd0");
	CHECK_STR(peer_ask(&p, "write 0x403ffffe 4 0x01020304"), "OK");
	CHECK_STR(peer_ask(&p, "readl 0x403ffffe"), "OK 0x0000000000000201");
	CHECK_STR(peer_ask(&p, "read 0x3ffffffe 4"), "OK 0x0000d00d");
	CHECK_STR(peer_ask(&p, "read 0xfffffffffffffffe 4"), "OK 0x00000000");
	/* The controller's path depends on the CPUs before it. */
	CHECK_STR(peer_ask(&p, "irq_intercept_in /machine/unattached/device[1]"), "FAIL Unknown device");
	CHECK_STR(peer_ask(&p, "irq_intercept_in /machine/unattached/device[3]"), "OK");
	CHECK_EQ(peer_end(&p), 0);
}

/*
 * An alarm that the clock reaches, by steps, by itself, and on the way to somewhere so far that the RTC would take the alarm
 * for one to come.
 */
static void timers_run_on_the_way(void)
{
	peer_start(&p, NULL);
	peer_ask(&p, "irq_intercept_in gic");
	CHECK_STR(peer_ask(&p, "writel 0x09010010 1"), "OK");
	CHECK_STR(peer_ask(&p, "writel 0x09010004 0x%x", 0x6955b900 + 5), "OK");
	CHECK_STR(peer_ask(&p, "clock_step 4999999999"), "OK 4999999999");
	CHECK(!p.level[2]);
	CHECK_STR(peer_ask(&p, "clock_step"), "OK 5000000000");
	CHECK(p.level[2]);
	CHECK_STR(peer_ask(&p, "writel 0x0901001c 1"), "OK");
	CHECK(!p.level[2]);
	CHECK_STR(peer_ask(&p, "writel 0x09010004 0x%x", 0x6955b900 + 9), "OK");
	CHECK_STR(peer_ask(&p, "clock_set 3000000000000000000"), "OK 3000000000000000000");
	CHECK(p.level[2]);
	CHECK_EQ(peer_end(&p), 0);
}

/* In blocks, registers are read as 32 bits, which is what a virtio-mmio device answers to. */
static void blocks_of_registers(void)
{
	peer_start(&p, NULL);
	CHECK_STR(peer_ask(&p, "read 0x%llx 16", RNG), "OK 0x7669727402000000040000004d4e4d56");
	CHECK_STR(peer_ask(&p, "read 0x%llx 3", RNG), "OK 0x000000");
	CHECK_STR(peer_ask(&p, "write 0x%llx 4 0x01000000", RNG + 0x70), "OK");
	CHECK_STR(peer_ask(&p, "readl 0x%llx", RNG + 0x70), "OK 0x0000000000000001");
	CHECK_EQ(peer_end(&p), 0);
}

/* What a disk is asked for is done before the answer to the doorbell, by either way of doing it. */
static void disk_answers_at_once(void)
{
	static const char *const ways[] = { "auto", "threads" };

	for (int way = 0; way < 2; way++) {
		char path[] = "/tmp/minivmm-qtest-XXXXXX", disk[64], sector[512], back[512];
		const char *const arguments[] = { "--disk", disk, NULL };
		static struct driver d;
		struct driver_queue *q;
		int fd = mkstemp(path);

		REQUIRE(fd >= 0 && !ftruncate(fd, 1 << 20));
		snprintf(disk, sizeof(disk), "path=%s,aio=%s", path, ways[way]);
		peer_start(&p, arguments);
		peer_ask(&p, "irq_intercept_in gic");
		driver_init(&d, &driver_qtest_access, &p, &driver_mmio, RNG - 0x200, 0x40400000, 1 << 20);
		q = driver_start(&d, 0, 64);
		REQUIRE(q);
		for (uint32_t i = 0; i < 20; i++) {
			/* VIRTIO_BLK_T_OUT, reserved, sector (virtio 5.2.6). */
			const uint64_t header[2] = { 1, i * 7 };
			const struct driver_buf bufs[] = { { 0x40300000, 16, false }, { 0x40301000, 512, false },
				{ 0x40302000, 1, true } };
			uint8_t status = 0xff;
			uint16_t head;
			uint32_t len;

			memset(sector, (int)(i + 1), sizeof(sector));
			driver_write(&d, bufs[0].addr, header, 16);
			driver_write(&d, bufs[1].addr, sector, 512);
			driver_write(&d, bufs[2].addr, &status, 1);
			driver_add(q, bufs, 3);
			driver_kick(q);
			/* No step: what the answers brought has to be everything. */
			CHECK(p.level[46]);
			CHECK(driver_take_used(q, &head, &len));
			driver_read(&d, bufs[2].addr, &status, 1);
			CHECK_EQ(status, 0);
			CHECK_EQ(d.transport->take_interrupt(&d), 1);
			CHECK(pread(fd, back, 512, (off_t)(i * 7 * 512)) == 512 && !memcmp(sector, back, 512));
		}
		CHECK_EQ(peer_end(&p), 0);
		close(fd);
		unlink(path);
	}
}

static void garbage(void)
{
	static char bytes[100000];
	uint64_t state = 7;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		bytes[i] = (char)(state >> 40);
	}
	bytes[sizeof(bytes) - 1] = '\n';
	peer_start(&p, NULL);
	peer_send(&p, bytes, sizeof(bytes));
	peer_send(&p, "endianness\n", 11);
	for (;;) {
		char line[256];

		REQUIRE(peer_take(&p, line, sizeof(line)));
		if (!strcmp(line, "OK little"))
			break;
		CHECK(!strncmp(line, "FAIL ", 5) || !strncmp(line, "ERR ", 4));
	}
	CHECK_EQ(peer_end(&p), 0);
}

static void half_a_line_and_gone(void)
{
	static const char *const halves[] = { "", "r", "readl", "readl 0x4000", "write 0x40000000 1000 0x00" };

	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		peer_start(&p, NULL);
		peer_send(&p, halves[i], strlen(halves[i]));
		CHECK_EQ(peer_end(&p), 0);
	}
}

/* It leaves without its answers, while more of them are made. */
static void gone_with_answers_due(void)
{
	peer_start(&p, NULL);
	for (int i = 0; i < 100; i++)
		peer_send(&p, "read 0x40000000 0x1000\n", 23);
	CHECK_EQ(peer_end(&p), 0);
}

/* A client that asks and does not read: the server waits for it, but can be ended. */
static void reads_nothing(void)
{
	static const char line[] = "read 0x40000000 0x1000000\n";
	struct pollfd answer = { .events = POLLIN };

	peer_start(&p, NULL);
	answer.fd = p.fd;
	CHECK_EQ(write(p.fd, line, sizeof(line) - 1), sizeof(line) - 1);
	/* Its first bytes: before it watches for signals, one would end it as it ends any program. */
	CHECK_EQ(poll(&answer, 1, 60000), 1);
	kill(p.pid, SIGTERM);
	CHECK_EQ(peer_wait(&p), 0);
	close(p.fd);
}

static void signals_end_it(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		char line[8];

		peer_start(&p, NULL);
		CHECK_STR(peer_ask(&p, "endianness"), "OK little");
		kill(p.pid, signals[i]);
		CHECK_EQ(peer_wait(&p), 0);
		CHECK(!peer_take(&p, line, sizeof(line)));
		close(p.fd);
	}
}

/* Runs a shell command, its output in *out; its status. */
static int shell(const char *command, char *out, size_t size)
{
	FILE *file = popen(command, "r");
	size_t len;
	int status;

	if (!file)
		return -1;
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	status = pclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void standard_streams(void)
{
	char out[4096];

	CHECK_EQ(shell("printf 'endianness\\nreadl 0x0a003e08\\nhalf' | " MINIVMM " --qtest stdio 2>&1", out,
			 sizeof(out)),
		0);
	CHECK_STR(out, "OK little\nOK 0x0000000000000004\n");
	/* A regular file has to do too: that is how reproducers are played. */
	CHECK_EQ(shell("t=$(mktemp) && printf 'endianness\\n' >$t && " MINIVMM
		       " --qtest stdio <$t >$t.out; s=$?; cat $t.out; "
		       "rm -f $t $t.out; exit $s",
			 out, sizeof(out)),
		0);
	CHECK_STR(out, "OK little\n");
	CHECK_EQ(shell(MINIVMM " --qtest stdio </dev/null 2>&1", out, sizeof(out)), 0);
	CHECK_STR(out, "");
	CHECK_EQ(shell("yes endianness | " MINIVMM " --qtest stdio | head -n 3", out, sizeof(out)), 0);
	CHECK_STR(out, "OK little\nOK little\nOK little\n");
}

static void told_why_not(void)
{
	static const struct {
		const char *arguments;
		int status;
		const char *text;
	} cases[] = {
		{ "--qtest unix:/nonexistent/socket", 69,
			"cannot connect: No such file or directory; the client has to listen" },
		{ "--qtest unix:/dev/null", 69, "cannot connect: Connection refused" },
		{ "--qtest fd:99", 64, "no such descriptor" },
		{ "--qtest fd:-1", 64, "not the number of a descriptor" },
		{ "--qtest fd:x", 64, "not the number of a descriptor" },
		{ "--qtest fd:", 64, "write unix:PATH, stdio or fd:N" },
		{ "--qtest unix:", 64, "write unix:PATH, stdio or fd:N" },
		{ "--qtest tcp:1", 64, "write unix:PATH, stdio or fd:N" },
		{ "--qtest", 64, "--qtest needs an argument" },
		{ "--qtest stdio --console stdio", 64, "both want the terminal" },
		{ "--qtest unix:/"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaa",
			64, "at most 107 bytes" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char command[512], out[1024];

		snprintf(command, sizeof(command), "%s %s 2>&1 </dev/null", MINIVMM, cases[i].arguments);
		CHECK_EQ(shell(command, out, sizeof(out)), cases[i].status);
		CHECK_HAS(out, cases[i].text);
		CHECK_EQ(strchr(out, '\n') - out + 1, (long)strlen(out));
	}
}

/* The client listens, as libqtest does. */
static void unix_socket(void)
{
	char folder[] = "/tmp/minivmm-qtest-XXXXXX", where[64];
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener, fd, status;
	char answer[32] = "";
	pid_t pid;

	REQUIRE(mkdtemp(folder));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	snprintf(where, sizeof(where), "unix:%s/s", folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(!bind(listener, (struct sockaddr *)&addr, sizeof(addr)) && !listen(listener, 1));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(MINIVMM, MINIVMM, "--qtest", where, (char *)NULL);
		_exit(127);
	}
	fd = accept(listener, NULL, NULL);
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, "endianness\n", 11), 11);
	CHECK_EQ(recv(fd, answer, 10, MSG_WAITALL), 10);
	CHECK_STR(answer, "OK little\n");
	close(fd);
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	close(listener);
	unlink(addr.sun_path);
	rmdir(folder);
}

static const struct test tests[] = {
	TEST(same_script_same_answers),
	TEST(machine),
	TEST(timers_run_on_the_way),
	TEST(blocks_of_registers),
	TEST(disk_answers_at_once),
	TEST(garbage),
	TEST(half_a_line_and_gone),
	TEST(gone_with_answers_due),
	TEST(reads_nothing),
	TEST(signals_end_it),
	TEST(standard_streams),
	TEST(told_why_not),
	TEST(unix_socket),
};

TEST_MAIN(tests)
