/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user frontend that does anything: messages with any descriptors, pieces of messages, kicks, and memory that it shares and
 * writes. Afterwards the backend has nothing of it open, and serves a well-behaved frontend.
 *
 * An input is steps, each a byte with what it takes behind it (run_step).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../echo.h"
#include "../open_fds.h"
#include "dictionary.h"
#include "input.h"
#include "targets.h"

#define SHARED	  (64 * KiB)
#define MAX_STEPS 200

/* What a message may bring: to share, to be kicked and called by, and what is neither. */
enum { FD_SHARED, FD_KICK, FD_CALL, FD_NULL, FD_KINDS };

static struct echo echo;
static struct vhost_user_frontend *const f = &echo.plug.frontend;
static uint8_t *shared;
static int fd[FD_KINDS];
static int region = -1; /* what is in flight, as the backend gave it */
static struct vhost_user_inflight layout;
static bool tame; /* since the device was started it has heard of nothing but a good frontend */
static bool in_step; /* only whole messages were sent: every answer is one to `asked` */
static struct vhost_user_header asked;

static bool works(void)
{
	return !vhost_user_server_serve(&echo.plug.server, frontend_connect(f)) && frontend_greet(f) &&
	       echo_works(&echo, driver_start(&echo.d, 0, 0));
}

static void start(const struct fuzz_target *target)
{
	(void)target;
	plug_type = &plug_types[PLUG_VHOST_USER];
	echo_init(&echo);
	fd[FD_SHARED] = memfd_create("shared", MFD_CLOEXEC);
	fd[FD_KICK] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fd[FD_CALL] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fd[FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd[FD_SHARED] < 0 || fd[FD_KICK] < 0 || fd[FD_CALL] < 0 || fd[FD_NULL] < 0 ||
		ftruncate(fd[FD_SHARED], SHARED))
		fuzz_failed("host", "descriptors: %s", strerror(errno));
	shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, fd[FD_SHARED], 0);
	if (shared == MAP_FAILED)
		fuzz_failed("host", "memory: %s", strerror(errno));
	/* A queue's own eventfd is there from its first start on: of both. */
	if (!driver_negotiate(&echo.d, 0) || !driver_queue_setup(&echo.d, 0, 0) || !driver_queue_setup(&echo.d, 1, 0))
		fuzz_failed("host", "the backend cannot be brought up");
	driver_ok(&echo.d);
	frontend_disconnect(f);
	if (!works())
		fuzz_failed("host", "the backend does not work before anything was done to it");
	frontend_disconnect(f);
}

/* What came back, if something did. */
static void take_answers(void)
{
	const char *why;

	while (f->fd >= 0 && vhost_user_receive(&f->reader, f->fd, &why) == 1) {
		/* What it does not know it refuses, where it is to acknowledge. */
		if (!in_step || !vhost_user_rule(asked.request))
			continue;
		why = vhost_user_check_reply(&asked, &f->reader.msg);
		if (why)
			fuzz_failed("vhost-user", "the answer to request %u: %s", asked.request, why);
	}
}

/* As its kind wants it, or with other descriptors and of another size. */
static void send_message(struct fuzz_input *in, bool need_reply, bool odd)
{
	struct vhost_user_msg msg;
	uint32_t request = (uint32_t)fuzz_take_number(in, 1) % (VHOST_USER_REQUESTS + 1);
	uint8_t fds = (uint8_t)fuzz_take_number(in, 1);
	const struct vhost_user_rule *rule = vhost_user_rule(request);
	const uint8_t *payload;
	size_t got;

	if (rule)
		vhost_user_request(&msg, request);
	else
		msg = (struct vhost_user_msg){ .header = { .request = request, .flags = VHOST_USER_VERSION } };
	/* As many regions as descriptors. */
	if (request == VHOST_USER_SET_MEM_TABLE)
		msg.header.size = (uint32_t)(offsetof(struct vhost_user_table, region) +
					     (fds & 7) * sizeof(struct vhost_user_region));
	if (odd) {
		msg.header.size = (uint32_t)fuzz_take_number(in, 2) % (sizeof(msg.payload) + 1);
		msg.header.flags = (uint32_t)fuzz_take_number(in, 1);
	}
	if (need_reply)
		msg.header.flags |= VHOST_USER_NEED_REPLY;
	payload = fuzz_take(in, msg.header.size, &got);
	if (got)
		memcpy(&msg.payload, payload, got);
	/* A number of descriptors, and which. */
	msg.fd_count = fds & 7;
	for (unsigned int i = 0; i < msg.fd_count; i++)
		msg.fd[i] = fd[((fds >> 3) + i * (fds >> 5)) % FD_KINDS];
	asked = msg.header;
	if (f->fd >= 0 && !frontend_send(f, &msg))
		in_step = false;
}

static void send_bytes(struct fuzz_input *in)
{
	size_t len = fuzz_take_number(in, 1), got;
	const uint8_t *bytes = fuzz_take(in, len, &got);

	in_step = false;
	if (f->fd >= 0 && got && send(f->fd, bytes, got, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void write_memory(struct fuzz_input *in)
{
	size_t at = fuzz_take_number(in, 2), len = fuzz_take_number(in, 1), got;
	const uint8_t *bytes = fuzz_take(in, len, &got);

	if (got && got <= SHARED - at)
		memcpy(shared + at, bytes, got);
}

/* What is kept back comes out; the echo, which is no product, is not for frontends that do anything. */
static void release_requests(void)
{
	while (tame && echo.held)
		echo_complete(&echo, echo.held - 1);
	echo.held = 0;
	echo.hold = false;
	tame = false;
}

static bool set_region(void)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_SET_INFLIGHT_FD);
	msg.payload.inflight = layout;
	msg.fd[0] = region;
	msg.fd_count = 1;
	return region >= 0 && frontend_ask(f, &msg);
}

static void get_region(void)
{
	struct vhost_user_msg msg;

	vhost_user_request(&msg, VHOST_USER_GET_INFLIGHT_FD);
	msg.payload.inflight = (struct vhost_user_inflight){ .queues = 1, .queue_size = ECHO_QUEUE_SIZE };
	if (region >= 0 || !frontend_ask(f, &msg))
		return;
	layout = f->reader.msg.payload.inflight;
	region = vhost_user_take_fd(&f->reader.msg, 0);
	(void)!set_region();
}

static bool meet(void)
{
	f->protocol = 1 << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
	return !vhost_user_server_serve(&echo.plug.server, frontend_connect(f)) && frontend_greet(f);
}

/* It is the frontend's, who may write what it likes there. */
static void spoil_region(uint8_t what)
{
	off_t at = layout.mmap_size ? (off_t)(what * 7 % layout.mmap_size) : 0;

	if (region >= 0 && pwrite(region, &what, 1, at) != 1)
		fuzz_failed("host", "a region cannot be written: %s", strerror(errno));
}

/* The next backend finds the rings and the region as the one before has left them; or a little spoilt. */
static void next_backend(uint8_t spoil)
{
	const uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;
	uint64_t features = f->features;

	echo.held = 0;
	frontend_disconnect(f);
	if (spoil)
		spoil_region(spoil);
	tame = meet();
	if (!tame)
		return;
	f->features = features;
	driver_set_status(&echo.d, status);
	tame = set_region() && echo.d.transport->queue_enable(&echo.d, &echo.d.queue[0]);
	driver_set_status(&echo.d, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void start_driver(uint8_t combination)
{
	release_requests();
	tame = driver_start(&echo.d, echo_features(combination), 0) != NULL;
}

/* One more, in a ring that was set up. */
static void ask(uint8_t how)
{
	struct driver_queue *q = &echo.d.queue[0];
	const gpa_t at = PLUG_ARENA - 0x1000 + (how & 15) * 64;
	const struct driver_buf bufs[] = { { at, 8, false }, { at + 32, 8, true } };
	uint16_t head;
	uint32_t len;

	if (!tame || (how & 16 && driver_take_used(q, &head, &len)) || driver_add(q, bufs, 2) < 0)
		return;
	driver_notify(q);
}

/* A frontend and a driver that mean well. */
static void mean_well(struct fuzz_input *in, uint8_t what)
{
	in_step = false;
	if (f->fd < 0)
		return;
	switch (what % 8) {
	case 0:
		release_requests();
		frontend_disconnect(f);
		(void)!meet();
		break;
	case 1: start_driver((uint8_t)fuzz_take_number(in, 1)); break;
	case 2: get_region(); break;
	case 3: echo.hold = tame; break;
	case 4:
		if (tame && echo.held)
			echo_complete(&echo, echo.held - 1);
		break;
	case 5: next_backend((uint8_t)fuzz_take_number(in, 1)); break;
	default: ask(what >> 3); break;
	}
}

static void run_step(struct fuzz_input *in)
{
	uint8_t step = (uint8_t)fuzz_take_number(in, 1);

	if ((step & 7) < 2 || (step & 7) > 4)
		release_requests();

	switch (step & 7) {
	case 0: send_message(in, false, true); break;
	case 1: send_bytes(in); break;
	case 2: write_memory(in); break;
	case 3: mean_well(in, step >> 3); break;
	case 4: (void)eventfd_write(fd[FD_KICK], 1); break;
	case 5: send_message(in, true, false); break;
	default: send_message(in, false, false); break;
	}
	rig_run(&echo.rig);
	take_answers();
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	/* Not once for all: an engine opens files of its own meanwhile. */
	unsigned int before = open_fds(), steps = 0, left;
	eventfd_t count;

	memset(shared, 0, SHARED);
	(void)eventfd_read(fd[FD_KICK], &count);
	(void)eventfd_read(fd[FD_CALL], &count);
	in_step = true;
	tame = false;
	f->protocol = 0;
	f->features = 0;
	if (vhost_user_server_serve(&echo.plug.server, frontend_connect(f)))
		fuzz_failed("host", "no connection");
	while (in.left && steps++ < MAX_STEPS)
		run_step(&in);
	release_requests();
	frontend_disconnect(f);
	if (region >= 0)
		close(region);
	region = -1;
	f->protocol = 0;
	left = open_fds();
	if (left != before || echo.plug.memory.mem.count || echo.v.status)
		fuzz_failed("vhost-user", "%d descriptors and %u regions are left of a connection, and status 0x%x",
			(int)(left - before), echo.plug.memory.mem.count, echo.v.status);
	if (!works())
		fuzz_failed("vhost-user", "the next frontend is not served");
	frontend_disconnect(f);
}

/* Each message as a step, whole and with the descriptors that it has to have; and what is negotiated by two of them. */
static void dictionary(const struct fuzz_target *target, FILE *file)
{
	static const uint8_t protocol[] = { VHOST_USER_PROTOCOL_F_MQ, VHOST_USER_PROTOCOL_F_REPLY_ACK,
		VHOST_USER_PROTOCOL_F_CONFIG, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD, VHOST_USER_PROTOCOL_F_RESET_DEVICE,
		VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS };

	(void)target;
	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		const struct vhost_user_rule *rule = vhost_user_rule(request);
		uint8_t step[] = { 6, (uint8_t)request, 0 };

		if (!rule)
			continue;
		step[2] = rule->fds == VHOST_USER_FDS_NONE ? 0 : 1;
		fuzz_dictionary_entry(file, step, sizeof(step), "%s", rule->name);
	}
	/* One that means well, from the greeting to the next backend (mean_well). */
	for (uint8_t what = 0; what < 8; what++) {
		const uint8_t step = (uint8_t)(3 | what << 3);

		fuzz_dictionary_entry(file, &step, 1, "mean well %u", what);
	}
	for (size_t i = 0; i < sizeof(protocol); i++) {
		uint64_t value = 1ULL << protocol[i];

		fuzz_dictionary_entry(file, (const uint8_t *)&value, sizeof(value), "protocol %u", protocol[i]);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t value = 1ULL << bit;

		if (virtio_feature_name(bit))
			fuzz_dictionary_entry(
				file, (const uint8_t *)&value, sizeof(value), "feature %s", virtio_feature_name(bit));
	}
}

const struct fuzz_target fuzz_vhost_user_server = {
	.name = "vhost-user-server",
	.what = "a frontend's messages, descriptors and shared memory, to our backend",
	.start = start,
	.run = run,
	.dictionary = dictionary,
};
