/* SPDX-License-Identifier: Apache-2.0 */
/* See memory.h. */
#include "memory.h"

#include <string.h>

#include "board.h"
#include "late.h"
#include "machine.h"
#include "oracle.h"
#include "poison.h"

#define PAGE	   4096u
#define RAM_PAGES  (FUZZ_RAM_SIZE / PAGE)
#define GUARD	   4096u
#define MASK_WORDS (RAM_PAGES / 64)

/* Around each there is what the address sanitizer takes for nobody's. */
static _Alignas(4096) uint8_t ram_and_guards[GUARD + FUZZ_RAM_SIZE + GUARD];
static uint8_t *const ram = ram_and_guards + GUARD;
static _Alignas(4096) uint8_t window_bytes[FUZZ_WINDOWS][GUARD + FUZZ_WINDOW_SIZE];

static struct {
	uint64_t written[MASK_WORDS]; /* pages of RAM, a bit each */
	uint64_t mapped[MASK_WORDS]; /* those in what devices have */
	struct {
		gpa_t base;
		uint64_t size;
	} window[FUZZ_WINDOWS];
	unsigned int windows;
} memory;

struct fuzz_memory fuzz_memory;

static uint8_t *window_host(unsigned int i)
{
	return window_bytes[i] + GUARD;
}

static void mark(uint64_t *mask, uint64_t offset, size_t len)
{
	for (uint64_t page = offset / PAGE; page <= (offset + len - 1) / PAGE; page++)
		mask[page / 64] |= 1ULL << page % 64;
}

static bool in_ram(gpa_t gpa, size_t len)
{
	return gpa - FUZZ_RAM_BASE < FUZZ_RAM_SIZE && len <= FUZZ_RAM_SIZE - (gpa - FUZZ_RAM_BASE);
}

/* Memory beside RAM: where there is a piece of it already, else a new one, which begins with the page. */
static uint8_t *window_at(gpa_t gpa, size_t len)
{
	gpa_t base = ALIGN_DOWN(gpa, PAGE);
	uint64_t offset = gpa - base, size = FUZZ_WINDOW_SIZE;
	unsigned int i;

	for (i = 0; i < memory.windows; i++) {
		uint64_t in = gpa - memory.window[i].base;

		if (in < memory.window[i].size)
			return len <= memory.window[i].size - in ? window_host(i) + in : NULL;
	}
	if (!fuzz_memory.everywhere || i == FUZZ_WINDOWS || len > FUZZ_WINDOW_SIZE - offset)
		return NULL;
	/* As far as it can be: up to the next one, a device, RAM or the end of all. */
	for (unsigned int n = 0; n < memory.windows; n++)
		if (memory.window[n].base > base && memory.window[n].base - base < size)
			size = memory.window[n].base - base;
	size = fuzz_board_free(base, size);
	if (offset >= size || len > size - offset)
		return NULL;
	memory.window[memory.windows].base = base;
	memory.window[memory.windows++].size = size;
	fuzz_unpoison(window_host(i), size);
	return window_host(i) + offset;
}

/* Where it is, whoever asks; NULL: nowhere. */
static uint8_t *host_at(gpa_t gpa, size_t len)
{
	return in_ram(gpa, len) ? ram + (gpa - FUZZ_RAM_BASE) : window_at(gpa, len);
}

static void *hook_map(struct mem_hook *hook, gpa_t gpa, size_t len)
{
	uint8_t *host = host_at(gpa, len);

	(void)hook;
	if (host && len && in_ram(gpa, len)) {
		mark(memory.written, gpa - FUZZ_RAM_BASE, len);
		mark(memory.mapped, gpa - FUZZ_RAM_BASE, len);
		fuzz_unpoison(host, len);
	}
	return host;
}

/* What devices have not mapped is poisoned but for the moment of the guest's access. A page that they have in part is not again. */
static void open_up(gpa_t gpa, const uint8_t *host, size_t len)
{
	if (fuzz_has_poison && in_ram(gpa, len))
		fuzz_unpoison(host, len);
}

static void close_up(gpa_t gpa, const uint8_t *host, size_t len)
{
	if (!fuzz_has_poison || !in_ram(gpa, len))
		return;
	for (size_t done = 0, n; done < len; done += n) {
		uint64_t offset = gpa - FUZZ_RAM_BASE + done;

		n = PAGE - offset % PAGE < len - done ? PAGE - offset % PAGE : len - done;
		if (!(memory.mapped[offset / PAGE / 64] >> offset / PAGE % 64 & 1))
			fuzz_poison(host + done, n);
	}
}

bool fuzz_memory_read(gpa_t gpa, void *dst, size_t len)
{
	uint8_t *host = host_at(gpa, len);

	if (!host)
		return false;
	open_up(gpa, host, len);
	memcpy(dst, host, len);
	close_up(gpa, host, len);
	return true;
}

bool fuzz_memory_write(gpa_t gpa, const void *src, size_t len)
{
	uint8_t *host = host_at(gpa, len);

	if (!host)
		return false;
	if (!len)
		return true;
	open_up(gpa, host, len);
	memcpy(host, src, len);
	if (in_ram(gpa, len))
		mark(memory.written, gpa - FUZZ_RAM_BASE, len);
	close_up(gpa, host, len);
	return true;
}

gpa_t fuzz_memory_gpa(const void *host)
{
	uintptr_t at = (uintptr_t)host;

	if (at - (uintptr_t)ram < FUZZ_RAM_SIZE)
		return FUZZ_RAM_BASE + (at - (uintptr_t)ram);
	for (unsigned int i = 0; i < memory.windows; i++)
		if (at - (uintptr_t)window_host(i) < memory.window[i].size)
			return memory.window[i].base + (at - (uintptr_t)window_host(i));
	return UINT64_MAX;
}

static bool all_marked(const uint64_t *mask, uint64_t offset, size_t len)
{
	for (uint64_t page = offset / PAGE; page <= (offset + len - 1) / PAGE; page++)
		if (!(mask[page / 64] >> page % 64 & 1))
			return false;
	return true;
}

bool fuzz_memory_is_mapped(const void *host, size_t len)
{
	uint64_t offset = (uintptr_t)host - (uintptr_t)ram;

	if (offset < FUZZ_RAM_SIZE)
		return len <= FUZZ_RAM_SIZE - offset && (!len || all_marked(memory.mapped, offset, len));
	for (unsigned int i = 0; i < memory.windows; i++) {
		uint64_t in = (uintptr_t)host - (uintptr_t)window_host(i);

		if (in < memory.window[i].size)
			return len <= memory.window[i].size - in;
	}
	return false;
}

bool fuzz_memory_is_clean(gpa_t gpa, size_t len)
{
	uint64_t offset = gpa - FUZZ_RAM_BASE;

	if (!in_ram(gpa, len) || !len)
		return false;
	for (uint64_t page = offset / PAGE; page <= (offset + len - 1) / PAGE; page++)
		if (memory.written[page / 64] >> page % 64 & 1)
			return false;
	return true;
}

static void hook_load(struct mem_hook *hook, void *dst, void *src, size_t len)
{
	struct fuzz_load load = { .gpa = fuzz_memory_gpa(src), .len = (uint32_t)len, .there = src };

	(void)hook;
	load.nth = fuzz_late_count(load.gpa, load.len);
	if (!fuzz_late_find(&load, src) && fuzz_memory.feeder &&
		fuzz_memory.feeder->feed(fuzz_memory.feeder, &load, src))
		fuzz_machine_fed(&load);
	memcpy(dst, src, len);
	fuzz_oracle_load(&load, dst);
}

void fuzz_memory_late(const struct fuzz_op *op)
{
	fuzz_late_add(op);
}

uint64_t fuzz_memory_loads(void)
{
	return fuzz_late_loads();
}

static void clean(uint64_t word, unsigned int first)
{
	for (; word; word &= word - 1) {
		uint8_t *page = ram + (first + (unsigned int)__builtin_ctzll(word)) * (size_t)PAGE;

		fuzz_unpoison(page, PAGE);
		memset(page, 0, PAGE);
		fuzz_poison(page, PAGE);
	}
}

void fuzz_memory_reset(void)
{
	for (unsigned int i = 0; i < MASK_WORDS; i++)
		clean(memory.written[i], i * 64);
	memset(memory.written, 0, sizeof(memory.written));
	memset(memory.mapped, 0, sizeof(memory.mapped));
	for (unsigned int i = 0; i < memory.windows; i++) {
		fuzz_unpoison(window_host(i), FUZZ_WINDOW_SIZE);
		memset(window_host(i), 0, memory.window[i].size);
		fuzz_poison(window_host(i), FUZZ_WINDOW_SIZE);
	}
	memory.windows = 0;
	fuzz_memory.feeder = NULL;
	fuzz_memory.everywhere = false;
	fuzz_late_reset();
}

void fuzz_memory_revoke(void)
{
	fuzz_poison(ram, FUZZ_RAM_SIZE);
	memset(memory.mapped, 0, sizeof(memory.mapped));
}

void fuzz_memory_start(void)
{
	fuzz_memory.hook = (struct mem_hook){ .load = hook_load, .map = hook_map };
	fuzz_memory.mem.hook = &fuzz_memory.hook;
	fuzz_poison(ram_and_guards, sizeof(ram_and_guards));
	fuzz_poison(window_bytes, sizeof(window_bytes));
}
