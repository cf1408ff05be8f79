/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the snapshot stream by itself, with any list of fields (the devices' own lists are the target "snapshot"). What it
 * takes has to come out the same when it is written again.
 *
 * An input is a count, that many fields, and the stream.
 */
#include "core/state.h"
#include "input.h"
#include "targets.h"

#define MOST 64

struct values {
	uint8_t u8[MOST];
	uint16_t u16[MOST];
	uint32_t u32[MOST];
	uint64_t u64[MOST];
	bool yes[MOST];
	uint8_t bytes[MOST][16];
};

static struct values loaded, kept;

static void fields(struct values *v, struct state *s, const uint8_t *kind, size_t count)
{
	static const char *const names[] = { "a", "virtio-rng",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" };

	for (size_t i = 0; i < count; i++) {
		switch (kind[i] % 8) {
		case 0: state_u8(s, &v->u8[i]); break;
		case 1: state_u16(s, &v->u16[i]); break;
		case 2: state_u32(s, &v->u32[i]); break;
		case 3: state_u64(s, &v->u64[i]); break;
		case 4: state_bool(s, &v->yes[i]); break;
		case 5: state_section(s, names[(kind[i] >> 3) % 3], kind[i] >> 5); break;
		case 6:
			if (v->u8[i] > 0x80)
				state_fail(s, "a limit of the device's");
			break;
		default: state_bytes(s, v->bytes[i], (kind[i] >> 3) % 17); break;
		}
	}
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	size_t count = fuzz_take_number(&in, 1) % (MOST + 1);
	const uint8_t *kind = fuzz_take(&in, count, &count);
	uint8_t *stream = fuzz_copy(in.data, in.left);
	struct state s;
	int ret;

	memset(&loaded, 0, sizeof(loaded));
	state_load(&s, stream, in.left);
	fields(&loaded, &s, kind, count);
	ret = state_finish(&s);
	if ((ret != 0) != (s.why[0] != '\0') || (ret && strnlen(s.why, sizeof(s.why)) == sizeof(s.why)))
		fuzz_failed("state", "%d, and says \"%.200s\"", ret, s.why);
	state_destroy(&s);
	if (!ret) {
		state_save(&s);
		kept = loaded;
		fields(&kept, &s, kind, count);
		if (state_finish(&s) || s.len != in.left || (s.len && memcmp(s.data, stream, s.len)))
			fuzz_failed("state", "%zu bytes were taken, and %zu written again", in.left, s.len);
		state_destroy(&s);
	}
	free(stream);
}

const struct fuzz_target fuzz_state = {
	.name = "state",
	.what = "the snapshot stream's reader, with any list of fields",
	.run = run,
};
