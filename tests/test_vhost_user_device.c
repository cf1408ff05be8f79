/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device whose queues minivmm-vhost-user serves, in a process of its own, over each transport there is: as its driver sees it,
 * and when the backend dies.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
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

static const struct vhost_user_kind rng_kind = { "vhost-user-rng", VIRTIO_ID_RNG, 1, 64, 0 };

static struct rig rig;
static struct plug plug;
static struct driver d;
static struct driver_access access_path;
static struct virtio_vhost_user device;
static pid_t pid;
static char said[300];

static void report(struct virtio *v, const char *text)
{
	(void)v;
	snprintf(said, sizeof(said), "%s", text);
}

/* The backend works when it will: until the driver is interrupted, for ten seconds at most. */
static int wait_for_interrupt(void *opaque)
{
	int served = 0;

	(void)opaque;
	for (int turn = 0; turn < 2000 && !plug_interrupted(&plug); turn++)
		served += loop_run_once(&rig.loop, 5);
	return served;
}

static int start_backend(void)
{
	char number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	snprintf(number, sizeof(number), "%d", pair[1]);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		(void)fcntl(pair[1], F_SETFD, 0);
		execl(PROGRAM, PROGRAM, "--device", "rng", "--rng", "features=+ring_packed", "--fd", number,
			(char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	return pair[0];
}

static bool begin(void)
{
	rig_init(&rig);
	said[0] = '\0';
	if (vhost_user_client_open_fd(&device.client, start_backend(), UINT64_MAX, &clock_host, PATIENCE) ||
		virtio_vhost_user_init(&device, &rng_kind, &rig.loop, &rig.mem))
		return false;
	device.v.report = report;
	device.v.features_on = UINT64_MAX;
	plug_in(&plug, &device.v, &rig, &d);
	plug.bridge.with_fds = true;
	access_path = *d.access;
	access_path.step = wait_for_interrupt;
	d.access = &access_path;
	return true;
}

/* The backend ends with the connection, by itself unless it was killed. */
static void end(int status)
{
	int got = -1;

	plug_out(&plug);
	virtio_vhost_user_destroy(&device);
	rig_destroy(&rig);
	waitpid(pid, &got, 0);
	CHECK_EQ(got, status);
}

/* A request is filled, and its driver interrupted so that it knows for what. */
static bool request_works(struct driver_queue *q)
{
	const struct driver_buf buf = { BUF, 64, true };
	static const uint8_t zero[64];
	uint8_t got[64];
	uint16_t head;
	uint32_t len;

	driver_write(&d, BUF, zero, sizeof(zero));
	if (!q || driver_add(q, &buf, 1) < 0 || !driver_wait_used(q, &head, &len) || len != 64)
		return false;
	driver_read(&d, BUF, got, sizeof(got));
	return memcmp(got, zero, sizeof(zero)) && d.transport->take_interrupt(&d) & 1;
}

static void serves(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_RING_F_EVENT_IDX), DRIVER_F(VIRTIO_F_RING_PACKED),
		DRIVER_ANY_FEATURES };
	unsigned int before = open_fds();

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		REQUIRE(begin());
		for (int life = 0; life < 3; life++) {
			struct driver_queue *q = driver_start(&d, features[i], 0);

			CHECK_EQ(d.transport->device_id(&d), VIRTIO_ID_RNG);
			for (int n = 0; n < 100; n++)
				CHECK(request_works(q));
		}
		CHECK_STR(said, "");
		end(0);
	}
	CHECK_EQ(open_fds(), before);
}

/* Not offered by the backend, or nothing that can go over vhost-user: the driver does not see it. */
static void offers_what_both_have(void)
{
	REQUIRE(begin());
	CHECK_EQ(driver_offered(&d) & ~device.client.features, 0);
	CHECK(driver_offered(&d) & DRIVER_F(VIRTIO_F_RING_PACKED));
	CHECK(!(driver_offered(&d) & (1ULL << VHOST_USER_F_PROTOCOL_FEATURES)));
	CHECK(!(driver_offered(&d) & DRIVER_F(40))); /* VIRTIO_F_RING_RESET */
	end(0);
}

/* Stopped and gone on with, as around a snapshot: at the same place, with what was queued meanwhile. */
static void paused(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_RING_PACKED) };
	const struct driver_buf buf = { BUF, 64, true };
	uint16_t head;
	uint32_t len;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct driver_queue *q;

		REQUIRE(begin());
		q = driver_start(&d, features[i], 0);
		for (int n = 0; n < 70; n++) {
			CHECK(request_works(q));
			virtio_pause(&device.v);
			CHECK(driver_add(q, &buf, 1) >= 0);
			driver_kick(q);
			virtio_resume(&device.v);
			CHECK(driver_wait_used(q, &head, &len) && len == 64);
			(void)d.transport->take_interrupt(&d);
		}
		CHECK_STR(said, "");
		end(0);
	}
}

/* The backend writes the vector's own fd, never while it is masked: then the interrupt is pending, and comes at the unmask. */
static void masked_vector(void)
{
	const struct driver_buf buf = { BUF, 64, true };
	const gpa_t control = 16 + 12; /* of vector 1, the queue's */
	struct driver_queue *q;
	bool used = false;
	uint16_t head;
	uint32_t len;
	gpa_t table;

	if (plug_type != &plug_types[PLUG_PCI])
		SKIP("this transport has no vectors");
	REQUIRE(begin());
	q = driver_start(&d, 0, 0);
	CHECK(device.v.transport->call_fd(&device.v, &device.v.queue[0]) >= 0);
	table = d.pci.msix;
	for (int round = 0; round < 20; round++) {
		CHECK(request_works(q));
		rig_write(&rig, table + control, 4, 1);
		CHECK(driver_add(q, &buf, 1) >= 0);
		driver_kick(q);
		for (int turn = 0; turn < 2000 && !used; turn++) {
			loop_run_once(&rig.loop, 5);
			used = driver_take_used(q, &head, &len);
		}
		CHECK(used);
		used = false;
		/* The call comes behind the used ring. */
		for (int turn = 0; turn < 2000 && !virtio_notifier_pending(&device.v, &device.v.queue[0]); turn++)
			loop_run_once(&rig.loop, 5);
		CHECK(!plug_interrupted(&plug));
		CHECK_EQ(rig_read(&rig, table + plug.pci.pci.msix.pba_offset, 4) & 2, 2);
		rig_write(&rig, table + control, 4, 0);
		CHECK(plug_interrupted(&plug));
		(void)d.transport->take_interrupt(&d);
		CHECK_EQ(rig_read(&rig, table + plug.pci.pci.msix.pba_offset, 4) & 2, 0);
	}
	CHECK_STR(said, "");
	end(0);
}

/* The driver hears of it and can reset its device; it is told again when it starts. Nothing else of the machine is touched. */
static void r80_backend_killed(void)
{
	unsigned int before = open_fds();
	struct driver_queue *q;

	REQUIRE(begin());
	q = driver_start(&d, 0, 0);
	CHECK(request_works(q));
	kill(pid, SIGKILL);
	for (int turn = 0; turn < 2000 && !said[0]; turn++)
		loop_run_once(&rig.loop, 5);
	CHECK_STR(said, "the backend is given up: it closed the connection");
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(plug_interrupted(&plug));
	CHECK(d.transport->take_interrupt(&d) & 2);
	CHECK_EQ(rig_run(&rig), 0);
	driver_notify(q);
	driver_reset(&d);
	CHECK_EQ(driver_status(&d), 0);
	CHECK(driver_start(&d, 0, 0));
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	end(SIGKILL);
	CHECK_EQ(open_fds(), before);
}

/* Nobody answers the reset's messages: it is over all the same. */
static void r80_backend_gone_at_a_reset(void)
{
	REQUIRE(begin());
	CHECK(request_works(driver_start(&d, 0, 0)));
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	driver_reset(&d);
	CHECK_EQ(driver_status(&d), 0);
	CHECK_HAS(said, "the backend is given up: GET_VRING_BASE: ");
	end(SIGKILL);
}

static const struct test tests[] = {
	TEST(serves),
	TEST(offers_what_both_have),
	TEST(paused),
	TEST(masked_vector),
	TEST(r80_backend_killed),
	TEST(r80_backend_gone_at_a_reset),
};

TEST_MAIN_WAYS(tests, &plug_ways)
