/* SPDX-License-Identifier: Apache-2.0 */
/* See module_tree.h. */
#include "module_tree.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char root[64];

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

const char *tree_root(void)
{
	return root;
}

void tree_make(void)
{
	static const char *const dirs[] = { "lib", "lib/modules", TREE_DIR };

	strcpy(root, "/tmp/minivmm-test-XXXXXX");
	must(mkdtemp(root) != NULL, root);
	for (size_t i = 0; i < 3; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", root, dirs[i]);
		must(!mkdir(path, 0755), path);
	}
}

void tree_remove(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	must(!system(command), command);
}

void tree_root_file(const char *name, const void *data, size_t len)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "w");
	must(file && fwrite(data, 1, len, file) == len, path);
	must(!fclose(file), path);
}

void tree_file(const char *name, const void *data, size_t len)
{
	char path[300];

	snprintf(path, sizeof(path), TREE_DIR "/%s", name);
	tree_root_file(path, data, len);
}

/* Header, section names, .modinfo, section table. */
uint8_t *tree_elf(const char *depends, size_t *len)
{
	static const char names[] = "\0.shstrtab\0.modinfo";
	char info[200];
	size_t info_len = (size_t)snprintf(info, sizeof(info), "license=GPL%cdepends=%s%cname=test", 0, depends, 0) + 1;
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_AARCH64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(header) + sizeof(names) + info_len,
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 1,
	};
	Elf64_Shdr sections[3] = {
		{ .sh_type = SHT_NULL },
		{ .sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = sizeof(header), .sh_size = sizeof(names) },
		{ .sh_name = 11,
			.sh_type = SHT_PROGBITS,
			.sh_offset = sizeof(header) + sizeof(names),
			.sh_size = info_len },
	};
	uint8_t *elf;

	*len = header.e_shoff + sizeof(sections);
	elf = malloc(*len);
	must(elf != NULL, "malloc");
	memcpy(elf, &header, sizeof(header));
	memcpy(elf + sizeof(header), names, sizeof(names));
	memcpy(elf + sizeof(header) + sizeof(names), info, info_len);
	memcpy(elf + header.e_shoff, sections, sizeof(sections));
	return elf;
}

static size_t pack_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t size)
{
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)size };

	/* 15 window bits, 16 more for a gzip header. */
	must(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "gzip");
	must(deflate(&z, Z_FINISH) == Z_STREAM_END, "gzip");
	deflateEnd(&z);
	return z.total_out;
}

static size_t pack_xz(const uint8_t *in, size_t len, uint8_t *out, size_t size)
{
	size_t done = 0;

	must(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, len, out, &done, size) == LZMA_OK, "xz");
	return done;
}

void tree_module(const char *name, const char *ending, const char *depends)
{
	uint8_t out[4096];
	char path[200];
	size_t len;
	uint8_t *elf = tree_elf(depends, &len);

	snprintf(path, sizeof(path), "%s%s", name, ending);
	if (!strcmp(ending, ".xz"))
		tree_file(path, out, pack_xz(elf, len, out, sizeof(out)));
	else if (!strcmp(ending, ".zst"))
		tree_file(path, out, ZSTD_compress(out, sizeof(out), elf, len, 3));
	else if (!strcmp(ending, ".gz"))
		tree_file(path, out, pack_gzip(elf, len, out, sizeof(out)));
	else
		tree_file(path, elf, len);
	free(elf);
}
