/* SPDX-License-Identifier: Apache-2.0 */
/* See late.h. Two hash tables whose entries are void when they are of another run than this. */
#include "late.h"

#include <string.h>

/* Of each table; the addresses of one ring are near one another in them. More kinds of loads than that are not told apart. */
#define SLOTS	  (1u << 16)
#define MOST_KIND (SLOTS / 4 * 3)
#define LATE_MAX  (1u << 15) /* known and not made yet */

struct kind {
	gpa_t gpa;
	uint32_t len, run;
	uint32_t count;
};

struct late {
	gpa_t gpa;
	uint32_t len, nth;
	const uint8_t *data;
	uint32_t next; /* index + 1, 0: none */
};

static struct {
	struct kind kind[SLOTS];
	struct late late[LATE_MAX];
	struct {
		uint32_t first, run;
	} bucket[SLOTS];
	uint32_t run, kinds, lates, free; /* lates: entries that were ever in use in this run */
	uint32_t known;
	uint64_t loads;
} table = { .run = 1 };

static uint32_t slot_of(gpa_t gpa, uint32_t len)
{
	return (uint32_t)(gpa ^ gpa >> 16 ^ gpa >> 32 ^ (uint64_t)len * 0x9e5) % SLOTS;
}

uint32_t fuzz_late_count(gpa_t gpa, uint32_t len)
{
	uint32_t i = slot_of(gpa, len);

	table.loads++;
	while (table.kind[i].run == table.run) {
		if (table.kind[i].gpa == gpa && table.kind[i].len == len)
			return table.kind[i].count++;
		i = (i + 1) % SLOTS;
	}
	if (table.kinds == MOST_KIND)
		return 0;
	table.kinds++;
	table.kind[i] = (struct kind){ .gpa = gpa, .len = len, .run = table.run, .count = 1 };
	return 0;
}

uint64_t fuzz_late_loads(void)
{
	return table.loads;
}

static uint32_t *bucket(gpa_t gpa, uint32_t len)
{
	uint32_t i = slot_of(gpa, len);

	if (table.bucket[i].run != table.run) {
		table.bucket[i].run = table.run;
		table.bucket[i].first = 0;
	}
	return &table.bucket[i].first;
}

void fuzz_late_add(const struct fuzz_op *op)
{
	uint32_t *link = bucket(op->addr, (uint32_t)op->len), at = table.free;

	if (at)
		table.free = table.late[at - 1].next;
	else if (table.lates < LATE_MAX)
		at = ++table.lates;
	else
		return;
	/* Behind those of before: the first of two is found first. */
	while (*link)
		link = &table.late[*link - 1].next;
	table.late[at - 1] =
		(struct late){ .gpa = op->addr, .len = (uint32_t)op->len, .nth = op->nth, .data = op->data };
	*link = at;
	table.known++;
}

bool fuzz_late_find(const struct fuzz_load *load, uint8_t *buf)
{
	uint32_t *link, at;

	if (!table.known)
		return false;
	for (link = bucket(load->gpa, load->len); *link; link = &table.late[*link - 1].next) {
		struct late *l = &table.late[*link - 1];

		if (l->gpa != load->gpa || l->len != load->len || l->nth != load->nth)
			continue;
		memcpy(buf, l->data, l->len);
		at = *link;
		*link = l->next;
		l->next = table.free;
		table.free = at;
		table.known--;
		return true;
	}
	return false;
}

void fuzz_late_reset(void)
{
	table.kinds = table.lates = table.free = table.known = 0;
	table.loads = 0;
	/* After 2^32 runs an entry of the first could be taken for one of this. */
	if (++table.run)
		return;
	memset(table.kind, 0, sizeof(table.kind));
	memset(table.bucket, 0, sizeof(table.bucket));
	table.run = 1;
}
