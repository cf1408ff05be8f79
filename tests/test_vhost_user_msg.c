/* SPDX-License-Identifier: Apache-2.0 */
/* vhost-user messages over a socketpair: whole, cut, lied about, and with any number of descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/vhost_user_msg.h"
#include "open_fds.h"
#include "rig.h"
#include "test.h"

static int ours, theirs;
static struct vhost_user_reader reader;
static const char *why;

static void begin(void)
{
	int pair[2] = { -1, -1 };

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ours = pair[0];
	theirs = pair[1];
	why = NULL;
}

static void end(void)
{
	vhost_user_reader_clear(&reader);
	close(ours);
	if (theirs >= 0)
		close(theirs);
}

static int receive(void)
{
	return vhost_user_receive(&reader, ours, &why);
}

/* Bytes with `fds` descriptors, which are all the same eventfd. */
static void put(const void *bytes, size_t len, unsigned int fds)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr c;
	} control;
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = eventfd(0, EFD_CLOEXEC);

	memset(&control, 0, sizeof(control));
	if (fds) {
		control.c = (struct cmsghdr){ CMSG_LEN(fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		for (unsigned int i = 0; i < fds; i++)
			memcpy(CMSG_DATA(&control.c) + i * sizeof(int), &fd, sizeof(fd));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(fds * sizeof(int));
	}
	CHECK_EQ(sendmsg(theirs, &hdr, MSG_NOSIGNAL), len);
	close(fd);
}

/* Header and payload as they lie in a socket. */
static size_t flatten(const struct vhost_user_msg *m, char *bytes)
{
	memcpy(bytes, &m->header, sizeof(m->header));
	memcpy(bytes + sizeof(m->header), &m->payload, m->header.size);
	return sizeof(m->header) + m->header.size;
}

/* A valid request of each kind. */
static void example(struct vhost_user_msg *m, uint32_t request)
{
	vhost_user_request(m, request);
	if (request == VHOST_USER_SET_MEM_TABLE) {
		m->payload.table.count = 3;
		m->header.size = 8 + 3 * 32;
	} else if (request == VHOST_USER_GET_CONFIG || request == VHOST_USER_SET_CONFIG) {
		m->payload.config.size = 60;
		m->header.size = 12 + 60;
	}
}

static unsigned int example_fds(const struct vhost_user_msg *m)
{
	switch (vhost_user_rule(m->header.request)->fds) {
	case VHOST_USER_FDS_ONE:
	case VHOST_USER_FDS_VRING: return 1;
	case VHOST_USER_FDS_TABLE: return m->payload.table.count;
	default: return 0;
	}
}

/* The sizes of vhost-user's structures, by hand. */
static void sizes_on_the_wire(void)
{
	static const struct {
		uint32_t request, size;
	} rows[] = {
		{ VHOST_USER_GET_FEATURES, 0 },
		{ VHOST_USER_SET_FEATURES, 8 },
		{ VHOST_USER_SET_VRING_NUM, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 40 },
		{ VHOST_USER_ADD_MEM_REG, 40 },
		{ VHOST_USER_SET_INFLIGHT_FD, 24 },
	};
	struct vhost_user_msg m;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		vhost_user_request(&m, rows[i].request);
		CHECK_EQ(m.header.size, rows[i].size);
	}
	CHECK_EQ(sizeof(struct vhost_user_header), 12);
	CHECK_EQ(offsetof(struct vhost_user_config, data), 12);
	CHECK_EQ(sizeof(struct vhost_user_region), 32);
	CHECK_EQ(sizeof(struct vhost_user_table), 8 + 8 * 32);
}

static void every_request_arrives(void)
{
	char bytes[sizeof(struct vhost_user_msg)];
	unsigned int before;

	begin();
	before = open_fds();
	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		struct vhost_user_msg m;

		if (!vhost_user_rule(request))
			continue;
		example(&m, request);
		put(bytes, flatten(&m, bytes), example_fds(&m));
		CHECK_EQ(receive(), 1);
		CHECK_EQ(reader.msg.header.request, request);
		CHECK_EQ(reader.msg.fd_count, example_fds(&m));
		CHECK(!memcmp(&reader.msg.payload, &m.payload, m.header.size));
		CHECK(!vhost_user_check_request(&reader.msg));
		for (unsigned int i = 0; i < reader.msg.fd_count; i++)
			CHECK(fcntl(reader.msg.fd[i], F_GETFD) & FD_CLOEXEC);
		CHECK_EQ(receive(), 0);
		CHECK_EQ(open_fds(), before);
	}
	CHECK_EQ(vhost_user_rule(VHOST_USER_REQUESTS) == NULL, true);
	CHECK_EQ(vhost_user_rule(UINT32_MAX) == NULL, true);
	end();
}

/* In two pieces, at every byte: nothing is taken for whole too early. Then the peer is gone in the middle instead. */
static void r80_cut_at_every_byte(void)
{
	char bytes[sizeof(struct vhost_user_msg)];
	struct vhost_user_msg m;
	unsigned int before = open_fds();
	size_t len;

	example(&m, VHOST_USER_SET_MEM_TABLE);
	len = flatten(&m, bytes);
	for (size_t cut = 1; cut < len; cut++) {
		begin();
		put(bytes, cut, 3);
		CHECK_EQ(receive(), 0);
		put(bytes + cut, len - cut, 0);
		CHECK_EQ(receive(), 1);
		CHECK(!vhost_user_check_request(&reader.msg));
		end();
		begin();
		put(bytes, cut, 3);
		close(theirs);
		theirs = -1;
		CHECK_EQ(receive(), -EPROTO);
		CHECK_STR(why, "the peer closed in the middle of a message");
		end();
	}
	begin();
	close(theirs);
	theirs = -1;
	CHECK_EQ(receive(), -ENOTCONN);
	end();
	CHECK_EQ(open_fds(), before);
}

/* Descriptors stay with the message whose bytes they came with, also when the next one is there already. */
static void two_messages_at_once(void)
{
	char bytes[2 * sizeof(struct vhost_user_msg)];
	struct vhost_user_msg m;
	size_t len;

	begin();
	example(&m, VHOST_USER_SET_OWNER);
	len = flatten(&m, bytes);
	len += flatten(&m, bytes + len);
	put(bytes, len, 0);
	example(&m, VHOST_USER_SET_VRING_KICK);
	put(bytes, flatten(&m, bytes), 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(receive(), 1);
		CHECK_EQ(reader.msg.fd_count, i == 2);
		CHECK(!vhost_user_check_request(&reader.msg));
	}
	CHECK_EQ(receive(), 0);
	end();
}

static void r81_headers_that_lie(void)
{
	static const struct {
		struct vhost_user_header header;
		const char *why;
	} rows[] = {
		{ { 1, 0, 0 }, "a message of another version" },
		{ { 1, 2, 0 }, "a message of another version" },
		{ { 1, 3, 0 }, "a message of another version" },
		{ { 1, 1 | 1 << 4, 0 }, "a message has unknown flags" },
		{ { 1, 1 | 1U << 31, 0 }, "a message has unknown flags" },
		{ { 1, 1, sizeof(union vhost_user_payload) + 1 }, "a message is longer than any may be" },
		{ { 1, 1, UINT32_MAX }, "a message is longer than any may be" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		put(&rows[i].header, sizeof(rows[i].header), 1);
		CHECK_EQ(receive(), -EPROTO);
		CHECK_STR(why, rows[i].why);
		end();
	}
}

/* Every size that is not the request's own, up to the largest. */
static void r81_every_wrong_size(void)
{
	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		struct vhost_user_msg m;
		uint32_t right;

		if (!vhost_user_rule(request))
			continue;
		example(&m, request);
		right = m.header.size;
		m.fd_count = example_fds(&m);
		for (m.header.size = 0; m.header.size <= sizeof(m.payload); m.header.size++) {
			bool packed = vhost_user_rule(request)->payload == VHOST_USER_INFLIGHT && m.header.size == 20;

			CHECK_EQ(!vhost_user_check_request(&m), m.header.size == right || packed);
		}
	}
}

static void r81_tables_and_configs(void)
{
	struct vhost_user_msg m;

	example(&m, VHOST_USER_SET_MEM_TABLE);
	/* 8 + 32 * 2^27 is 8 in 32 bits. */
	m.payload.table.count = 1U << 27;
	m.header.size = 8;
	CHECK_STR(vhost_user_check_request(&m), "it has more regions than a message may have");
	m.payload.table.count = 9;
	CHECK_STR(vhost_user_check_request(&m), "it has more regions than a message may have");
	m.payload.table.count = 8;
	m.header.size = 8 + 8 * 32;
	m.fd_count = 8;
	CHECK(!vhost_user_check_request(&m));
	example(&m, VHOST_USER_GET_CONFIG);
	m.payload.config.size = UINT32_MAX;
	CHECK(vhost_user_check_request(&m));
	m.payload.config.size = 256;
	m.header.size = 12 + 256;
	CHECK(!vhost_user_check_request(&m));
	m.header.flags |= VHOST_USER_REPLY;
	CHECK_STR(vhost_user_check_request(&m), "a reply came where a request was due");
	vhost_user_request(&m, 999);
	CHECK_STR(vhost_user_check_request(&m), "no such request is known");
}

static void r82_zero_to_nine_descriptors(void)
{
	char bytes[sizeof(struct vhost_user_msg)];
	unsigned int before = open_fds();

	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		struct vhost_user_msg m;

		for (unsigned int fds = 0; vhost_user_rule(request) && fds < 10; fds++) {
			bool right;

			example(&m, request);
			right = fds == example_fds(&m) || (request == VHOST_USER_REM_MEM_REG && fds == 1);
			begin();
			put(bytes, flatten(&m, bytes), fds);
			CHECK_EQ(receive(), fds > VHOST_USER_MAX_FDS ? -EPROTO : 1);
			if (fds <= VHOST_USER_MAX_FDS)
				CHECK_EQ(!vhost_user_check_request(&reader.msg), right);
			else
				CHECK_HAS(why, "more descriptors");
			end();
		}
	}
	CHECK_EQ(open_fds(), before);
}

/* Some with each piece: together they are too many. */
static void r82_descriptors_with_each_piece(void)
{
	char bytes[sizeof(struct vhost_user_msg)];
	unsigned int before = open_fds();
	struct vhost_user_msg m;
	size_t len;

	begin();
	example(&m, VHOST_USER_SET_MEM_TABLE);
	len = flatten(&m, bytes);
	put(bytes, 20, 5);
	put(bytes + 20, len - 20, 5);
	CHECK_EQ(receive(), -EPROTO);
	end();
	CHECK_EQ(open_fds(), before);
}

static void r82_no_descriptor_by_flag(void)
{
	struct vhost_user_msg m;

	example(&m, VHOST_USER_SET_VRING_CALL);
	m.payload.u64 = 3 | VHOST_USER_VRING_NO_FD;
	CHECK(!vhost_user_check_request(&m));
	m.fd_count = 1;
	CHECK_STR(vhost_user_check_request(&m), "it has more descriptors than it should");
	m.payload.u64 = 3;
	CHECK(!vhost_user_check_request(&m));
	m.fd_count = 0;
	CHECK_STR(vhost_user_check_request(&m), "a descriptor is missing");
}

static void r81_replies_that_lie(void)
{
	struct vhost_user_msg request, reply;

	example(&request, VHOST_USER_GET_CONFIG);
	reply = request;
	CHECK_STR(vhost_user_check_reply(&request.header, &reply), "it is not marked as a reply");
	reply.header.flags |= VHOST_USER_REPLY;
	CHECK(!vhost_user_check_reply(&request.header, &reply));
	reply.header.size++;
	reply.payload.config.size++;
	CHECK_STR(vhost_user_check_reply(&request.header, &reply), "its payload is not as long as was asked for");
	reply.header.size = 0;
	CHECK(!vhost_user_check_reply(&request.header, &reply));
	reply.fd_count = 1;
	CHECK(vhost_user_check_reply(&request.header, &reply));
	reply.header.request = VHOST_USER_GET_FEATURES;
	CHECK_STR(vhost_user_check_reply(&request.header, &reply), "it answers another request");

	/* One that has no answer of its own is acknowledged by a number. */
	vhost_user_request(&request, VHOST_USER_SET_VRING_NUM);
	vhost_user_request(&reply, VHOST_USER_SET_VRING_NUM);
	reply.header.flags |= VHOST_USER_REPLY;
	CHECK(!vhost_user_check_reply(&request.header, &reply));
	reply.header.size = 4;
	CHECK(vhost_user_check_reply(&request.header, &reply));

	vhost_user_request(&request, VHOST_USER_GET_INFLIGHT_FD);
	vhost_user_request(&reply, VHOST_USER_GET_INFLIGHT_FD);
	reply.header.flags |= VHOST_USER_REPLY;
	CHECK_STR(vhost_user_check_reply(&request.header, &reply), "a descriptor is missing");
}

static void sent_with_descriptors(void)
{
	struct vhost_user_msg m;
	unsigned int before = open_fds();
	int fd;

	begin();
	example(&m, VHOST_USER_SET_VRING_KICK);
	m.payload.u64 = 5;
	m.fd[0] = eventfd(7, EFD_CLOEXEC);
	m.fd_count = 1;
	CHECK_EQ(vhost_user_send(theirs, &m), 0);
	close(m.fd[0]);
	CHECK_EQ(receive(), 1);
	CHECK_EQ(reader.msg.payload.u64, 5);
	fd = vhost_user_take_fd(&reader.msg, 0);
	CHECK_EQ(vhost_user_take_fd(&reader.msg, 0), -1);
	CHECK_EQ(vhost_user_take_fd(&reader.msg, 1), -1);
	/* Taken, it outlives the message; and it is the same event. */
	CHECK_EQ(receive(), 0);
	eventfd_t count = 0;
	CHECK(!eventfd_read(fd, &count));
	CHECK_EQ(count, 7);
	close(fd);
	end();
	CHECK_EQ(open_fds(), before);
}

static void r84_waits_are_bounded(void)
{
	struct vhost_user_msg m;
	struct rig rig;
	uint64_t start = clock_host.monotonic_ns(&clock_host), took;
	int ret;

	begin();
	CHECK_EQ(vhost_user_receive_until(&reader, ours, &clock_host, start + 30 * 1000000, &why), -ETIMEDOUT);
	CHECK_STR(why, "the peer does not answer");
	took = clock_host.monotonic_ns(&clock_host) - start;
	CHECK(took >= 30 * 1000000);
	/* Half a message is no answer, and a clock that stands still does not make the wait endless. */
	rig_init(&rig);
	example(&m, VHOST_USER_SET_FEATURES);
	put(&m.header, 12, 0);
	CHECK_EQ(vhost_user_receive_until(&reader, ours, &rig.clock.clock, rig.clock.monotonic + 5000000, &why),
		-ETIMEDOUT);
	rig_destroy(&rig);
	/* A deadline that is past still takes what is there. */
	put(&m.payload, 8, 0);
	CHECK_EQ(vhost_user_receive_until(&reader, ours, &clock_host, 0, &why), 1);

	/* Nobody takes what we send. */
	do
		ret = vhost_user_send(ours, &m);
	while (!ret);
	CHECK_EQ(ret, -EAGAIN);
	start = clock_host.monotonic_ns(&clock_host);
	CHECK_EQ(vhost_user_send_until(ours, &m, &clock_host, start + 5000000), -ETIMEDOUT);
	close(theirs);
	theirs = -1;
	CHECK(vhost_user_send(ours, &m) < 0);
	end();
}

static void not_a_socket(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	CHECK_EQ(vhost_user_receive(&reader, fd, &why), -ENOTSOCK);
	close(fd);
}

static const struct test tests[] = {
	TEST(sizes_on_the_wire),
	TEST(every_request_arrives),
	TEST(r80_cut_at_every_byte),
	TEST(two_messages_at_once),
	TEST(r81_headers_that_lie),
	TEST(r81_every_wrong_size),
	TEST(r81_tables_and_configs),
	TEST(r82_zero_to_nine_descriptors),
	TEST(r82_descriptors_with_each_piece),
	TEST(r82_no_descriptor_by_flag),
	TEST(r81_replies_that_lie),
	TEST(sent_with_descriptors),
	TEST(r84_waits_are_bounded),
	TEST(not_a_socket),
};

TEST_MAIN(tests)
