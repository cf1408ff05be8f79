#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# build.sh - build every target as OSS-Fuzz and ClusterFuzzLite do: compilers, flags and engine are theirs ($CC, $CXX, $CFLAGS,
# $CXXFLAGS, $LIB_FUZZING_ENGINE), the source is $SRC/minivmm, scratch space $WORK, and what is to be run goes to $OUT.
#
# check, beside it, runs it by hand.
source=$SRC/minivmm
build=$WORK/minivmm-build
rm -rf "$build"
# Libraries go in: what runs the programs has none but the C library. A newer compiler's new warnings end no build.
meson setup "$build" "$source" --buildtype=plain --wrap-mode=nodownload -Dprefer_static=true -Dwerror=false \
	-Db_lundef=false "-Dfuzz_engine=$LIB_FUZZING_ENGINE"
ninja -C "$build" tests/fuzz/minivmm-fuzz

# seeds TARGET: its committed corpus, zipped. A target that has none yet begins with one byte.
seeds() {
	local folder=$WORK/seeds/$1
	rm -rf "$folder" && mkdir -p "$folder"
	if [ -f "$source/tests/fuzz/corpus/$1.tar.xz" ]; then
		tar -xJf "$source/tests/fuzz/corpus/$1.tar.xz" -C "$folder"
	fi
	if [ -d "$source/tests/fuzz/crashes/$1" ]; then
		cp "$source/tests/fuzz/crashes/$1"/* "$folder/"
	fi
	[ -n "$(ls -A "$folder")" ] || printf '\0' >"$folder/zero"
	rm -f "$OUT/minivmm-fuzz-$1_seed_corpus.zip"
	find "$folder" -type f | LC_ALL=C sort | zip -q -X -j "$OUT/minivmm-fuzz-$1_seed_corpus.zip" -@
}

# dictionary TARGET: what is written by hand, and what its tables give.
dictionary() {
	local name=$1 file=$OUT/minivmm-fuzz-$1.dict
	[ "$name" != compressed-kernel ] || name=kernel
	{
		if [ -f "$source/tests/fuzz/dictionaries/$name.dict" ]; then
			cat "$source/tests/fuzz/dictionaries/$name.dict"
		fi
		"$WORK/minivmm-fuzz" dictionary "$1" </dev/null | grep -a '^[A-Za-z0-9_]*="' || :
	} >"$file"
	[ -s "$file" ] || rm "$file"
}

# One program by many names, of which each says which target it is.
cp "$build/tests/fuzz/minivmm-fuzz" "$WORK/minivmm-fuzz"
# AFL++'s driver says a line of its own before the list.
"$WORK/minivmm-fuzz" --list | sed -n 's/^\([a-z0-9-]\{1,\}\) .*/\1/p' | while read -r target; do
	cp "$WORK/minivmm-fuzz" "$OUT/minivmm-fuzz-$target"
	seeds "$target"
	dictionary "$target"
	printf '[libfuzzer]\nmax_len = 4096\ntimeout = 25\n\n[asan]\nallocator_may_return_null = 1\n' \
		>"$OUT/minivmm-fuzz-$target.options"
done
