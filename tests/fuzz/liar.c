/* SPDX-License-Identifier: Apache-2.0 */
/* See liar.h. */
#include "liar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/vhost_user_msg.h"

#define INFLIGHT 4096

static struct vhost_user_reader reader;
static struct fuzz_input answers;
static uint64_t now;
static int peer = -1, event = -1, inflight = -1, listener = -1;
static char address[32];
static bool acks; /* it was told that acknowledgements are in force */

/* A socket that has no name any more, and is found by a descriptor of it: nothing is left behind however the process ends. */
static bool listen_somewhere(void)
{
	char folder[] = "/tmp/minivmm-fuzz.XXXXXX";
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int file = -1;

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || !mkdtemp(folder))
		return false;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", folder);
	if (!bind(listener, (struct sockaddr *)&name, sizeof(name)) && !listen(listener, 4))
		file = open(name.sun_path, O_PATH | O_CLOEXEC);
	unlink(name.sun_path);
	rmdir(folder);
	snprintf(address, sizeof(address), "/proc/self/fd/%d", file);
	return file >= 0;
}

const char *liar_address(void)
{
	return address;
}

void liar_start(void)
{
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	inflight = memfd_create("inflight", MFD_CLOEXEC);
	if (event < 0 || inflight < 0 || ftruncate(inflight, INFLIGHT) || !listen_somewhere())
		fuzz_failed("host", "descriptors: %s", strerror(errno));
}

int liar_event(void)
{
	return event;
}

static uint8_t next(void)
{
	return (uint8_t)fuzz_take_number(&answers, 1);
}

/* What a good backend says, but that it offers everything. */
static void good_answer(struct vhost_user_msg *m)
{
	uint32_t request = m->header.request;

	vhost_user_reply(m);
	if (request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_PROTOCOL_FEATURES) {
		m->payload.u64 = UINT64_MAX;
	} else if (request == VHOST_USER_GET_QUEUE_NUM) {
		m->payload.u64 = 2;
	} else if (request == VHOST_USER_GET_INFLIGHT_FD) {
		m->payload.inflight.mmap_size = INFLIGHT;
		m->fd[m->fd_count++] = inflight;
	} else if (request != VHOST_USER_GET_CONFIG && request != VHOST_USER_GET_VRING_BASE) {
		m->payload.u64 = 0;
	}
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

/* One number of the message, header and all, is another one: near what it was, near its length, or anything. */
static void spoil_number(struct vhost_user_msg *m)
{
	size_t have = sizeof(m->header) + m->header.size, words = have / sizeof(uint32_t);
	uint8_t which = next(), how = next();
	uint8_t *at = which % 2 ? (uint8_t *)&m->payload : (uint8_t *)&m->header;
	uint32_t value;

	words = which % 2 ? words - 3 : 3;
	if (!words)
		return;
	/* The first words of a payload say what the rest is. */
	at += (which >> 1) % (words < 8 ? words : 8) * sizeof(value);
	memcpy(&value, at, sizeof(value));
	switch (how & 3) {
	case 0: value += (how >> 2) - 32U; break;
	case 1: value = m->header.size + (how >> 2) - 32U; break;
	case 2: value = how >> 2; break;
	default: value = (uint32_t)fuzz_take_number(&answers, 4); break;
	}
	memcpy(at, &value, sizeof(value));
	m->header.size %= sizeof(m->payload) + 1;
}

static bool send_bytes(void)
{
	size_t len = next(), got;
	const uint8_t *bytes = fuzz_take(&answers, len, &got);

	return got && send(peer, bytes, got, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/* false: it is silent. */
static bool answer(struct vhost_user_msg *m)
{
	uint8_t how = next();
	bool sent = false;

	good_answer(m);
	switch (how & 15) {
	case 1: spoil(m, false); break;
	case 2: spoil(m, true); break;
	case 3: sent = send_bytes(); break;
	case 4: sent = !shutdown(peer, SHUT_RDWR); break;
	case 5: break;
	case 6:
		m->fd_count = how >> 4 & 7;
		for (unsigned int i = 0; i < m->fd_count; i++)
			m->fd[i] = event;
		break;
	case 7: m->payload.u64 = 1ULL << (how >> 4); break;
	case 8: m->payload.u64 ^= 1ULL << next() % 64; break;
	case 9: spoil_number(m); break;
	default: break;
	}
	if ((how & 15) < 3 || (how & 15) > 5)
		sent = !vhost_user_send(peer, m);
	/* Those in it are ours. */
	m->fd_count = 0;
	return sent;
}

/* A descriptor that it was given: kicked, called or spoken to at once. */
static void use_descriptors(const struct vhost_user_msg *m)
{
	if (m->fd_count != 1)
		return;
	if (m->header.request == VHOST_USER_SET_BACKEND_REQ_FD)
		(void)!send(m->fd[0], answers.data, answers.left < 32 ? answers.left : 32, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (m->header.request == VHOST_USER_SET_VRING_CALL || m->header.request == VHOST_USER_SET_VRING_ERR)
		(void)eventfd_write(m->fd[0], answers.left & 1);
}

void liar_hang_up(void)
{
	vhost_user_reader_clear(&reader);
	if (peer >= 0)
		close(peer);
	peer = -1;
}

/* Whoever knocks last is spoken to. */
static void answer_the_door(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		liar_hang_up();
		peer = fd;
		acks = false;
	}
}

/* Everything that was asked is answered now, or never. false: nothing was sent. */
static bool serve(void)
{
	bool sent = false;
	const char *why;

	answer_the_door();
	while (peer >= 0 && vhost_user_receive(&reader, peer, &why) == 1) {
		struct vhost_user_msg *m = &reader.msg;
		uint32_t request = m->header.request;
		const struct vhost_user_rule *rule = vhost_user_rule(request);

		if (!rule || vhost_user_check_request(m))
			fuzz_failed("vhost-user", "request %u is none that a frontend may send", request);
		use_descriptors(m);
		if (rule->reply != VHOST_USER_NONE || (acks && m->header.flags & VHOST_USER_NEED_REPLY))
			sent |= answer(m);
		/* In force for the messages behind it. */
		if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
			acks = true;
	}
	return sent;
}

/* Who looks at it with nothing more to come has waited for as long as he would. */
static uint64_t tell_time(struct clock *clock)
{
	(void)clock;
	if (!serve())
		now += 2 * LIAR_PATIENCE;
	return now;
}

struct clock liar_clock = { .monotonic_ns = tell_time, .realtime_ns = tell_time };

void liar_turn(void)
{
	(void)serve();
}

int liar_connect(struct fuzz_input script)
{
	eventfd_t count;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		fuzz_failed("host", "no connection: %s", strerror(errno));
	(void)eventfd_read(event, &count);
	answers = script;
	peer = pair[1];
	acks = false;
	now = 0;
	return pair[0];
}

void liar_disconnect(void)
{
	/* Who still waits at the door is of this input. */
	answer_the_door();
	liar_hang_up();
}
