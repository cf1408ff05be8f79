/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that lie: each kind of lie as the driver sees it, that a seed repeats, and that whoever is asked not to lie does not. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "disk_rig.h"
#include "echo_rig.h"
#include "virtio/hostile.h"

#define ALL	   ((1u << HOSTILE_KINDS) - 1)
#define KIND(name) (1u << HOSTILE_##name)

static struct hostile hostile;
static struct hostile_device *liar;
static char text[16 * 1024]; /* of the reports, a line each */

static void note(struct hostile *h, const char *line)
{
	size_t used = strlen(text);

	(void)h;
	snprintf(text + used, sizeof(text) - used, "%s\n", line);
}

static void lie(struct virtio *v, uint64_t seed, uint32_t rate, uint32_t kinds)
{
	hostile_init(&hostile, seed, rate, kinds);
	hostile.report = note;
	text[0] = '\0';
	liar = hostile_attach(&hostile, v);
}

/* An echo that lies, and its driver. */
static struct driver_queue *begin_lying(uint64_t features, uint32_t rate, uint32_t kinds)
{
	begin();
	lie(&echo.v, 1, rate, kinds);
	return liar ? driver_start(&echo.d, features, SIZE) : NULL;
}

static void end_lying(void)
{
	driver_reset(&echo.d);
	hostile_detach(liar);
	/* And honest from then on. */
	CHECK(echo_works(&echo, driver_start(&echo.d, 0, SIZE)));
	end();
}

/* One request of 24 bytes with room for 32, of which nothing is taken back. Its head, or -1. */
static int ask(struct driver_queue *q)
{
	const struct driver_buf bufs[] = { { BUF, 24, false }, { BUF + 64, 32, true } };
	int head = driver_add(q, bufs, ARRAY_SIZE(bufs));

	driver_kick(q);
	rig_run(&echo.rig);
	return head;
}

/* Split rings: the number of used entries, and the i-th as it is in memory. */
static uint16_t used_count(const struct driver_queue *q)
{
	uint16_t idx;

	driver_read(&echo.d, q->used + 2, &idx, sizeof(idx));
	return idx;
}

static struct vring_used_elem used_at(const struct driver_queue *q, unsigned int i)
{
	struct vring_used_elem elem;

	driver_read(&echo.d, q->used + 4 + i * sizeof(elem), &elem, sizeof(elem));
	return elem;
}

/* Takes back what the driver did not: the ring stays usable whatever was in it. */
static void forget(struct driver_queue **q, uint64_t features)
{
	*q = driver_start(&echo.d, features, SIZE);
}

static void asked_for_nothing_nothing_is_done(void)
{
	struct driver_queue *q = begin_lying(0, 1, 0);

	REQUIRE(q);
	for (int i = 0; i < 100; i++)
		CHECK(echo_works(&echo, q));
	CHECK_STR(text, "");
	for (int i = 0; i < HOSTILE_KINDS; i++)
		CHECK(!hostile.count[i].lies && !hostile.count[i].occasions);
	end_lying();
}

static void used_ids(void)
{
	static const uint64_t features[] = { 0, DRIVER_F(VIRTIO_F_IN_ORDER), DRIVER_F(VIRTIO_RING_F_INDIRECT_DESC) };

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		struct driver_queue *q = begin_lying(features[f], 1, KIND(USED_ID));
		unsigned int outside = 0, inside = 0;

		for (unsigned int i = 0; i < 40; i++) {
			int head;
			struct vring_used_elem elem;

			REQUIRE(q);
			head = ask(q);
			REQUIRE(head >= 0 && used_count(q) == 1);
			elem = used_at(q, 0);
			CHECK(elem.id != (uint32_t)head && elem.id <= UINT16_MAX);
			CHECK_EQ(elem.len, 24);
			*(elem.id < SIZE ? &inside : &outside) += 1;
			/* What is in flight is what the device took, not what it said. */
			CHECK_EQ(echo.v.queue[0].in_flight_count, 0);
			forget(&q, features[f]);
		}
		CHECK(inside > 5 && outside > 5);
		CHECK_EQ(hostile.count[HOSTILE_USED_ID].lies, 40);
		CHECK_HAS(text, "echo queue 0 chain 1: used-id: ");
		end_lying();
	}
}

static void used_ids_of_a_packed_ring(void)
{
	struct driver_queue *q = begin_lying(DRIVER_F(VIRTIO_F_RING_PACKED), 1, KIND(USED_ID));
	struct vring_packed_desc desc;
	int head;

	REQUIRE(q);
	head = ask(q);
	REQUIRE(head >= 0);
	driver_read(&echo.d, q->desc, &desc, sizeof(desc));
	CHECK(desc.flags & 1u << VRING_PACKED_DESC_F_USED);
	CHECK(desc.id != head);
	CHECK_EQ(desc.len, 24);
	end_lying();
}

static void used_lengths(void)
{
	struct driver_queue *q = begin_lying(0, 1, KIND(USED_LEN));
	unsigned int none = 0, less = 0, more = 0, huge = 0;

	for (int i = 0; i < 200; i++) {
		struct vring_used_elem elem;
		int head;

		REQUIRE(q);
		head = ask(q);
		REQUIRE(head >= 0 && used_count(q) == 1);
		elem = used_at(q, 0);
		CHECK_EQ(elem.id, head);
		CHECK(elem.len != 24);
		*(!elem.len ? &none : elem.len < 24 ? &less : elem.len < 1u << 16 ? &more : &huge) += 1;
		forget(&q, 0);
	}
	CHECK(none && less && more && huge);
	end_lying();
}

static void lost_interrupts(void)
{
	struct driver_queue *q = begin_lying(0, 1, KIND(IRQ_LOST));

	REQUIRE(q);
	ask(q);
	CHECK_EQ(used_count(q), 1);
	CHECK(!plug_interrupted(&echo.plug));
	rig_advance(&echo.rig, 10000000000);
	CHECK(!plug_interrupted(&echo.plug));
	/* Those for the configuration too. */
	virtio_notify_config(&echo.v);
	CHECK(!plug_interrupted(&echo.plug));
	CHECK_EQ(hostile.count[HOSTILE_IRQ_LOST].lies, 2);
	end_lying();
}

static void late_interrupts(void)
{
	struct driver_queue *q = begin_lying(0, 1, KIND(IRQ_LATE));

	REQUIRE(q);
	ask(q);
	CHECK_EQ(used_count(q), 1);
	CHECK(!plug_interrupted(&echo.plug));
	rig_advance(&echo.rig, 513000000);
	CHECK(plug_interrupted(&echo.plug));
	/* One that is on its way when the driver resets the device has nobody to go to. */
	forget(&q, 0);
	REQUIRE(q);
	ask(q);
	forget(&q, 0);
	rig_advance(&echo.rig, 513000000);
	CHECK(!plug_interrupted(&echo.plug));
	end_lying();
}

static void double_interrupts(void)
{
	struct driver_queue *q = begin_lying(0, 1, KIND(IRQ_DOUBLE));

	REQUIRE(q);
	ask(q);
	CHECK(plug_interrupted(&echo.plug));
	(void)echo.d.transport->take_interrupt(&echo.d);
	CHECK(!plug_interrupted(&echo.plug));
	rig_advance(&echo.rig, 9000000);
	CHECK(plug_interrupted(&echo.plug));
	CHECK_EQ(used_count(q), 1);
	end_lying();
}

/* A line that remembers how much was used when it was first raised. */
static const struct irq_ops *line_ops;
static const struct driver_queue *line_queue;
static int used_at_raise;

static void spy_raise(struct irq *irq)
{
	if (used_at_raise < 0)
		used_at_raise = used_count(line_queue);
	line_ops->raise(irq);
}

static void early_interrupts(void)
{
	struct driver_queue *q = begin_lying(0, 1, KIND(IRQ_EARLY));
	struct irq_ops spy;

	if (plug_type != &plug_types[PLUG_MMIO]) {
		end_lying();
		SKIP("there is no line");
	}
	REQUIRE(q);
	line_ops = echo.plug.irq.irq.ops;
	line_queue = q;
	used_at_raise = -1;
	spy = *line_ops;
	spy.raise = spy_raise;
	echo.plug.irq.irq.ops = &spy;
	ask(q);
	CHECK_EQ(used_at_raise, 0);
	CHECK_EQ(used_count(q), 1);
	CHECK_EQ(echo.plug.irq.raised, 2);
	echo.plug.irq.irq.ops = line_ops;
	end_lying();
}

static void configuration_that_changes_in_mid_read(void)
{
	struct driver_queue *q = begin_lying(0, 20, KIND(CONFIG));
	unsigned int lies = 0, truths = 0;

	REQUIRE(q);
	for (int i = 0; i < 100; i++) {
		uint32_t before = echo.d.transport->config_generation(&echo.d), after;
		uint8_t got[ECHO_CONFIG];

		(void)echo.d.transport->take_interrupt(&echo.d);
		echo.d.transport->config_read(&echo.d, 0, got, sizeof(got));
		after = echo.d.transport->config_generation(&echo.d);
		/* Whoever compares generations, as the specification asks for, never believes a lie. */
		if (memcmp(got, echo.config, sizeof(got))) {
			lies++;
			CHECK(before != after);
			CHECK(plug_interrupted(&echo.plug));
		} else {
			truths++;
		}
	}
	CHECK(lies > 5 && truths > 5);
	end_lying();
}

static void short_entropy(void)
{
	struct entropy source;
	struct entropy *entropy;
	unsigned int none = 0, less = 0;
	uint8_t bytes[64];
	struct iovec iov[] = { { bytes, 48 }, { bytes + 48, 16 } };

	entropy_init_seeded(&source, 0);
	hostile_init(&hostile, 7, 1, KIND(ENTROPY));
	hostile.report = note;
	text[0] = '\0';
	entropy = hostile_entropy(&hostile, &source);
	for (int i = 0; i < 100; i++) {
		ssize_t got = entropy->fill(entropy, iov, 2);

		CHECK(got == -EAGAIN || (got >= 1 && got <= 48));
		none += got == -EAGAIN;
		less += got > 0 && got < 48;
	}
	CHECK(none > 10 && less > 10);
	CHECK_HAS(text, "entropy: none now\n");
	hostile.kinds = 0;
	CHECK_EQ(entropy->fill(entropy, iov, 2), 64);
}

/* The disk did what it was asked, and says that it did not. */
static void disk_statuses(void)
{
	unsigned int known = 0, unknown = 0;
	uint32_t used;

	disk_begin_device(NULL);
	lie(&disk.blk.v, 3, 1, KIND(STATUS));
	REQUIRE(liar);
	REQUIRE(disk_start(1));
	for (int i = 0; i < 50; i++) {
		uint8_t status;

		disk_fill(DISK_DATA, 0, 512);
		status = disk_request(VIRTIO_BLK_T_IN, 7, 512, &used);
		CHECK(status != VIRTIO_BLK_S_OK);
		CHECK_EQ(used, 513);
		CHECK(disk_is_pattern(DISK_DATA, 7 * 512, 512));
		*(status <= VIRTIO_BLK_S_UNSUPP ? &known : &unknown) += 1;
	}
	CHECK(known > 10 && unknown > 10);
	/* A chain without a byte to write has no status to lie about. */
	driver_write(&disk.d, DISK_HEADER, "", 1);
	CHECK(driver_add(disk.q, &(struct driver_buf){ DISK_HEADER, 16, false }, 1) >= 0);
	driver_kick(disk.q);
	rig_run(&disk.rig);
	CHECK_EQ(hostile.count[HOSTILE_STATUS].occasions, 50);
	driver_reset(&disk.d);
	hostile_detach(liar);
	REQUIRE(disk_start(1));
	CHECK(disk_works());
	disk_end();
}

/* The lines of a run that have `needle` in them: of forty requests, with resets so that none waits for what a lie took. */
static void story(uint64_t seed, uint32_t kinds, const char *needle, char *out, size_t size)
{
	struct driver_queue *q;
	char *save, *line;

	out[0] = '\0';
	begin();
	lie(&echo.v, seed, 4, kinds);
	REQUIRE(liar);
	for (int i = 0; i < 40; i++) {
		q = driver_start(&echo.d, 0, SIZE);
		REQUIRE(q);
		ask(q);
	}
	driver_reset(&echo.d);
	hostile_detach(liar);
	end();
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, needle))
			snprintf(out + strlen(out), size - strlen(out), "%s\n", line);
}

static void a_seed_repeats(void)
{
	static char first[8192], second[8192];

	story(42, ALL, "", first, sizeof(first));
	story(42, ALL, "", second, sizeof(second));
	CHECK(strlen(first) > 500);
	CHECK_STR(second, first);
	story(43, ALL, "", second, sizeof(second));
	CHECK(strcmp(first, second));
	/* A kind of lie is the same whatever others there are. */
	story(42, ALL, "used-id", first, sizeof(first));
	story(42, KIND(USED_ID), "used-id", second, sizeof(second));
	CHECK(strlen(first) > 100);
	CHECK_STR(second, first);
}

/* Every set of ring features, and every lie half of the time: the device is there afterwards, whatever its driver makes of it. */
static void it_survives_itself(void)
{
	for (unsigned int c = 0; c < ECHO_COMBINATIONS; c++) {
		struct driver_queue *q;

		begin();
		lie(&echo.v, c, 2, ALL);
		REQUIRE(liar);
		for (int life = 0; life < 4; life++) {
			uint8_t config[ECHO_CONFIG];

			q = driver_start(&echo.d, echo_features(c), SIZE);
			REQUIRE(q);
			for (int i = 0; i < SIZE / 2; i++)
				ask(q);
			echo.d.transport->config_read(&echo.d, 0, config, sizeof(config));
			rig_advance(&echo.rig, 20000000);
		}
		end_lying();
	}
	for (int i = 0; i < HOSTILE_KINDS; i++)
		if (i != HOSTILE_ENTROPY && i != HOSTILE_STATUS)
			CHECK(hostile.count[i].lies && hostile.count[i].lies < hostile.count[i].occasions);
}

static void kinds_have_names(void)
{
	for (int i = 0; i < HOSTILE_KINDS; i++) {
		const char *name = hostile_kind_name((enum hostile_kind)i);

		CHECK_EQ(hostile_find_kind(name, strlen(name)), i);
		CHECK_EQ(hostile_find_kind(name, strlen(name) - 1), -1);
	}
}

static const struct test tests[] = {
	TEST(asked_for_nothing_nothing_is_done),
	TEST(used_ids),
	TEST(used_ids_of_a_packed_ring),
	TEST(used_lengths),
	TEST(lost_interrupts),
	TEST(late_interrupts),
	TEST(double_interrupts),
	TEST(early_interrupts),
	TEST(configuration_that_changes_in_mid_read),
	TEST(short_entropy),
	TEST(disk_statuses),
	TEST(a_seed_repeats),
	TEST(it_survives_itself),
	TEST(kinds_have_names),
};
TEST_MAIN_WAYS(tests, &plug_ways)
