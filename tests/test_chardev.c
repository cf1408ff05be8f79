/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character streams against real peers: pipes and files as standard input and output, a pty, a socket. The device here
 * is a buffer with limited room. Every case ends by seeing that the loop is at rest, not spinning.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/chardev.h"
#include "test.h"

static struct loop loop;
static char dir[] = "/tmp/test_chardev.XXXXXX";
static char path[64];

struct device {
	struct chardev_user user;
	struct chardev *c;
	char in[70000];
	size_t len, room;
	unsigned int writables;
};

static struct device dev;

static void set_room(size_t room)
{
	dev.room = room;
	chardev_want_read(dev.c, room != 0);
}

static void on_readable(struct chardev_user *user)
{
	ssize_t got;

	CHECK(user == &dev.user && dev.room);
	if (!dev.room)
		return;
	got = chardev_read(dev.c, dev.in + dev.len, dev.room);
	CHECK(got > 0 || got == -EAGAIN);
	if (got <= 0)
		return;
	dev.len += (size_t)got;
	dev.in[dev.len] = '\0';
	set_room(dev.room - (size_t)got);
}

static void on_writable(struct chardev_user *user)
{
	(void)user;
	dev.writables++;
	chardev_want_write(dev.c, false);
}

static void attach(struct chardev *c)
{
	memset(&dev, 0, sizeof(dev));
	dev.c = c;
	dev.user = (struct chardev_user){ on_readable, on_writable };
	chardev_attach(c, &dev.user);
}

/* Until nothing has happened for some ms. A loop that spins never gets there: how many served is bounded. */
static void settle(int quiet_ms)
{
	int turns = 0;

	while (loop_run_once(&loop, quiet_ms) > 0 && turns < 5000)
		turns++;
	CHECK(turns < 5000);
}

static void finish(void)
{
	settle(20);
	chardev_attach(dev.c, NULL);
	settle(20);
	chardev_destroy(dev.c);
	CHECK_EQ(loop_next_deadline(&loop), UINT64_MAX);
	loop_destroy(&loop);
}

/* Standard input and output replaced for one case; TAP goes to the real one again afterwards. */
static int saved[2];

/* Whether the terminal is ours, for the case of a background job. */
static bool in_foreground = true;

static bool may_read(int fd)
{
	(void)fd;
	return in_foreground;
}

static void stdio_with(int in, int out)
{
	const char *failed;
	struct chardev *c;

	fflush(stdout);
	saved[0] = dup(0);
	saved[1] = dup(1);
	in < 0 ? close(0) : dup2(in, 0);
	out < 0 ? close(1) : dup2(out, 1);
	if (loop_init(&loop, NULL, NULL) || chardev_open_stdio(&loop, may_read, &c, &failed))
		abort();
	attach(c);
}

/* Before any CHECK could print into the replaced output. */
static void stdio_back(void)
{
	dup2(saved[0], 0);
	dup2(saved[1], 1);
	close(saved[0]);
	close(saved[1]);
}

static void stdio_pipes(void)
{
	int in[2], out[2], flags;
	char buf[8] = "";

	REQUIRE(!pipe(in) && !pipe(out));
	stdio_with(in[0], out[1]);
	flags = fcntl(0, F_GETFL) | fcntl(1, F_GETFL);
	if (write(in[1], "hello", 5) != 5)
		abort();
	set_room(3);
	settle(20);
	CHECK_EQ(dev.len, 3);
	set_room(10);
	settle(20);
	CHECK_STR(dev.in, "hello");
	CHECK_EQ(chardev_write(dev.c, "out", 3), 3);
	CHECK_EQ(read(out[0], buf, sizeof(buf)), 3);
	CHECK_STR(buf, "out");
	if (write(in[1], "end", 3) != 3)
		abort();
	set_room(0);
	close(in[1]); /* data and a hang-up, and no room: rest, then all of it */
	settle(20);
	set_room(100);
	settle(20);
	CHECK_STR(dev.in, "helloend");
	CHECK_EQ(flags & O_NONBLOCK, 0);
	finish();
	stdio_back();
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

/* A job in the background leaves the terminal's input to whom it belongs, without spinning, and comes back by itself. */
static void background_job(void)
{
	int in[2], out[2];

	REQUIRE(!pipe(in) && !pipe(out));
	stdio_with(in[0], out[1]);
	in_foreground = false;
	set_room(10);
	if (write(in[1], "shell", 5) != 5)
		abort();
	settle(20);
	CHECK_EQ(dev.len, 0);
	in_foreground = true;
	settle(400);
	CHECK_STR(dev.in, "shell");
	finish();
	stdio_back();
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

static void stdout_stalls_and_breaks(void)
{
	static char big[4096], sink[65536];
	int in[2], out[2];
	size_t total = 0;
	ssize_t put = 0;

	REQUIRE(!pipe(in) && !pipe(out));
	stdio_with(in[0], out[1]);
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 100 && (put = chardev_write(dev.c, big, sizeof(big))) > 0; i++)
		total += (size_t)put;
	CHECK_EQ(put, -EAGAIN);
	CHECK_EQ(total, 65536);
	chardev_want_write(dev.c, true);
	settle(20);
	CHECK_EQ(dev.writables, 0);
	CHECK_EQ(read(out[0], sink, sizeof(sink)), sizeof(sink));
	settle(20);
	CHECK_EQ(dev.writables, 1);
	close(out[0]);
	settle(20);
	CHECK_EQ(chardev_write(dev.c, big, sizeof(big)), sizeof(big)); /* EPIPE: dropped */
	chardev_want_write(dev.c, true);
	settle(20);
	CHECK_EQ(dev.writables, 2);
	finish();
	stdio_back();
	close(in[0]);
	close(in[1]);
	close(out[1]);
}

static void stdin_file_null_closed(void)
{
	int null = open("/dev/null", O_RDWR), fd;

	snprintf(path, sizeof(path), "%s/in", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	REQUIRE(write(fd, "script", 6) == 6 && !lseek(fd, 0, SEEK_SET));
	stdio_with(fd, null);
	set_room(4);
	settle(20);
	CHECK_STR(dev.in, "scri");
	set_room(10);
	settle(20);
	CHECK_STR(dev.in, "script");
	CHECK_EQ(chardev_write(dev.c, "x", 1), 1);
	finish();
	stdio_back();
	stdio_with(null, -1);
	set_room(10);
	settle(20);
	CHECK_EQ(dev.len, 0);
	CHECK_EQ(chardev_write(dev.c, "x", 1), 1);
	finish();
	stdio_back();
	stdio_with(-1, null);
	set_room(10);
	settle(20);
	CHECK_EQ(dev.len, 0);
	finish();
	stdio_back();
	close(null);
	close(fd);
	unlink(path);
}

static size_t drop_stars(struct chardev_filter *filter, uint8_t *buf, size_t len)
{
	size_t left = 0;

	(void)filter;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != '*')
			buf[left++] = buf[i];
	}
	return left;
}

static unsigned int stars;

static size_t count_stars(struct chardev_filter *filter, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		stars += buf[i] == '*';
	return drop_stars(filter, buf, len);
}

static void filter_sees_input_without_room(void)
{
	struct chardev_filter filter = { count_stars };
	static char text[2 * CHARDEV_HELD];
	int in[2], out[2];

	stars = 0;
	REQUIRE(!pipe(in) && !pipe(out));
	stdio_with(in[0], out[1]);
	chardev_set_filter(dev.c, &filter);
	if (write(in[1], "a*b*", 4) != 4)
		abort();
	settle(20);
	CHECK_EQ(stars, 2); /* seen although the device wants nothing */
	CHECK_EQ(dev.len, 0);
	set_room(1);
	settle(20);
	CHECK_STR(dev.in, "a");
	set_room(sizeof(dev.in) - 2);
	settle(20);
	CHECK_STR(dev.in, "ab");
	if (write(in[1], "***", 3) != 3) /* all of it eaten */
		abort();
	settle(20);
	CHECK_EQ(dev.len, 2);
	set_room(0);
	memset(text, 'y', sizeof(text));
	if (write(in[1], text, sizeof(text)) != sizeof(text))
		abort();
	settle(20);
	set_room(sizeof(dev.in) - 4); /* more than is held: nothing is lost */
	settle(20);
	CHECK_EQ(dev.len, 2 + sizeof(text));
	finish();
	stdio_back();
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

static void pty_comes_and_goes(void)
{
	const char *failed;
	struct chardev *c;

	REQUIRE(!loop_init(&loop, NULL, NULL));
	REQUIRE(!chardev_open_pty(&loop, &c, &failed));
	attach(c);
	CHECK(!strncmp(c->name, "/dev/pts/", 9));
	set_room(1000);
	CHECK_EQ(chardev_write(c, "nobody there", 12), 12);
	for (int round = 0; round < 2; round++) {
		char buf[16] = "";
		int fd = open(c->name, O_RDWR | O_NOCTTY | O_NONBLOCK);

		REQUIRE(fd >= 0);
		CHECK_EQ(chardev_write(c, "hi\n", 3), 3);
		CHECK_EQ(read(fd, buf, sizeof(buf)), 3); /* raw: no CR put in; and nothing of before */
		CHECK_STR(buf, "hi\n");
		dev.len = 0;
		CHECK_EQ(write(fd, "\003ls\r", 4), 4);
		settle(300);
		CHECK_STR(dev.in, "\003ls\r");
		close(fd);
		settle(20);
		CHECK_EQ(chardev_write(c, "gone", 4), 4);
		chardev_want_write(c, true);
		settle(20);
		CHECK_EQ(dev.writables, (unsigned int)round + 1);
	}
	finish();
}

static void file_is_truncated(void)
{
	const char *failed;
	struct chardev *c;
	struct stat st;

	snprintf(path, sizeof(path), "%s/out", dir);
	for (int round = 0; round < 2; round++) {
		REQUIRE(!loop_init(&loop, NULL, NULL));
		REQUIRE(!chardev_open_file(&loop, path, &c, &failed));
		attach(c);
		set_room(10);
		CHECK_EQ(chardev_write(c, "12345", 5), 5);
		chardev_want_write(c, true);
		finish();
		CHECK_EQ(dev.writables, 1);
		CHECK(!stat(path, &st) && st.st_size == 5);
	}
	unlink(path);
	REQUIRE(!loop_init(&loop, NULL, NULL));
	CHECK_EQ(chardev_open_file(&loop, dir, &c, &failed), -EISDIR);
	REQUIRE(!chardev_open_file(&loop, "/dev/full", &c, &failed));
	attach(c);
	CHECK_EQ(chardev_write(c, "x", 1), 1);
	finish();
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, path, sizeof(path));
	CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static struct chardev *listen_at(const char *name)
{
	const char *failed;
	struct chardev *c = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	CHECK_EQ(chardev_open_unix(&loop, path, &c, &failed), 0);
	attach(c);
	return c;
}

static void unix_one_client_at_a_time(void)
{
	struct chardev *c = listen_at("sock");
	char buf[16] = "";
	int a, b;

	set_room(1000);
	CHECK_EQ(chardev_write(c, "nobody", 6), 6);
	a = dial();
	b = dial();
	settle(20);
	CHECK_EQ(chardev_write(c, "one", 3), 3);
	CHECK_EQ(read(a, buf, sizeof(buf)), 3);
	CHECK_EQ(read(b, buf, sizeof(buf)), -1);
	CHECK_EQ(write(b, "later", 5), 5);
	settle(20);
	CHECK_EQ(dev.len, 0);
	CHECK_EQ(write(a, "now ", 4), 4);
	close(a);
	settle(20);
	CHECK_STR(dev.in, "now later");
	CHECK_EQ(chardev_write(c, "two", 3), 3);
	CHECK_EQ(read(b, buf, sizeof(buf)), 3);
	close(b);
	CHECK_EQ(chardev_write(c, "gone", 4), 4); /* no SIGPIPE, no error */
	finish();
	CHECK_EQ(access(path, F_OK), -1);
}

static void unix_half_closed_and_without_room(void)
{
	struct chardev *c = listen_at("sock");
	char buf[16] = "";
	int fd = dial();

	CHECK_EQ(write(fd, "command", 7), 7);
	shutdown(fd, SHUT_WR);
	set_room(3);
	settle(20);
	set_room(100);
	settle(20);
	CHECK_STR(dev.in, "command");
	CHECK_EQ(chardev_write(c, "answer", 6), 6);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 6);
	close(fd);
	settle(20);
	/* Leaves while the device has no room: what it sent stays, also when output finds it gone. */
	dev.len = 0;
	set_room(0);
	fd = dial();
	CHECK_EQ(write(fd, "last words", 10), 10);
	settle(20);
	close(fd);
	settle(20);
	CHECK_EQ(chardev_write(c, "x", 1), 1);
	set_room(100);
	settle(20);
	CHECK_STR(dev.in, "last words");
	finish();
}

static void unix_stalled_client(void)
{
	static char big[4096], sink[1 << 20];
	struct chardev *c = listen_at("sock");
	ssize_t put = 0;
	int fd = dial();

	settle(20);
	for (int i = 0; i < 1000 && (put = chardev_write(c, big, sizeof(big))) > 0; i++)
		continue;
	CHECK_EQ(put, -EAGAIN);
	chardev_want_write(c, true);
	settle(20);
	CHECK_EQ(dev.writables, 0);
	CHECK(read(fd, sink, sizeof(sink)) > 0);
	settle(20);
	CHECK_EQ(dev.writables, 1);
	while (chardev_write(c, big, sizeof(big)) > 0)
		continue;
	chardev_want_write(c, true);
	close(fd); /* whoever waits for room is let go */
	settle(20);
	CHECK_EQ(dev.writables, 2);
	finish();
}

static void unix_paths(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct chardev *c = listen_at("sock"), *d;
	char long_path[200];
	const char *failed;
	int fd;

	CHECK_EQ(chardev_open_unix(&loop, path, &d, &failed), -EADDRINUSE);
	CHECK_STR(failed, "is in use by another process");
	CHECK_EQ(access(path, F_OK), 0);
	CHECK(c == dev.c);
	finish();
	/* A dead process's: bound, and nobody listens. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(addr.sun_path, path, sizeof(path));
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	c = listen_at("sock");
	close(dial());
	/* Replaced by somebody else's file meanwhile: that one is not ours to remove. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	finish();
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(loop_init(&loop, NULL, NULL), 0);
	CHECK_EQ(chardev_open_unix(&loop, path, &d, &failed), -EEXIST);
	CHECK_STR(failed, "exists and is not a socket");
	unlink(path);
	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK_EQ(chardev_open_unix(&loop, long_path, &d, &failed), -ENAMETOOLONG);
	CHECK_EQ(chardev_open_unix(&loop, "", &d, &failed), -EINVAL);
	CHECK_EQ(chardev_open_unix(&loop, "/nonexistent/sock", &d, &failed), -ENOENT);
	loop_destroy(&loop);
}

static void remove_dir(void)
{
	rmdir(dir);
}

static void prepare(void)
{
	signal(SIGPIPE, SIG_IGN); /* as main does */
	REQUIRE(mkdtemp(dir));
	atexit(remove_dir);
}

static const struct test tests[] = {
	TEST(prepare),
	TEST(stdio_pipes),
	TEST(background_job),
	TEST(stdout_stalls_and_breaks),
	TEST(stdin_file_null_closed),
	TEST(filter_sees_input_without_room),
	TEST(pty_comes_and_goes),
	TEST(file_is_truncated),
	TEST(unix_one_client_at_a_time),
	TEST(unix_half_closed_and_without_room),
	TEST(unix_stalled_client),
	TEST(unix_paths),
};
TEST_MAIN(tests)
