/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R21: the driver rewrites memory while the device reads it, so a value that was checked must not be read a second time.
 *
 * The pages with descriptors, available ring and request are closed; every load of the device then faults, is noted,
 * and is let through for one instruction. This sees what the compiler made of the code, not what it says. Needs the
 * single-step flag of x86; elsewhere there is nothing to see, and under TSan its own loads would be seen.
 */
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "echo.h"
#include "test.h"

#define PAGE   4096ULL
#define WATCH  (RIG_RAM_BASE + 2 * MiB) /* descriptors, then the available ring or events, then the request */
#define AVAIL  (WATCH + 1024)
#define BUF    (WATCH + 2048)
#define USED   (RIG_RAM_BASE + 3 * MiB)
#define ANSWER (RIG_RAM_BASE + 1 * MiB)
#define SIZE   8

#if defined(__x86_64__) && !TSAN

#define EFLAGS_TF   0x100
#define FAULT_WRITE 2

static struct echo echo;
static struct driver_queue *q;
static uint8_t *page;
static unsigned int loads[PAGE]; /* by offset of their first byte */

static void on_segv(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uintptr_t offset = (uintptr_t)info->si_addr - (uintptr_t)page;

	(void)signal;
	if (offset >= PAGE) {
		/* Not ours: let it kill us. */
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	if (!(uc->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE))
		loads[offset]++;
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	uc->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TF;
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signal;
	(void)info;
	uc->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TF;
	mprotect(page, PAGE, PROT_NONE);
}

static void begin(uint64_t features)
{
	struct sigaction segv = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	echo_init(&echo);
	driver_reset(&echo.d);
	driver_negotiate(&echo.d, features);
	q = &echo.d.queue[0];
	*q = (struct driver_queue){
		.d = &echo.d,
		.size = SIZE,
		.desc = WATCH,
		.avail = AVAIL,
		.used = USED,
		.avail_idx = features & DRIVER_F(VIRTIO_F_RING_PACKED) ? 0x8000 : 0,
	};
	CHECK(echo.d.transport->queue_enable(&echo.d, q));
	driver_ok(&echo.d);
	rig_run(&echo.rig);
	memset(loads, 0, sizeof(loads));
	page = echo.rig.ram + (WATCH - RIG_RAM_BASE);
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGTRAP, &trap, NULL);
}

/* The device serves what is in the ring with the page watched. */
static void serve(void)
{
	echo.d.transport->notify(&echo.d, 0);
	mprotect(page, PAGE, PROT_NONE);
	rig_run(&echo.rig);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigaction(SIGTRAP, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	CHECK_EQ(echo.chains, 1);
	CHECK_EQ(echo.reports, 0);
}

/* [from, to) was read by exactly these loads, each once. */
static void check_loads(gpa_t from, gpa_t to, const uint16_t *offsets, size_t count)
{
	unsigned int total = 0;

	for (size_t i = 0; i < count; i++)
		CHECK_EQ(loads[from - WATCH + offsets[i]], 1);
	for (gpa_t at = from; at < to; at++)
		total += loads[at - WATCH];
	CHECK_EQ(total, count);
}

static const uint16_t whole_desc[] = { 0, 8 };
static const uint16_t request[] = { 0, 8, 16 };

static void r21_split_fields_are_loaded_once(void)
{
	static const uint16_t entry[] = { 0 };

	begin(0);
	driver_set_desc(q, 2, BUF, 24, VRING_DESC_F_NEXT, 5);
	driver_set_desc(q, 5, ANSWER, 24, VRING_DESC_F_WRITE, 0);
	driver_expose(q, 2);
	serve();
	check_loads(WATCH + 2 * 16, WATCH + 3 * 16, whole_desc, 2);
	check_loads(WATCH + 5 * 16, WATCH + 6 * 16, whole_desc, 2);
	check_loads(WATCH, WATCH + 2 * 16, NULL, 0);
	check_loads(AVAIL + 4, AVAIL + 4 + 2 * SIZE, entry, 1);
	check_loads(BUF, BUF + 24, request, 3);
	echo_destroy(&echo);
}

static void r21_indirect_table_is_loaded_once(void)
{
	struct vring_desc table[2] = {
		{ .addr = BUF, .len = 24, .flags = VRING_DESC_F_NEXT, .next = 1 },
		{ .addr = ANSWER, .len = 24, .flags = VRING_DESC_F_WRITE },
	};
	const gpa_t at = WATCH + 3072;

	begin(DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) | DRIVER_F(VIRTIO_RING_F_EVENT_IDX));
	driver_write(&echo.d, at, table, sizeof(table));
	driver_set_desc(q, 0, at, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	driver_expose(q, 0);
	serve();
	check_loads(WATCH, WATCH + 16, whole_desc, 2);
	check_loads(at, at + 16, whole_desc, 2);
	check_loads(at + 16, at + 32, whole_desc, 2);
	check_loads(BUF, BUF + 24, request, 3);
	echo_destroy(&echo);
}

static void r21_packed_fields_are_loaded_once(void)
{
	/* Of the first the flags by themselves, which release the rest and only say so: the walk goes by the copy. */
	static const uint16_t first[] = { 14, 0, 8 };

	begin(DRIVER_F(VIRTIO_F_RING_PACKED));
	driver_put_packed(q, BUF, 24, 0, VRING_DESC_F_NEXT);
	driver_put_packed(q, ANSWER, 24, 0, VRING_DESC_F_WRITE);
	serve();
	check_loads(WATCH, WATCH + 16, first, 3);
	check_loads(WATCH + 16, WATCH + 32, whole_desc, 2);
	check_loads(BUF, BUF + 24, request, 3);
	echo_destroy(&echo);
}

#else

static void r21_split_fields_are_loaded_once(void)
{
	SKIP("counts loads by single-stepping, which needs x86 without TSan");
}

static void r21_indirect_table_is_loaded_once(void)
{
	SKIP("counts loads by single-stepping, which needs x86 without TSan");
}

static void r21_packed_fields_are_loaded_once(void)
{
	SKIP("counts loads by single-stepping, which needs x86 without TSan");
}

#endif

static const struct test tests[] = {
	TEST(r21_split_fields_are_loaded_once),
	TEST(r21_indirect_table_is_loaded_once),
	TEST(r21_packed_fields_are_loaded_once),
};

TEST_MAIN(tests)
