# What cannot work ends in one line that names the object and the cause, and in a status; never in a crash.
# group: vhe-bad
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 20

image=$(kernel 6.1-cloud)
hello=/guests/hello.bin

# refused NAME STATUS TEXT minivmm-options...: that status, and one line with that text.
refused() {
	what=$1
	want=$2
	text=$3
	shift 3
	limit=20 vm "$@"
	check "$what: status $want" status_is "$want"
	check "$what: one line with \"$text\"" one_line "$text"
}

# Bytes at an offset of a file: patch FILE OFFSET '\001\002'.
patch() {
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

refused "kernel missing" 65 "/none" --kernel /none
: >empty
refused "kernel empty" 65 "empty" --kernel empty
refused "kernel a directory" 65 "directory" --kernel /tmp
head -c 1000000 "$image" >truncated
refused "kernel truncated" 65 "truncated" --kernel truncated
cp "$image" big-endian
patch big-endian 24 '\013'
refused "kernel big-endian" 65 "big-endian" --kernel big-endian
dd if=/dev/zero of=bzimage bs=1k count=64 2>/dev/null
patch bzimage 510 '\125\252'
patch bzimage 514 'HdrS\014\002'
refused "x86 bzImage" 65 "x86" --kernel bzimage
dd if=/dev/zero of=zimage bs=1k count=64 2>/dev/null
patch zimage 36 '\030\050\157\001'
refused "32-bit arm zImage" 65 "32-bit" --kernel zimage
echo empty | cpio -o -H newc >initrd 2>/dev/null
dd if=/dev/zero bs=1k count=64 >>initrd 2>/dev/null
gzip -c "$image" >image.gz
patch image.gz 3000000 'XXXXXXXXXXXXXXXX'
refused "corrupt gzip" 65 "gzip" --kernel image.gz --initrd initrd
head -c 3000000 image.gz >short.gz
refused "truncated gzip" 65 "gzip" --kernel short.gz --initrd initrd
# EFI zboot: MZ, "zimg" at 4, payload offset and size at 8 and 12, the compression's name at 24.
{
	printf 'MZ\000\000zimg\100\000\000\000\000\020\000\000\000\000\000\000\000\000\000\000zstd\000\000\000\000'
	dd if=/dev/zero bs=1 count=32 2>/dev/null
	printf '\050\265\057\375'
	dd if=/dev/urandom bs=4096 count=1 2>/dev/null
} >zboot
refused "corrupt zstd" 65 "zstd" --kernel zboot
refused "initrd given as kernel" 65 "--initrd" --kernel initrd
refused "initrd missing" 65 "/none" --kernel "$image" --initrd /none
refused "initrd empty" 65 "empty" --kernel "$image" --initrd empty
refused "initrd a directory" 65 "directory" --kernel "$image" --initrd /tmp
dd if=/dev/zero of=large bs=1M count=70 2>/dev/null
refused "initrd larger than RAM" 64 "initrd (70 MiB)" --kernel "$image" --initrd large --memory 64M
check "and says how much memory is needed" says "--memory 97M or more"
rm large
refused "memory too small for the kernel" 64 "--memory" --kernel "$image" --memory 16M
refused "memory not a number" 64 "lots" --kernel $hello --memory lots
refused "memory zero" 64 "--memory 0" --kernel $hello --memory 0
refused "memory too large" 64 "too large" --kernel $hello --memory 9999G
refused "no CPU" 64 "--cpus 0" --kernel $hello --cpus 0
refused "too many CPUs" 64 "123" --kernel $hello --cpus 124
refused "CPUs not a number" 64 "two" --kernel $hello --cpus two
long=$(head -c 3000 /dev/zero | tr '\0' x)
refused "command line too long" 64 "2047" --kernel "$image" --cmdline "$long"
refused "unknown option" 64 "--memory?" --kernel $hello --memroy 1G
refused "option without its argument" 64 "--kernel" --kernel
refused "no kernel" 64 "--kernel" --cpus 1
refused "unexpected argument" 64 "$hello" $hello
refused "--exec with --initrd" 64 "--exec" --kernel "$image" --initrd initrd --exec true
refused "output that cannot be written" 73 "/no/where" --kernel $hello --console file=/no/where
refused "device tree that cannot be written" 73 "/no/where" --kernel $hello --dump-dtb /no/where
refused "a full disk" 73 "/dev/full" --kernel $hello --dump-dtb /dev/full
refused "random source missing" 65 "/none" --kernel $hello --rng source=/none
refused "modules folder missing" 65 "/none" --kernel "$image" --modules /none
refused "busybox missing" 65 "/none" --kernel "$image" --busybox /none
refused "busybox of another kind" 65 "$hello" --kernel "$image" --busybox $hello

# The host: no permission, then no device at all.
chmod 600 /dev/kvm
echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
limit=20 run su -s /bin/sh nobody -c "minivmm --kernel $hello"
rm /etc/passwd
check "no permission for /dev/kvm: status 69" status_is 69
check "no permission for /dev/kvm: names the group" one_line "kvm"
mv /dev/kvm /tmp/kvm.away
refused "no /dev/kvm" 69 "/dev/kvm" --kernel $hello
: >/dev/kvm
refused "/dev/kvm is no KVM" 69 "/dev/kvm" --kernel $hello
rm /dev/kvm
mv /tmp/kvm.away /dev/kvm
vm --kernel $hello
check "with /dev/kvm back it runs" status_is 0
