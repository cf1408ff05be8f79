/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character streams of the host, and sources of entropy: a socket, a pseudo-terminal, a file; FIFOs, files and the kernel's generator. The
 * device's end and the peer's are both an input's: bytes come and go, peers come, stall and leave. No byte is made up, and nothing stays open.
 *
 * An input is which of them and steps, each a byte (run_step, fill).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../open_fds.h"
#include "backend/chardev.h"
#include "backend/entropy.h"
#include "input.h"
#include "targets.h"

#define MAX_STEPS 40
#define SECOND	  1000000000ULL

static struct loop loop;
static uint64_t now;
static struct chardev *stream;
static int peer = -1; /* who is at the other end */
static char folder[] = "/tmp/minivmm-fuzz.XXXXXX", at[64], file[64], fifo[64];

/* What went in at one end and has not come out at the other: only how much. */
static uint64_t typed, taken;

static uint64_t tell_time(struct clock *clock)
{
	(void)clock;
	return now;
}

static struct clock host_clock = { .monotonic_ns = tell_time, .realtime_ns = tell_time };

static void remove_folder(void)
{
	unlink(at);
	unlink(file);
	unlink(fifo);
	rmdir(folder);
}

static void start(const struct fuzz_target *target)
{
	int fd;

	(void)target;
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder) || loop_init(&loop, NULL, &host_clock))
		fuzz_failed("host", "a folder or a loop: %s", strerror(errno));
	snprintf(at, sizeof(at), "%s/s", folder);
	snprintf(file, sizeof(file), "%s/f", folder);
	snprintf(fifo, sizeof(fifo), "%s/p", folder);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "entropy", 7) != 7 || close(fd) || mkfifo(fifo, 0600))
		fuzz_failed("host", "files: %s", strerror(errno));
	atexit(remove_folder);
}

static void turn(void)
{
	for (unsigned int i = 0; i < 100 && loop_run_once(&loop, 0) > 0; i++)
		;
}

static void readable(struct chardev_user *user)
{
	uint8_t buf[64];
	ssize_t got = chardev_read(stream, buf, sizeof(buf));

	(void)user;
	if (got > 0)
		taken += (uint64_t)got;
	else if (got != -EAGAIN)
		fuzz_failed("stream", "%zd is no number of bytes", got);
	if (taken > typed)
		fuzz_failed("stream", "%llu bytes were typed, and %llu came", (unsigned long long)typed,
			(unsigned long long)taken);
}

static void writable(struct chardev_user *user)
{
	ssize_t put = chardev_write(stream, "ready", 5);

	(void)user;
	if (put != -EAGAIN && (put <= 0 || put > 5))
		fuzz_failed("stream", "%zd of 5 bytes were written", put);
}

static struct chardev_user device = { .readable = readable, .writable = writable };

static void leave(void)
{
	if (peer >= 0)
		close(peer);
	peer = -1;
}

/* To the socket, or to the terminal's other side. */
static void come(bool terminal)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	leave();
	if (terminal) {
		peer = open(stream->name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		return;
	}
	peer = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", at);
	if (connect(peer, (struct sockaddr *)&name, sizeof(name)))
		leave();
}

/* A lot of it, for a peer that does not read: until there is no room. */
static void write_much(void)
{
	static const uint8_t zeroes[4096];

	for (unsigned int i = 0; i < 64 && chardev_write(stream, zeroes, sizeof(zeroes)) > 0; i++)
		;
}

static void read_all(void)
{
	uint8_t buf[4096];

	while (peer >= 0 && read(peer, buf, sizeof(buf)) > 0)
		;
}

static void run_step(struct fuzz_input *in, bool terminal)
{
	uint8_t step = (uint8_t)fuzz_take_number(in, 1), buf[32];
	ssize_t put;

	memset(buf, 'a' + (step >> 3), sizeof(buf));
	switch (step % 8) {
	case 0: come(terminal); break;
	case 1: leave(); break;
	case 2:
		put = peer < 0 ? -1 : write(peer, buf, 1 + (step >> 3));
		/* A terminal's line discipline echoes nothing here, and makes no bytes. */
		typed += put > 0 ? (uint64_t)put : 0;
		break;
	case 3: chardev_want_read(stream, step & 8); break;
	case 4: chardev_want_write(stream, step & 8); break;
	case 5:
		if (step & 8)
			write_much();
		else
			writable(&device);
		break;
	case 6: read_all(); break;
	default:
		now += (step >> 3) * SECOND / 8;
		if (step & 0x40)
			readable(&device);
		break;
	}
	turn();
}

static int open_stream(uint8_t which, const char **failed)
{
	switch (which % 4) {
	case 0: return chardev_open_unix(&loop, at, &stream, failed);
	case 1: return chardev_open_pty(&loop, &stream, failed);
	case 2: return chardev_open_file(&loop, which & 4 ? folder : "/dev/null", &stream, failed);
	/* Not a socket. */
	default: return chardev_open_unix(&loop, which & 4 ? file : "", &stream, failed);
	}
}

static void run_stream(uint8_t which, struct fuzz_input *in)
{
	const char *failed = NULL;
	unsigned int steps = 0;
	int ret = open_stream(which, &failed);

	if (ret && (ret > 0 || !failed))
		fuzz_failed("stream", "%d, and nothing is said", ret);
	if (ret)
		return;
	typed = taken = 0;
	chardev_attach(stream, &device);
	while (in->left && steps++ < MAX_STEPS)
		run_step(in, which % 4 == 1);
	chardev_attach(stream, NULL);
	leave();
	turn();
	chardev_destroy(stream);
}

/* As much as fits in there, none, or an error: never more than there is room for. */
static void fill(struct entropy *e, uint8_t how)
{
	static uint8_t bytes[2 * ENTROPY_AHEAD];
	size_t first = 1 + (how & 15) * 8, second = how & 0x10 ? sizeof(bytes) - first : 3;
	const struct iovec iov[] = { { bytes, first }, { bytes + first, second } };
	ssize_t got = e->fill(e, iov, how & 0x20 ? 2 : 1);

	if (!got || got > (ssize_t)(first + (how & 0x20 ? second : 0)))
		fuzz_failed("entropy", "%zd of %zu bytes", got, first);
}

static void run_entropy(uint8_t which, struct fuzz_input *in)
{
	static const char *const paths[] = { "/dev/zero", "/dev/null", "/nonexistent" };
	const char *failed = NULL;
	struct entropy e;
	int ret = 0, writer = -1;

	switch (which % 6) {
	case 0: entropy_init_host(&e); break;
	case 1: entropy_init_seeded(&e, which); break;
	case 2: ret = entropy_init_file(&e, file, &failed); break;
	case 3:
		ret = entropy_init_file(&e, fifo, &failed);
		writer = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		break;
	case 4: ret = entropy_init_file(&e, folder, &failed); break;
	default: ret = entropy_init_file(&e, paths[(which >> 3) % 3], &failed); break;
	}
	if (ret && !failed)
		fuzz_failed("entropy", "%d, and nothing is said", ret);
	for (unsigned int steps = 0; !ret && in->left && steps < MAX_STEPS; steps++) {
		uint8_t step = (uint8_t)fuzz_take_number(in, 1);

		if (writer >= 0 && step & 0x40 && write(writer, "0123456789", 1 + step % 10) < 0 && errno != EAGAIN)
			fuzz_failed("host", "the FIFO cannot be written: %s", strerror(errno));
		fill(&e, step);
	}
	if (writer >= 0)
		close(writer);
	entropy_destroy(&e);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t which = (uint8_t)fuzz_take_number(&in, 1);
	unsigned int before = open_fds();

	if (which & 0x80)
		run_entropy(which & 0x7f, &in);
	else
		run_stream(which, &in);
	if (loop.timers || open_fds() != before)
		fuzz_failed("stream", "%d descriptors, or a timer, are left", (int)(open_fds() - before));
}

const struct fuzz_target fuzz_host_stream = {
	.name = "host-stream",
	.what = "sockets, terminals and files as character streams, and sources of entropy",
	.start = start,
	.run = run,
};
