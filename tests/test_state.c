/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot stream: what goes in comes out, and what is not a stream is refused with a reason. */
#include <errno.h>
#include <stdlib.h>

#include "core/state.h"
#include "test.h"

struct thing {
	uint8_t a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
	bool e;
	char f[5];
};

static const struct thing sample = { 0x12, 0x3456, 0x789abcde, 0x0123456789abcdef, true, "hello" };

static void thing_state(struct thing *t, struct state *s, const char *name, uint32_t version)
{
	state_section(s, name, version);
	state_u8(s, &t->a);
	state_u16(s, &t->b);
	state_u32(s, &t->c);
	state_u64(s, &t->d);
	state_bool(s, &t->e);
	state_bytes(s, t->f, sizeof(t->f));
}

static bool same(const struct thing *x, const struct thing *y)
{
	return x->a == y->a && x->b == y->b && x->c == y->c && x->d == y->d && x->e == y->e &&
	       !memcmp(x->f, y->f, sizeof(x->f));
}

static void save_sample(struct state *s)
{
	struct thing t = sample;

	state_save(s);
	thing_state(&t, s, "thing", 7);
	CHECK_EQ(state_finish(s), 0);
	CHECK(same(&t, &sample));
}

static void saved_and_loaded(void)
{
	struct thing t = { 0 };
	struct state out, in;

	save_sample(&out);
	CHECK_EQ(out.len, 1 + 5 + 4 + 1 + 2 + 4 + 8 + 1 + 5);
	state_load(&in, out.data, out.len);
	CHECK(state_loading(&in) && !state_loading(&out));
	thing_state(&t, &in, "thing", 7);
	CHECK_EQ(state_finish(&in), 0);
	CHECK(same(&t, &sample));
	state_destroy(&in);
	state_destroy(&out);
}

static void little_endian_without_padding(void)
{
	static const uint8_t want[] = { 5, 't', 'h', 'i', 'n', 'g', 7, 0, 0, 0, 0x12, 0x56, 0x34, 0xde, 0xbc, 0x9a,
		0x78, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 1, 'h', 'e', 'l', 'l', 'o' };
	struct state out;

	save_sample(&out);
	CHECK_EQ(out.len, sizeof(want));
	CHECK(!memcmp(out.data, want, sizeof(want)));
	state_destroy(&out);
}

/* R70: cut anywhere it is refused, and what was not read keeps its value. */
static void r70_truncated_at_every_byte(void)
{
	struct state out, in;

	save_sample(&out);
	for (size_t len = 0; len < out.len; len++) {
		/* A copy of just that length, so that a sanitizer sees a byte too many. */
		uint8_t *copy = malloc(len ? len : 1);
		struct thing t = { .c = 42, .e = false };

		memcpy(copy, out.data, len);
		state_load(&in, copy, len);
		thing_state(&t, &in, "thing", 7);
		CHECK_EQ(state_finish(&in), -EINVAL);
		CHECK_HAS(in.why, "thing: ");
		if (len < 17)
			CHECK_EQ(t.c, 42);
		free(copy);
	}
	state_destroy(&out);
}

static void more_than_there_should_be(void)
{
	struct thing t;
	struct state out, in;
	uint8_t more = 0;

	save_sample(&out);
	state_u8(&out, &more);
	state_load(&in, out.data, out.len);
	thing_state(&t, &in, "thing", 7);
	CHECK_EQ(state_finish(&in), -EINVAL);
	CHECK_HAS(in.why, "more follows");
	state_destroy(&out);
}

static void r72_another_object_or_version(void)
{
	struct thing t = { 0 };
	struct state out, in;

	save_sample(&out);
	state_load(&in, out.data, out.len);
	thing_state(&t, &in, "other", 7);
	CHECK_EQ(state_finish(&in), -EINVAL);
	CHECK_STR(in.why, "other: the snapshot has thing in its place");
	CHECK_EQ(t.a, 0);
	state_load(&in, out.data, out.len);
	thing_state(&t, &in, "thing", 8);
	CHECK_EQ(state_finish(&in), -EINVAL);
	CHECK_STR(in.why, "thing: version 7, this program has 8");
	state_destroy(&out);
}

/* A NUL in it ends no name: "thing" and more behind it is another. */
static void r71_a_name_ends_where_it_says(void)
{
	struct thing t = { 0 };
	uint8_t data[64];
	struct state out, in;

	save_sample(&out);
	memcpy(data, out.data, 6);
	data[0] += 2;
	data[6] = data[7] = '\0';
	memcpy(data + 8, out.data + 6, out.len - 6);
	state_load(&in, data, out.len + 2);
	thing_state(&t, &in, "thing", 7);
	CHECK_EQ(state_finish(&in), -EINVAL);
	CHECK_STR(in.why, "thing: the snapshot has thing.. in its place");
	state_destroy(&out);
}

static void r71_hostile_names_and_values(void)
{
	uint8_t data[256];
	struct thing t = { 0 };
	struct state out, in;

	memset(data, 0x1b, sizeof(data));
	for (unsigned int len = 0; len < 256; len++) {
		data[0] = (uint8_t)len;
		state_load(&in, data, sizeof(data));
		thing_state(&t, &in, "thing", 7);
		CHECK_EQ(state_finish(&in), -EINVAL);
		CHECK(!strchr(in.why, 0x1b));
	}
	save_sample(&out);
	out.data[25] = 2;
	state_load(&in, out.data, out.len);
	thing_state(&t, &in, "thing", 7);
	CHECK_EQ(state_finish(&in), -EINVAL);
	CHECK_HAS(in.why, "yes or no");
	state_destroy(&out);
}

static void first_failure_wins(void)
{
	struct state s;
	uint8_t byte = 1;

	state_save(&s);
	state_section(&s, "one", 1);
	state_fail(&s, "cannot be saved now");
	state_section(&s, "two", 1);
	state_u8(&s, &byte);
	state_fail(&s, "nor this");
	CHECK(state_failed(&s));
	CHECK_EQ(state_finish(&s), -EINVAL);
	CHECK_STR(s.why, "one: cannot be saved now");
	CHECK_EQ(s.len, 8);
	state_destroy(&s);
}

static void large_streams_grow(void)
{
	static uint8_t block[10000];
	uint8_t back[sizeof(block)];
	struct state out, in;

	state_save(&out);
	for (int i = 0; i < 100; i++) {
		memset(block, i, sizeof(block));
		state_bytes(&out, block, sizeof(block));
	}
	CHECK_EQ(state_finish(&out), 0);
	CHECK_EQ(out.len, 100 * sizeof(block));
	state_load(&in, out.data, out.len);
	for (int i = 0; i < 100; i++) {
		memset(block, i, sizeof(block));
		state_bytes(&in, back, sizeof(back));
		CHECK(!memcmp(block, back, sizeof(back)));
	}
	CHECK_EQ(state_finish(&in), 0);
	state_destroy(&out);
}

static const struct test tests[] = {
	TEST(saved_and_loaded),
	TEST(little_endian_without_padding),
	TEST(more_than_there_should_be),
	TEST(first_failure_wins),
	TEST(large_streams_grow),
	TEST(r70_truncated_at_every_byte),
	TEST(r71_a_name_ends_where_it_says),
	TEST(r71_hostile_names_and_values),
	TEST(r72_another_object_or_version),
};

TEST_MAIN(tests)
