/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF kernels. A vmlinux is what Image is copied out of: its physical addresses are virtual ones, so only their distances
 * count, and the Image header at the start of the first segment says where it goes and that it is entered there. An ELF file
 * without that header is a bare-metal program and goes where it was linked for.
 */
#include "kernel_format.h"

#include <elf.h>

#include "layout.h"

/* All of Linux's segments are a handful; a table beyond this is no kernel's. */
#define ELF_MAX_SEGMENTS 64

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_386, "32-bit x86" }, { EM_X86_64, "x86-64" }, { EM_ARM, "32-bit Arm" }, { EM_RISCV, "RISC-V" },
	{ EM_PPC64, "POWER" }, { EM_S390, "s390" }, { EM_MIPS, "MIPS" },
	{ 258, "LoongArch" }, /* EM_LOONGARCH, newer than some elf.h */
};

bool elf_is(struct bytes head)
{
	return bytes_have(head, 0, ELFMAG, SELFMAG);
}

static const char *machine_name(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "another machine";
}

static int refuse(const struct kernel *kernel, struct error *error, const char *what)
{
	return error_set(error, STATUS_BAD_FILE, "kernel %s: %s; " KERNEL_WANTED, kernel->path, what);
}

static int truncated(const struct kernel *kernel, struct error *error, uint64_t size)
{
	return error_set(error, STATUS_BAD_FILE,
		"kernel %s: truncated: %llu bytes are not all of this ELF file; get the file again", kernel->path,
		(unsigned long long)size);
}

/* Class, byte order, machine and type, and that the program headers are there. */
static int check_header(const struct kernel *kernel, struct bytes elf, Elf64_Ehdr *header, struct error *error)
{
	uint16_t machine;

	if (elf.size < sizeof(*header))
		return truncated(kernel, error, elf.size);
	memcpy(header, elf.data, sizeof(*header));
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return refuse(kernel, error, "a big-endian ELF file");
	machine = header->e_machine;
	if (machine != EM_AARCH64)
		return error_set(error, STATUS_BAD_FILE, "kernel %s: an ELF file for %s (e_machine %u); " KERNEL_WANTED,
			kernel->path, machine_name(machine), machine);
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return refuse(kernel, error, "a 32-bit ELF file");
	if (header->e_type == ET_REL)
		return refuse(kernel, error, "an ELF object file or kernel module");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return refuse(kernel, error, "an ELF file that is not executable");
	if (header->e_phnum == 0 || header->e_phnum > ELF_MAX_SEGMENTS || header->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(kernel, error, "an ELF file without usable program headers");
	if (header->e_phoff > elf.size || header->e_phnum * sizeof(Elf64_Phdr) > elf.size - header->e_phoff)
		return truncated(kernel, error, elf.size);
	return 0;
}

static Elf64_Phdr segment(struct bytes elf, const Elf64_Ehdr *header, unsigned int i)
{
	Elf64_Phdr phdr;

	memcpy(&phdr, elf.data + header->e_phoff + i * sizeof(phdr), sizeof(phdr));
	return phdr;
}

/* Is there, and where all loaded segments begin and end. */
static int measure(
	struct kernel *kernel, struct bytes elf, const Elf64_Ehdr *header, uint64_t *end, struct error *error)
{
	kernel->elf_base = UINT64_MAX;
	*end = 0;
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr phdr = segment(elf, header, i);

		if (phdr.p_type == PT_INTERP)
			return refuse(kernel, error, "a program for Linux user space");
		if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0)
			continue;
		if (phdr.p_offset > elf.size || phdr.p_filesz > elf.size - phdr.p_offset)
			return truncated(kernel, error, elf.size);
		if (phdr.p_filesz > phdr.p_memsz || phdr.p_memsz > UINT64_MAX - phdr.p_paddr)
			return refuse(kernel, error, "an ELF file with a corrupt program header");
		if (phdr.p_paddr < kernel->elf_base)
			kernel->elf_base = phdr.p_paddr;
		if (phdr.p_paddr + phdr.p_memsz > *end)
			*end = phdr.p_paddr + phdr.p_memsz;
	}
	if (*end == 0)
		return refuse(kernel, error, "an ELF file with nothing to load");
	if (*end - kernel->elf_base > LAYOUT_RAM_END - LAYOUT_RAM)
		return refuse(kernel, error, "an ELF file whose segments lie too far apart");
	return 0;
}

/* The file's bytes from the lowest address on: where a vmlinux has its Image header. */
static struct bytes first_segment(const struct kernel *kernel, struct bytes elf, const Elf64_Ehdr *header)
{
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr phdr = segment(elf, header, i);

		if (phdr.p_type == PT_LOAD && phdr.p_memsz != 0 && phdr.p_paddr == kernel->elf_base)
			return (struct bytes){ elf.data + phdr.p_offset, phdr.p_filesz };
	}
	return (struct bytes){ elf.data, 0 };
}

/* e_entry is a virtual address: found in its segment, and expressed from elf_base. */
static int find_entry(struct kernel *kernel, struct bytes elf, const Elf64_Ehdr *header, struct error *error)
{
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr phdr = segment(elf, header, i);

		if (phdr.p_type != PT_LOAD || header->e_entry < phdr.p_vaddr ||
			header->e_entry - phdr.p_vaddr >= phdr.p_memsz)
			continue;
		kernel->elf_entry = phdr.p_paddr - kernel->elf_base + (header->e_entry - phdr.p_vaddr);
		return 0;
	}
	return refuse(kernel, error, "an ELF file whose entry point is in none of its segments");
}

int elf_parse(struct kernel *kernel, struct bytes elf, struct error *error)
{
	struct bytes first;
	Elf64_Ehdr header = { .e_phnum = 0 };
	uint64_t end;

	if (check_header(kernel, elf, &header, error) || measure(kernel, elf, &header, &end, error))
		return -1;
	first = first_segment(kernel, elf, &header);
	if (image_is(first)) {
		kernel->elf_entry = 0;
		if (image_parse(kernel, first, end - kernel->elf_base, error))
			return -1;
		return 0;
	}
	if (kernel->elf_base < LAYOUT_RAM || kernel->elf_base >= LAYOUT_RAM_END || end > LAYOUT_RAM_END)
		return error_set(error, STATUS_BAD_FILE,
			"kernel %s: an ELF file without an arm64 Image header, linked for physical address 0x%llx, "
			"where there is no "
			"RAM (it starts at 0x%llx); " KERNEL_WANTED,
			kernel->path, (unsigned long long)kernel->elf_base, LAYOUT_RAM);
	kernel->load_offset = kernel->elf_base - LAYOUT_RAM;
	kernel->span = end - kernel->elf_base;
	return find_entry(kernel, elf, &header, error);
}

void elf_copy(const struct kernel *kernel, struct bytes elf, uint8_t *dst)
{
	Elf64_Ehdr header = { .e_phnum = 0 };

	memcpy(&header, elf.data, sizeof(header));
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr phdr = segment(elf, &header, i);

		if (phdr.p_type == PT_LOAD && phdr.p_memsz != 0)
			memcpy(dst + (phdr.p_paddr - kernel->elf_base), elf.data + phdr.p_offset, phdr.p_filesz);
	}
}
