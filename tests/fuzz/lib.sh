# SPDX-License-Identifier: Apache-2.0
# What run and its parts share: the trees that minivmm-fuzz is built in, and the committed corpora. Sourced, not run.
# shellcheck shell=bash disable=SC2034

# shellcheck source=guest/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../guest/lib.sh"
fuzz=$root/tests/fuzz
work=$build/fuzz-work
log=$work/build.log
mkdir -p "$work"

# What a sanitizer finds has to end the process, and a corpus is run with leaks looked for.
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
# Where a program that counts is asked for its targets only.
export LLVM_PROFILE_FILE=/dev/null

# libFuzzer with ASan and UBSan.
build_libfuzzer() {
	local targets=tests/fuzz/minivmm-fuzz
	CC=clang CXX=clang++ build_tree fuzz -Dfuzz_engine=-fsanitize=fuzzer -Db_sanitize=address,undefined -Db_lundef=false \
		"-Dc_args=-fsanitize=fuzzer-no-link -fsanitize-coverage-ignorelist=$fuzz/uninstrumented -fno-sanitize-recover=all"
}

# AFL++'s driver for the same functions: persistent mode, inputs in shared memory.
build_afl() {
	local targets=tests/fuzz/minivmm-fuzz
	export AFL_QUIET=1
	CC=afl-clang-fast CXX=afl-clang-fast++ build_tree fuzz-afl -Dfuzz_engine=-fsanitize=fuzzer \
		-Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all
}

# The plain program, as fast as it gets.
build_plain() {
	local targets=tests/fuzz/minivmm-fuzz
	CC=clang CXX=clang++ build_tree fuzz-plain --buildtype=release
}

build_coverage() {
	local targets=tests/fuzz/minivmm-fuzz
	CC=clang CXX=clang++ build_tree fuzz-coverage "-Dc_args=-fprofile-instr-generate -fcoverage-mapping" \
		-Dc_link_args=-fprofile-instr-generate
}

program() {
	echo "$build/$1/tests/fuzz/minivmm-fuzz"
}

# program_of TREE TARGET: the program by the target's name, which is how every process of an engine knows it.
program_of() {
	ln -f "$(program "$1")" "$(program "$1")-$2"
	echo "$(program "$1")-$2"
}

# names PROGRAM: its targets, in whatever an engine says around them.
names() {
	"$1" --list | sed -n 's/^\([a-z0-9-]\{1,\}\) .*/\1/p'
}

# unpack TARGET FOLDER: the committed corpus, and the inputs that once crashed it.
unpack() {
	mkdir -p "$2"
	if [ -f "$fuzz/corpus/$1.tar.xz" ]; then
		tar -xJf "$fuzz/corpus/$1.tar.xz" -C "$2"
	fi
	if [ -d "$fuzz/crashes/$1" ]; then
		cp "$fuzz/crashes/$1"/* "$2/"
	fi
}

# pack TARGET FOLDER: the same bytes for the same files, whoever packs them.
pack() {
	mkdir -p "$fuzz/corpus"
	(cd "$2" && find . -type f -printf '%P\n' | LC_ALL=C sort |
		tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 --no-recursion -cf - -T -) |
		xz -9e >"$fuzz/corpus/$1.tar.xz.new"
	mv "$fuzz/corpus/$1.tar.xz.new" "$fuzz/corpus/$1.tar.xz"
}

# How many files a folder has.
count_files() {
	find "$1" -type f 2>/dev/null | wc -l
}

# dictionary TREE TARGET: a file of what is written by hand and what its tables give, or nothing where there is neither.
dictionary() {
	local name=$2 file=$work/$2.dict
	[ "$name" != compressed-kernel ] || name=kernel
	{
		[ ! -f "$fuzz/dictionaries/$name.dict" ] || cat "$fuzz/dictionaries/$name.dict"
		# AFL++'s driver says more than that.
		"$(program "$1")" dictionary "$2" 2>/dev/null </dev/null | grep -a '^[A-Za-z0-9_]*="' || :
	} >"$file"
	[ ! -s "$file" ] || echo "$file"
}
