/* SPDX-License-Identifier: Apache-2.0 */
/* A recording by --record: a device on a rig whose guest is this test, and what the file then says of it. */
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/entropy.h"
#include "layout.h"
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
	CHECK_EQ(virtio_mmio_init(&transport, &rng.v, &rig.bus, BASE, record_irq(r, &line.irq)), 0);
	record_virtio(r, &rng.v, "rng", "mmio", 31, "");
	return r;
}

/* What the file says. */
static void finish(struct record *r)
{
	struct error error = { .status = STATUS_OK };
	FILE *file;
	size_t len;

	record_life_ends(r);
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
	CHECK_HAS(text,
		"# device rng-mmio@31 on=0x0 off=0x0\nwritel 0xa003e70 0x0\nIRQ lower 47\nwritel 0xa003e70 0x3\n");
	/* DRIVER_OK makes the device look once, and it finds nothing. */
	CHECK_HAS(text, "dma 0x40002002 2 0 0x0000\n");
	CHECK_HAS(text, "\ndma 0x40001000 16 0 0x00400040000000000400000002000000\nhost entropy 0x");
	CHECK_HAS(text, "writel 0xa003e50 0x0\n# used 0 0 4\nIRQ raise 47\nreadl 0xa003e60 = 0x1\n");
	CHECK_EQ(line.raised, 1);
	/* The machine's end is not the guest's: what it asked for last is the last line. */
	CHECK_STR(text + strlen(text) - strlen("readl 0xa003e60 = 0x1\n"), "readl 0xa003e60 = 0x1\n");
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

static int sensed;

static void sense(struct irq *irq, void *opaque)
{
	CHECK(opaque == &sensed);
	CHECK_EQ(irq->num, 47);
	sensed++;
}

/* What the receiver of a line notices goes to the device, and into the recording in front of what follows from it. */
static void a_line_taken_by_its_level(void)
{
	struct record *r = start();
	struct irq *irq;

	REQUIRE(r);
	irq = record_irq(r, &line.irq);
	CHECK(irq == record_irq(r, &line.irq));
	CHECK(irq == transport.irq);
	CHECK_EQ(irq->ops->fd(irq), -1);
	bring_up(r);
	irq_raise(irq);
	CHECK(!line.irq.sensed);
	irq->sensed = sense;
	irq->sensed_opaque = &sensed;
	irq_raise(irq);
	REQUIRE(line.irq.sensed);
	line.irq.sensed(&line.irq, line.irq.sensed_opaque);
	CHECK_EQ(sensed, 1);
	irq_lower(irq);
	CHECK_EQ(line.raised, 2);
	/* A device that has gone is not told. */
	irq->sensed = NULL;
	line.irq.sensed(&line.irq, line.irq.sensed_opaque);
	CHECK_EQ(sensed, 1);
	touch(r, false, BASE + 0x60, 0);
	finish(r);
	CHECK_HAS(text, "# sensed 47\nIRQ raise 47\nIRQ raise 47\nIRQ lower 47\nreadl 0xa003e60 = 0x0\n");
	CHECK(!record_irq(NULL, NULL));
	CHECK(record_irq(NULL, &line.irq) == &line.irq);
}

/* One message, which the machine behind it takes for address 1 only. */
static struct rig_irq message;
static bool allocated;

static struct irq *message_alloc(void *opaque, uint32_t requester)
{
	CHECK(opaque == &message);
	CHECK_EQ(requester, 8);
	if (allocated)
		return NULL;
	allocated = true;
	rig_irq_init(&message, 4000);
	return &message.irq;
}

static int message_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	CHECK(opaque == &message && irq == &message.irq);
	(void)data;
	return addr == 1 ? 0 : -EINVAL;
}

static void message_free(void *opaque, struct irq *irq)
{
	CHECK(opaque == &message && irq == &message.irq);
	allocated = false;
}

static void a_message(void)
{
	static const struct msi_ops ops = { .alloc = message_alloc, .route = message_route, .free = message_free };
	struct record *r = start();
	const struct msi_ops *msi;
	struct irq *irq;

	REQUIRE(r);
	msi = record_msi(r, &ops, &message);
	irq = msi->alloc(r, 8);
	REQUIRE(irq);
	CHECK(!msi->alloc(r, 8));
	CHECK_EQ(msi->route(r, irq, 2, 7), -EINVAL);
	CHECK_EQ(msi->route(r, irq, 1, 7), 0);
	/* Nothing is a guest's yet. */
	irq_raise(irq);
	touch(r, false, BASE, 0);
	irq_raise(irq);
	irq_lower(irq);
	CHECK_EQ(message.raised, 2);
	CHECK_EQ(message.lowered, 1);
	CHECK_EQ(irq->ops->fd(irq), -1);
	msi->free(r, irq);
	CHECK(!allocated);
	finish(r);
	CHECK_HAS(text, "off=0x0\nreadl 0xa003e00 = 0x74726976\nIRQ message 8 0x1 0x7\n");
}

/* The alarm's line changes by the clock, which therefore is said first; of all others in their steps. */
static void an_alarm(void)
{
	struct record *r = start();
	struct rig_irq alarm;
	struct irq *irq;
	unsigned long long ns = 0;
	const char *at;

	REQUIRE(r);
	rig_irq_init(&alarm, LAYOUT_SPI_PL031);
	irq = record_irq(r, &alarm.irq);
	touch(r, false, BASE, 0);
	irq_raise(irq);
	CHECK_EQ(alarm.raised, 1);
	finish(r);
	at = strstr(text, "clock_step ");
	REQUIRE(at);
	CHECK_EQ(sscanf(at, "clock_step %llu\n", &ns), 1);
	CHECK(ns > 0);
	CHECK_STR(strchr(at, '\n'), "\nIRQ raise 2\n");
}

static const struct test tests[] = {
	TEST(a_request),
	TEST(loads_are_counted),
	TEST(a_file_that_cannot_be),
	TEST(what_is_typed),
	TEST(a_line_taken_by_its_level),
	TEST(a_message),
	TEST(an_alarm),
};
TEST_MAIN(tests)
