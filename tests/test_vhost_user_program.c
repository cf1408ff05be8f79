/* SPDX-License-Identifier: Apache-2.0 */
/* minivmm-vhost-user as a frontend and its user see it: the built program, in a process of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "driver.h"
#include "plug.h"
#include "rig.h"
#include "test.h"
#include "vhost_user_frontend.h"

#define PATIENCE_MS 10000
#define BUF	    (RIG_RAM_BASE + 1 * MiB)
#define BLK_SECTORS 2048

static char dir[] = "/tmp/minivmm-vhost-user-XXXXXX";
static char socket_option[80], disk_option[80], disk_path[64];
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static struct rig rig;
static struct vhost_user_frontend f;
static struct driver d;
static struct driver_local local;
static pid_t pid;
static int said; /* what the program prints, both ways */

/* Waits for the call descriptor, as a guest would for its interrupt. */
static int wait_for_call(void *opaque)
{
	struct pollfd pfd = { .fd = f.ring[0].call, .events = POLLIN };

	(void)opaque;
	return poll(&pfd, 1, PATIENCE_MS);
}

static struct driver_access access_path;

/* argv begins after the name; fd is left open for it, -1: none. */
static void start(const char *const *arguments, int fd)
{
	const char *argv[12] = { PROGRAM };
	int pipes[2], n = 1;

	while (*arguments)
		argv[n++] = *arguments++;
	if (pipe2(pipes, O_CLOEXEC))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		if (fd >= 0)
			(void)fcntl(fd, F_SETFD, 0);
		execv(PROGRAM, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipes[1]);
	said = pipes[0];
}

/* Its status, and what it said in text. */
static int wait_for_end(char text[500])
{
	size_t len = 0;
	ssize_t got;
	int status = -1;

	while (len < 499 && (got = read(said, text + len, 499 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(said);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool connect_to(const char *path)
{
	strcpy(addr.sun_path, path);
	f.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (!connect(f.fd, (struct sockaddr *)&addr, sizeof(addr)))
			return true;
		usleep(1000);
	}
	return false;
}

static bool begin_driver(uint32_t device_id)
{
	f.patience_ns = PATIENCE_MS * 1000000ULL;
	f.device_id = device_id;
	f.queue_size = 64;
	if (!frontend_greet(&f))
		return false;
	local = (struct driver_local){ &rig.bus, &rig.mem, &rig.loop };
	access_path = driver_local_access;
	access_path.step = wait_for_call;
	driver_init(&d, &access_path, &local, &driver_vhost_user, 0, PLUG_ARENA, PLUG_ARENA_SIZE);
	d.frontend = &f;
	return true;
}

static void begin(void)
{
	rig_init(&rig);
	frontend_init(&f, &rig);
}

static void end(void)
{
	frontend_disconnect(&f);
	rig_destroy(&rig);
}

static bool take(struct driver_queue *q, uint32_t want)
{
	eventfd_t count;
	uint16_t head;
	uint32_t len;

	if (!driver_wait_used(q, &head, &len) || len != want)
		return false;
	(void)eventfd_read(f.ring[0].call, &count);
	return true;
}

/* A request of 64 bytes is filled with something. */
static bool rng_works(struct driver_queue *q)
{
	const struct driver_buf buf = { BUF, 64, true };
	static const uint8_t zero[64];
	uint8_t got[64];

	driver_write(&d, BUF, zero, sizeof(zero));
	if (!q || driver_add(q, &buf, 1) < 0 || !take(q, 64))
		return false;
	driver_read(&d, BUF, got, sizeof(got));
	return memcmp(got, zero, sizeof(zero)) != 0;
}

/* Moves a sector: the status byte, 0xff when there was none. */
static uint8_t blk_moves(struct driver_queue *q, uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	const struct driver_buf bufs[] = { { BUF, sizeof(header), false }, { BUF + 4096, 512, type == VIRTIO_BLK_T_IN },
		{ BUF + 64, 1, true } };
	uint8_t status = 0xff;

	driver_write(&d, BUF, &header, sizeof(header));
	driver_write(&d, BUF + 64, &status, 1);
	if (!q || driver_add(q, bufs, 3) < 0 || !take(q, type == VIRTIO_BLK_T_IN && sector < BLK_SECTORS ? 513 : 1))
		return 0xff;
	driver_read(&d, BUF + 64, &status, 1);
	return status;
}

static bool pattern(char *bytes, unsigned int with)
{
	for (int i = 0; i < 512; i++)
		bytes[i] = (char)(i * with);
	return true;
}

/* One frontend after another; the socket is gone with the program. */
static void rng_for_several(void)
{
	char text[500];
	struct stat st;

	begin();
	start((const char *[]){ "--device", "rng", socket_option, NULL }, -1);
	for (int i = 0; i < 5; i++) {
		REQUIRE(connect_to(socket_option + 14));
		REQUIRE(begin_driver(VIRTIO_ID_RNG));
		for (int n = 0; n < 3; n++) {
			struct driver_queue *q = driver_start(&d, DRIVER_ANY_FEATURES, 0);

			for (int request = 0; request < 100; request++)
				CHECK(rng_works(q));
		}
		frontend_disconnect(&f);
	}
	CHECK(!stat(addr.sun_path, &st));
	kill(pid, SIGTERM);
	CHECK_EQ(wait_for_end(text), 0);
	CHECK_STR(text, "");
	CHECK(stat(addr.sun_path, &st) && errno == ENOENT);
	end();
}

/* What is written is in the file, also when the program is killed and started again at the same path. */
static void blk_over_a_kill(void)
{
	char bytes[512], got[512], text[500];
	struct driver_queue *q;
	uint64_t sectors = 0;

	begin();
	for (unsigned int life = 1; life < 5; life++) {
		int fd = open(disk_path, O_RDONLY | O_CLOEXEC);

		start((const char *[]){ "--device=blk", disk_option, socket_option, NULL }, -1);
		REQUIRE(connect_to(socket_option + 14));
		REQUIRE(begin_driver(VIRTIO_ID_BLOCK));
		q = driver_start(&d, DRIVER_ANY_FEATURES, 0);
		d.transport->config_read(&d, 0, &sectors, sizeof(sectors));
		CHECK_EQ(sectors, BLK_SECTORS);
		pattern(bytes, life);
		driver_write(&d, BUF + 4096, bytes, 512);
		CHECK_EQ(blk_moves(q, VIRTIO_BLK_T_OUT, 5 + life), VIRTIO_BLK_S_OK);
		CHECK_EQ(pread(fd, got, 512, 512 * (5 + life)), 512);
		CHECK(!memcmp(bytes, got, 512));
		CHECK_EQ(blk_moves(q, VIRTIO_BLK_T_IN, 4 + life), VIRTIO_BLK_S_OK);
		pattern(bytes, life - 1);
		driver_read(&d, BUF + 4096, got, 512);
		CHECK(!memcmp(bytes, got, 512));
		CHECK_EQ(blk_moves(q, VIRTIO_BLK_T_IN, BLK_SECTORS), VIRTIO_BLK_S_IOERR);
		kill(pid, SIGKILL);
		CHECK_EQ(wait_for_end(text), 128 + SIGKILL);
		frontend_disconnect(&f);
		close(fd);
	}
	end();
}

/* Its driver has the ring that QEMU gives it, and goes by what the disk says a request may be (a longer chain is refused, R02). */
static void blk_requests_fit_rings_of_128(void)
{
	uint32_t seg_max = 0;
	char text[500];

	begin();
	start((const char *[]){ "--device=blk", disk_option, socket_option, NULL }, -1);
	REQUIRE(connect_to(socket_option + 14));
	REQUIRE(begin_driver(VIRTIO_ID_BLOCK));
	d.transport->config_read(&d, offsetof(struct virtio_blk_config, seg_max), &seg_max, sizeof(seg_max));
	CHECK_EQ(seg_max, 126);
	frontend_disconnect(&f);
	kill(pid, SIGTERM);
	CHECK_EQ(wait_for_end(text), 0);
	end();
}

/* Entries of /proc/PID/what. */
static unsigned int count_of(const char *what)
{
	unsigned int count = 0;
	char path[64];
	DIR *entries;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	entries = opendir(path);
	while (entries && readdir(entries))
		count++;
	if (entries)
		closedir(entries);
	return count;
}

/* Its descriptors and threads are as many as before when the last of many frontends is there. */
static void r82_a_thousand_connects(void)
{
	unsigned int fds = 0, threads = 0;
	char text[500];

	begin();
	start((const char *[]){ "--device=blk", disk_option, socket_option, NULL }, -1);
	for (int i = 0; i < 1000; i++) {
		f.protocol = 1 << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
		REQUIRE(connect_to(socket_option + 14));
		REQUIRE(begin_driver(VIRTIO_ID_BLOCK));
		if (i % 100 == 0)
			CHECK_EQ(blk_moves(driver_start(&d, 0, 0), VIRTIO_BLK_T_IN, 1), VIRTIO_BLK_S_OK);
		if (i % 100 == 0 && !fds) {
			fds = count_of("fd");
			threads = count_of("task");
		} else if (i % 100 == 0) {
			CHECK_EQ(count_of("fd"), fds);
			CHECK_EQ(count_of("task"), threads);
		}
		frontend_disconnect(&f);
	}
	kill(pid, SIGTERM);
	CHECK_EQ(wait_for_end(text), 0);
	CHECK_STR(text, "");
	end();
}

/* A connected socket: the program ends with the connection. A listening one: it does not. */
static void descriptors_handed_over(void)
{
	char number[16], text[500];
	int listener;

	begin();
	for (int connected = 0; connected < 2; connected++) {
		strcpy(addr.sun_path, socket_option + 14);
		unlink(addr.sun_path);
		listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		REQUIRE(!bind(listener, (struct sockaddr *)&addr, sizeof(addr)) && !listen(listener, 1));
		REQUIRE(connect_to(socket_option + 14));
		if (connected) {
			int fd = accept(listener, NULL, NULL);

			close(listener);
			listener = fd;
		}
		snprintf(number, sizeof(number), "%d", listener);
		start((const char *[]){ "--device", "rng", "--fd", number, NULL }, listener);
		close(listener);
		REQUIRE(begin_driver(VIRTIO_ID_RNG));
		CHECK(rng_works(driver_start(&d, 0, 0)));
		frontend_disconnect(&f);
		if (!connected) {
			REQUIRE(connect_to(socket_option + 14));
			REQUIRE(begin_driver(VIRTIO_ID_RNG));
			frontend_disconnect(&f);
			kill(pid, SIGTERM);
		}
		CHECK_EQ(wait_for_end(text), 0);
		unlink(addr.sun_path);
	}
	end();
}

/* A liar is told of in one line; the next frontend is served. One whose memory goes away too. */
static void says_whom_it_dropped(void)
{
	struct vhost_user_msg msg;
	char text[500];

	begin();
	start((const char *[]){ "--device", "rng", socket_option, NULL }, -1);
	REQUIRE(connect_to(socket_option + 14));
	vhost_user_request(&msg, 77);
	CHECK(frontend_send(&f, &msg));
	frontend_disconnect(&f);
	REQUIRE(connect_to(socket_option + 14));
	REQUIRE(begin_driver(VIRTIO_ID_RNG));
	CHECK(rng_works(driver_start(&d, 0, 0)));
	CHECK(!ftruncate(rig.ram_fd, 0));
	CHECK(!eventfd_write(f.ring[0].kick, 1));
	(void)frontend_state(&f, VHOST_USER_GET_VRING_BASE, 0, 0);
	frontend_disconnect(&f);
	CHECK(!ftruncate(rig.ram_fd, RIG_RAM_SIZE));
	REQUIRE(connect_to(socket_option + 14));
	REQUIRE(begin_driver(VIRTIO_ID_RNG));
	CHECK(rng_works(driver_start(&d, 0, 0)));
	frontend_disconnect(&f);
	kill(pid, SIGTERM);
	CHECK_EQ(wait_for_end(text), 0);
	CHECK_HAS(text, "minivmm-vhost-user: connection dropped: a message: no such request is known\n");
	CHECK_HAS(text, "minivmm-vhost-user: connection dropped: the memory it shares was cut short\n");
	end();
}

static void command_lines(void)
{
	static const struct {
		const char *arguments[6];
		int status;
		const char *said;
	} rows[] = {
		{ { "--print-capabilities", "--bogus" }, 0, "{\n  \"type\": \"rng\"\n}\n" },
		{ { "--device=blk", "--print-capabilities" }, 0,
			"{\n  \"type\": \"block\",\n  \"features\": [\n    \"read-only\",\n    \"blk-file\"\n  "
			"]\n}\n" },
		{ { "--device", "rng" }, 64, "minivmm-vhost-user: write --socket-path PATH or --fd N, one of them\n" },
		{ { "socket=x" }, 64, "minivmm-vhost-user: no device given; write --device rng or --device blk\n" },
		{ { "--device", "net", "socket=x" }, 64, "minivmm-vhost-user: --device net: write rng or blk\n" },
		{ { "--device=rng", "--fd=200" }, 64,
			"minivmm-vhost-user: --fd 200: is not a socket: Bad file descriptor\n" },
		{ { "--device=rng", "--disk", "path=x", "socket=x" }, 64,
			"minivmm-vhost-user: --device rng: --disk and --blk-file are for --device blk\n" },
		{ { "--device=rng", "--rng", "bus=pci", "socket=x" }, 64,
			"minivmm-vhost-user: --rng: bus and addr are not this program's: the monitor that connects has "
			"the device on its bus\n" },
		{ { "--device=blk", "--blk-file=/nonexistent/x", "socket=x" }, 65,
			"minivmm-vhost-user: --disk /nonexistent/x: cannot be opened: No such file or directory\n" },
		{ { "--device=rng", "--socket-path", "/nonexistent/x" }, 73,
			"minivmm-vhost-user: --socket-path /nonexistent/x: cannot be created: No such file or "
			"directory\n" },
		{ { "--socket-pth" }, 64,
			"minivmm-vhost-user: unknown option \"--socket-pth\"; did you mean --socket-path?\n" },
	};
	char text[500];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].arguments, -1);
		CHECK_EQ(wait_for_end(text), rows[i].status);
		CHECK_STR(text, rows[i].said);
	}
}

static const struct test tests[] = {
	TEST(rng_for_several),
	TEST(blk_over_a_kill),
	TEST(blk_requests_fit_rings_of_128),
	TEST(r82_a_thousand_connects),
	TEST(descriptors_handed_over),
	TEST(says_whom_it_dropped),
	TEST(command_lines),
};

int main(int argc, char **argv)
{
	int fd, ret;

	if (!mkdtemp(dir))
		return 1;
	snprintf(socket_option, sizeof(socket_option), "--socket-path=%s/s", dir);
	snprintf(disk_path, sizeof(disk_path), "%s/disk", dir);
	snprintf(disk_option, sizeof(disk_option), "--disk=path=%s", disk_path);
	fd = open(disk_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, BLK_SECTORS * 512))
		return 1;
	close(fd);
	ret = test_main(tests, ARRAY_SIZE(tests), argc, argv);
	unlink(disk_path);
	unlink(socket_option + 14);
	rmdir(dir);
	return ret;
}
