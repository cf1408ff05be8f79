/* SPDX-License-Identifier: Apache-2.0 */
/* See module_index.h. The lists have thousands of lines of which a dozen are wanted, so one pass hashes the names. */
#include "module_index.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "read_file.h"

#define LIST_MAX_LEN (64 * MiB) /* modules.dep of a full distribution kernel is under 1 MiB */

/* The kernel names a module by its file, with '-' turned into '_'. */
static char normal(char c)
{
	return c == '-' ? '_' : c;
}

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)normal(name[i])) * 16777619U;
	return hash;
}

/* The module's name in its path: what is between the last '/' and ".ko". NULL: no module file. */
static const char *name_in_path(const char *path, size_t path_len, size_t *len)
{
	const char *slash = memrchr(path, '/', path_len);
	const char *name = slash ? slash + 1 : path;
	const char *end = memmem(name, path_len - (size_t)(name - path), ".ko", 3);

	if (!end || end == name)
		return NULL;
	*len = (size_t)(end - name);
	return name;
}

static int add_path(struct module_index *index, const char *path, size_t path_len)
{
	size_t len;
	const char *name = name_in_path(path, path_len, &len);

	/* An absolute path would lead out of an unpacked root. */
	if (!name || *path == '/')
		return 0;
	if (index->count == index->capacity) {
		size_t capacity = index->capacity ? 2 * index->capacity : 512;
		void *entry = reallocarray(index->entry, capacity, sizeof(*index->entry));

		if (!entry)
			return -ENOMEM;
		index->entry = entry;
		index->capacity = capacity;
	}
	index->entry[index->count++] = (struct module_index_entry){
		.hash = hash_name(name, len),
		.offset = (uint32_t)(path - index->text),
		.len = (uint32_t)path_len,
	};
	return 0;
}

/* A line is a path, in modules.dep followed by ':' and the paths it needs, which each module says itself. */
static int add_lines(struct module_index *index)
{
	const char *line = index->text, *end = index->text + index->len;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);
		const char *colon = memchr(line, ':', len);
		int ret = add_path(index, line, colon ? (size_t)(colon - line) : len);

		if (ret)
			return ret;
		line += len + 1;
	}
	return 0;
}

static int read_list(struct module_index *index, const char *dir, const char *file)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return read_file(path, LIST_MAX_LEN, (uint8_t **)&index->text, &index->len);
}

/* One line a file below dir. Links are not followed: "build" and "source" lead to whole kernel trees. */
static int walk(FTS *fts, size_t dir_len, FILE *list)
{
	FTSENT *entry;

	errno = 0;
	while ((entry = fts_read(fts)))
		if (entry->fts_info == FTS_F && !strchr(entry->fts_path, '\n'))
			fprintf(list, "%s\n", entry->fts_path + dir_len + 1);
	return -errno;
}

static int walk_dir(struct module_index *index, const char *dir)
{
	char *const paths[] = { (char *)dir, NULL };
	FILE *list = open_memstream(&index->text, &index->len);
	FTS *fts;
	int ret;

	if (!list)
		return -errno;
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	ret = fts ? walk(fts, strlen(dir), list) : -errno;
	if (fts)
		fts_close(fts);
	if (fclose(list) && !ret)
		ret = -errno;
	return ret;
}

static bool has_kernel_dir(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/kernel", dir) < (int)sizeof(path) && !stat(path, &st) &&
	       S_ISDIR(st.st_mode);
}

int module_index_open(struct module_index *index, const char *dir)
{
	int ret;

	*index = (struct module_index){ 0 };
	ret = read_list(index, dir, "modules.dep");
	if (ret == -ENOENT || (!ret && !index->len)) {
		free(index->text);
		index->text = NULL;
		ret = read_list(index, dir, "modules.order");
	}
	if (ret == -ENOENT && has_kernel_dir(dir))
		ret = walk_dir(index, dir);
	return ret ? ret : add_lines(index);
}

int module_index_open_builtin(struct module_index *index, const char *dir)
{
	int ret;

	*index = (struct module_index){ 0 };
	ret = read_list(index, dir, "modules.builtin");
	return ret ? ret : add_lines(index);
}

void module_index_free(struct module_index *index)
{
	free(index->text);
	free(index->entry);
	*index = (struct module_index){ 0 };
}

static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (normal(a[i]) != normal(b[i]))
			return false;
	return true;
}

const char *module_index_find(const struct module_index *index, const char *name, size_t *len)
{
	size_t name_len = strlen(name);
	uint32_t hash = hash_name(name, name_len);

	for (size_t i = 0; i < index->count; i++) {
		const struct module_index_entry *entry = &index->entry[i];
		const char *path = index->text + entry->offset, *found;
		size_t found_len;

		if (entry->hash != hash)
			continue;
		found = name_in_path(path, entry->len, &found_len);
		if (found && found_len == name_len && same_name(found, name, name_len)) {
			*len = entry->len;
			return path;
		}
	}
	return NULL;
}
