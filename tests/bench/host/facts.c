/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's kernel says about a process and its guest: see measure.h. */
#include "measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KVM_COUNTERS "/sys/kernel/debug/kvm/"
#define TRACING	     "/sys/kernel/tracing/"
#define MAPPINGS     4096

/* The names are the kernel's: arch/arm64/kvm/guest.c and virt/kvm/kvm_main.c. */
const char *const counter_names[COUNTERS] = { "exits", "mmio_exit_user", "mmio_exit_kernel", "wfi_exit_stat",
	"hvc_exit_stat", "signal_exits" };

struct mapping {
	uint64_t start, end, rss, pss, anonymous;
	bool file;
};

char *read_text(const char *path)
{
	size_t size = 0, room = 65536;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t ret = 0;

	while (fd >= 0 && text && (ret = read(fd, text + size, room - size - 1)) > 0) {
		size += (size_t)ret;
		if (room - size < 4096)
			text = realloc(text, room *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (fd < 0 || ret < 0 || !text) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}

static char *read_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return read_text(path);
}

/* "Name:   123 kB" at the start of a line. */
static bool field(const char *line, const char *name, uint64_t *value)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len) || line[len] != ':')
		return false;
	*value += strtoull(line + len + 1, NULL, 10);
	return true;
}

static size_t read_mappings(char *text, struct mapping *mapping)
{
	size_t count = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long start, end, inode;
		struct mapping *last = count ? &mapping[count - 1] : NULL;

		if (sscanf(line, "%llx-%llx %*s %*s %*s %llu", &start, &end, &inode) == 3) {
			if (count == MAPPINGS)
				break;
			mapping[count++] = (struct mapping){ .start = start, .end = end, .file = inode != 0 };
		} else if (last && !field(line, "Rss", &last->rss) && !field(line, "Pss", &last->pss)) {
			field(line, "Anonymous", &last->anonymous);
		}
	}
	return count;
}

/* First and last mapping of guest RAM. */
static void find_guest(const struct mapping *mapping, size_t count, uint64_t guest_size, size_t *first, size_t *last)
{
	uint64_t limit = guest_size + (4 << 20);
	size_t big = 0;

	for (size_t i = 1; i < count; i++)
		if (mapping[i].end - mapping[i].start > mapping[big].end - mapping[big].start)
			big = i;
	*first = *last = big;
	while (*first > 0 && mapping[*first - 1].end == mapping[*first].start &&
		mapping[*last].end - mapping[*first - 1].start <= limit)
		--*first;
	while (*last + 1 < count && mapping[*last + 1].start == mapping[*last].end &&
		mapping[*last + 1].end - mapping[*first].start <= limit)
		++*last;
}

bool memory_of(pid_t pid, uint64_t guest_size, struct memory *memory)
{
	struct mapping *mapping = calloc(MAPPINGS, sizeof(*mapping));
	char *text = read_proc(pid, "smaps"), *status = read_proc(pid, "status"), *line;
	size_t count, first, last;

	*memory = (struct memory){ .rss = 0 };
	if (!mapping || !text || !status)
		return false;
	count = read_mappings(text, mapping);
	if (!count)
		return false;
	find_guest(mapping, count, guest_size, &first, &last);
	for (size_t i = 0; i < count; i++) {
		if (i >= first && i <= last) {
			memory->guest_rss += mapping[i].rss;
			continue;
		}
		memory->rss += mapping[i].rss;
		memory->pss += mapping[i].pss;
		memory->anonymous += mapping[i].anonymous;
		memory->shared_file += mapping[i].file ? mapping[i].rss - mapping[i].anonymous : 0;
	}
	line = strstr(status, "\nVmPTE:");
	if (line)
		field(line + 1, "VmPTE", &memory->page_tables);
	free(text);
	free(status);
	free(mapping);
	return true;
}

/* "START-END r-xp OFFSET ... PROGRAM": the first of its mappings. */
uint64_t base_of(pid_t pid, const char *program)
{
	char *text = read_proc(pid, "maps"), *save = NULL;
	uint64_t base = 0;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line && !base; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, program))
			base = strtoull(line, NULL, 16);
	free(text);
	return base;
}

static unsigned int entries(pid_t pid, const char *name)
{
	char path[64];
	unsigned int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

unsigned int threads_of(pid_t pid)
{
	return entries(pid, "task");
}

unsigned int descriptors_of(pid_t pid)
{
	return entries(pid, "fd");
}

void read_counters(uint64_t counter[COUNTERS])
{
	for (int i = 0; i < COUNTERS; i++) {
		char path[80];
		char *text;

		snprintf(path, sizeof(path), KVM_COUNTERS "%s", counter_names[i]);
		text = read_text(path);
		counter[i] = text ? strtoull(text, NULL, 10) : 0;
		free(text);
	}
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

bool watch_entry(void)
{
	/* The buffer keeps its beginning and drops the rest: one page of entries is enough. */
	return write_text(TRACING "trace_clock", "mono") && write_text(TRACING "trace_options", "nooverwrite") &&
	       write_text(TRACING "buffer_size_kb", "4") && write_text(TRACING "trace", "") &&
	       write_text(TRACING "events/kvm/kvm_entry/enable", "1");
}

/* "  name-123   [000] .....  12.345678: kvm_entry: PC: 0x..." */
uint64_t first_entry(void)
{
	char *text, *end;
	uint64_t seconds, micro;

	write_text(TRACING "events/kvm/kvm_entry/enable", "0");
	text = read_text(TRACING "trace");
	end = text ? strstr(text, ": kvm_entry") : NULL;
	if (!end)
		return 0;
	while (end > text && end[-1] != ' ')
		end--;
	seconds = strtoull(end, &end, 10);
	micro = strtoull(end + 1, NULL, 10);
	free(text);
	return seconds * 1000000000 + micro * 1000;
}
