/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See modules.h. Reads modules depth first, dependencies before their user. They are taken from each module's own .modinfo, where
 * the kernel's build puts what depmod would compute, because the module is read anyway and modules.dep may not exist.
 */
#include "modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decompress.h"
#include "guest_elf.h"
#include "module_index.h"
#include "read_file.h"

#define MODULE_MAX_LEN (256 * MiB) /* one decompressed module; the largest, with debug information, are near this */

/* What became of one name. */
enum outcome { LOADED, BUILT_IN, MISSING, FAILED };

struct reader {
	struct modules *modules;
	const char *dir;
	struct module_index files, builtin;
	const char *chain[MODULES_MAX]; /* from the wanted module down to the one being read */
	unsigned int depth;
	char absent[64]; /* the one that was not there */
	struct error *error;
};

/* Opens the module's file, which the list may name without the ending its compression gave it. */
static int read_module_file(
	struct reader *reader, const char *listed, size_t listed_len, char *path, uint8_t **data, size_t *len)
{
	static const char *const endings[] = { "", ".xz", ".zst", ".gz" };
	int ret = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(endings) && ret == -ENOENT; i++) {
		if (snprintf(path, PATH_MAX, "%s/%.*s%s", reader->dir, (int)listed_len, listed, endings[i]) >= PATH_MAX)
			return -ENAMETOOLONG;
		ret = read_file(path, MODULE_MAX_LEN, data, len);
	}
	return ret;
}

/* In place of *data, when that is compressed. */
static int decompress_module(struct reader *reader, const char *path, uint8_t **data, size_t *len)
{
	enum compression type = compression_detect(*data, *len);
	uint8_t *plain;
	int ret;

	if (type == COMPRESSION_NONE)
		return 0;
	ret = decompress_alloc(type, *data, *len, MODULE_MAX_LEN, &plain, len);
	if (ret == -ENOMEM)
		return error_set(reader->error, STATUS_HOST, "no memory for module %s", path);
	if (ret == -EFBIG)
		return error_set(reader->error, STATUS_BAD_FILE, "module %s: more than %llu MiB when decompressed",
			path, MODULE_MAX_LEN / MiB);
	if (ret)
		return error_set(reader->error, STATUS_BAD_FILE, "module %s: the %s data is corrupt or truncated", path,
			compression_name(type));
	free(*data);
	*data = plain;
	return 0;
}

static bool already_read(const struct modules *modules, const char *name)
{
	for (size_t i = 0; i < modules->count; i++)
		if (!strcmp(modules->module[i].name, name))
			return true;
	return false;
}

/* Takes over data. */
static int append_module(struct reader *reader, const char *name, uint8_t *data, size_t len)
{
	struct modules *modules = reader->modules;
	char *copy = strdup(name);

	if (modules->count == modules->capacity) {
		size_t capacity = modules->capacity ? 2 * modules->capacity : 16;
		struct module *module = reallocarray(modules->module, capacity, sizeof(*module));

		if (module) {
			modules->module = module;
			modules->capacity = capacity;
		}
	}
	if (!copy || modules->count == modules->capacity) {
		free(copy);
		free(data);
		return error_set(reader->error, STATUS_HOST, "no memory for module %s", name);
	}
	modules->module[modules->count++] = (struct module){ .name = copy, .data = data, .len = len };
	return 0;
}

static enum outcome visit(struct reader *reader, const char *name);

/* depends is the module's comma-separated list of names, "" for none. */
static enum outcome visit_depends(struct reader *reader, const char *path, const char *depends)
{
	while (*depends) {
		size_t len = strcspn(depends, ",");
		char name[64]; /* MODULE_NAME_LEN of the kernel is 56 */
		enum outcome outcome;

		if (len >= sizeof(name)) {
			error_set(reader->error, STATUS_BAD_FILE, "module %s: damaged list of dependencies", path);
			return FAILED;
		}
		memcpy(name, depends, len);
		name[len] = 0;
		outcome = len ? visit(reader, name) : BUILT_IN;
		if (outcome == FAILED || outcome == MISSING)
			return outcome;
		depends += len + (depends[len] == ',');
	}
	return LOADED;
}

static enum outcome visit_file(struct reader *reader, const char *name, const char *listed, size_t listed_len)
{
	char path[PATH_MAX];
	const char *depends, *why;
	uint8_t *data = NULL;
	enum outcome outcome;
	size_t len = 0;
	int ret = read_module_file(reader, listed, listed_len, path, &data, &len);

	/* Listed, but shipped in another package. */
	if (ret == -ENOENT) {
		snprintf(reader->absent, sizeof(reader->absent), "%s", name);
		return MISSING;
	}
	if (ret) {
		error_set(reader->error, STATUS_BAD_FILE, "module %s: %s", path, strerror(-ret));
		return FAILED;
	}
	outcome = FAILED;
	if (decompress_module(reader, path, &data, &len))
		goto out;
	depends = guest_elf_modinfo(data, len, "depends", &why);
	if (!depends) {
		error_set(reader->error, STATUS_BAD_FILE, "module %s: %s", path, why);
		goto out;
	}
	outcome = visit_depends(reader, path, depends);
	if (outcome != LOADED)
		goto out;
	return append_module(reader, name, data, len) ? FAILED : LOADED;
out:
	free(data);
	return outcome;
}

static bool in_chain(const struct reader *reader, const char *name)
{
	for (unsigned int i = 0; i < reader->depth; i++)
		if (!strcmp(reader->chain[i], name))
			return true;
	return false;
}

/* name is normalized: '_', never '-'. */
static enum outcome visit_new(struct reader *reader, const char *name)
{
	size_t len;
	const char *listed = module_index_find(&reader->files, name, &len);
	enum outcome outcome;

	if (!listed && module_index_find(&reader->builtin, name, &len))
		return BUILT_IN;
	if (!listed) {
		snprintf(reader->absent, sizeof(reader->absent), "%s", name);
		return MISSING;
	}
	if (in_chain(reader, name)) {
		error_set(reader->error, STATUS_BAD_FILE, "modules in %s: %s depends on itself", reader->dir, name);
		return FAILED;
	}
	if (reader->depth == MODULES_MAX || reader->modules->count == MODULES_MAX) {
		error_set(reader->error, STATUS_BAD_FILE, "modules in %s: %s needs more than %u modules", reader->dir,
			reader->chain[0], MODULES_MAX);
		return FAILED;
	}
	reader->chain[reader->depth++] = name;
	outcome = visit_file(reader, name, listed, len);
	reader->depth--;
	return outcome;
}

static enum outcome visit(struct reader *reader, const char *name)
{
	char normal[64];

	if (strlen(name) >= sizeof(normal)) {
		snprintf(reader->absent, sizeof(reader->absent), "%.60s", name);
		return MISSING;
	}
	strcpy(normal, name);
	for (char *c = normal; *c; c++)
		if (*c == '-')
			*c = '_';
	return already_read(reader->modules, normal) ? LOADED : visit_new(reader, normal);
}

static void note_missing(struct reader *reader, const char *name)
{
	char *missing = reader->modules->missing;
	size_t used = strlen(missing), left = sizeof(reader->modules->missing) - used;
	const char *comma = used ? ", " : "";

	if (!strcmp(name, reader->absent))
		snprintf(missing + used, left, "%s%s", comma, name);
	else
		snprintf(missing + used, left, "%s%s (needs %s)", comma, name, reader->absent);
}

static int visit_all(struct reader *reader, const char *const *names, bool optional)
{
	for (; names && *names; names++) {
		enum outcome outcome = visit(reader, *names);

		if (outcome == FAILED)
			return -1;
		if (outcome == MISSING && !optional)
			note_missing(reader, *names);
	}
	return 0;
}

int modules_read(struct modules *modules, const char *dir, const char *const *want, const char *const *may_want,
	struct error *error)
{
	struct reader reader = { .modules = modules, .dir = dir, .error = error };
	int ret;

	*modules = (struct modules){ 0 };
	ret = module_index_open(&reader.files, dir);
	if (!ret) {
		/* Without this list a built in module counts as missing, which is a warning and no more. */
		ret = module_index_open_builtin(&reader.builtin, dir);
		ret = ret == -ENOENT ? 0 : ret;
	}
	if (ret)
		ret = error_set(error, ret == -ENOMEM ? STATUS_HOST : STATUS_BAD_FILE, "modules in %s: %s", dir,
			strerror(-ret));
	else if (visit_all(&reader, want, false) || visit_all(&reader, may_want, true))
		ret = -1;
	module_index_free(&reader.files);
	module_index_free(&reader.builtin);
	if (ret)
		modules_free(modules);
	return ret;
}

void modules_free(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		free(modules->module[i].name);
		free(modules->module[i].data);
	}
	free(modules->module);
	*modules = (struct modules){ 0 };
}
