/* SPDX-License-Identifier: Apache-2.0 */
/* See guest_elf.h. Headers are copied out before use: a module in memory need not be aligned. */
#include "guest_elf.h"

#include <elf.h>
#include <string.h>

/* ELF64, little-endian, aarch64. */
static bool read_header(const uint8_t *buf, size_t len, Elf64_Ehdr *header)
{
	if (len < sizeof(*header))
		return false;
	memcpy(header, buf, sizeof(*header));
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_machine == EM_AARCH64;
}

/* count entries of size each at offset lie inside len bytes. */
static bool table_fits(uint64_t offset, uint64_t count, uint64_t size, size_t len)
{
	return offset <= len && count * size <= len - offset;
}

static bool section_fits(const Elf64_Shdr *section, size_t len)
{
	return section->sh_type != SHT_NOBITS && table_fits(section->sh_offset, 1, section->sh_size, len);
}

static Elf64_Shdr section_header(const uint8_t *buf, const Elf64_Ehdr *header, unsigned int index)
{
	Elf64_Shdr section;

	memcpy(&section, buf + header->e_shoff + (uint64_t)index * sizeof(section), sizeof(section));
	return section;
}

/* name is in the string table at offset, with its NUL. */
static bool name_is(const uint8_t *buf, const Elf64_Shdr *names, uint32_t offset, const char *name)
{
	size_t size = strlen(name) + 1;

	return offset <= names->sh_size && size <= names->sh_size - offset &&
	       !memcmp(buf + names->sh_offset + offset, name, size);
}

/* .modinfo is a row of "tag=value" strings, each with its NUL, zeros in between. */
static const char *find_tag(const char *info, size_t len, const char *tag)
{
	size_t tag_len = strlen(tag);

	while (len) {
		size_t size = strnlen(info, len);

		if (size == len)
			return NULL; /* the last string has no end: nothing follows it */
		if (size > tag_len && info[tag_len] == '=' && !memcmp(info, tag, tag_len))
			return info + tag_len + 1;
		info += size + 1;
		len -= size + 1;
	}
	return "";
}

const char *guest_elf_modinfo(const uint8_t *buf, size_t len, const char *tag, const char **why)
{
	Elf64_Ehdr header;
	Elf64_Shdr names;

	*why = "not an aarch64 kernel module";
	if (!read_header(buf, len, &header) || header.e_type != ET_REL)
		return NULL;
	*why = "truncated or damaged: its section table does not fit the file";
	if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum ||
		!table_fits(header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr), len))
		return NULL;
	names = section_header(buf, &header, header.e_shstrndx);
	if (!section_fits(&names, len))
		return NULL;
	for (unsigned int i = 0; i < header.e_shnum; i++) {
		Elf64_Shdr section = section_header(buf, &header, i);

		if (!name_is(buf, &names, section.sh_name, ".modinfo"))
			continue;
		*why = "truncated or damaged: its .modinfo section is malformed";
		if (!section_fits(&section, len))
			return NULL;
		return find_tag((const char *)buf + section.sh_offset, section.sh_size, tag);
	}
	*why = "no kernel module: it has no .modinfo section";
	return NULL;
}

bool guest_elf_is_static(const uint8_t *buf, size_t len)
{
	Elf64_Ehdr header;

	if (!read_header(buf, len, &header) || (header.e_type != ET_EXEC && header.e_type != ET_DYN))
		return false;
	if (header.e_phentsize != sizeof(Elf64_Phdr) ||
		!table_fits(header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr), len))
		return false;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, buf + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type == PT_INTERP)
			return false;
	}
	return header.e_phnum > 0;
}
