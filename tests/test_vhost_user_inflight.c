/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vhost-user backend has in flight, through its end: the frontend keeps the region and gives it to the next backend, which
 * takes the requests up in their order, loses none and gives none back twice.
 *
 * A backend that is killed is a connection that ends: nothing is written by that. To have it die between any two of its stores, the
 * pages it shares with its frontend are closed to it, each store then faults and is let through for one instruction, and the one it
 * is to die before is left by siglongjmp. That needs x86's single-step flag.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "disk_rig.h"
#include "inflight_rig.h"

static void taken_up_in_order(void)
{
	for (size_t i = 0; i < INFLIGHT_RINGS; i++) {
		inflight_begin(inflight_rings[i]);
		for (int life = 0; life < 30; life++) {
			for (int n = 0; n < 1 + life % 4 && inflight_add(); n++)
				;
			inflight_serve();
			if (in.echo.held > 2)
				echo_complete(&in.echo, in.echo.held - 1);
			REQUIRE(inflight_next_backend());
			inflight_serve();
			/* Its predecessor may have had no time for that. */
			CHECK(frontend_interrupted(in.f));
			inflight_take();
			inflight_check_held();
			if (life % 3 == 2) {
				inflight_complete();
				inflight_take();
				CHECK_EQ(inflight_outstanding(), 0);
			}
		}
		inflight_check_goes_on();
		inflight_end();
	}
}

/* It was put back by the device, and by one that has it from its predecessor. */
static void unpopped(void)
{
	static const uint64_t formats[] = { 0, PACKED };
	struct virtq *vq = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		inflight_begin(formats[i]);
		vq = &in.echo.v.queue[0];
		in.echo.v.held = true;
		CHECK(inflight_add() && inflight_add() && inflight_add());
		for (int turn = 0; turn < 2; turn++) {
			uint16_t head;

			virtq_begin(vq);
			REQUIRE(virtq_pop(vq, &in.echo.chain[0]));
			head = in.echo.chain[0].head;
			virtq_unpop(vq, &in.echo.chain[0]);
			REQUIRE(virtq_pop(vq, &in.echo.chain[0]));
			CHECK_EQ(in.echo.chain[0].head, head);
			REQUIRE(virtq_pop(vq, &in.echo.chain[1]));
			REQUIRE(virtq_pop(vq, &in.echo.chain[2]));
			virtq_unpop(vq, &in.echo.chain[2]);
			REQUIRE(inflight_next_backend());
			CHECK_EQ(in.echo.v.queue[0].inflight->again_count, 2);
		}
		in.echo.v.held = false;
		inflight_serve();
		inflight_check_goes_on();
		inflight_end();
	}
}

/* A chain that is no good comes back from the next backend too, once. */
static void bad_chains(void)
{
	static const uint64_t formats[] = { 0, PACKED };
	const struct driver_buf bad[] = { { 0, 4, false }, { 16, 4, true } };
	uint16_t head;
	uint32_t len;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		int given;

		inflight_begin(formats[i]);
		CHECK(inflight_add());
		for (int n = 0; n < 20; n++) {
			given = driver_add(in.q, bad, 2);
			inflight_serve();
			CHECK(driver_take_used(in.q, &head, &len) && head == given && !len);
			in.echo.reports = 0;
			REQUIRE(inflight_next_backend());
			inflight_serve();
			inflight_check_held();
		}
		inflight_check_goes_on();
		inflight_end();
	}
}

/* A reset by the driver forgets what was in flight. */
static void reset_forgets(void)
{
	inflight_begin(0);
	CHECK(inflight_add() && inflight_add());
	inflight_serve();
	CHECK_EQ(in.echo.held, 2);
	inflight_start(0, 0);
	in.echo.hold = false;
	CHECK(echo_works(&in.echo, in.q));
	CHECK_EQ(in.echo.held, 0);
	inflight_end();
}

/* A paused ring keeps what a device without drain has. */
static void stopped_and_started(void)
{
	for (size_t i = 0; i < INFLIGHT_RINGS; i++) {
		inflight_begin(inflight_rings[i]);
		CHECK(inflight_add() && inflight_add() && inflight_add());
		inflight_serve();
		in.echo.held = 0;
		CHECK(frontend_state(in.f, VHOST_USER_GET_VRING_BASE, 0, 0));
		CHECK(frontend_fd(in.f, VHOST_USER_SET_VRING_KICK, 0, in.f->ring[0].kick));
		CHECK(frontend_fd(in.f, VHOST_USER_SET_VRING_CALL, 0, in.f->ring[0].call));
		inflight_serve();
		inflight_check_goes_on();
		inflight_end();
	}
}

/* Writes under way when it died are done by the next, in whatever state the first had them. */
static void disk_writes(void)
{
	uint16_t head;
	uint32_t len;

	plug_type = &plug_types[PLUG_VHOST_USER];
	disk_ring = 0;
	disk_begin();
	inflight_use(&disk.plug, &disk.d);
	in.q = disk.q;
	CHECK(frontend_state(in.f, VHOST_USER_GET_VRING_BASE, 0, 0));
	frontend_disconnect(in.f);
	CHECK(inflight_meet() && inflight_get(1, 1024));
	REQUIRE(inflight_next_backend());
	disk.memory.hold = true;
	for (unsigned int n = 0; n < 3; n++) {
		disk_fill(DISK_DATA + n * 4096, (uint8_t)(0xb0 + n), 512);
		disk_add(in.q, n, VIRTIO_BLK_T_OUT, 8 + n, 512);
	}
	inflight_serve();
	CHECK(!driver_take_used(in.q, &head, &len));
	disk.memory.hold = false;
	REQUIRE(inflight_next_backend());
	inflight_serve();
	for (unsigned int n = 0; n < 3; n++) {
		CHECK(driver_take_used(in.q, &head, &len));
		CHECK_EQ(disk_status(n), VIRTIO_BLK_S_OK);
		CHECK_EQ(disk.memory.data[(8 + n) * 512], 0xb0 + n);
	}
	CHECK(!driver_take_used(in.q, &head, &len));
	CHECK(disk_works());
	inflight_put();
	disk_end();
}

#if defined(__x86_64__) && !TSAN

/* A device that gives back some of what it has, the last ones first. */
static void work(void)
{
	for (int round = 0; round < 3; round++) {
		while (inflight_outstanding() < 5 && inflight_add())
			;
		inflight_serve();
		for (int n = round % 2 ? 4 : 2; n && in.echo.held; n--)
			echo_complete(&in.echo, in.echo.held - 1);
		inflight_take();
	}
}

#define EFLAGS_TF 0x100

/* What is closed to the backend: the rings, and the region. */
static struct {
	void *at;
	size_t len;
} closed[2];
static sigjmp_buf died;
static volatile unsigned int stores, dies_before;

static void protect(int how)
{
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
		mprotect(closed[i].at, closed[i].len, how);
}

static void on_segv(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	bool ours = false;

	(void)signal;
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
		ours |= (uintptr_t)info->si_addr - (uintptr_t)closed[i].at < closed[i].len;
	if (!ours) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	protect(PROT_READ | PROT_WRITE);
	if (++stores == dies_before)
		siglongjmp(died, 1);
	uc->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TF;
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signal, (void)info;
	uc->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TF;
	protect(PROT_READ);
}

static void watch(bool on)
{
	struct sigaction segv = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	if (!on) {
		protect(PROT_READ | PROT_WRITE);
		segv = trap = (struct sigaction){ .sa_handler = SIG_DFL };
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGTRAP, &trap, NULL);
	if (on)
		protect(PROT_READ);
}

/* As the backend has them mapped now. */
static void close_pages(unsigned int before)
{
	struct vhost_user_memory *m = &in.plug->memory;
	const gpa_t first = in.q->desc & ~4095ULL;

	closed[0].at = m->mem.region[0].host + (first - RIG_RAM_BASE);
	closed[0].len = ALIGN_UP(in.q->used + 4096 - first, 4096ULL);
	closed[1].at = m->inflight.start;
	closed[1].len = m->inflight.length;
	stores = 0;
	dies_before = before;
	watch(true);
}

/* Whether it lived to the end. */
static bool work_until(unsigned int before)
{
	volatile bool lived = true;

	if (sigsetjmp(died, 1)) {
		lived = false;
	} else {
		close_pages(before);
		work();
	}
	watch(false);
	return lived;
}

/* The rings are not closed before it has them: the stores of the start, and of a turn. */
static bool resume_until(unsigned int before)
{
	volatile bool lived = true;

	CHECK(inflight_next_backend());
	if (sigsetjmp(died, 1)) {
		lived = false;
	} else {
		struct virtq_inflight *k = in.echo.v.queue[0].inflight;

		CHECK(k && k->resumed);
		close_pages(before);
		inflight_serve();
		if (in.echo.held)
			echo_complete(&in.echo, in.echo.held - 1);
	}
	watch(false);
	return lived;
}

static void killed_before_each_store(void)
{
	static const uint64_t some[] = { 0, PACKED, PACKED | IN_ORDER };

	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		unsigned int runs = 0;
		bool lived = false;

		for (unsigned int n = 1; !lived; n++, runs++) {
			inflight_begin(some[i]);
			lived = work_until(n);
			/* Every few times it dies again soon after. */
			for (unsigned int again = 1; n % 8 == 0 && again < 16 && !resume_until(again); again++)
				inflight_take();
			inflight_take();
			REQUIRE(inflight_next_backend());
			inflight_serve();
			inflight_take();
			inflight_check_goes_on();
			inflight_end();
		}
		/* Requests, each with a dozen stores. */
		CHECK(runs > 100);
	}
}

#else

static void killed_before_each_store(void)
{
	SKIP("stops before each store by single-stepping, which needs x86 without TSan");
}

#endif

static const struct test tests[] = {
	TEST(taken_up_in_order),
	TEST(unpopped),
	TEST(bad_chains),
	TEST(reset_forgets),
	TEST(stopped_and_started),
	TEST(disk_writes),
	TEST(killed_before_each_store),
};

TEST_MAIN(tests)
