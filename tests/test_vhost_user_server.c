/* SPDX-License-Identifier: Apache-2.0 */
/* The vhost-user backend with a frontend that does what it may. */
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "disk_rig.h"
#include "echo.h"
#include "open_fds.h"

static struct echo echo;
static struct vhost_user_frontend *const f = &echo.plug.frontend;
static struct vhost_user_msg msg;

static struct driver_queue *begin(uint64_t features)
{
	plug_type = &plug_types[PLUG_VHOST_USER];
	echo_init(&echo);
	return driver_start(&echo.d, features, 0);
}

static void end(void)
{
	CHECK_EQ(echo.plug.dropped, 0);
	echo_destroy(&echo);
}

/* What SET_VRING_KICK, CALL and so on have set up once more, at base. */
static bool start_again(struct vhost_user_frontend *fe, uint32_t base)
{
	return frontend_state(fe, VHOST_USER_SET_VRING_BASE, 0, base) &&
	       frontend_fd(fe, VHOST_USER_SET_VRING_KICK, 0, fe->ring[0].kick) &&
	       frontend_fd(fe, VHOST_USER_SET_VRING_CALL, 0, fe->ring[0].call);
}

static void serves_every_ring(void)
{
	for (unsigned int i = 0; i < ECHO_COMBINATIONS; i++) {
		uint64_t features = echo_features(i) & ~DRIVER_F(VIRTIO_F_NOTIFICATION_DATA);
		struct driver_queue *q = begin(features);

		CHECK_EQ(echo.d.features, features | DRIVER_F(VIRTIO_F_VERSION_1));
		for (int n = 0; n < 40; n++)
			CHECK(echo_works(&echo, q));
		CHECK_EQ(echo.reports, 0);
		CHECK(echo_works_after_reset(&echo));
		end();
	}
}

static void offers(void)
{
	static const unsigned int never[] = { VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_NOTIFICATION_DATA,
		VIRTIO_F_RING_RESET };

	begin(0);
	CHECK(f->offered & 1ULL << VHOST_USER_F_PROTOCOL_FEATURES);
	CHECK(f->offered & DRIVER_F(VIRTIO_F_VERSION_1));
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		CHECK(!(f->offered & DRIVER_F(never[i])));
	CHECK_EQ(f->queues, ECHO_QUEUES);
	/* What QEMU has in virtio-mmio. */
	CHECK(frontend_state(f, VHOST_USER_SET_VRING_NUM, 1, 1024));
	CHECK(!frontend_state(f, VHOST_USER_SET_VRING_NUM, 1, 1025));
	vhost_user_request(&msg, VHOST_USER_GET_MAX_MEM_SLOTS);
	CHECK(frontend_ask(f, &msg));
	CHECK_EQ(f->reader.msg.payload.u64, 8);
	end();
}

/* It goes on where it was, with either ring. */
static void stopped_and_started(void)
{
	static const uint64_t rings[] = { 0, DRIVER_F(VIRTIO_F_RING_PACKED) };

	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		struct driver_queue *q = begin(rings[i]);

		for (unsigned int n = 1; n < 40; n++) {
			uint32_t base;

			CHECK(echo_works(&echo, q));
			REQUIRE(frontend_state(f, VHOST_USER_GET_VRING_BASE, 0, 0));
			base = f->reader.msg.payload.state.num;
			/* Two descriptors a request; 16 in the ring; both counters begin at 1. */
			if (rings[i])
				CHECK_EQ(base, (2 * n % 16 | (2 * n / 16 % 2 ? 0 : 0x8000)) * 0x10001U);
			else
				CHECK_EQ(base, n);
			REQUIRE(start_again(f, base));
		}
		CHECK(echo_works(&echo, q));
		end();
	}
}

static void stopped_ring_is_left_alone(void)
{
	struct driver_queue *q = begin(0);
	gpa_t buf = driver_alloc(&echo.d, 64, 1);
	const struct driver_buf bufs[] = { { buf, 24, false }, { buf + 32, 32, true } };
	uint32_t len;
	uint16_t head;

	CHECK(frontend_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	driver_add(q, bufs, 2);
	CHECK(!driver_wait_used(q, &head, &len));
	/* Enabled again it is looked at, though nobody kicks any more. */
	CHECK(frontend_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1));
	CHECK(driver_take_used(q, &head, &len));
	CHECK(echo_works(&echo, q));
	/* A stopped one without its kick descriptor neither. */
	CHECK(frontend_state(f, VHOST_USER_GET_VRING_BASE, 0, 0));
	driver_add(q, bufs, 2);
	CHECK(!driver_wait_used(q, &head, &len));
	CHECK(start_again(f, 2));
	CHECK(driver_take_used(q, &head, &len));
	end();
}

static void base_waits_for_what_is_in_flight(void)
{
	uint16_t head;
	uint32_t len;

	plug_type = &plug_types[PLUG_VHOST_USER];
	disk_ring = 0;
	disk_begin();
	disk.memory.hold = true;
	for (unsigned int n = 0; n < 3; n++)
		disk_add(disk.q, n, VIRTIO_BLK_T_IN, n, 512);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(disk.memory.count, 3);
	CHECK(!driver_take_used(disk.q, &head, &len));
	CHECK(frontend_state(&disk.plug.frontend, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK_EQ(disk.plug.frontend.reader.msg.payload.state.num, 3);
	for (unsigned int n = 0; n < 3; n++) {
		CHECK(driver_take_used(disk.q, &head, &len));
		CHECK_EQ(disk_status(n), VIRTIO_BLK_S_OK);
	}
	CHECK(frontend_interrupted(&disk.plug.frontend));
	disk.memory.hold = false;
	CHECK(start_again(&disk.plug.frontend, 3));
	CHECK(disk_works());
	disk_end();
}

/* A pause of the guest is no reset: what its driver chose is still so. */
static void same_features_keep_what_the_driver_set(void)
{
	const uint64_t protocol = 1ULL << VHOST_USER_F_PROTOCOL_FEATURES;
	struct vhost_user_frontend *fe = &disk.plug.frontend;
	uint8_t wce = 0;

	plug_type = &plug_types[PLUG_VHOST_USER];
	disk_ring = 0;
	disk_begin();
	CHECK(disk.blk.cache);
	disk.d.transport->config_write(&disk.d, offsetof(struct virtio_blk_config, wce), &wce, 1);
	CHECK(!disk.blk.cache);
	CHECK(frontend_state(fe, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(frontend_u64(fe, VHOST_USER_SET_FEATURES, disk.d.features | protocol));
	CHECK(start_again(fe, 0));
	CHECK(!disk.blk.cache);
	CHECK(disk_works());
	/* Others are another life of the device. */
	CHECK(frontend_state(fe, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(frontend_u64(fe, VHOST_USER_SET_FEATURES, (disk.d.features | protocol) & ~DISK_F(TOPOLOGY)));
	CHECK(disk.blk.cache);
	disk_end();
}

static void memory_changes_under_running_rings(void)
{
	struct driver_queue *q = begin(0);

	for (unsigned int count = 1; count <= 8; count++) {
		CHECK(frontend_table(f, count));
		CHECK_EQ(echo.plug.memory.mem.count, count);
		CHECK(echo_works(&echo, q));
	}
	/* Of eight pieces of one mebibyte the driver has the fifth and sixth. */
	vhost_user_request(&msg, VHOST_USER_REM_MEM_REG);
	msg.payload.one.region = (struct vhost_user_region){ RIG_RAM_BASE, MiB, FRONTEND_USER, 77 };
	CHECK(frontend_ask(f, &msg));
	CHECK(!frontend_ask(f, &msg));
	CHECK_EQ(echo.plug.memory.mem.count, 7);
	CHECK(echo_works(&echo, q));
	vhost_user_request(&msg, VHOST_USER_ADD_MEM_REG);
	msg.payload.one.region = (struct vhost_user_region){ RIG_RAM_BASE, MiB, FRONTEND_USER, 0 };
	msg.fd[0] = echo.rig.ram_fd;
	msg.fd_count = 1;
	CHECK(frontend_ask(f, &msg));
	CHECK(!frontend_ask(f, &msg));
	CHECK_EQ(echo.plug.memory.mem.count, 8);
	CHECK(echo_works(&echo, q));
	end();
}

/* The call descriptor comes and goes while requests are done, and no interrupt is lost. */
static void interrupts(void)
{
	struct driver_queue *q = begin(0);
	eventfd_t count;
	int other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	CHECK(echo_works(&echo, q));
	CHECK(!eventfd_read(f->ring[0].call, &count));
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_CALL, 0, other));
	CHECK(echo_works(&echo, q));
	CHECK(eventfd_read(f->ring[0].call, &count) < 0);
	CHECK(!eventfd_read(other, &count));
	/* Nobody listens; then somebody does. */
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_CALL, 0, -1));
	CHECK(echo_works(&echo, q));
	CHECK(eventfd_read(other, &count) < 0);
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_CALL, 0, other));
	CHECK(!eventfd_read(other, &count));
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_CALL, 0, other));
	CHECK(eventfd_read(other, &count) < 0);
	close(other);
	end();
}

/* A kick is taken from whichever descriptor is the last. */
static void kicks(void)
{
	struct driver_queue *q = begin(0);
	int old = f->ring[0].kick;

	f->ring[0].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, f->ring[0].kick));
	CHECK(echo_works(&echo, q));
	close(old);
	CHECK(echo_works(&echo, q));
	end();
}

/* The device breaks by its guest's doing: the frontend hears of it, and both go on after a new start. */
static void needs_reset(void)
{
	struct driver_queue *q = begin(0);

	driver_write16(&echo.d, q->avail + 2, 999);
	driver_notify(q);
	rig_run(&echo.rig);
	CHECK_EQ(driver_status(&echo.d) & VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET);
	CHECK_EQ(echo.reports, 1);
	CHECK(!echo_works(&echo, q));
	CHECK(frontend_state(f, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(!start_again(f, 0));
	CHECK(echo_works_after_reset(&echo));
	end();
}

/* Frontends without protocol features have no message that enables a ring. */
static void enabled_without_protocol_features(void)
{
	struct driver_queue *q = begin(0);

	CHECK(frontend_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	CHECK(!echo_works(&echo, q));
	CHECK(frontend_u64(f, VHOST_USER_SET_FEATURES, echo.d.features));
	CHECK(echo_works_after_reset(&echo));
	end();
}

static void configuration_space(void)
{
	uint8_t bytes[64], want[64] = { 0 };

	begin(0);
	memcpy(want, echo.config, ECHO_CONFIG);
	echo.d.transport->config_read(&echo.d, 0, bytes, 64);
	CHECK(!memcmp(bytes, want, 64));
	echo.d.transport->config_read(&echo.d, 8, bytes, 3);
	CHECK(!memcmp(bytes, want + 8, 3));
	echo.d.transport->config_read(&echo.d, 200, bytes, 56);
	CHECK(!memcmp(bytes, want + 10, 50));
	/* Past what any device has: an answer of no bytes. */
	vhost_user_request(&msg, VHOST_USER_GET_CONFIG);
	msg.payload.config.offset = UINT32_MAX - 3;
	msg.payload.config.size = 8;
	msg.header.size = 12 + 8;
	CHECK(frontend_ask(f, &msg));
	CHECK_EQ(f->reader.msg.header.size, 0);
	echo.d.transport->config_write(&echo.d, 4, "xy", 2);
	CHECK(!memcmp(echo.config + 4, "xy", 2));
	/* Restoring a device is another thing. */
	msg = f->reader.msg;
	vhost_user_request(&msg, VHOST_USER_SET_CONFIG);
	msg.payload.config.size = 1;
	msg.payload.config.flags = 1;
	msg.header.size = 12 + 1;
	CHECK(!frontend_ask(f, &msg));
	end();
}

/* One after the other, each finds the device as new and leaves nothing open. */
static void r80_a_thousand_connections(void)
{
	unsigned int before = 0;

	begin(0);
	for (int i = 0; i < 1000; i++) {
		struct driver_queue *q;

		frontend_disconnect(f);
		CHECK_EQ(echo.v.status, 0);
		CHECK_EQ(echo.plug.memory.mem.count, 0);
		if (!i)
			before = open_fds();
		CHECK_EQ(open_fds(), before);
		REQUIRE(!vhost_user_server_serve(&echo.plug.server, frontend_connect(f)));
		REQUIRE(frontend_greet(f));
		q = driver_start(&echo.d, i % 2 ? DRIVER_F(VIRTIO_F_RING_PACKED) : 0, 0);
		CHECK(echo_works(&echo, q));
	}
	end();
}

/* In the middle of requests: nothing of them is written any more. */
static void r80_gone_with_requests_in_flight(void)
{
	struct driver_queue *q = begin(0);
	gpa_t buf = driver_alloc(&echo.d, 64, 1);
	const struct driver_buf bufs[] = { { buf, 24, false }, { buf + 32, 32, true } };
	uint32_t len;
	uint16_t head;

	echo.hold = true;
	driver_add(q, bufs, 2);
	CHECK(!driver_wait_used(q, &head, &len));
	CHECK_EQ(echo.held, 1);
	frontend_disconnect(f);
	echo.hold = false;
	virtq_push(echo.chain_queue[0], &echo.chain[0]);
	echo.held = 0;
	CHECK(!driver_take_used(q, &head, &len));
	CHECK(!vhost_user_server_serve(&echo.plug.server, frontend_connect(f)));
	CHECK(frontend_greet(f));
	CHECK(echo_works(&echo, driver_start(&echo.d, 0, 0)));
	end();
}

static const struct test tests[] = {
	TEST(serves_every_ring),
	TEST(offers),
	TEST(stopped_and_started),
	TEST(stopped_ring_is_left_alone),
	TEST(base_waits_for_what_is_in_flight),
	TEST(same_features_keep_what_the_driver_set),
	TEST(memory_changes_under_running_rings),
	TEST(interrupts),
	TEST(kicks),
	TEST(needs_reset),
	TEST(enabled_without_protocol_features),
	TEST(configuration_space),
	TEST(r80_a_thousand_connections),
	TEST(r80_gone_with_requests_in_flight),
};

TEST_MAIN(tests)
