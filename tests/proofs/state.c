/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: the reader of snapshots, over a stream of any bytes and any length, asked for anything. */
#include "proof.h"

#include "../../devices/core/state.c"

#ifndef MOST
#define MOST 16
#endif

/* Any state that a reader can be in: of a stream's bytes some were taken. */
static struct state any_reader(uint8_t *data)
{
	struct state s = { .loading = true, .data = data, .len = nondet_u64(), .at = nondet_u64() };

	for (unsigned int i = 0; i < MOST; i++)
		data[i] = nondet_u8();
	ASSUME(s.len <= MOST && s.at <= s.len);
	s.error = nondet_bool() ? -EINVAL : 0;
	return s;
}

/* fail's message needs snprintf, which CBMC does not have. */
int snprintf(char *to, size_t size, const char *format, ...)
{
	(void)format;
	if (size)
		to[0] = '?';
	return 1;
}

void proof_state_bytes(void)
{
	uint8_t data[MOST], to[MOST], old[MOST];
	struct state s = any_reader(data), before = s;
	size_t len = nondet_u64(), i = nondet_u64();

	/* The program's, and what it has room for: a reader of more than the stream has must not begin to write. */
	ASSUME(i < MOST && (len <= MOST || len > s.len - s.at));
	for (unsigned int n = 0; n < MOST; n++)
		to[n] = old[n] = nondet_u8();
	state_bytes(&s, to, len);
	PROVE(s.at <= s.len && s.len == before.len, "never past the end");
	PROVE(!before.error || s.error == before.error, "the first failure stays");
	PROVE(before.error || !len || !s.error == (len <= before.len - before.at),
		"fails if and only if there is not enough");
	PROVE(!s.error || to[i] == old[i], "and gives nothing then");
	PROVE(!s.error || s.at == before.at, "nor takes anything");
	PROVE(s.error || to[i] == (i < len ? data[before.at + i] : old[i]), "gives what is there");
	REACHABLE(!s.error && len == 7 && s.at == MOST);
	REACHABLE(s.error && !before.error && len > UINT64_MAX - 3);
}

void proof_state_bool(void)
{
	uint8_t data[MOST];
	struct state s = any_reader(data), before = s;
	bool old = nondet_bool(), value = old;

	state_bool(&s, &value);
	PROVE(s.at <= s.len, "never past the end");
	PROVE(s.error || value == data[before.at], "yes is 1, no is 0");
	PROVE(s.error || data[before.at] <= 1, "and nothing else is either");
	PROVE(!s.error || value == old, "a value that is not there is kept");
	REACHABLE(!s.error && value);
	REACHABLE(s.error && !before.error && s.at == before.at + 1);
}

/* A number is its bytes, the lowest first, and all of them or none. */
void proof_state_numbers(void)
{
	uint8_t data[MOST];
	struct state s = any_reader(data), before = s;
	uint64_t old = nondet_u64(), v64 = old, value = 0;
	uint32_t v32 = (uint32_t)old;
	uint16_t v16 = (uint16_t)old;
	uint8_t v8 = (uint8_t)old;
	unsigned int size = 1u << nondet_u8() % 4;

	switch (size) {
	case 1: state_u8(&s, &v8); break;
	case 2: state_u16(&s, &v16); break;
	case 4: state_u32(&s, &v32); break;
	default: state_u64(&s, &v64); break;
	}
	PROVE(s.at <= s.len, "never past the end");
	PROVE(!s.error == (!before.error && size <= before.len - before.at),
		"fails if and only if there is not enough");
	PROVE(s.at == before.at + (s.error ? 0 : size), "takes all of it or nothing");
	for (unsigned int i = 0; !s.error && i < 8 && i < size; i++)
		value |= (uint64_t)data[before.at + i] << i * 8;
	if (s.error)
		value = old;
	PROVE(size == 8 ? v64 == value : v64 == old, "64 bits");
	PROVE(v32 == (uint32_t)(size == 4 ? value : old), "32 bits");
	PROVE(v16 == (uint16_t)(size == 2 ? value : old), "16 bits");
	PROVE(v8 == (uint8_t)(size == 1 ? value : old), "8 bits, and no other");
	REACHABLE(!s.error && size == 8 && v64 == 0x0102030405060708 && old != v64);
	REACHABLE(s.error && !before.error && size == 2);
}

/* A section is taken if and only if its very name and version come next. */
void proof_state_section(void)
{
	static const char name[] = "rng";
	const unsigned int len = sizeof(name) - 1;
	uint8_t data[MOST];
	struct state s = any_reader(data), before = s;
	const uint8_t *p = data + s.at;
	uint32_t version = nondet_u32();
	bool same = before.len - before.at >= 1 + len + 4 && p[0] == len;

	for (unsigned int i = 0; i < len; i++)
		same = same && p[1 + i] == name[i];
	for (unsigned int i = 0; i < 4; i++)
		same = same && p[1 + len + i] == (uint8_t)(version >> i * 8);
	state_section(&s, name, version);
	PROVE(s.at <= s.len && s.len == before.len, "never past the end");
	PROVE(!s.error == (!before.error && same), "taken if and only if it is this one");
	PROVE(s.error || s.at == before.at + 1 + len + 4, "and then all of it");
	PROVE(!before.error || (s.at == before.at && s.error == before.error), "after a failure nothing is read");
	REACHABLE(!s.error && s.at == s.len);
	REACHABLE(s.error && !before.error && p[0] == STATE_NAME_MAX - 1);
	REACHABLE(s.error && !before.error && p[0] == UINT8_MAX);
}

void proof_state_finish(void)
{
	uint8_t data[MOST];
	struct state s = any_reader(data), before = s;
	int err = state_finish(&s);

	PROVE(!err == (!before.error && before.at == before.len),
		"good if and only if nothing failed and nothing is left");
	PROVE(err == s.error && (!before.error || err == before.error), "the first failure stays");
	REACHABLE(!err && s.len);
	REACHABLE(err && !before.error);
}
