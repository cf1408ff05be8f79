/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of a device to its backend: a backend that dies and comes back, over each transport there is. A device whose backend
 * stays is in test_vhost_user_device.c, one whose backend lies or is silent in test_vhost_user_backend.c.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "open_fds.h"
#include "plug.h"
#include "test.h"
#include "virtio/vhost_user.h"

#define BUF	 (RIG_RAM_BASE + 1 * MiB)
#define PATIENCE (10 * 1000000000ULL)
#define RETRY	 1000000000ULL
#define WANTED	 (UINT64_MAX & ~(1ULL << VHOST_USER_PROTOCOL_F_BACKEND_REQ))

static const struct vhost_user_kind rng_kind = { "vhost-user-rng", VIRTIO_ID_RNG, 1, 64, 0 };

static struct rig rig;
static struct plug plug;
static struct driver d;
static struct virtio_vhost_user device;
static char dir[] = "/tmp/minivmm-test.XXXXXX", path[sizeof(dir) + 8];
static pid_t pid;
static char said[300];
static unsigned int times_said;

static void report(struct virtio *v, const char *text)
{
	(void)v;
	snprintf(said, sizeof(said), "%s", text);
	times_said++;
}

static void wait_for_interrupt(void)
{
	for (int turn = 0; turn < 400 && !plug_interrupted(&plug); turn++)
		loop_run_once(&rig.loop, 5);
}

static void run_until_said(const char *text)
{
	for (int turn = 0; turn < 2000 && !strstr(said, text); turn++)
		loop_run_once(&rig.loop, 5);
	CHECK_HAS(said, text);
}

/* Time passes for the loop alone. */
static void advance_until_said(const char *text)
{
	for (int turn = 0; turn < 2000 && !strstr(said, text); turn++) {
		rig_advance(&rig, RETRY);
		loop_run_once(&rig.loop, 5);
	}
	CHECK_HAS(said, text);
}

static void start_backend(const char *features)
{
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(PROGRAM, PROGRAM, "--device", "rng", "--rng", features, "--socket-path", path, (char *)NULL);
		_exit(127);
	}
}

static void stop_backend(void)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool meet(uint64_t wanted, uint64_t patience)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (!vhost_user_client_open(&device.client, path, wanted, &clock_host, patience))
			return true;
		if (device.client.error != -ENOENT && device.client.error != -ECONNREFUSED)
			return false;
		poll(NULL, 0, 10);
	}
	return false;
}

static bool begin_device(uint64_t wanted, uint64_t patience)
{
	rig_init(&rig);
	said[0] = '\0';
	times_said = 0;
	if (!meet(wanted, patience) || virtio_vhost_user_init(&device, &rng_kind, &rig.loop, &rig.mem))
		return false;
	device.v.report = report;
	device.v.features_on = UINT64_MAX;
	plug_in(&plug, &device.v, &rig, &d);
	plug.bridge.with_fds = true;
	return true;
}

static bool begin(uint64_t wanted)
{
	snprintf(dir, sizeof(dir), "/tmp/minivmm-test.XXXXXX");
	if (!mkdtemp(dir))
		return false;
	snprintf(path, sizeof(path), "%s/s", dir);
	start_backend("features=+ring_packed");
	if (!begin_device(wanted, PATIENCE))
		return false;
	virtio_vhost_user_await(&device, path, RETRY);
	return true;
}

static void take_out(void)
{
	plug_out(&plug);
	virtio_vhost_user_destroy(&device);
	rig_destroy(&rig);
}

static void end(void)
{
	take_out();
	stop_backend();
	unlink(path);
	rmdir(dir);
}

/* The driver is interrupted for it, and perhaps for nothing before. */
static bool filled(struct driver_queue *q)
{
	static const uint8_t zero[64];
	uint32_t interrupts = 0, len = 0;
	uint8_t got[64];
	uint16_t head;

	driver_kick(q);
	for (int tries = 0; tries < 10; tries++) {
		wait_for_interrupt();
		interrupts |= d.transport->take_interrupt(&d);
		if (driver_take_used(q, &head, &len))
			break;
	}
	driver_read(&d, BUF, got, sizeof(got));
	driver_write(&d, BUF, zero, sizeof(zero));
	return len == 64 && memcmp(got, zero, sizeof(zero)) && interrupts & 1;
}

static bool ask(struct driver_queue *q)
{
	const struct driver_buf buf = { BUF, 64, true };

	return q && driver_add(q, &buf, 1) >= 0;
}

static bool request_works(struct driver_queue *q)
{
	return ask(q) && filled(q);
}

/* Requests made while it is away are served by the next, and nothing of the one before stays open. */
static void comes_back(void)
{
	static const uint64_t wanted[] = { WANTED & ~(1ULL << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD), WANTED };
	unsigned int before = open_fds(), with = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct driver_queue *q;

		REQUIRE(begin(wanted[i]));
		/* Nobody could say where a packed ring was. */
		CHECK_EQ(!!(driver_offered(&d) & DRIVER_F(VIRTIO_F_RING_PACKED)),
			device.client.protocol >> VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD & 1);
		q = driver_start(&d, DRIVER_ANY_FEATURES & driver_offered(&d), 0);
		for (int death = 0; death < 5; death++) {
			for (int n = 0; n < 30; n++)
				CHECK(request_works(q));
			if (!death)
				with = open_fds();
			said[0] = '\0';
			stop_backend();
			CHECK(ask(q));
			driver_kick(q);
			run_until_said("the backend is gone, and awaited at ");
			CHECK_EQ(device.link, VHOST_USER_AWAITED);
			rig_advance(&rig, RETRY);
			CHECK_EQ(device.link, VHOST_USER_AWAITED);
			CHECK_EQ(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
			start_backend("features=+ring_packed");
			advance_until_said("the backend is back");
			CHECK(filled(q));
			CHECK_EQ(open_fds(), with);
		}
		CHECK(request_works(driver_start(&d, 0, 0)));
		CHECK_EQ(times_said, 10);
		end();
	}
	CHECK_EQ(open_fds(), before);
}

/* The driver resets its device and starts it again while nobody is there: the next backend serves it from the beginning. */
static void reset_while_it_is_away(void)
{
	struct driver_queue *q;

	REQUIRE(begin(WANTED));
	CHECK(request_works(driver_start(&d, 0, 0)));
	stop_backend();
	run_until_said("the backend is gone");
	driver_reset(&d);
	CHECK_EQ(driver_status(&d), 0);
	q = driver_start(&d, 0, 0);
	CHECK(ask(q));
	driver_kick(q);
	virtio_pause(&device.v);
	start_backend("features=+ring_packed");
	advance_until_said("the backend is back");
	CHECK(!device.queue[0].running);
	virtio_resume(&device.v);
	CHECK(filled(q));
	CHECK(request_works(q));
	end();
}

/* Interrupts and masks of a vector while nobody serves it. */
static void masked_while_it_is_away(void)
{
	const gpa_t control = 16 + 12; /* of vector 1, the queue's */
	struct driver_queue *q;

	if (plug_type != &plug_types[PLUG_PCI])
		SKIP("this transport has no vectors");
	REQUIRE(begin(WANTED));
	q = driver_start(&d, 0, 0);
	CHECK(request_works(q));
	stop_backend();
	run_until_said("the backend is gone");
	rig_write(&rig, d.pci.msix + control, 4, 1);
	CHECK(ask(q));
	driver_kick(q);
	start_backend("features=+ring_packed");
	advance_until_said("the backend is back");
	for (int turn = 0; turn < 2000 && !virtio_notifier_pending(&device.v, &device.v.queue[0]); turn++)
		loop_run_once(&rig.loop, 5);
	CHECK(!plug_interrupted(&plug));
	rig_write(&rig, d.pci.msix + control, 4, 0);
	CHECK(plug_interrupted(&plug));
	CHECK(filled(q));
	end();
}

/* What its driver was told does not hold any more. */
static void comes_back_as_less(void)
{
	struct driver_queue *q;

	REQUIRE(begin(WANTED));
	q = driver_start(&d, 0, 0);
	CHECK(request_works(q));
	stop_backend();
	run_until_said("the backend is gone");
	start_backend("features=-event_idx");
	advance_until_said("the backend is given up: it came back with fewer features");
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_EQ(device.link, VHOST_USER_LOST);
	CHECK_EQ(loop_next_deadline(&rig.loop), UINT64_MAX);
	driver_notify(q);
	driver_reset(&d);
	end();
}

/* The second life of a machine: the backend is asked to serve another device, by the same connection. */
static void handed_over(void)
{
	struct vhost_user_client kept;

	REQUIRE(begin(WANTED));
	for (int life = 0; life < 3; life++) {
		CHECK(request_works(driver_start(&d, 0, 0)));
		plug_out(&plug);
		virtio_vhost_user_release(&device, &kept);
		CHECK(kept.fd >= 0);
		virtio_vhost_user_destroy(&device);
		device.client = kept;
		REQUIRE(!virtio_vhost_user_init(&device, &rng_kind, &rig.loop, &rig.mem));
		device.v.report = report;
		plug_in(&plug, &device.v, &rig, &d);
		plug.bridge.with_fds = true;
	}
	CHECK_STR(said, "");
	end();
}

static unsigned int count_in_proc(const char *what)
{
	char name[40];
	unsigned int count = 0;
	DIR *all;

	snprintf(name, sizeof(name), "/proc/%d/%s", pid, what);
	all = opendir(name);
	while (all && readdir(all))
		count++;
	if (all)
		closedir(all);
	return count;
}

/* Neither end keeps anything of a connection. */
static void a_thousand_connections(void)
{
	unsigned int ours, descriptors, threads;

	REQUIRE(begin(WANTED));
	virtio_vhost_user_await(&device, path, 0);
	CHECK(request_works(driver_start(&d, 0, 0)));
	take_out();
	REQUIRE(begin_device(WANTED, PATIENCE));
	ours = open_fds();
	descriptors = count_in_proc("fd");
	threads = count_in_proc("task");
	take_out();
	for (int n = 0; n < 333; n++) {
		struct vhost_user_client client;

		/* One that leaves before it has said anything, one that is met, and one that has a driver. */
		CHECK(!vhost_user_client_knock(&client, path, &clock_host, PATIENCE));
		vhost_user_client_close(&client);
		CHECK(!vhost_user_client_open(&client, path, WANTED, &clock_host, PATIENCE));
		vhost_user_client_close(&client);
		REQUIRE(begin_device(WANTED, PATIENCE));
		CHECK(request_works(driver_start(&d, 0, 0)));
		take_out();
	}
	REQUIRE(begin_device(WANTED, PATIENCE));
	CHECK_EQ(open_fds(), ours);
	CHECK_EQ(count_in_proc("fd"), descriptors);
	CHECK_EQ(count_in_proc("task"), threads);
	end();
}

/* Who listens and does not answer holds nobody up, and is left for who does. */
static void silent_when_it_is_back(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct driver_queue *q;
	uint64_t start;
	int silent;

	REQUIRE(begin(WANTED));
	q = driver_start(&d, 0, 0);
	CHECK(request_works(q));
	stop_backend();
	run_until_said("the backend is gone");
	unlink(path);
	silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	CHECK(!bind(silent, (struct sockaddr *)&addr, sizeof(addr)) && !listen(silent, 4));
	start = clock_host.monotonic_ns(&clock_host);
	rig_advance(&rig, RETRY);
	CHECK_EQ(device.link, VHOST_USER_KNOCKED);
	rig_advance(&rig, PATIENCE);
	CHECK_EQ(device.link, VHOST_USER_KNOCKED);
	CHECK(clock_host.monotonic_ns(&clock_host) - start < PATIENCE / 2);
	unlink(path);
	start_backend("features=+ring_packed");
	said[0] = '\0';
	/* Its end is heard of, and the next one is tried. */
	close(silent);
	advance_until_said("the backend is back");
	CHECK(request_works(q));
	end();
}

static const struct test tests[] = {
	TEST(comes_back),
	TEST(reset_while_it_is_away),
	TEST(masked_while_it_is_away),
	TEST(comes_back_as_less),
	TEST(handed_over),
	TEST(a_thousand_connections),
	TEST(silent_when_it_is_back),
};

TEST_MAIN_WAYS(tests, &plug_ways)
