/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend's end of vhost-user: with our own backend in a thread, and with one that lies at every answer it can give. Cases
 * named rNN_ are rows of the regression list.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "backend/vhost_user_client.h"
#include "echo.h"
#include "open_fds.h"

#define ALL	 UINT64_MAX
#define PATIENCE (10 * 1000000000ULL)

static struct echo echo;
static struct vhost_user_client client;
static struct vhost_user_vring vring;

/* A driver whose queue is started by the client. */

static uint32_t queue_max(struct driver *d, uint16_t index)
{
	(void)d, (void)index;
	return ECHO_QUEUE_SIZE;
}

static bool queue_enable(struct driver *d, const struct driver_queue *q)
{
	(void)d;
	vring.size = q->size;
	vring.desc = q->desc;
	vring.avail = q->avail;
	vring.used = q->used;
	vring.packed = q->ring == &driver_packed;
	vring.base = vring.packed ? 0x80008000 : 0;
	return !vhost_user_client_start(&client, &vring);
}

static void notify(struct driver *d, uint32_t value)
{
	(void)d, (void)value;
	(void)eventfd_write(vring.kick, 1);
}

static const struct driver_transport by_client = {
	.queue_max = queue_max, .queue_enable = queue_enable, .notify = notify
};

static int wait_for_call(void *opaque)
{
	struct pollfd pfd = { .fd = vring.call, .events = POLLIN };
	eventfd_t count;
	int ready = poll(&pfd, 1, 10000);

	(void)opaque;
	(void)eventfd_read(vring.call, &count);
	return ready;
}

static bool ring_works(struct driver_queue *q)
{
	gpa_t buf = driver_alloc(&echo.d, 64, 1);
	const struct driver_buf bufs[] = { { buf, 8, false }, { buf + 32, 8, true } };
	char got[8];
	uint16_t head;
	uint32_t len;

	driver_write(&echo.d, buf, "7 bytes", 8);
	if (driver_add(q, bufs, 2) < 0 || !driver_wait_used(q, &head, &len) || len != 8)
		return false;
	driver_read(&echo.d, buf + 32, got, 8);
	return !strcmp(got, "7 bytes");
}

static void *run_loop(void *opaque)
{
	CHECK_EQ(loop_run(opaque), 0);
	return NULL;
}

static void serves_a_ring(uint64_t features)
{
	struct driver_access access;
	struct driver_queue *q;
	uint8_t config[ECHO_CONFIG];
	uint32_t base;

	CHECK(!vhost_user_client_set_features(&client, features | DRIVER_F(VIRTIO_F_VERSION_1)));
	CHECK(!vhost_user_client_set_memory(&client, &echo.rig.mem));
	access = *echo.d.access;
	access.step = wait_for_call;
	driver_init(&echo.d, &access, echo.d.access_opaque, &by_client, 0, PLUG_ARENA, PLUG_ARENA_SIZE);
	echo.d.features = features;
	q = driver_queue_setup(&echo.d, 0, 0);
	REQUIRE(q);
	for (unsigned int n = 1; n < 20; n++) {
		CHECK(ring_works(q));
		CHECK(!vhost_user_client_stop(&client, &vring, &base));
		CHECK(vring.packed || base == n);
		vring.base = base;
		CHECK(!vhost_user_client_start(&client, &vring));
	}
	CHECK(!vhost_user_client_get_config(&client, config, ECHO_CONFIG));
	CHECK_EQ(config[3], 0xa3);
	CHECK(!vhost_user_client_set_config(&client, 3, "x", 1));
	CHECK(!vhost_user_client_get_config(&client, config, ECHO_CONFIG));
	CHECK_EQ(config[3], 'x');
	CHECK(!vhost_user_client_stop(&client, &vring, &base));
	/* More than is there to be had: refused with no harm. */
	CHECK_EQ(vhost_user_client_get_config(&client, config, VHOST_USER_MAX_CONFIG + 1), -EOPNOTSUPP);
}

static void with_our_backend(uint64_t protocol, uint64_t features)
{
	pthread_t thread;
	int end;

	plug_type = &plug_types[PLUG_VHOST_USER];
	echo_init(&echo);
	end = frontend_connect(&echo.plug.frontend);
	close(echo.plug.frontend.fd);
	close(end);
	vhost_user_server_drop(&echo.plug.server);
	end = frontend_connect(&echo.plug.frontend);
	REQUIRE(!vhost_user_server_serve(&echo.plug.server, end));
	vring = (struct vhost_user_vring){ .index = 0 };
	vring.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vring.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(!pthread_create(&thread, NULL, run_loop, &echo.rig.loop));

	CHECK(!vhost_user_client_open_fd(&client, echo.plug.frontend.fd, protocol, &clock_host, PATIENCE));
	echo.plug.frontend.fd = -1;
	CHECK_EQ(client.queues, ECHO_QUEUES);
	serves_a_ring(features);
	CHECK_STR(client.why, "");

	loop_stop(&echo.rig.loop);
	pthread_join(thread, NULL);
	vhost_user_client_close(&client);
	close(vring.kick);
	close(vring.call);
	echo_destroy(&echo);
}

static void rings_of_our_backend(void)
{
	with_our_backend(ALL, 0);
	with_our_backend(ALL, DRIVER_F(VIRTIO_F_RING_PACKED));
	/* Without acknowledgements: nothing waits, and the order of messages is enough. */
	with_our_backend(ALL & ~(1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK), 0);
}

/* How the backend in the thread answers its request number `at`; before that, as it should. */
enum lie {
	SILENT,
	CLOSES,
	HALF,
	OTHER_REQUEST,
	NO_REPLY,
	VERSION,
	TOO_LONG,
	TOO_SHORT,
	DESCRIPTORS,
	REFUSES,
	QUEUES_0,
	QUEUES_MANY,
	BASE_OUTSIDE,
	BASE_OF_ANOTHER,
	CONFIG_SHIFTED,
	LIES
};

struct liar {
	int fd;
	unsigned int at, seen; /* answers */
	enum lie lie;
	bool lied;
};

/* What a good backend says. */
static void good_answer(struct vhost_user_msg *m)
{
	bool base = m->header.request == VHOST_USER_GET_VRING_BASE;

	vhost_user_reply(m);
	if (m->header.request == VHOST_USER_GET_FEATURES || m->header.request == VHOST_USER_GET_PROTOCOL_FEATURES)
		m->payload.u64 = 1ULL << VHOST_USER_F_PROTOCOL_FEATURES | 1 << VHOST_USER_PROTOCOL_F_MQ |
				 1 << VHOST_USER_PROTOCOL_F_REPLY_ACK | 1 << VHOST_USER_PROTOCOL_F_CONFIG;
	else if (m->header.request == VHOST_USER_GET_QUEUE_NUM)
		m->payload.u64 = 2;
	else if (base)
		m->payload.state.num = 5;
	else if (m->header.request != VHOST_USER_GET_CONFIG)
		m->payload.u64 = 0;
}

/* Makes a good answer a bad one. false: this lie does not go with it. */
static bool spoil(struct vhost_user_msg *m, enum lie lie)
{
	uint32_t request = m->header.request;
	const struct vhost_user_rule *rule = vhost_user_rule(request);

	switch (lie) {
	case OTHER_REQUEST: m->header.request ^= 1; return true;
	case NO_REPLY: m->header.flags &= ~VHOST_USER_REPLY; return true;
	case VERSION: m->header.flags ^= 3; return true;
	case TOO_LONG: m->header.size += 4; return true;
	case TOO_SHORT: m->header.size -= 4; return true;
	case REFUSES: m->payload.u64 = 1; return rule->reply == VHOST_USER_NONE;
	case QUEUES_0: m->payload.u64 = 0; return request == VHOST_USER_GET_QUEUE_NUM;
	case QUEUES_MANY: m->payload.u64 = 65535; return request == VHOST_USER_GET_QUEUE_NUM;
	case BASE_OUTSIDE: m->payload.state.num = 0x10000; return request == VHOST_USER_GET_VRING_BASE;
	case BASE_OF_ANOTHER: m->payload.state.index++; return request == VHOST_USER_GET_VRING_BASE;
	case CONFIG_SHIFTED: m->payload.config.size++; return request == VHOST_USER_GET_CONFIG;
	default: return true;
	}
}

static void answer(struct liar *liar, struct vhost_user_msg *m)
{
	static const uint8_t half[3];
	struct vhost_user_msg good;

	good_answer(m);
	if (liar->seen++ != liar->at) {
		(void)!vhost_user_send(liar->fd, m);
		return;
	}
	good = *m;
	liar->lied = spoil(m, liar->lie);
	if (!liar->lied)
		*m = good;
	if (liar->lie == DESCRIPTORS) {
		m->fd_count = VHOST_USER_MAX_FDS;
		for (unsigned int i = 0; i < m->fd_count; i++)
			m->fd[i] = STDOUT_FILENO;
	}
	if (liar->lie == HALF)
		(void)!write(liar->fd, half, sizeof(half));
	else if (liar->lie != SILENT && liar->lie != CLOSES)
		(void)!vhost_user_send(liar->fd, m);
	m->fd_count = 0;
	if (liar->lie == CLOSES || liar->lie == HALF)
		shutdown(liar->fd, SHUT_RDWR);
}

static void *lie_in_thread(void *opaque)
{
	struct liar *liar = opaque;
	struct vhost_user_reader reader = { .have = 0 };
	const char *why;
	bool acks = false;

	/* Until the frontend leaves. */
	while (vhost_user_receive_until(&reader, liar->fd, &clock_host, UINT64_MAX, &why) == 1) {
		struct vhost_user_msg *m = &reader.msg;

		if (vhost_user_rule(m->header.request)->reply != VHOST_USER_NONE ||
			(acks && m->header.flags & VHOST_USER_NEED_REPLY))
			answer(liar, m);
		acks |= m->header.request == VHOST_USER_SET_PROTOCOL_FEATURES;
	}
	vhost_user_reader_clear(&reader);
	close(liar->fd);
	return NULL;
}

/* Everything a frontend asks for in the life of a device. 0, or the first failure. */
static int whole_life(int fd, uint64_t patience, const struct mem *mem)
{
	uint8_t config[8];
	uint32_t base;
	int ret = vhost_user_client_open_fd(&client, fd, ALL, &clock_host, patience);

	if (!ret)
		ret = vhost_user_client_get_config(&client, config, sizeof(config));
	if (!ret)
		ret = vhost_user_client_set_features(&client, 1ULL << VIRTIO_F_VERSION_1);
	if (!ret)
		ret = vhost_user_client_set_memory(&client, mem);
	if (!ret)
		ret = vhost_user_client_start(&client, &vring);
	if (!ret)
		ret = vhost_user_client_set_config(&client, 0, config, 4);
	if (!ret)
		ret = vhost_user_client_stop(&client, &vring, &base);
	if (!ret)
		CHECK_EQ(base, 5);
	return ret;
}

#define ANSWERS 15 /* a life has */

static void one_liar(enum lie lie, unsigned int at, const struct mem *mem)
{
	struct liar liar = { .at = at, .lie = lie };
	uint64_t patience = lie == SILENT && at < ANSWERS ? 300 * 1000000ULL : PATIENCE,
		 start = clock_host.monotonic_ns(&clock_host);
	pthread_t thread;
	int pair[2], ret;

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	liar.fd = pair[1];
	CHECK(!pthread_create(&thread, NULL, lie_in_thread, &liar));
	ret = whole_life(pair[0], patience, mem);
	vhost_user_client_close(&client);
	pthread_join(thread, NULL);
	/* No answer at all would be worse than a wrong one. */
	CHECK(clock_host.monotonic_ns(&clock_host) - start < PATIENCE / 2);
	if (liar.lied)
		CHECK(ret < 0 && client.why[0]);
	else
		CHECK_EQ(ret, 0);
	if (liar.lied && lie == SILENT)
		CHECK_HAS(client.why, ": the peer does not answer");
	CHECK_EQ(liar.lied && ret < 0 ? vhost_user_client_set_features(&client, 0) : -ENOTCONN, -ENOTCONN);
}

static void r81_lies_at_every_answer(void)
{
	unsigned int before;
	struct rig rig;

	rig_init(&rig);
	vring = (struct vhost_user_vring){
		.size = 16, .kick = eventfd(0, EFD_CLOEXEC), .call = eventfd(0, EFD_CLOEXEC)
	};
	before = open_fds();
	for (enum lie lie = SILENT; lie < LIES; lie++)
		for (unsigned int at = 0; at <= ANSWERS; at++)
			one_liar(lie, at, &rig.mem);
	CHECK_EQ(open_fds(), before);
	close(vring.kick);
	close(vring.call);
	rig_destroy(&rig);
}

/* No host address is in any message: what the peer sees of memory and rings are guest addresses. */
static void r83_no_host_address(void)
{
	struct vhost_user_reader reader = { .have = 0 };
	uint64_t host;
	struct rig rig;
	const char *why;
	int pair[2];

	rig_init(&rig);
	host = (uint64_t)(uintptr_t)rig.ram;
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	client = (struct vhost_user_client){ .fd = pair[0], .clock = &clock_host, .patience_ns = PATIENCE };
	vring = (struct vhost_user_vring){ .size = 16, .desc = RIG_RAM_BASE, .kick = 0, .call = 1 };
	CHECK(!vhost_user_client_set_memory(&client, &rig.mem));
	CHECK(!vhost_user_client_start(&client, &vring));
	while (vhost_user_receive(&reader, pair[1], &why) == 1) {
		const uint64_t *words = (const uint64_t *)&reader.msg.payload;

		for (uint32_t i = 0; i < reader.msg.header.size / 8; i++)
			CHECK(words[i] < host || words[i] >= host + RIG_RAM_SIZE);
		if (reader.msg.header.request == VHOST_USER_SET_MEM_TABLE)
			CHECK_EQ(reader.msg.payload.table.region[0].user, RIG_RAM_BASE);
	}
	vhost_user_reader_clear(&reader);
	vhost_user_client_close(&client);
	close(pair[1]);
	/* Memory that cannot be shared is not half shared. */
	rig.mem.region[0].fd = -1;
	CHECK_EQ(vhost_user_client_set_memory(&client, &rig.mem), -EINVAL);
	rig_destroy(&rig);
}

static void no_backend(void)
{
	CHECK_EQ(vhost_user_client_open(&client, "/nonexistent/x", ALL, &clock_host, PATIENCE), -ENOENT);
	CHECK_STR(client.why, "connecting: No such file or directory");
	CHECK_EQ(vhost_user_client_open(&client, "/dev/null", ALL, &clock_host, PATIENCE), -ENOTSOCK);
	CHECK_EQ(vhost_user_client_open(&client, "", ALL, &clock_host, PATIENCE), -EINVAL);
	CHECK_EQ(client.fd, -1);
}

static const struct test tests[] = {
	TEST(rings_of_our_backend),
	TEST(r81_lies_at_every_answer),
	TEST(r83_no_host_address),
	TEST(no_backend),
};

TEST_MAIN(tests)
