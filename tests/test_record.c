/* SPDX-License-Identifier: Apache-2.0 */
/* A recording by --record: a device on a rig whose guest is this test, and what the file then says of it. */
#include "record.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/entropy.h"
#include "rig.h"
#include "test.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

#define BASE  0xa003e00ULL
#define DESC  (RIG_RAM_BASE + 0x1000)
#define AVAIL (RIG_RAM_BASE + 0x2000)
#define USED  (RIG_RAM_BASE + 0x3000)

static struct rig rig;
static struct rig_irq line;
static struct entropy source;
static struct virtio_rng rng;
static struct virtio_mmio transport;
static char path[] = "/tmp/minivmm-record.XXXXXX";
static char text[65536];

static void touch(struct record *r, bool write, gpa_t addr, uint64_t value)
{
	record_access(r, &rig.bus, write, addr, 4, &value);
}

static void put(gpa_t gpa, const void *bytes, size_t len)
{
	CHECK(mem_write(&rig.mem, gpa, bytes, len));
}

/* Virtio 3.1.1, and one request for 4 bytes made available. */
static void bring_up(struct record *r)
{
	static const uint32_t steps[][2] = {
		{ 0x70, 0 },
		{ 0x70, 3 },
		{ 0x24, 1 },
		{ 0x20, 1 },
		{ 0x70, 0xb },
		{ 0x38, 8 },
		{ 0x80, (uint32_t)DESC },
		{ 0x90, (uint32_t)AVAIL },
		{ 0xa0, (uint32_t)USED },
		{ 0x44, 1 },
		{ 0x70, 0xf },
	};
	/* 4 bytes at RIG_RAM_BASE + 0x4000 for the device to write. */
	static const uint8_t desc[16] = { 0, 0x40, 0, 0x40, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		touch(r, true, BASE + steps[i][0], steps[i][1]);
	put(DESC, desc, sizeof(desc));
	put(AVAIL + 2, "\1", 2);
}

static struct record *start(void)
{
	struct error error = { .status = STATUS_OK };
	struct record *r;
	int fd = mkstemp(path);

	close(fd);
	rig_init(&rig);
	rig_irq_init(&line, 47);
	entropy_init_seeded(&source, 1);
	r = record_create(path, &rig.loop, &error);
	if (!r)
		return NULL;
	rig.mem.hook = record_life(r, &rig.mem);
	CHECK_EQ(virtio_rng_init(&rng, &rig.loop, &rig.mem, record_entropy(r, &source)), 0);
	CHECK_EQ(virtio_mmio_init(&transport, &rng.v, &rig.bus, BASE, &line.irq), 0);
	record_virtio(r, &rng.v, "rng", "mmio", 31, "");
	return r;
}

/* What the file says. */
static void finish(struct record *r)
{
	struct error error = { .status = STATUS_OK };
	FILE *file;
	size_t len;

	virtio_mmio_destroy(&transport);
	virtio_rng_destroy(&rng);
	CHECK_EQ(record_finish(r, &error), 0);
	rig.mem.hook = NULL;
	rig_destroy(&rig);
	file = fopen(path, "re");
	len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	text[len] = '\0';
	if (file)
		fclose(file);
	unlink(path);
	strcpy(strrchr(path, '.'), ".XXXXXX");
}

/* All that the device finds stands before the step that makes it look, what it gave back after it. */
static void a_request(void)
{
	struct record *r = start();

	REQUIRE(r);
	bring_up(r);
	touch(r, true, BASE + 0x50, 0);
	touch(r, false, BASE + 0x60, 0);
	finish(r);
	CHECK_HAS(text, "# life of a machine\n# memory 0x40000000 8388608\n# clock ");
	CHECK_HAS(text, "# device rng-mmio@31 on=0x0 off=0x0\nwritel 0xa003e70 0x0\nwritel 0xa003e70 0x3\n");
	/* DRIVER_OK makes the device look once, and it finds nothing. */
	CHECK_HAS(text, "dma 0x40002002 2 0 0x0000\n");
	CHECK_HAS(text, "\ndma 0x40001000 16 0 0x00400040000000000400000002000000\nhost entropy 0x");
	CHECK_HAS(text, "writel 0xa003e50 0x0\n# used 0 0 4\nreadl 0xa003e60 = 0x1\n");
}

/* The same bytes loaded again are told apart by their number. */
static void loads_are_counted(void)
{
	struct record *r = start();
	char want[64];
	const char *at = text;
	unsigned int n = 0;

	REQUIRE(r);
	bring_up(r);
	touch(r, true, BASE + 0x50, 0);
	for (int i = 0; i < 3000; i++)
		touch(r, true, BASE + 0x50, 0);
	finish(r);
	for (;; n++) {
		snprintf(want, sizeof(want), "dma 0x40002002 2 %u 0x", n);
		at = strstr(at, want);
		if (!at || n > 500)
			break;
		at++;
	}
	CHECK(n > 500);
}

static void a_file_that_cannot_be(void)
{
	struct error error = { .status = STATUS_OK };
	struct record *r;

	CHECK(!record_create("/nowhere/at/all", &rig.loop, &error));
	CHECK_EQ(error.status, STATUS_OUTPUT);
	CHECK_STR(error.text, "--record /nowhere/at/all: No such file or directory");
	error.status = STATUS_OK;
	rig_init(&rig);
	r = record_create("/dev/full", &rig.loop, &error);
	REQUIRE(r);
	(void)record_life(r, &rig.mem);
	CHECK_EQ(record_finish(r, &error), -1);
	CHECK_STR(error.text, "--record: the recording is not complete: No space left on device");
	rig_destroy(&rig);
	CHECK_EQ(record_finish(NULL, &error), 0);
}

static void what_is_typed(void)
{
	struct error error = { .status = STATUS_OK };
	struct record *r = start();
	struct rig_chardev terminal;
	struct chardev *console;
	struct chardev_user user = { .readable = NULL };
	char typed[8];

	REQUIRE(r);
	rig_chardev_init(&terminal, &rig);
	console = record_console(r, &terminal.dev, &error);
	REQUIRE(console);
	chardev_attach(console, &user);
	rig_chardev_type(&terminal, "hi", 2);
	CHECK_EQ(chardev_read(console, typed, sizeof(typed)), 2);
	/* A terminal that takes nothing is not seen by the device. */
	terminal.out_room = 1;
	CHECK_EQ(chardev_write(console, "abc", 3), 3);
	CHECK_EQ(terminal.out_len, 1);
	rig_chardev_drain(&terminal, 100);
	CHECK_EQ(terminal.out_len, 3);
	CHECK(!memcmp(terminal.out, "abc", 3));
	chardev_attach(console, NULL);
	record_event(r, "power key");
	finish(r);
	CHECK_HAS(text, "host input 0x6869\n");
	CHECK_HAS(text, "\n# power key\n");
}

static const struct test tests[] = {
	TEST(a_request),
	TEST(loads_are_counted),
	TEST(a_file_that_cannot_be),
	TEST(what_is_typed),
};
TEST_MAIN(tests)
