/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user backend with a frontend that lies, goes silent or leaves in the middle. Whatever it does, the backend lives, has
 * nothing of it open afterwards and serves the next one. Cases named rNN_ are rows of the regression list.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "open_fds.h"

static struct echo echo;
static struct vhost_user_frontend *const f = &echo.plug.frontend;
static struct vhost_user_msg msg;
static unsigned int before; /* descriptors open with no connection */

static void begin(void)
{
	plug_type = &plug_types[PLUG_VHOST_USER];
	echo_init(&echo);
	/* A queue's own eventfd is there from its first start on. */
	CHECK(driver_negotiate(&echo.d, 0) && driver_queue_setup(&echo.d, 0, 0) && driver_queue_setup(&echo.d, 1, 0));
	driver_ok(&echo.d);
	frontend_disconnect(f);
	before = open_fds();
	echo.plug.dropped = 0;
	echo.plug.dropped_for[0] = '\0';
}

/* Connected anew, as far as a device that echoes. */
static struct driver_queue *meet(void)
{
	if (vhost_user_server_serve(&echo.plug.server, frontend_connect(f)) || !frontend_greet(f))
		return NULL;
	return driver_start(&echo.d, 0, 0);
}

/* After whatever was done: the backend serves the next frontend as it did the first, and nothing is left open. */
static bool lives_on(void)
{
	bool good;

	frontend_disconnect(f);
	good = open_fds() == before && !echo.v.status && !echo.plug.memory.mem.count;
	return good && echo_works(&echo, meet());
}

static void end(void)
{
	CHECK(lives_on());
	frontend_disconnect(f);
	echo_destroy(&echo);
}

/* It leaves after each number of messages, and each number of bytes of the next. */
static void r80_leaves_anywhere(void)
{
	static const uint32_t script[] = { VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES,
		VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_SET_OWNER, VHOST_USER_SET_FEATURES,
		VHOST_USER_SET_MEM_TABLE, VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_CALL };

	begin();
	for (size_t whole = 0; whole < ARRAY_SIZE(script); whole++) {
		for (size_t cut = 0; cut < 48; cut += 5) {
			REQUIRE(!vhost_user_server_serve(&echo.plug.server, frontend_connect(f)));
			for (size_t i = 0; i <= whole; i++) {
				vhost_user_request(&msg, script[i]);
				if (script[i] == VHOST_USER_SET_FEATURES)
					msg.payload.u64 = DRIVER_F(VIRTIO_F_VERSION_1);
				else if (script[i] == VHOST_USER_SET_VRING_NUM)
					msg.payload.state.num = 16;
				else if (script[i] == VHOST_USER_SET_VRING_CALL)
					msg.payload.u64 = VHOST_USER_VRING_NO_FD;
				else if (script[i] == VHOST_USER_SET_MEM_TABLE)
					msg.header.size = 8;
				if (i < whole)
					CHECK(frontend_send(f, &msg));
			}
			CHECK(write(f->fd, &msg, cut < 12 ? cut : 12) >= 0);
			if (cut > 12)
				CHECK(write(f->fd, &msg.payload, cut - 12) >= 0);
			rig_run(&echo.rig);
			frontend_disconnect(f);
			CHECK_EQ(open_fds(), before);
			CHECK_EQ(echo.plug.memory.mem.count, 0);
		}
	}
	end();
}

/* Without asking for an acknowledgement: the connection ends, and the reason is told. */
static void r81_lies_end_the_connection(void)
{
	static const struct lie {
		uint32_t request;
		union vhost_user_payload payload;
		const char *said;
	} lies[] = {
		{ 0, { 0 }, "a message: no such request is known" },
		{ 999, { 0 }, "a message: no such request is known" },
		{ UINT32_MAX, { 0 }, "a message: no such request is known" },
		{ VHOST_USER_SET_FEATURES, { .u64 = DRIVER_F(VIRTIO_F_VERSION_1) | 1 },
			"SET_FEATURES: features change while a ring runs" },
		{ VHOST_USER_SET_FEATURES, { .u64 = ~0ULL },
			"SET_FEATURES: the driver accepted features that were not offered" },
		{ VHOST_USER_SET_FEATURES, { .u64 = 0 }, "SET_FEATURES: the driver did not accept VIRTIO_F_VERSION_1" },
		{ VHOST_USER_SET_PROTOCOL_FEATURES, { .u64 = 1ULL << 63 },
			"SET_PROTOCOL_FEATURES: protocol features that were not offered" },
		{ VHOST_USER_SET_VRING_NUM, { .state = { 2, 16 } }, "SET_VRING_NUM: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_NUM, { .state = { UINT32_MAX, 16 } },
			"SET_VRING_NUM: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_NUM, { .state = { 1, 0 } },
			"SET_VRING_NUM: a ring's size is 0 or more than the device allows" },
		{ VHOST_USER_SET_VRING_NUM, { .state = { 1, 65536 + 16 } },
			"SET_VRING_NUM: a ring's size is 0 or more than the device allows" },
		{ VHOST_USER_SET_VRING_NUM, { .state = { 0, 16 } }, "SET_VRING_NUM: the ring is running" },
		{ VHOST_USER_SET_VRING_ADDR, { .addr = { .index = 0 } }, "SET_VRING_ADDR: the ring is running" },
		{ VHOST_USER_SET_VRING_ADDR, { .addr = { .index = 1, .flags = 1 } },
			"SET_VRING_ADDR: logging was not offered" },
		{ VHOST_USER_SET_VRING_BASE, { .state = { 0, 5 } }, "SET_VRING_BASE: the ring is running" },
		{ VHOST_USER_SET_VRING_BASE, { .state = { 77, 5 } }, "SET_VRING_BASE: there is no ring of that index" },
		{ VHOST_USER_GET_VRING_BASE, { .state = { 2, 0 } }, "GET_VRING_BASE: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_ENABLE, { .state = { 0, 2 } },
			"SET_VRING_ENABLE: a ring is enabled by 1 and disabled by 0" },
		{ VHOST_USER_SET_VRING_ENABLE, { .state = { 5, 1 } },
			"SET_VRING_ENABLE: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_KICK, { .u64 = 0 | VHOST_USER_VRING_NO_FD },
			"SET_VRING_KICK: polling a ring instead of waiting for kicks is not supported" },
		{ VHOST_USER_SET_VRING_CALL, { .u64 = 0xff | VHOST_USER_VRING_NO_FD },
			"SET_VRING_CALL: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_ERR, { .u64 = 2 | VHOST_USER_VRING_NO_FD },
			"SET_VRING_ERR: there is no ring of that index" },
		{ VHOST_USER_SET_VRING_ERR, { .u64 = 2 }, "SET_VRING_ERR: a descriptor is missing" },
		{ VHOST_USER_GET_INFLIGHT_FD, { 0 }, "GET_INFLIGHT_FD: its protocol feature was not negotiated" },
		{ VHOST_USER_REM_MEM_REG, { .one = { 0, { 1, 2, 3, 4 } } },
			"REM_MEM_REG: there is no such memory region" },
		{ VHOST_USER_ADD_MEM_REG, { 0 }, "ADD_MEM_REG: a descriptor is missing" },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		REQUIRE(meet());
		if (lies[i].request == VHOST_USER_SET_FEATURES && !strstr(lies[i].said, "runs"))
			CHECK(frontend_state(f, VHOST_USER_GET_VRING_BASE, 0, 0));
		vhost_user_request(&msg, lies[i].request);
		msg.payload = lies[i].payload;
		CHECK(frontend_send(f, &msg));
		CHECK(frontend_dropped(f));
		CHECK_EQ(echo.plug.dropped, i + 1);
		CHECK_STR(echo.plug.dropped_for, lies[i].said);
		CHECK(lives_on());
		frontend_disconnect(f);
	}
	end();
}

static void r81_a_message_before_its_feature(void)
{
	static const uint32_t requests[] = { VHOST_USER_GET_CONFIG, VHOST_USER_RESET_DEVICE,
		VHOST_USER_GET_MAX_MEM_SLOTS };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		REQUIRE(!vhost_user_server_serve(&echo.plug.server, frontend_connect(f)));
		vhost_user_request(&msg, requests[i]);
		if (requests[i] == VHOST_USER_GET_CONFIG)
			msg.header.size = 12;
		/* NEED_REPLY was not negotiated either. */
		msg.header.flags |= VHOST_USER_NEED_REPLY;
		CHECK(frontend_send(f, &msg));
		CHECK(frontend_dropped(f));
		CHECK_HAS(echo.plug.dropped_for, ": its protocol feature was not negotiated");
		frontend_disconnect(f);
	}
	end();
}

/* Rings that cannot be where they are said to be. Refused, and the connection goes on. */
static void r81_rings_that_cannot_be(void)
{
	static const struct vhost_user_vring_addr addrs[] = {
		{ .index = 1 },
		{ .index = 1, .desc = FRONTEND_USER, .used = FRONTEND_USER, .avail = FRONTEND_USER - 1 },
		{ .index = 1, .desc = FRONTEND_USER + RIG_RAM_SIZE, .used = FRONTEND_USER, .avail = FRONTEND_USER },
		{ .index = 1,
			.desc = FRONTEND_USER + RIG_RAM_SIZE - 16,
			.used = FRONTEND_USER,
			.avail = FRONTEND_USER },
		{ .index = 1, .desc = FRONTEND_USER, .used = FRONTEND_USER + RIG_RAM_SIZE - 4, .avail = FRONTEND_USER },
		{ .index = 1, .desc = FRONTEND_USER, .used = FRONTEND_USER, .avail = FRONTEND_USER + 1 },
		/* Where it is in the guest is nobody's address in the frontend. */
		{ .index = 1, .desc = RIG_RAM_BASE, .used = RIG_RAM_BASE, .avail = RIG_RAM_BASE },
		{ .index = 1, .desc = UINT64_MAX, .used = UINT64_MAX, .avail = UINT64_MAX },
	};
	struct driver_queue *q;
	int kick;

	begin();
	kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q = meet();
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		vhost_user_request(&msg, VHOST_USER_SET_VRING_ADDR);
		msg.payload.addr = addrs[i];
		CHECK(frontend_state(f, VHOST_USER_SET_VRING_NUM, 1, 16));
		CHECK(frontend_ask(f, &msg));
		CHECK(frontend_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1));
		CHECK(!frontend_fd(f, VHOST_USER_SET_VRING_KICK, 1, kick));
		CHECK(frontend_state(f, VHOST_USER_GET_VRING_BASE, 1, 0));
		CHECK(echo_works(&echo, q));
	}
	/* A position that a split ring cannot have. */
	vhost_user_request(&msg, VHOST_USER_SET_VRING_ADDR);
	msg.payload.addr = (struct vhost_user_vring_addr){ 1, 0, FRONTEND_USER, FRONTEND_USER, FRONTEND_USER, 0 };
	CHECK(frontend_ask(f, &msg));
	CHECK(frontend_state(f, VHOST_USER_SET_VRING_BASE, 1, 0x10000));
	CHECK(!frontend_fd(f, VHOST_USER_SET_VRING_KICK, 1, kick));
	/* A ring that was never addressed, and one of unknown features. */
	vhost_user_request(&msg, VHOST_USER_RESET_DEVICE);
	CHECK(frontend_ask(f, &msg));
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_KICK, 1, kick));
	CHECK(!frontend_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1));
	CHECK_EQ(echo.v.status, 0);
	close(kick);
	end();
}

/* Packed positions outside the ring. */
static void r81_packed_positions(void)
{
	static const uint32_t bases[] = { 0x80108000, 0x80008010, 0x00100000, 0xffff8000, 0x8000ffff };
	struct driver_queue *q;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		REQUIRE(meet());
		q = driver_start(&echo.d, DRIVER_F(VIRTIO_F_RING_PACKED), 0);
		CHECK(echo_works(&echo, q));
		CHECK(frontend_state(f, VHOST_USER_GET_VRING_BASE, 0, 0));
		CHECK(frontend_state(f, VHOST_USER_SET_VRING_BASE, 0, bases[i]));
		CHECK(!frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, f->ring[0].kick));
		frontend_disconnect(f);
	}
	end();
}

static bool add_region(struct vhost_user_region region, int fd)
{
	vhost_user_request(&msg, VHOST_USER_ADD_MEM_REG);
	msg.payload.one.region = region;
	msg.fd[0] = fd;
	msg.fd_count = 1;
	return frontend_ask(f, &msg);
}

static void r81_memory_that_cannot_be(void)
{
	static const struct vhost_user_region regions[] = {
		{ 0, 0, 0, 0 },
		{ 0, RIG_RAM_SIZE + 1, 0, 0 },
		{ 0, RIG_RAM_SIZE, 0, 1 },
		{ 0, 1, 0, RIG_RAM_SIZE },
		{ 0, UINT64_MAX, 0, 0 },
		{ 0, UINT64_MAX, 0, 1 },
		{ 0, 4096, 0, UINT64_MAX },
		{ 0, 4096, 0, UINT64_MAX - 4095 },
		{ 0, 1ULL << 63, 0, 1ULL << 63 },
		{ UINT64_MAX - 4094, 4096, 0, 0 },
		{ 0, 4096, UINT64_MAX - 4094, 0 },
		{ RIG_RAM_BASE + 4096, 4096, 0, 0 },
		{ RIG_RAM_BASE - 4096, 4097, 0, 0 },
	};
	struct driver_queue *q;
	int pipes[2], event, readable;

	begin();
	event = eventfd(0, EFD_CLOEXEC);
	readable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(!pipe2(pipes, O_CLOEXEC));
	q = meet();
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		CHECK(!add_region(regions[i], echo.rig.ram_fd));
	CHECK(!add_region((struct vhost_user_region){ 0, 4096, 0, 0 }, event));
	CHECK(!add_region((struct vhost_user_region){ 0, 4096, 0, 0 }, pipes[0]));
	CHECK(!add_region((struct vhost_user_region){ 0, 4096, 0, 0 }, f->fd));
	/* It would have to be written too. */
	CHECK(!add_region((struct vhost_user_region){ 0, 4096, 0, 0 }, readable));
	CHECK_EQ(echo.plug.memory.mem.count, 1);
	CHECK(echo_works(&echo, q));
	/* The last byte there can be. */
	CHECK(add_region((struct vhost_user_region){ UINT64_MAX - 4095, 4096, UINT64_MAX - 4095, 0 }, echo.rig.ram_fd));
	/* Seven more fit, not eight. */
	for (unsigned int i = 0; i < 7; i++)
		CHECK_EQ(add_region((struct vhost_user_region){ i * 4096, 4096, i * 4096, 0 }, echo.rig.ram_fd), i < 6);
	CHECK(echo_works(&echo, q));
	/* A table that is bad in the middle leaves no memory, and says so. */
	echo.rig.ram_fd = dup(event);
	CHECK(!frontend_table(f, 2));
	CHECK_EQ(echo.plug.memory.mem.count, 0);
	CHECK(!echo_works(&echo, q));
	close(echo.rig.ram_fd);
	echo.rig.ram_fd = echo.rig.mem.region[0].fd;
	close(pipes[0]);
	close(pipes[1]);
	close(event);
	close(readable);
	end();
}

/* Sums that wrap to a small file, with no other memory to be in the way. */
static void r81_memory_that_wraps(void)
{
	static const struct vhost_user_region regions[] = {
		{ 0, UINT64_MAX - 999, 0, 4095 },
		{ 0, UINT64_MAX - 999, 0, 1000 },
		{ 0, UINT64_MAX, 0, 1 },
	};
	struct vhost_user_memory memory = { .lost = 0 };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		CHECK_STR(vhost_user_memory_add(&memory, &regions[i], echo.rig.ram_fd),
			"a memory region is empty or longer than its file");
	end();
}

static void cut_short(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	if (!vhost_user_memory_patch(&echo.plug.memory, info->si_addr))
		_exit(99);
}

/* Its memory is gone while rings run: an access of ours is no end of us. Found by a kick, or by messages. */
static void r81_memory_cut_short(void)
{
	const struct sigaction action = { .sa_sigaction = cut_short, .sa_flags = SA_SIGINFO };
	struct sigaction old;

	CHECK(!sigaction(SIGBUS, &action, &old));
	begin();
	for (int kicked = 0; kicked < 2; kicked++) {
		REQUIRE(echo_works(&echo, meet()));
		CHECK(!ftruncate(echo.rig.ram_fd, 0));
		if (kicked)
			CHECK(!eventfd_write(f->ring[0].kick, 1));
		else
			(void)frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, f->ring[0].kick);
		(void)frontend_state(f, VHOST_USER_SET_VRING_BASE, 1, 0);
		CHECK(frontend_dropped(f));
		CHECK_STR(echo.plug.dropped_for, "the memory it shares was cut short");
		frontend_disconnect(f);
		CHECK(!ftruncate(echo.rig.ram_fd, RIG_RAM_SIZE));
	}
	end();
	sigaction(SIGBUS, &old, NULL);
}

/* Each message as a good one may look. Those with descriptors have them in it. */
static void good_message(uint32_t request)
{
	const struct vhost_user_rule *rule = vhost_user_rule(request);

	vhost_user_request(&msg, request);
	if (rule->payload == VHOST_USER_CONFIG) {
		msg.payload.config.size = 4;
		msg.header.size = offsetof(struct vhost_user_config, data) + 4;
	} else if (rule->payload == VHOST_USER_TABLE) {
		msg.payload.table.count = 1;
		msg.payload.table.region[0] =
			(struct vhost_user_region){ RIG_RAM_BASE, RIG_RAM_SIZE, FRONTEND_USER, 0 };
		msg.header.size = 8 + sizeof(struct vhost_user_region);
	} else if (rule->payload == VHOST_USER_REGION) {
		msg.payload.one.region = (struct vhost_user_region){ 0, 4096, 0, 0 };
	} else if (rule->payload == VHOST_USER_INFLIGHT) {
		msg.payload.inflight = (struct vhost_user_inflight){ .mmap_size = 4096, .queues = 1, .queue_size = 16 };
	} else if (request == VHOST_USER_SET_FEATURES) {
		msg.payload.u64 = DRIVER_F(VIRTIO_F_VERSION_1) | 1ULL << VHOST_USER_F_PROTOCOL_FEATURES;
	} else if (request == VHOST_USER_SET_PROTOCOL_FEATURES) {
		msg.payload.u64 = 1 << VHOST_USER_PROTOCOL_F_REPLY_ACK;
	} else if (request == VHOST_USER_SET_VRING_NUM) {
		msg.payload.state = (struct vhost_user_vring_state){ 1, 16 };
	}
	msg.fd_count = rule->fds == VHOST_USER_FDS_NONE || rule->fds == VHOST_USER_FDS_MAYBE ? 0 : 1;
	msg.fd[0] = echo.rig.ram_fd;
}

/* With its descriptors, up to the cut: 0 for a message that is whole. */
static void send_cut(size_t cut)
{
	struct iovec iov[2] = { { &msg.header, sizeof(msg.header) }, { &msg.payload, msg.header.size } };
	char control[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c = (void *)control;

	if (cut && cut < sizeof(msg.header))
		iov[0].iov_len = cut;
	if (cut)
		iov[1].iov_len = cut < sizeof(msg.header) ? 0 : cut - sizeof(msg.header);
	*c = (struct cmsghdr){ CMSG_LEN(msg.fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	for (unsigned int i = 0; i < msg.fd_count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &echo.rig.ram_fd, sizeof(int));
	hdr.msg_control = msg.fd_count ? control : NULL;
	hdr.msg_controllen = msg.fd_count ? CMSG_SPACE(msg.fd_count * sizeof(int)) : 0;
	CHECK(sendmsg(f->fd, &hdr, MSG_NOSIGNAL) > 0);
}

/* Every message, cut behind every byte: it leaves there. */
static void r80_every_message_cut(void)
{
	begin();
	for (uint32_t request = 1; request < VHOST_USER_REQUESTS; request++) {
		if (!vhost_user_rule(request))
			continue;
		good_message(request);
		for (size_t cut = sizeof(msg.header) + msg.header.size; --cut;) {
			f->protocol = 1 << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
			REQUIRE(!vhost_user_server_serve(&echo.plug.server, frontend_connect(f)) && frontend_greet(f));
			good_message(request);
			send_cut(cut);
			rig_run(&echo.rig);
			frontend_disconnect(f);
			CHECK_EQ(open_fds(), before);
		}
	}
	end();
}

/* Every good message with each number of descriptors, one more than any may have among them; and that once more. */
static void r82_zero_to_nine_descriptors(void)
{
	begin();
	for (uint32_t request = 1; request < VHOST_USER_REQUESTS; request++) {
		for (unsigned int fds = 0; vhost_user_rule(request) && fds <= VHOST_USER_MAX_FDS + 1; fds++) {
			f->protocol = 1 << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
			REQUIRE(meet());
			for (int again = 0; again < 3; again++) {
				good_message(request);
				msg.fd_count = fds;
				/* Not if the connection is over. */
				if (echo.plug.server.source.fd >= 0)
					send_cut(0);
				rig_run(&echo.rig);
			}
			frontend_disconnect(f);
			CHECK_EQ(open_fds(), before);
		}
	}
	end();
}

/* The same message again and again, each with a descriptor: the last counts, and only that is kept. */
static void r82_repeated(void)
{
	unsigned int open;
	int event;

	begin();
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	REQUIRE(meet());
	open = open_fds();
	for (int i = 0; i < 1000; i++) {
		CHECK(frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, event));
		CHECK(frontend_fd(f, VHOST_USER_SET_VRING_CALL, 0, event));
		CHECK(frontend_fd(f, VHOST_USER_SET_VRING_ERR, 0, event));
		CHECK(frontend_table(f, 1 + (unsigned int)i % 8));
	}
	CHECK_EQ(open_fds(), open);
	close(event);
	end();
}

/* Kick descriptors that are none. The loop comes to rest, and the others are served. */
static void kick_descriptors_of_any_kind(void)
{
	int pipes[2], file;

	begin();
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(!pipe2(pipes, O_CLOEXEC));
	/* What epoll cannot wait for is refused. */
	REQUIRE(meet());
	CHECK(!frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, file));
	frontend_disconnect(f);
	/* A pipe does, as long as somebody can write into it. */
	REQUIRE(meet());
	CHECK(frontend_fd(f, VHOST_USER_SET_VRING_KICK, 0, pipes[0]));
	CHECK(write(pipes[1], "12345678", 8) == 8);
	rig_run(&echo.rig);
	CHECK(!echo.plug.dropped);
	close(pipes[1]);
	CHECK(frontend_dropped(f));
	CHECK_STR(echo.plug.dropped_for, "a kick descriptor can be read no more");
	frontend_disconnect(f);
	close(pipes[0]);
	close(file);
	end();
}

/* It asks and never listens. */
static void r84_never_takes_an_answer(void)
{
	int asked = 0;

	begin();
	REQUIRE(meet());
	vhost_user_request(&msg, VHOST_USER_GET_FEATURES);
	while (!echo.plug.dropped && asked++ < 100000) {
		(void)frontend_send(f, &msg);
		rig_run(&echo.rig);
	}
	CHECK_EQ(echo.plug.dropped, 1);
	CHECK_STR(echo.plug.dropped_for, "it does not take answers");
	end();
}

/* Half a message and silence: rings run on, and nobody waits. */
static void r84_silent_in_a_message(void)
{
	struct driver_queue *q;

	begin();
	q = meet();
	vhost_user_request(&msg, VHOST_USER_SET_VRING_NUM);
	CHECK_EQ(write(f->fd, &msg, 7), 7);
	CHECK_EQ(rig_run(&echo.rig), 1);
	for (int i = 0; i < 20; i++)
		CHECK(echo_works(&echo, q));
	CHECK_EQ(write(f->fd, (char *)&msg + 7, 13), 13);
	CHECK(frontend_dropped(f));
	CHECK_STR(echo.plug.dropped_for, "SET_VRING_NUM: the ring is running");
	end();
}

static uint64_t seed = 1;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

/* Numbers near those that mean something. */
static uint64_t number(void)
{
	static const uint64_t near[] = { 0, 1, 2, 15, 16, 256, 4096, 0x8000, 0xffff, 0x10000, RIG_RAM_BASE,
		RIG_RAM_SIZE, FRONTEND_USER, FRONTEND_USER + 4 * MiB, UINT64_MAX, 1ULL << 63, 1ULL << 32, 1ULL << 30 };

	return near[pick(ARRAY_SIZE(near))] + pick(3) - 1;
}

static void random_message(int event)
{
	const struct vhost_user_rule *rule;
	uint64_t words[sizeof(msg.payload) / 8];
	uint32_t request = pick(VHOST_USER_REQUESTS);

	rule = vhost_user_rule(request);
	vhost_user_request(&msg, request);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = pick(4) ? number() : number() | number() << 32;
	memcpy(&msg.payload, words, sizeof(words));
	if (rule && rule->payload == VHOST_USER_STATE)
		msg.payload.state.index = pick(3);
	if (rule && rule->payload == VHOST_USER_TABLE) {
		msg.payload.table.count = pick(4);
		msg.header.size = 8 + 32 * msg.payload.table.count;
	}
	if (pick(30) == 0)
		msg.header.size = pick(sizeof(msg.payload) + 1);
	msg.header.flags |= pick(4) ? VHOST_USER_NEED_REPLY : 0;
	msg.fd_count = pick(3) ? (rule && rule->fds ? 1 : 0) : pick(5);
	for (unsigned int i = 0; i < msg.fd_count; i++)
		msg.fd[i] = pick(2) ? event : echo.rig.ram_fd;
}

/* Anything at all. */
static void anything(void)
{
	int event;

	begin();
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (int i = 0; i < 20000; i++) {
		if (f->fd < 0 && !meet()) {
			CHECK(!"no connection");
			break;
		}
		random_message(event);
		(void)frontend_send(f, &msg);
		(void)eventfd_write(event, 1);
		if (!pick(8) && f->ring[0].kick >= 0)
			(void)eventfd_write(f->ring[0].kick, 1);
		if (frontend_dropped(f) || !pick(50))
			frontend_disconnect(f);
	}
	frontend_disconnect(f);
	close(event);
	end();
}

static const struct test tests[] = {
	TEST(r80_leaves_anywhere),
	TEST(r80_every_message_cut),
	TEST(r81_lies_end_the_connection),
	TEST(r81_a_message_before_its_feature),
	TEST(r81_rings_that_cannot_be),
	TEST(r81_packed_positions),
	TEST(r81_memory_that_cannot_be),
	TEST(r81_memory_that_wraps),
	TEST(r81_memory_cut_short),
	TEST(r82_zero_to_nine_descriptors),
	TEST(r82_repeated),
	TEST(kick_descriptors_of_any_kind),
	TEST(r84_never_takes_an_answer),
	TEST(r84_silent_in_a_message),
	TEST(anything),
};

TEST_MAIN(tests)
