/* SPDX-License-Identifier: Apache-2.0 */
/* See arena.h. */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "poison.h"

#define RED_ZONE   64
#define MAX_PIECES 1024
/* Freed pieces that wait before they are used again: a use after free is seen that long. */
#define QUARANTINE (fuzz_has_poison ? 32 : 0)

struct piece {
	uint32_t at, len;
	bool live, scratch;
	uint32_t freed; /* the free-th free of this run */
};

static struct {
	struct piece piece[MAX_PIECES];
	uint32_t count, end; /* of pieces; where the next one goes */
	uint32_t frees;
	size_t in_use, most;
	bool on;
	/* The snapshot. */
	uint32_t saved_count, saved_end, saved_frees;
	size_t saved_in_use;
	bool shuffled; /* a piece of the snapshot was freed */
} arena;

static _Alignas(4096) uint8_t block[FUZZ_ARENA_SIZE];
static _Alignas(4096) uint8_t saved[FUZZ_ARENA_SIZE];

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *p, size_t len);
void __real_free(void *p);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_reallocarray(void *p, size_t n, size_t len);
void __wrap_free(void *p);

bool fuzz_arena_on(bool on)
{
	bool before = arena.on;

	arena.on = on;
	return before;
}

/* A piece of that length which nobody has any more. NULL: there is none. */
static struct piece *find_free(size_t len)
{
	for (uint32_t i = arena.saved_count; i < arena.count; i++) {
		struct piece *p = &arena.piece[i];

		if (!p->live && p->len == len && arena.frees - p->freed >= QUARANTINE)
			return p;
	}
	return NULL;
}

static struct piece *new_piece(size_t len)
{
	size_t whole = (len + 15) / 16 * 16 + RED_ZONE;
	struct piece *p = &arena.piece[arena.count];

	if (arena.count == MAX_PIECES || whole > FUZZ_ARENA_SIZE - arena.end) {
		arena.on = false;
		fuzz_failed("memory", "the devices have allocated %zu bytes in %u pieces and ask for %zu more",
			arena.in_use, arena.count, len);
	}
	*p = (struct piece){ .at = arena.end, .len = (uint32_t)len };
	arena.count++;
	arena.end += (uint32_t)whole;
	return p;
}

void *fuzz_arena_alloc(size_t len)
{
	struct piece *p;

	if (!arena.end)
		fuzz_poison(block, sizeof(block));
	p = arena.count > arena.saved_count ? find_free(len) : NULL;
	if (!p)
		p = new_piece(len);
	p->live = true;
	arena.in_use += len;
	if (arena.in_use > arena.most)
		arena.most = arena.in_use;
	fuzz_unpoison(block + p->at, len);
	memset(block + p->at, 0, len);
	return block + p->at;
}

static bool is_inside(const void *p)
{
	return (uintptr_t)p - (uintptr_t)block < sizeof(block);
}

static struct piece *find(const void *p)
{
	uint32_t at = (uint32_t)((uintptr_t)p - (uintptr_t)block);

	for (uint32_t i = arena.count; i--;)
		if (arena.piece[i].at == at && arena.piece[i].live)
			return &arena.piece[i];
	fuzz_failed("free", "offset %u of the arena is no allocation, or is free already", at);
}

static void release(void *ptr)
{
	struct piece *p = find(ptr);

	p->live = false;
	p->freed = arena.frees++;
	arena.in_use -= p->len;
	arena.shuffled |= p < &arena.piece[arena.saved_count];
	fuzz_poison(ptr, p->len);
}

void *__wrap_malloc(size_t len)
{
	return arena.on ? fuzz_arena_alloc(len) : __real_malloc(len);
}

void *__wrap_calloc(size_t n, size_t len)
{
	size_t size;

	if (!arena.on)
		return __real_calloc(n, len);
	if (__builtin_mul_overflow(n, len, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return fuzz_arena_alloc(size);
}

void __wrap_free(void *p)
{
	if (is_inside(p))
		release(p);
	else
		__real_free(p);
}

void *__wrap_realloc(void *p, size_t len)
{
	struct piece *old;
	void *bigger;

	if (!is_inside(p))
		return p || !arena.on ? __real_realloc(p, len) : fuzz_arena_alloc(len);
	old = find(p);
	bigger = fuzz_arena_alloc(len);
	memcpy(bigger, p, old->len < len ? old->len : len);
	release(p);
	return bigger;
}

void *__wrap_reallocarray(void *p, size_t n, size_t len)
{
	size_t size;

	if (__builtin_mul_overflow(n, len, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return __wrap_realloc(p, size);
}

void fuzz_arena_snapshot(void)
{
	for (uint32_t i = 0; i < arena.count; i++) {
		const struct piece *p = &arena.piece[i];

		if (p->live && !p->scratch)
			memcpy(saved + p->at, block + p->at, p->len);
	}
	arena.saved_count = arena.count;
	arena.saved_end = arena.end;
	arena.saved_frees = arena.frees;
	arena.saved_in_use = arena.most = arena.in_use;
	arena.shuffled = false;
}

/* Those of the snapshot that were freed since are there again. Which were not live then, find_free does not touch. */
static void revive(void)
{
	for (uint32_t i = 0; i < arena.saved_count; i++) {
		struct piece *p = &arena.piece[i];

		if (p->live || p->freed < arena.saved_frees)
			continue;
		p->live = true;
		fuzz_unpoison(block + p->at, p->len);
	}
	arena.shuffled = false;
}

void fuzz_arena_restore(void)
{
	if (arena.shuffled)
		revive();
	if (arena.end > arena.saved_end)
		fuzz_poison(block + arena.saved_end, arena.end - arena.saved_end);
	for (uint32_t i = 0; i < arena.saved_count; i++) {
		const struct piece *p = &arena.piece[i];

		if (p->live && !p->scratch)
			memcpy(block + p->at, saved + p->at, p->len);
	}
	arena.count = arena.saved_count;
	arena.end = arena.saved_end;
	arena.frees = arena.saved_frees;
	arena.in_use = arena.most = arena.saved_in_use;
}

void fuzz_arena_scratch(void *p)
{
	find(p)->scratch = true;
}

size_t fuzz_arena_grown(void)
{
	return arena.most - arena.saved_in_use;
}

size_t fuzz_arena_copied(void)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < arena.saved_count; i++)
		bytes += arena.piece[i].live && !arena.piece[i].scratch ? arena.piece[i].len : 0;
	return bytes;
}
