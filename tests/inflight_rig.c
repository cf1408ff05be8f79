/* SPDX-License-Identifier: Apache-2.0 */
/* See inflight_rig.h. */
#include "inflight_rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define TEXT 24

struct inflight_rig in;

const uint64_t inflight_rings[INFLIGHT_RINGS] = { 0, PACKED, EVENT_IDX | INDIRECT, PACKED | EVENT_IDX | INDIRECT,
	IN_ORDER, PACKED | IN_ORDER };

bool inflight_get(uint16_t queues, uint16_t size)
{
	vhost_user_request(&in.msg, VHOST_USER_GET_INFLIGHT_FD);
	in.msg.payload.inflight = (struct vhost_user_inflight){ .queues = queues, .queue_size = size };
	if (!frontend_ask(in.f, &in.msg))
		return false;
	in.area = in.f->reader.msg.payload.inflight;
	in.fd = vhost_user_take_fd(&in.f->reader.msg, 0);
	in.region = mmap(NULL, in.area.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, in.fd, 0);
	return in.region != MAP_FAILED;
}

bool inflight_set(void)
{
	vhost_user_request(&in.msg, VHOST_USER_SET_INFLIGHT_FD);
	in.msg.payload.inflight = in.area;
	in.msg.fd[0] = in.fd;
	in.msg.fd_count = 1;
	return frontend_ask(in.f, &in.msg);
}

void inflight_put(void)
{
	munmap(in.region, in.area.mmap_size);
	close(in.fd);
	in.fd = -1;
}

void inflight_use(struct plug *plug, struct driver *d)
{
	in.plug = plug;
	in.d = d;
	in.f = &in.plug->frontend;
}

bool inflight_meet(void)
{
	in.f->protocol = 1 << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
	return !vhost_user_server_serve(&in.plug->server, frontend_connect(in.f)) && frontend_greet(in.f);
}

void inflight_start(uint64_t features, uint16_t size)
{
	driver_reset(in.d);
	REQUIRE(driver_negotiate(in.d, features));
	in.q = driver_queue_setup(in.d, 0, size);
	REQUIRE(in.q);
	driver_ok(in.d);
	for (int i = 0; i < ECHO_QUEUE_SIZE; i++)
		in.buffer[i] = driver_alloc(in.d, 64, 1);
	memset(in.owner, 0, sizeof(in.owner));
	in.last = in.back = 0;
	in.echo.held = 0;
	in.echo.hold = true;
}

void inflight_begin(uint64_t features)
{
	plug_type = &plug_types[PLUG_VHOST_USER];
	echo_init(&in.echo);
	inflight_use(&in.echo.plug, &in.echo.d);
	frontend_disconnect(in.f);
	REQUIRE(inflight_meet());
	REQUIRE(driver_negotiate(in.d, features));
	REQUIRE(inflight_get(1, ECHO_QUEUE_SIZE) && inflight_set());
	inflight_start(features, 0);
}

void inflight_end(void)
{
	inflight_put();
	in.echo.held = 0;
	echo_destroy(&in.echo);
}

static void text_of(unsigned int number, char text[TEXT])
{
	memset(text, 0, TEXT);
	snprintf(text, TEXT, "request %u", number);
}

bool inflight_add(void)
{
	unsigned int number = in.last + 1;
	gpa_t buf = in.buffer[number % ECHO_QUEUE_SIZE];
	const struct driver_buf bufs[] = { { buf, TEXT, false }, { buf + 32, TEXT, true } };
	char text[TEXT];
	int head;

	text_of(number, text);
	driver_write(in.d, buf, text, TEXT);
	memset(text, 0xee, TEXT);
	driver_write(in.d, buf + 32, text, TEXT);
	head = driver_add(in.q, bufs, 2);
	if (head < 0)
		return false;
	in.owner[head] = number;
	in.last = number;
	return true;
}

void inflight_serve(void)
{
	(void)eventfd_write(in.f->ring[0].kick, 1);
	rig_run(in.plug->rig);
}

void inflight_take(void)
{
	uint16_t head;
	uint32_t len;

	while (driver_take_used(in.q, &head, &len)) {
		char want[TEXT], got[TEXT];

		REQUIRE(head < ECHO_QUEUE_SIZE && in.owner[head]);
		text_of(in.owner[head], want);
		driver_read(in.d, in.buffer[in.owner[head] % ECHO_QUEUE_SIZE] + 32, got, TEXT);
		CHECK_EQ(len, TEXT);
		CHECK(!memcmp(want, got, TEXT));
		in.owner[head] = 0;
		in.back++;
	}
}

unsigned int inflight_outstanding(void)
{
	unsigned int count = 0;

	for (int i = 0; i < ECHO_QUEUE_SIZE; i++)
		count += in.owner[i] != 0;
	return count;
}

bool inflight_next_backend(void)
{
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

	in.echo.held = 0;
	frontend_disconnect(in.f);
	if (!inflight_meet())
		return false;
	driver_set_status(in.d, status);
	if (!inflight_set() || !in.d->transport->queue_enable(in.d, in.q))
		return false;
	driver_set_status(in.d, status | VIRTIO_CONFIG_S_DRIVER_OK);
	return in.f->ring[0].ready;
}

void inflight_check_held(void)
{
	unsigned int number = 0;

	CHECK_EQ(in.echo.held, inflight_outstanding());
	for (unsigned int i = 0; i < in.echo.held; i++) {
		unsigned int now = 0;

		REQUIRE(in.echo.chain[i].out_len == TEXT);
		CHECK(sscanf(in.echo.chain[i].out->iov_base, "request %u", &now) == 1);
		CHECK(now > number);
		number = now;
	}
}

void inflight_complete(void)
{
	while (in.echo.held)
		echo_complete(&in.echo, in.echo.held - 1);
}

void inflight_check_goes_on(void)
{
	inflight_check_held();
	inflight_complete();
	inflight_take();
	CHECK_EQ(inflight_outstanding(), 0);
	CHECK_EQ(in.back, in.last);
	in.echo.hold = false;
	for (int i = 0; i < 20; i++) {
		REQUIRE(inflight_add());
		inflight_serve();
		inflight_take();
		CHECK_EQ(in.back, in.last);
	}
	in.echo.hold = true;
	REQUIRE(inflight_next_backend());
	inflight_serve();
	CHECK_EQ(in.echo.held, 0);
	CHECK_EQ(in.echo.reports, 0);
	CHECK_EQ(in.echo.plug.dropped, 0);
}
