/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: the reader of snapshots, over a stream of any bytes and any length, asked for anything. */
#include "proof.h"

#include "../../devices/core/state.c"

#define MOST 16

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
