/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that get passed as a kernel and are none: known by their magic numbers, so that the refusal says what the file is. A
 * flat binary has no magic of its own; whatever is not in this table and is not text counts as one.
 */
#include "kernel_format.h"

#define INITRD_INSTEAD "pass it with --initrd and a kernel with --kernel"
#define UNPACK_FIRST   "unpack it and pass the arm64 Image in it"
#define DISK_INSTEAD   "pass the kernel that is in it, or beside it"

struct magic {
	uint32_t offset;
	uint32_t len;
	const char *bytes;
	struct file_kind kind;
};

#define MAGIC(offset, bytes, what, instead)                                                                            \
	{                                                                                                              \
		offset, sizeof(bytes) - 1, bytes,                                                                      \
		{                                                                                                      \
			what, instead                                                                                  \
		}                                                                                                      \
	}

/* Long enough each that a flat binary's first instructions are not taken for one. */
static const struct magic magics[] = {
	MAGIC(0x202, "HdrS", "an x86 kernel (bzImage)", KERNEL_WANTED),
	MAGIC(0x24, "\x18\x28\x6f\x01", "a 32-bit Arm kernel (zImage)", KERNEL_WANTED),
	MAGIC(0x24, "\x01\x6f\x28\x18", "a big-endian 32-bit Arm kernel (zImage)", KERNEL_WANTED),
	MAGIC(0x30, "RISCV\0\0\0", "a RISC-V kernel (Image)", KERNEL_WANTED),
	MAGIC(0x38, "RSC\x05", "a RISC-V kernel (Image)", KERNEL_WANTED),
	MAGIC(0, "070701", "an initrd (cpio archive)", INITRD_INSTEAD),
	MAGIC(0, "070702", "an initrd (cpio archive)", INITRD_INSTEAD),
	MAGIC(0, "070707", "an initrd (cpio archive)", INITRD_INSTEAD),
	MAGIC(0, "\x02\x21\x4c\x18", "lz4-compressed", UNPACK_FIRST),
	MAGIC(0, "\x04\x22\x4d\x18", "lz4-compressed", UNPACK_FIRST),
	MAGIC(4, "1AY&SY", "bzip2-compressed", UNPACK_FIRST),
	/* With the dictionary sizes xz uses: the property byte alone is also the start of a branch instruction. */
	MAGIC(0, "\x5d\0\0\x80\0", "lzma-compressed", UNPACK_FIRST),
	MAGIC(0, "\x5d\0\0\0\1", "lzma-compressed", UNPACK_FIRST),
	MAGIC(0, "\x5d\0\0\0\2", "lzma-compressed", UNPACK_FIRST),
	MAGIC(0, "\x5d\0\0\0\4", "lzma-compressed", UNPACK_FIRST),
	MAGIC(0, "\x89LZO\0", "lzo-compressed", UNPACK_FIRST),
	MAGIC(0, "\xd0\x0d\xfe\xed", "a device tree or a FIT image", KERNEL_WANTED),
	MAGIC(0, "\x27\x05\x19\x56", "a U-Boot image (uImage)", UNPACK_FIRST),
	MAGIC(0, "ANDROID!", "an Android boot image", UNPACK_FIRST),
	MAGIC(0, "!<arch>\n", "a Debian package or static library", UNPACK_FIRST),
	MAGIC(0, "\xed\xab\xee\xdb", "an RPM package", UNPACK_FIRST),
	MAGIC(0, "PK\x03\x04", "a zip archive", UNPACK_FIRST),
	MAGIC(0, "7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK_FIRST),
	MAGIC(257, "ustar", "a tar archive", UNPACK_FIRST),
	MAGIC(0, "QFI\xfb", "a qcow2 disk image", DISK_INSTEAD),
	MAGIC(0, "KDMV", "a VMDK disk image", DISK_INSTEAD),
	MAGIC(0, "vhdxfile", "a VHDX disk image", DISK_INSTEAD),
	MAGIC(0, "conectix", "a VHD disk image", DISK_INSTEAD),
	MAGIC(0, "LUKS\xba\xbe", "an encrypted disk (LUKS)", DISK_INSTEAD),
	MAGIC(0, "hsqs", "a squashfs file system", DISK_INSTEAD),
	MAGIC(0, "\xe2\xe1\xf5\xe0", "an EROFS file system", DISK_INSTEAD),
	MAGIC(1024, "\xe2\xe1\xf5\xe0", "an EROFS file system", DISK_INSTEAD),
	MAGIC(0, "XFSB", "an XFS file system", DISK_INSTEAD),
	MAGIC(0x10040, "_BHRfS_M", "a Btrfs file system", DISK_INSTEAD),
	MAGIC(0x8001, "CD001", "a CD image (ISO 9660)", DISK_INSTEAD),
	MAGIC(512, "EFI PART", "a partitioned disk image", DISK_INSTEAD),
	MAGIC(0, "%PDF", "a PDF document", KERNEL_WANTED),
	MAGIC(0, "\x89PNG", "a PNG picture", KERNEL_WANTED),
	MAGIC(0, "\xff\xd8\xff", "a JPEG picture", KERNEL_WANTED),
	MAGIC(0, "GIF8", "a GIF picture", KERNEL_WANTED),
	MAGIC(0, "SQLite format 3", "an SQLite database", KERNEL_WANTED),
	MAGIC(0, "\xcf\xfa\xed\xfe", "a macOS program (Mach-O)", KERNEL_WANTED),
	MAGIC(0, "\xca\xfe\xba\xbe", "a Java class or macOS program", KERNEL_WANTED),
	MAGIC(0, "\0asm", "a WebAssembly module", KERNEL_WANTED),
};

/* How much of the start decides whether a file is text, or zeros. */
#define LOOK 512

/* ASCII or UTF-8 without control characters, as no program's first instructions are. */
static bool is_text(struct bytes head)
{
	for (uint64_t i = 0; i < head.size && i < LOOK; i++)
		if (head.data[i] < ' ' && (head.data[i] == 0 || !strchr("\t\n\r\f\b\033", head.data[i])))
			return false;
	return true;
}

static bool is_zero(struct bytes head)
{
	for (uint64_t i = 0; i < head.size && i < LOOK; i++)
		if (head.data[i])
			return false;
	return true;
}

/* "MZ" and, where its header points, "PE": an EFI program that is none of the kernels looked for before. */
static bool is_pe(struct bytes head)
{
	return bytes_have(head, 0, "MZ", 2) && head.size >= 0x40 &&
	       bytes_have(head, get_le32(head.data + 0x3c), "PE\0\0", 4);
}

const struct file_kind *file_kind_detect(struct bytes head)
{
	static const struct file_kind pe = { "an EFI or Windows program (PE/COFF), not an arm64 kernel",
		KERNEL_WANTED };
	static const struct file_kind zero = { "zeros (a disk image or an incomplete download)", KERNEL_WANTED };
	static const struct file_kind script = { "a script", KERNEL_WANTED };
	static const struct file_kind text = { "a text file", KERNEL_WANTED };

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (bytes_have(head, magics[i].offset, magics[i].bytes, magics[i].len))
			return &magics[i].kind;
	if (is_pe(head))
		return &pe;
	if (is_zero(head))
		return &zero;
	if (is_text(head))
		return bytes_have(head, 0, "#!", 2) ? &script : &text;
	return NULL;
}
