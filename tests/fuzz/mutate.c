/* SPDX-License-Identifier: Apache-2.0 */
/* See language.h. A seed decides everything, but for bytes that the engine mutates (fuzz_mutate_bytes). */
#include <string.h>

#include "fuzz.h"
#include "grammar.h"
#include "language.h"
#include "random.h"
#include "raw.h"

void fuzz_language_run(const uint8_t *data, size_t size)
{
	if (size && data[0] == FUZZ_GRAMMAR)
		fuzz_grammar_run(data, size);
	else
		fuzz_raw_run(data, size);
}

/* An input of sentences, being changed. */
struct text {
	uint8_t *at; /* the first sentence */
	size_t count, most;
	uint64_t *state;
};

static uint8_t *sentence(const struct text *t, size_t i)
{
	return t->at + i * FUZZ_SENTENCE;
}

/* What drivers mostly do comes mostly. */
static void invent(uint8_t *s, uint64_t *state)
{
	static const uint8_t often[] = { FUZZ_HANDSHAKE, FUZZ_BRING_UP, FUZZ_REQUEST, FUZZ_REQUEST, FUZZ_KICK,
		FUZZ_CHAIN, FUZZ_QUEUE_AGAIN, FUZZ_WORLD };
	uint64_t random = fuzz_random(state);

	s[0] = random & 1 ? often[fuzz_below(state, sizeof(often))] : (uint8_t)fuzz_below(state, FUZZ_VERBS);
	random = fuzz_random(state);
	memcpy(s + 1, &random, FUZZ_SENTENCE - 1);
	/* Half of them small, so that the plain case of each operand is not rare. */
	random = fuzz_random(state);
	for (unsigned int i = 1; i < FUZZ_SENTENCE; i++)
		if (random >> i & 1)
			s[i] &= 7;
	/* But not features: each of them as often as not. */
	if (s[0] == FUZZ_HANDSHAKE || s[0] == FUZZ_BRING_UP)
		s[1] = (uint8_t)(random >> 32);
}

/* Makes a hole for n sentences. */
static void make_room(struct text *t, size_t at, size_t n)
{
	memmove(sentence(t, at + n), sentence(t, at), (t->count - at) * FUZZ_SENTENCE);
	t->count += n;
}

/* Each of these changes the text, which has a sentence, or leaves it as it is when there is no room. */

static void insert(struct text *t)
{
	size_t at = fuzz_below(t->state, t->count + 1);

	if (t->count == t->most)
		return;
	make_room(t, at, 1);
	invent(sentence(t, at), t->state);
}

static void replace(struct text *t)
{
	invent(sentence(t, fuzz_below(t->state, t->count)), t->state);
}

static void leave_out(struct text *t)
{
	size_t at = fuzz_below(t->state, t->count), n = 1 + fuzz_below(t->state, t->count - at < 4 ? t->count - at : 4);

	memmove(sentence(t, at), sentence(t, at + n), (t->count - at - n) * FUZZ_SENTENCE);
	t->count -= n;
}

/* Up to four of them once more, somewhere. */
static void repeat(struct text *t)
{
	uint8_t copy[4 * FUZZ_SENTENCE];
	size_t from = fuzz_below(t->state, t->count),
	       n = 1 + fuzz_below(t->state, t->count - from < 4 ? t->count - from : 4);
	size_t to = fuzz_below(t->state, t->count + 1);

	if (n > t->most - t->count)
		return;
	memcpy(copy, sentence(t, from), n * FUZZ_SENTENCE);
	make_room(t, to, n);
	memcpy(sentence(t, to), copy, n * FUZZ_SENTENCE);
}

static void exchange(struct text *t)
{
	uint8_t *a = sentence(t, fuzz_below(t->state, t->count)), *b = sentence(t, fuzz_below(t->state, t->count));
	uint8_t copy[FUZZ_SENTENCE];

	memcpy(copy, a, sizeof(copy));
	memmove(a, b, sizeof(copy));
	memcpy(b, copy, sizeof(copy));
}

/* A number a little off, another bit, another number. */
static void tweak(struct text *t)
{
	uint8_t *operand = sentence(t, fuzz_below(t->state, t->count)) + 1 + fuzz_below(t->state, FUZZ_SENTENCE - 1);
	uint64_t random = fuzz_random(t->state);

	switch (random % 4) {
	case 0: *operand = (uint8_t)(*operand + 1); break;
	case 1: *operand = (uint8_t)(*operand - 1); break;
	case 2: *operand ^= (uint8_t)(1u << (random >> 8) % 8); break;
	default: *operand = (uint8_t)(random >> 8); break;
	}
}

static size_t mutate_text(uint8_t *data, size_t size, size_t max_size, uint64_t *state)
{
	static void (*const changes[])(
		struct text *) = { insert, insert, replace, leave_out, repeat, exchange, tweak, tweak, tweak, tweak };
	struct text t = {
		.at = data + FUZZ_GRAMMAR_HEADER,
		.count = size > FUZZ_GRAMMAR_HEADER ? (size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE : 0,
		.most = (max_size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE,
		.state = state,
	};

	if (size < FUZZ_GRAMMAR_HEADER || !fuzz_below(state, 16))
		data[1] = (uint8_t)(fuzz_random(state) >> 8) & (uint8_t)~FUZZ_RAW_FEED;
	for (size_t n = 1 + fuzz_below(state, 3); n; n--)
		(t.count ? changes[fuzz_below(state, sizeof(changes) / sizeof(changes[0]))] : insert)(&t);
	return FUZZ_GRAMMAR_HEADER + t.count * FUZZ_SENTENCE;
}

/* Brings the device up and asks it for something. */
static size_t first_text(uint8_t *data, size_t max_size, uint64_t *state)
{
	static const uint8_t verbs[] = { FUZZ_BRING_UP, FUZZ_REQUEST, FUZZ_GET_REGISTER };
	size_t size = FUZZ_GRAMMAR_HEADER;

	data[0] = FUZZ_GRAMMAR;
	data[1] = FUZZ_RAW_CHECK;
	for (size_t i = 0; i < sizeof(verbs) && size + FUZZ_SENTENCE <= max_size; i++, size += FUZZ_SENTENCE) {
		invent(data + size, state);
		data[size] = verbs[i];
	}
	return size;
}

/* The raw language's bytes mean what they do by where they are: its steps begin at the front and its loads at the end. */
static size_t mutate_raw(uint8_t *data, size_t size, size_t max_size, uint64_t *state)
{
	size_t part = size > FUZZ_RAW_HEADER ? FUZZ_RAW_HEADER + fuzz_below(state, size - FUZZ_RAW_HEADER) : size;

	switch (fuzz_below(state, 4)) {
	case 0: /* only the loads */
		if (part < size) {
			data[part] = (uint8_t)(fuzz_random(state) >> 8);
			return size;
		}
		break;
	case 1: /* only the steps: as many bytes as before, so that no load moves */
		if (part > FUZZ_RAW_HEADER) {
			(void)fuzz_mutate_bytes(data + FUZZ_RAW_HEADER, part - FUZZ_RAW_HEADER, part - FUZZ_RAW_HEADER);
			return size;
		}
		break;
	default: break;
	}
	size = fuzz_mutate_bytes(data, size, max_size);
	return size;
}

size_t fuzz_language_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint64_t state = fuzz_random_begin(seed);
	bool room = max_size >= FUZZ_GRAMMAR_HEADER + FUZZ_SENTENCE;

	if (room && (size < FUZZ_RAW_HEADER || !fuzz_below(&state, 256)) && fuzz_below(&state, 2))
		return first_text(data, max_size, &state);
	if (room && size && data[0] == FUZZ_GRAMMAR)
		return mutate_text(data, size, max_size, &state);
	return mutate_raw(data, size, max_size, &state);
}

static size_t cross_texts(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	size_t max_size, uint64_t *state)
{
	size_t a_count = (a_size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE;
	size_t b_count = (b_size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE;
	size_t most = (max_size - FUZZ_GRAMMAR_HEADER) / FUZZ_SENTENCE;
	size_t head = fuzz_below(state, a_count + 1), from = fuzz_below(state, b_count + 1), tail = b_count - from;

	if (head > most)
		head = most;
	if (tail > most - head)
		tail = most - head;
	memcpy(out, a, FUZZ_GRAMMAR_HEADER + head * FUZZ_SENTENCE);
	memcpy(out + FUZZ_GRAMMAR_HEADER + head * FUZZ_SENTENCE, b + FUZZ_GRAMMAR_HEADER + from * FUZZ_SENTENCE,
		tail * FUZZ_SENTENCE);
	return FUZZ_GRAMMAR_HEADER + (head + tail) * FUZZ_SENTENCE;
}

static bool is_text(const uint8_t *data, size_t size)
{
	return size >= FUZZ_GRAMMAR_HEADER && data[0] == FUZZ_GRAMMAR;
}

size_t fuzz_language_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	size_t max_size, unsigned int seed)
{
	uint64_t state = fuzz_random_begin(seed);
	size_t head, tail;

	if (is_text(a, a_size) && is_text(b, b_size) && max_size >= FUZZ_GRAMMAR_HEADER)
		return cross_texts(a, a_size, b, b_size, out, max_size, &state);
	/* Of one the steps, of the other the loads. A text is cut where it may: what is left of it is none and does no harm. */
	head = fuzz_below(&state, a_size + 1);
	tail = is_text(a, a_size) ? 0 : fuzz_below(&state, b_size + 1);
	if (is_text(a, a_size))
		head = a_size;
	if (head > max_size)
		head = max_size;
	if (tail > max_size - head)
		tail = max_size - head;
	memcpy(out, a, head);
	memcpy(out + head, b + b_size - tail, tail);
	return head + tail;
}
