/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user backend that answers anything, to the frontend's end of the connection. There is one thread and no waiting: the
 * frontend looks at its clock before it waits, and the backend answers while it does.
 *
 * An input is steps, each a byte: what is asked of the backend (run_step). From the other end of the input come its answers, a
 * byte each with what it takes before it (answer).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../open_fds.h"
#include "backend/vhost_user_client.h"
#include "input.h"
#include "targets.h"

#define PATIENCE  1000000000ULL
#define MEMORY	  (64 * KiB)
#define MAX_STEPS 100

static struct vhost_user_client client;
static struct mem mem;
static struct vhost_user_reader reader;
static struct fuzz_input steps, answers;
static uint64_t now;
static int peer = -1, event;
static bool acks; /* it was told that acknowledgements are in force */

static uint8_t next_answer(void)
{
	return (uint8_t)fuzz_take_number(&answers, 1);
}

/* What a good backend says. */
static void good_answer(struct vhost_user_msg *m)
{
	uint32_t request = m->header.request;

	vhost_user_reply(m);
	if (request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_PROTOCOL_FEATURES)
		m->payload.u64 = UINT64_MAX;
	else if (request == VHOST_USER_GET_QUEUE_NUM)
		m->payload.u64 = 2;
	else if (request != VHOST_USER_GET_CONFIG && request != VHOST_USER_GET_VRING_BASE)
		m->payload.u64 = 0;
}

/* Its header or payload become what the input says. */
static void spoil(struct vhost_user_msg *m, bool header)
{
	size_t got, len = header ? sizeof(m->header) : m->header.size;
	const uint8_t *bytes = fuzz_take(&answers, len, &got);

	if (got)
		memcpy(header ? (void *)&m->header : (void *)&m->payload, bytes, got);
	/* More than there is would be memory of ours. */
	m->header.size %= sizeof(m->payload) + 1;
}

static bool send_bytes(void)
{
	size_t got, len = next_answer();
	const uint8_t *bytes = fuzz_take(&answers, len, &got);

	return got && send(peer, bytes, got, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/* false: it is silent. */
static bool answer(struct vhost_user_msg *m)
{
	uint8_t how = next_answer();
	bool sent;

	good_answer(m);
	switch (how & 15) {
	case 1: spoil(m, false); break;
	case 2: spoil(m, true); break;
	case 3: return send_bytes();
	case 4: return !shutdown(peer, SHUT_RDWR);
	case 5: return false;
	case 6:
		m->fd_count = how >> 4 & 7;
		for (unsigned int i = 0; i < m->fd_count; i++)
			m->fd[i] = event;
		break;
	case 7: m->payload.u64 = 1ULL << (how >> 4); break;
	default: break;
	}
	sent = !vhost_user_send(peer, m);
	m->fd_count = 0;
	return sent;
}

/* Everything that was asked is answered now, or never. false: nothing was sent. */
static bool serve(void)
{
	bool sent = false;
	const char *why;

	while (vhost_user_receive(&reader, peer, &why) == 1) {
		struct vhost_user_msg *m = &reader.msg;
		uint32_t request = m->header.request;
		const struct vhost_user_rule *rule = vhost_user_rule(request);

		if (!rule || vhost_user_check_request(m))
			fuzz_failed("vhost-user", "request %u is none that a frontend may send", request);
		/* In force for the messages behind it. */
		if (rule->reply != VHOST_USER_NONE || (acks && m->header.flags & VHOST_USER_NEED_REPLY))
			sent |= answer(m);
		if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
			acks = true;
	}
	return sent;
}

/* Who looks at it with nothing more to come has waited for as long as he would. */
static uint64_t tell_time(struct clock *clock)
{
	(void)clock;
	if (peer < 0 || !serve())
		now += 2 * PATIENCE;
	return now;
}

static struct clock clock_of_peer = { .monotonic_ns = tell_time, .realtime_ns = tell_time };

static void start(const struct fuzz_target *target)
{
	struct mem_region region = { .base = 0x40000000, .size = MEMORY };

	(void)target;
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	region.fd = memfd_create("memory", MFD_CLOEXEC);
	region.host = mmap(NULL, MEMORY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (event < 0 || region.fd < 0 || region.host == MAP_FAILED || mem_add(&mem, &region))
		fuzz_failed("host", "descriptors or memory: %s", strerror(errno));
}

/* A failure ends the connection and says why; -EOPNOTSUPP alone does not, nor a caller's mistake. */
static void check(int ret)
{
	if (ret > 0)
		fuzz_failed("vhost-user", "%d is no answer", ret);
	if (!ret && client.fd < 0)
		fuzz_failed("vhost-user", "it worked without a connection");
	if (ret && ret != -EOPNOTSUPP && (client.fd >= 0 || !client.why[0]))
		fuzz_failed("vhost-user", "%d, and the connection stays or nothing is said", ret);
}

static void run_step(void)
{
	struct vhost_user_vring ring = { .size = 16, .desc = 0x40000000, .kick = event, .call = event };
	uint8_t config[VHOST_USER_MAX_CONFIG] = { 0 };
	uint8_t step = (uint8_t)fuzz_take_number(&steps, 1), more = step >> 3;
	uint32_t base = 0;
	int ret;

	ring.index = more & 1;
	ring.packed = more & 2;
	switch (step & 7) {
	case 0: ret = vhost_user_client_set_features(&client, 1ULL << more); break;
	case 1: ret = vhost_user_client_set_memory(&client, &mem); break;
	case 2: ret = vhost_user_client_start(&client, &ring); break;
	case 3:
		ret = vhost_user_client_stop(&client, &ring, &base);
		if (!ret && ring.packed && ((base & 0x7fff) >= ring.size || (base >> 16 & 0x7fff) >= ring.size))
			fuzz_failed("vhost-user", "position 0x%x in a ring of %u", base, ring.size);
		break;
	case 4: ret = vhost_user_client_set_call(&client, ring.index, more & 2 ? -1 : event); break;
	case 5: ret = vhost_user_client_set_config(&client, more, config, 8); break;
	default: ret = vhost_user_client_get_config(&client, config, 1U << more % 9); break;
	}
	check(ret);
}

static void run(const uint8_t *data, size_t size)
{
	size_t cut = size ? data[0] * size / 256 : 0;
	unsigned int before = open_fds(), count = 0;
	int pair[2];

	steps = (struct fuzz_input){ data, cut };
	answers = (struct fuzz_input){ data + cut, size - cut };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		fuzz_failed("host", "no connection: %s", strerror(errno));
	peer = pair[1];
	acks = false;
	now = 0;
	check(vhost_user_client_open_fd(&client, pair[0], UINT64_MAX, &clock_of_peer, PATIENCE));
	fuzz_take_number(&steps, 1);
	while (steps.left && count++ < MAX_STEPS && client.fd >= 0)
		run_step();
	if (client.fd < 0 && vhost_user_client_set_features(&client, 0) != -ENOTCONN)
		fuzz_failed("vhost-user", "a backend that was given up is asked again");
	vhost_user_client_close(&client);
	vhost_user_reader_clear(&reader);
	close(peer);
	peer = -1;
	if (open_fds() != before)
		fuzz_failed("vhost-user", "%d descriptors are left of a connection", (int)(open_fds() - before));
}

const struct fuzz_target fuzz_vhost_user_client = {
	.name = "vhost-user-client",
	.what = "a backend's answers, to our frontend",
	.start = start,
	.run = run,
};
