/* SPDX-License-Identifier: Apache-2.0 */
/* See stats.h. */
#include "stats.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

/* How far from its place an address may end up: bounds the cost of an access that the table has no room for. */
#define STATS_PROBES 32

/* As linux/kvm.h numbers them; those newer than the oldest header built with are written as numbers. */
static const char *const exit_names[STATS_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_WATCHDOG] = "WATCHDOG",
	[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
	[28] = "ARM_NISV",
	[31] = "DIRTY_RING_FULL",
	[37] = "NOTIFY",
	[39] = "MEMORY_FAULT",
};

static const char *const call_names[STATS_CALL_COUNT] = {
	[STATS_IRQ_LINE] = "KVM_IRQ_LINE",
	[STATS_SIGNAL_MSI] = "KVM_SIGNAL_MSI",
	[STATS_SET_GSI_ROUTING] = "KVM_SET_GSI_ROUTING",
};

const char *stats_exit_name(unsigned int reason)
{
	return reason < STATS_REASONS ? exit_names[reason] : NULL;
}

/* The slot of this access, a free one for it, or NULL when there is no room near its place. */
static struct stats_access *find_access(struct stats *stats, gpa_t gpa, bool write)
{
	/* Fibonacci hashing: the top bits of the product depend on all bits of the address. */
	uint64_t place = ((gpa << 1 | write) * 0x9e3779b97f4a7c15ULL) >> 32;

	for (unsigned int i = 0; i < STATS_PROBES; i++) {
		struct stats_access *access = &stats->access[(place + i) % STATS_ACCESSES];

		if (!access->count || (access->gpa == gpa && access->write == write))
			return access;
	}
	return NULL;
}

struct stats_access *stats_add_access(struct stats *stats, gpa_t gpa, bool write, const struct bus_region *region)
{
	struct stats_access *access = find_access(stats, gpa, write);

	if (!access) {
		stats->other_accesses++;
		return NULL;
	}
	if (!access->count) {
		access->gpa = gpa;
		access->write = write;
		access->offset = region ? gpa - region->base : gpa;
		if (region) {
			snprintf(access->device, sizeof(access->device), "%s", region->name);
			access->reg = region->ops->reg_name ? region->ops->reg_name(access->offset) : NULL;
		}
	}
	access->count++;
	return access;
}

void stats_merge(struct stats *into, const struct stats *from)
{
	for (size_t i = 0; i < STATS_REASONS; i++)
		into->exits[i] += from->exits[i];
	for (size_t i = 0; i < STATS_CALL_COUNT; i++)
		into->calls[i] += from->calls[i];
	into->other_accesses += from->other_accesses;
	for (size_t i = 0; i < STATS_ACCESSES; i++) {
		const struct stats_access *access = &from->access[i];
		struct stats_access *sum;

		if (!access->count)
			continue;
		sum = find_access(into, access->gpa, access->write);
		if (!sum) {
			into->other_accesses += access->count;
		} else if (sum->count) {
			sum->count += access->count;
			sum->time += access->time;
		} else {
			*sum = *access;
		}
	}
}

struct line {
	uint64_t count;
	const char *kind;
	char what[STATS_NAME_LEN];
	char reg[STATS_NAME_LEN];
};

struct table {
	struct line line[STATS_REASONS + STATS_ACCESSES + STATS_CALL_COUNT + 1];
	size_t count;
};

/* Spaces in a name would look like the next column. */
static void copy_word(char word[STATS_NAME_LEN], const char *text)
{
	snprintf(word, STATS_NAME_LEN, "%s", text);
	for (; *word; word++)
		if (*word == ' ')
			*word = '_';
}

static struct line *add_line(struct table *table, uint64_t count, const char *kind, const char *what)
{
	struct line *line = &table->line[table->count++];

	line->count = count;
	line->kind = kind;
	copy_word(line->what, what);
	copy_word(line->reg, "-");
	return line;
}

static void add_exits(struct table *table, const struct stats *stats)
{
	for (unsigned int i = 0; i < STATS_REASONS; i++) {
		struct line *line;

		if (!stats->exits[i])
			continue;
		line = add_line(table, stats->exits[i], "exit", exit_names[i] ? exit_names[i] : "");
		if (i == STATS_REASONS - 1)
			copy_word(line->what, "other");
		else if (!exit_names[i])
			snprintf(line->what, sizeof(line->what), "reason-%u", i);
	}
}

static void add_accesses(struct table *table, const struct stats *stats)
{
	for (size_t i = 0; i < STATS_ACCESSES; i++) {
		const struct stats_access *access = &stats->access[i];
		struct line *line;

		if (!access->count)
			continue;
		line = add_line(table, access->count, access->write ? "write" : "read",
			access->device[0] ? access->device : "unmapped");
		if (access->reg)
			copy_word(line->reg, access->reg);
		else
			snprintf(line->reg, sizeof(line->reg), "0x%" PRIx64, access->offset);
	}
	if (stats->other_accesses)
		add_line(table, stats->other_accesses, "access", "other");
}

static int compare_lines(const void *a_line, const void *b_line)
{
	const struct line *a = a_line, *b = b_line;
	int order;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	order = strcmp(a->kind, b->kind);
	if (!order)
		order = strcmp(a->what, b->what);
	return order ? order : strcmp(a->reg, b->reg);
}

void stats_print(const struct stats *stats, FILE *file)
{
	struct table table = { .count = 0 };

	add_exits(&table, stats);
	add_accesses(&table, stats);
	for (size_t i = 0; i < STATS_CALL_COUNT; i++)
		add_line(&table, stats->calls[i], "call", call_names[i]);
	qsort(table.line, table.count, sizeof(table.line[0]), compare_lines);
	fprintf(file, "%12s  %-6s  %-23s  %s\n", "count", "kind", "what", "register");
	for (size_t i = 0; i < table.count; i++)
		fprintf(file, "%12" PRIu64 "  %-6s  %-23s  %s\n", table.line[i].count, table.line[i].kind,
			table.line[i].what, table.line[i].reg);
}
