# The forms in which distributions ship a kernel.
# group: vhe-guest
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 30

image=$(kernel 6.1-cloud)

# A little-endian word, as an octal escape for printf.
word() {
	printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

gzip -c "$image" >image.gz
vm --kernel image.gz --modules /kernels/6.1-cloud --cmdline "$quiet" --exec 'cat /sys/class/misc/hw_random/rng_current'
check "Image.gz boots" status_is 0
check "with the modules of --modules" console_line 'virtio_rng\.0'

# EFI zboot (linux: drivers/firmware/efi/libstub/zboot-header.S): the payload's offset and size, and how it is compressed.
size=$(wc -c <image.gz)
{
	printf 'MZ\000\000zimg'"$(word 64)$(word "$size")"'\000\000\000\000\000\000\000\000gzip'
	dd if=/dev/zero bs=1 count=36 2>/dev/null
	cat image.gz
} >vmlinuz.efi
vm --kernel vmlinuz.efi --modules /kernels/6.1-cloud --cmdline "$quiet" --exec 'uname -r'
check "EFI zboot boots" status_is 0
check "the kernel that was put in" console_line "${image##*/vmlinuz-}"
