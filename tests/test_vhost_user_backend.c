/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device and a backend that a thread of the test plays, for what minivmm-vhost-user never does or says. One that dies and comes back
 * is in test_vhost_user_link.c.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "open_fds.h"
#include "plug.h"
#include "test.h"
#include "virtio/vhost_user.h"

#define PATIENCE (10 * 1000000000ULL)
#define RETRY	 1000000000ULL

static const struct vhost_user_kind kind = { .name = "vhost-user-device",
	.device_id = 77,
	.queue_count = 2,
	.queue_size = 64,
	.config_size = 16,
	.seg_max_at = 8 };

static struct rig rig;
static struct plug plug;
static struct driver d;
static struct virtio_vhost_user device;
static char said[300];

static void report(struct virtio *v, const char *text)
{
	(void)v;
	snprintf(said, sizeof(said), "%s", text);
}

/* The backend. */
static struct {
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows, once it runs */
	int fd, channel, err;
	uint32_t silent; /* a request it never answers */
	uint8_t config;
	unsigned int resets; /* it was told of */
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void fake_answer(struct vhost_user_msg *m)
{
	uint32_t request = m->header.request;

	switch (request) {
	case VHOST_USER_GET_FEATURES:
		m->payload.u64 = VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | 1ULL << VHOST_USER_F_PROTOCOL_FEATURES;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		m->payload.u64 = 1 << VHOST_USER_PROTOCOL_F_REPLY_ACK | 1 << VHOST_USER_PROTOCOL_F_BACKEND_REQ |
				 1 << VHOST_USER_PROTOCOL_F_CONFIG | 1 << VHOST_USER_PROTOCOL_F_RESET_DEVICE;
		break;
	case VHOST_USER_GET_CONFIG: memset(m->payload.config.data, fake.config, m->payload.config.size); break;
	case VHOST_USER_GET_VRING_BASE: m->payload.state.num = 0; break;
	case VHOST_USER_SET_BACKEND_REQ_FD:
		if (fake.channel >= 0)
			close(fake.channel);
		fake.channel = vhost_user_take_fd(m, 0);
		m->payload.u64 = 0;
		break;
	case VHOST_USER_SET_VRING_ERR:
		if (fake.err >= 0)
			close(fake.err);
		fake.err = vhost_user_take_fd(m, 0);
		m->payload.u64 = 0;
		break;
	default: m->payload.u64 = 0; break;
	}
	fake.resets += request == VHOST_USER_RESET_DEVICE;
}

static void *fake_run(void *opaque)
{
	struct vhost_user_reader reader = { 0 };
	const char *why;

	(void)opaque;
	while (vhost_user_receive_until(
		       &reader, fake.fd, &clock_host, clock_host.monotonic_ns(&clock_host) + PATIENCE, &why) == 1) {
		struct vhost_user_msg *m = &reader.msg;
		bool answered = vhost_user_rule(m->header.request)->reply != VHOST_USER_NONE ||
				m->header.flags & VHOST_USER_NEED_REPLY;

		pthread_mutex_lock(&fake.lock);
		fake_answer(m);
		answered = answered && m->header.request != fake.silent;
		pthread_mutex_unlock(&fake.lock);
		if (!answered)
			continue;
		vhost_user_reply(m);
		CHECK(!vhost_user_send(fake.fd, m));
	}
	vhost_user_reader_clear(&reader);
	return NULL;
}

static bool fake_begin(uint64_t patience)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return false;
	fake.fd = pair[1];
	fake.channel = fake.err = -1;
	fake.silent = 0;
	fake.config = 1;
	fake.resets = 0;
	if (pthread_create(&fake.thread, NULL, fake_run, NULL))
		return false;
	rig_init(&rig);
	said[0] = '\0';
	if (vhost_user_client_open_fd(&device.client, pair[0], UINT64_MAX, &clock_host, patience) ||
		virtio_vhost_user_init(&device, &kind, &rig.loop, &rig.mem))
		return false;
	device.v.report = report;
	plug_in(&plug, &device.v, &rig, &d);
	plug.bridge.with_fds = true;
	return true;
}

static void fake_end(void)
{
	plug_out(&plug);
	virtio_vhost_user_destroy(&device);
	rig_destroy(&rig);
	pthread_join(fake.thread, NULL);
	close(fake.fd);
	if (fake.channel >= 0)
		close(fake.channel);
	if (fake.err >= 0)
		close(fake.err);
}

static void set_config(uint8_t value)
{
	pthread_mutex_lock(&fake.lock);
	fake.config = value;
	pthread_mutex_unlock(&fake.lock);
}

/* A descriptor that the frontend gave it. */
static int given(const int *fd)
{
	int value;

	pthread_mutex_lock(&fake.lock);
	value = *fd;
	pthread_mutex_unlock(&fake.lock);
	return value;
}

static uint8_t config_at(uint32_t offset)
{
	uint8_t value;

	d.transport->config_read(&d, offset, &value, 1);
	return value;
}

static void ask_frontend(uint32_t request, uint32_t flags)
{
	struct vhost_user_msg m = { .header = { request, VHOST_USER_VERSION | flags, 0 } };

	CHECK(!vhost_user_send(given(&fake.channel), &m));
	for (int turn = 0; turn < 10; turn++)
		loop_run_once(&rig.loop, 0);
}

/* The backend's configuration changed: the driver is told, and reads the new one. */
static void config_changes(void)
{
	unsigned int before = open_fds();
	struct vhost_user_reader reader = { 0 };
	const char *why;

	REQUIRE(fake_begin(PATIENCE));
	CHECK(driver_start(&d, 0, 0));
	CHECK_EQ(config_at(0), 1);
	(void)d.transport->take_interrupt(&d);
	set_config(2);
	ask_frontend(2, 0);
	CHECK_EQ(config_at(7), 2);
	CHECK(d.transport->take_interrupt(&d) & 2);
	/* One that wants to hear that it was heard. */
	set_config(3);
	ask_frontend(2, VHOST_USER_NEED_REPLY);
	CHECK_EQ(config_at(0), 3);
	CHECK_EQ(vhost_user_receive(&reader, given(&fake.channel), &why), 1);
	CHECK_EQ(reader.msg.header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	CHECK_EQ(reader.msg.payload.u64, 0);
	CHECK_STR(said, "");
	/* A channel that is closed is missed by nobody. */
	close(given(&fake.channel));
	pthread_mutex_lock(&fake.lock);
	fake.channel = -1;
	pthread_mutex_unlock(&fake.lock);
	rig_run(&rig);
	CHECK_STR(said, "");
	CHECK_EQ(device.link, VHOST_USER_CONNECTED);
	fake_end();
	CHECK_EQ(open_fds(), before);
}

/* As long as the ring at most, with the two buffers that a request has beside its data; less is the backend's to say. */
static void requests_fit_the_ring(void)
{
	uint32_t seg_max = 0;

	REQUIRE(fake_begin(PATIENCE));
	CHECK(driver_start(&d, 0, 0));
	d.transport->config_read(&d, 8, &seg_max, sizeof(seg_max));
	CHECK_EQ(seg_max, 62);
	CHECK_EQ(config_at(7), 1);
	CHECK_EQ(config_at(12), 1);
	set_config(0);
	ask_frontend(2, 0);
	d.transport->config_read(&d, 8, &seg_max, sizeof(seg_max));
	CHECK_EQ(seg_max, 0);
	fake_end();
}

static void r81_asks_for_anything(void)
{
	static const uint32_t requests[] = { 0, 1, 3, 4, 5, 99, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		REQUIRE(fake_begin(PATIENCE));
		CHECK(driver_start(&d, 0, 0));
		/* Not even where it would be awaited. */
		virtio_vhost_user_await(&device, "/nonexistent/s", RETRY);
		ask_frontend(requests[i], 0);
		CHECK_STR(said, "the backend is given up: it asks for what was not negotiated");
		CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
		CHECK_EQ(loop_next_deadline(&rig.loop), UINT64_MAX);
		fake_end();
	}
}

static void says_a_queue_is_broken(void)
{
	REQUIRE(fake_begin(PATIENCE));
	CHECK(driver_start(&d, 0, 0));
	(void)d.transport->take_interrupt(&d);
	CHECK(!eventfd_write(given(&fake.err), 1));
	rig_run(&rig);
	CHECK_STR(said, "the backend says that a queue is broken");
	CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK(d.transport->take_interrupt(&d) & 2);
	/* It was not the connection that broke. */
	driver_reset(&d);
	pthread_mutex_lock(&fake.lock);
	CHECK_EQ(fake.resets, 1);
	pthread_mutex_unlock(&fake.lock);
	CHECK(driver_start(&d, 0, 0));
	CHECK_EQ(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	fake_end();
}

/* While the guest runs: the wait is as long as the patience and not longer, and is the last. */
static void r82_falls_silent(void)
{
	static const uint32_t requests[] = { VHOST_USER_SET_FEATURES, VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_SET_VRING_KICK };
	const uint64_t patience = 300 * 1000000ULL;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		uint64_t start;

		REQUIRE(fake_begin(patience));
		pthread_mutex_lock(&fake.lock);
		fake.silent = requests[i];
		pthread_mutex_unlock(&fake.lock);
		start = clock_host.monotonic_ns(&clock_host);
		CHECK(driver_start(&d, 0, 0));
		CHECK(clock_host.monotonic_ns(&clock_host) - start >= patience);
		CHECK_HAS(said, ": the peer does not answer");
		CHECK(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
		start = clock_host.monotonic_ns(&clock_host);
		driver_reset(&d);
		CHECK(driver_start(&d, 0, 0));
		driver_reset(&d);
		CHECK(clock_host.monotonic_ns(&clock_host) - start < patience);
		fake_end();
	}
}

static const struct test tests[] = {
	TEST(config_changes),
	TEST(requests_fit_the_ring),
	TEST(r81_asks_for_anything),
	TEST(says_a_queue_is_broken),
	TEST(r82_falls_silent),
};

TEST_MAIN_WAYS(tests, &plug_ways)
