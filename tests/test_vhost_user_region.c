/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user frontend that lies about the region it keeps for its backend: in the messages and in every field of it. The backend
 * refuses, or has a ring that is the frontend's own doing; it lives on either way. Cases named rNN_ are rows of the regression list.
 */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inflight_rig.h"
#include "open_fds.h"
#include "test.h"

/* What the messages may say. */
static void r81_regions_that_cannot_be(void)
{
	static const struct vhost_user_inflight asked[] = { { 0, 0, 0, 16 }, { 0, 0, 3, 16 }, { 0, 0, 1, 0 },
		{ 0, 0, 1, 32769 }, { 0, 0, 65535, 65535 } };
	struct vhost_user_inflight good;
	int event, file;

	inflight_begin(0);
	good = in.area;
	file = in.fd;
	event = eventfd(0, EFD_CLOEXEC);
	CHECK(!inflight_set()); /* a ring runs */
	CHECK(frontend_state(in.f, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(inflight_set());
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		in.area = asked[i];
		in.area.mmap_size = good.mmap_size;
		CHECK(!inflight_set());
	}
	in.area = good;
	in.area.mmap_size++;
	CHECK(!inflight_set());
	in.area.mmap_size = 0;
	CHECK(!inflight_set());
	in.area.mmap_size = 16 + 16 * 15;
	CHECK(!inflight_set());
	in.area.mmap_size = UINT64_MAX;
	in.area.mmap_offset = 8;
	CHECK(!inflight_set());
	in.area = good;
	in.area.mmap_offset = 4;
	in.area.mmap_size -= 8;
	CHECK(!inflight_set());
	in.area.mmap_offset = 4096;
	CHECK(!inflight_set());
	in.area.mmap_offset = UINT64_MAX - 7;
	CHECK(!inflight_set());
	in.area = good;
	in.fd = event;
	CHECK(!inflight_set());
	in.fd = file;
	/* As good as a ring without one. */
	CHECK(frontend_fd(in.f, VHOST_USER_SET_VRING_KICK, 0, in.f->ring[0].kick));
	CHECK(frontend_fd(in.f, VHOST_USER_SET_VRING_CALL, 0, in.f->ring[0].call));
	CHECK(inflight_add());
	inflight_serve();
	inflight_check_held();
	inflight_complete();
	inflight_take();
	CHECK_EQ(in.back, 1);
	close(event);
	/* Where there is an answer, a lie is the end of the connection. */
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		frontend_disconnect(in.f);
		REQUIRE(inflight_meet());
		CHECK(!inflight_get(asked[i].queues, asked[i].queue_size));
		CHECK(frontend_dropped(in.f));
	}
	inflight_end();
}

/* With the padding of QEMU's structure and without: the answer is as long as the question. */
static void both_sizes(void)
{
	inflight_begin(0);
	for (uint32_t size = 20; size <= 24; size++) {
		frontend_disconnect(in.f);
		REQUIRE(inflight_meet());
		vhost_user_request(&in.msg, VHOST_USER_GET_INFLIGHT_FD);
		in.msg.payload.inflight = (struct vhost_user_inflight){ .queues = 1, .queue_size = 16 };
		in.msg.header.size = size;
		CHECK_EQ(frontend_ask(in.f, &in.msg), size % 4 == 0);
		if (size % 4 == 0)
			CHECK_EQ(in.f->reader.msg.header.size, size);
	}
	inflight_end();
}

/* A region for another format than its ring is; one for a smaller ring is left alone, and the ring as without it. */
static void r81_region_of_another_ring(void)
{
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

	inflight_begin(0);
	memset(in.region, 0, in.area.mmap_size);
	in.area.queue_size = ECHO_QUEUE_SIZE / 2;
	CHECK(inflight_next_backend());
	CHECK(inflight_add());
	inflight_serve();
	inflight_check_held();
	inflight_complete();
	inflight_take();
	CHECK_EQ(in.back, 1);
	CHECK_EQ(in.region[8], 0);
	in.area.queue_size = ECHO_QUEUE_SIZE;
	CHECK(inflight_next_backend());
	/* Set before the features it was too small for. */
	memset(in.region, 0, in.area.mmap_size);
	frontend_disconnect(in.f);
	CHECK(inflight_meet() && inflight_set());
	in.f->features |= PACKED;
	driver_set_status(in.d, status);
	CHECK(in.d->transport->queue_enable(in.d, in.q));
	driver_set_status(in.d, status | VIRTIO_CONFIG_S_DRIVER_OK);
	CHECK(!in.f->ring[0].ready);
	inflight_end();
}

/* Of both layouts: where a field is, and what it cannot be while three requests are in flight. */
struct lie {
	uint64_t features;
	size_t at, size;
	uint64_t value;
};

static void r81_fields_that_cannot_be(void)
{
	static const struct lie lies[] = {
		{ 0, 0, 8, 1 }, /* features */
		{ 0, 8, 2, 2 }, /* version */
		{ 0, 10, 2, 15 }, /* desc_num */
		{ 0, 10, 2, 17 },
		{ 0, 14, 2, 0xffef }, /* used_idx */
		{ 0, 14, 2, 1 },
		{ PACKED, 0, 8, 1 },
		{ PACKED, 8, 2, 2 },
		{ PACKED, 10, 2, 17 },
		{ PACKED, 16, 2, 16 }, /* used_idx */
		{ PACKED, 18, 2, 16 }, /* old_used_idx */
		{ PACKED, 32 + 15 * 32 + 2, 2, 14 }, /* the free list comes round */
		{ PACKED, 32 + 4, 2, 16 }, /* last of the first chain */
		{ PACKED, 32 + 4, 2, 0 },
		{ PACKED, 32 + 6, 2, 0 }, /* num */
		{ PACKED, 32 + 6, 2, 1 },
		{ PACKED, 32 + 6, 2, 3 },
		{ PACKED, 32 + 6, 2, 65535 },
		{ PACKED, 32 + 2, 2, 16 }, /* next */
		{ PACKED, 32 + 2, 2, 0 },
		{ PACKED, 32 + 2, 2, 3 },
		{ PACKED, 32 + 2, 4, 0x00060006 }, /* next and last: one that is free */
		{ PACKED, 32 + 32 + 16, 2, 16 }, /* id, of its last */
		{ PACKED, 32 + 32 + 16, 2, 65535 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t was[8];

		inflight_begin(lies[i].features);
		CHECK(inflight_add() && inflight_add() && inflight_add());
		inflight_serve();
		memcpy(was, in.region + lies[i].at, lies[i].size);
		memcpy(in.region + lies[i].at, &lies[i].value, lies[i].size);
		if (inflight_next_backend())
			TEST_FAIL_("lie %zu was taken", i);
		memcpy(in.region + lies[i].at, was, lies[i].size);
		inflight_end();
	}
}

/* A head outside the ring, which is smaller than the region; a batch that leaves it. */
static void r81_heads_outside(void)
{
	plug_type = &plug_types[PLUG_VHOST_USER];
	for (int i = 0; i < 2; i++) {
		uint16_t value = i ? 16 : 1, at = i ? 12 : 16 + 9 * 16;

		inflight_begin(0);
		inflight_start(0, 8);
		CHECK(inflight_add());
		inflight_serve();
		inflight_complete();
		inflight_take();
		CHECK(inflight_next_backend());
		memcpy(in.region + at, &value, 2);
		/* Of a batch of one. */
		memset(in.region + 14, 0, i ? 2 : 0);
		CHECK(!inflight_next_backend());
		inflight_end();
	}
}

static uint32_t pick(uint32_t below)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Any bytes at all: the backend lives, and has a good ring with the next region. */
static void r81_anything_in_the_region(void)
{
	for (int i = 0; i < 3000; i++) {
		if (i % 100 == 0)
			inflight_begin(inflight_rings[(size_t)i / 100 % INFLIGHT_RINGS]);
		while (inflight_add())
			;
		inflight_serve();
		for (uint32_t n = 1 + pick(20); n; n--) {
			uint32_t at = pick(4) ? pick((uint32_t)in.area.mmap_size) : pick(32);

			in.region[at] = (uint8_t)(pick(2) ? pick(17) : pick(256));
		}
		(void)inflight_next_backend();
		inflight_serve();
		for (unsigned int n = in.echo.held; n && pick(4); n--)
			echo_complete(&in.echo, n - 1);
		memset(in.region, 0, in.area.mmap_size);
		in.echo.v.reported = false;
		inflight_start(inflight_rings[(size_t)i / 100 % INFLIGHT_RINGS], 0);
		if (i % 100 == 99)
			inflight_end();
	}
}

static void cut_short(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	if (!vhost_user_memory_patch(&in.plug->memory, info->si_addr))
		_exit(99);
}

/* One that is not sealed is cut short by its frontend while the backend writes to it. The one it makes cannot be. */
static void r81_region_cut_short(void)
{
	const struct sigaction action = { .sa_sigaction = cut_short, .sa_flags = SA_SIGINFO };
	struct sigaction old;

	CHECK(!sigaction(SIGBUS, &action, &old));
	inflight_begin(0);
	CHECK(ftruncate(in.fd, 0));
	close(in.fd);
	in.fd = memfd_create("region", MFD_CLOEXEC);
	CHECK(!ftruncate(in.fd, (off_t)in.area.mmap_size));
	REQUIRE(inflight_next_backend());
	CHECK(!ftruncate(in.fd, 0));
	CHECK(inflight_add());
	inflight_serve();
	CHECK(frontend_dropped(in.f));
	CHECK_STR(in.plug->dropped_for, "the memory it shares was cut short");
	in.echo.held = 0;
	CHECK(!ftruncate(in.fd, (off_t)in.area.mmap_size));
	in.echo.plug.dropped = 0;
	REQUIRE(inflight_next_backend());
	inflight_serve();
	inflight_check_goes_on();
	inflight_end();
	sigaction(SIGBUS, &old, NULL);
}

static unsigned int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		count += strstr(line, "vhost-user-inflight") != NULL;
	if (maps)
		fclose(maps);
	return count;
}

static void r82_nothing_adds_up(void)
{
	unsigned int before, mapped;

	inflight_begin(0);
	CHECK(frontend_state(in.f, VHOST_USER_GET_VRING_BASE, 0, 0));
	before = open_fds();
	mapped = mappings();
	for (int i = 0; i < 1000; i++) {
		inflight_put();
		CHECK(inflight_get(2, 256));
		CHECK(inflight_set());
		CHECK_EQ(open_fds(), before);
	}
	CHECK_EQ(mappings(), mapped);
	inflight_end();
}

static const struct test tests[] = {
	TEST(both_sizes),
	TEST(r81_regions_that_cannot_be),
	TEST(r81_region_of_another_ring),
	TEST(r81_fields_that_cannot_be),
	TEST(r81_heads_outside),
	TEST(r81_anything_in_the_region),
	TEST(r81_region_cut_short),
	TEST(r82_nothing_adds_up),
};

TEST_MAIN(tests)
